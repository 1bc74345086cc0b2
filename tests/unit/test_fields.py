"""Fields: what is read, how it is written, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from bookings.fields import FIRST_YEAR, LAST_YEAR, Input, Instant, Text, TimeZone, Words, instant_text

#: an offset may push what is at the edges over them
YEARS = range(2, 9999)


@pytest.mark.parametrize(
    "text,expected",
    [
        ("2027-03-01T09:00:00Z", datetime(2027, 3, 1, 9, tzinfo=UTC)),
        ("2027-03-01T09:00:00+01:00", datetime(2027, 3, 1, 8, tzinfo=UTC)),
        ("2027-03-01T09:00Z", datetime(2027, 3, 1, 9, tzinfo=UTC)),
        ("2027-03-01t09:00:00.5z", datetime(2027, 3, 1, 9, 0, 0, 500000, tzinfo=UTC)),
    ],
)
def test_instants_are_read(text: str, expected: datetime) -> None:
    """RFC 3339 with any offset, loaded in UTC."""
    loaded = Instant().deserialize(text)
    assert loaded == expected
    assert loaded.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        "2027-03-01T09:00:00",
        "2027-03-01",
        "20270301T090000Z",
        "2027-W09-1T09:00:00Z",
        "2027-02-30T09:00:00Z",
        "2027-03-01T25:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "tomorrow",
        "",
        1803891600,
        True,
        ["2027-03-01T09:00:00Z"],
    ],
)
def test_what_is_no_instant_is_refused(value: object) -> None:
    """Naive, impossible, other spellings of ISO 8601, numbers."""
    with pytest.raises(ValidationError):
        Instant().deserialize(value)


@given(
    st.datetimes(
        datetime(FIRST_YEAR, 1, 2),  # noqa: DTZ001 (Hypothesis adds the zone)
        datetime(LAST_YEAR, 12, 30),  # noqa: DTZ001
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7))]),
    )
)
def test_instants_survive_a_round_trip(value: datetime) -> None:
    """What is written is read as the same instant."""
    assert Instant().deserialize(instant_text(value)) == value


def test_instants_are_written_as_postgresql_writes_them() -> None:
    """UTC, Z, no zeros at the end of a fraction."""
    assert instant_text(datetime(2027, 3, 1, 9, 0, 0, 120000, tzinfo=UTC)) == "2027-03-01T09:00:00.12Z"
    assert instant_text(datetime(2027, 3, 1, 10, tzinfo=timezone(timedelta(hours=1)))) == "2027-03-01T09:00:00Z"


def test_text_is_trimmed_and_bounded() -> None:
    """Space around it does not count; what is only space is empty."""
    assert Text(longest=5).deserialize("  abc  ") == "abc"
    for refused in ("abcdef", "   "):
        with pytest.raises(ValidationError):
            Text(longest=5, shortest=1).deserialize(refused)


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f"])
def test_control_characters_are_refused(character: str) -> None:
    """PostgreSQL cannot store NUL, and a title needs no escape sequences."""
    with pytest.raises(ValidationError, match="control"):
        Text(longest=50).deserialize(f"a{character}b")


def test_lines_are_kept() -> None:
    """Notes have paragraphs."""
    assert Text(longest=50).deserialize("a\n\tb\r\nc") == "a\n\tb\r\nc"


def test_time_zones_exist() -> None:
    """IANA names, and nothing that reaches into the file system."""
    assert TimeZone().deserialize("Europe/Berlin") == "Europe/Berlin"
    for refused in ("Europe/Atlantis", "../../etc/passwd", "/etc/localtime", "", "CET+1", "Europe"):
        with pytest.raises(ValidationError):
            TimeZone().deserialize(refused)


def test_words_are_known() -> None:
    """Comma-separated, each of them known."""
    assert Words(("a", "b")).deserialize("b,a") == ("b", "a")
    for refused in ("", "a,", "a,c", "a b"):
        with pytest.raises(ValidationError, match="one or several of: a, b"):
            Words(("a", "b")).deserialize(refused)


def test_unknown_fields_are_refused() -> None:
    """A misspelt field must not be ignored."""
    with pytest.raises(ValidationError) as caught:
        Input().load({"titel": "x"})
    assert caught.value.messages == {"titel": ["Unknown field."]}
