"""iCalendar as other programs read it: two parsers, and the rules of RFC 5545 that neither of them minds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import icalendar
import pytest
import vobject
from hypothesis import given
from hypothesis import strategies as st

from bookings import ical

NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)
HOSTILE = (
    "Massage, long; with \\ and \\n",
    "two\nlines\r\nand\rthree",
    "😀" * 500,
    "ü" * 74 + "x",
    "x" * 3000,
    'END:VEVENT\r\nEND:VCALENDAR\nBEGIN:VALARM"',
    ":;,\\:;,\\",
    "tab\there",
)


def entry(**more: Any) -> ical.Entry:
    """A booking of an hour."""
    facts: dict[str, Any] = {
        "uid": ical.uid("1"),
        "sequence": 3,
        "changed_at": NOW,
        "created_at": NOW,
        "status": "CONFIRMED",
    }
    times = {"start_at": NOW, "end_at": NOW + timedelta(hours=1)}
    return ical.Entry(**(facts | times | {"summary": "Massage"} | more))


def parsed(text: bytes) -> list[Any]:
    """The entries of a calendar."""
    return list(icalendar.Calendar.from_ical(text).walk("VEVENT"))


def plain(text: str) -> str:
    """What is left of a text: one kind of newline."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def well_formed(text: bytes) -> None:
    """Lines end in CRLF, have at most 75 octets each of whole characters, and no control characters."""
    assert text.endswith(b"\r\n")
    for line in text.removesuffix(b"\r\n").split(b"\r\n"):
        assert len(line) <= 75
        assert not set(line.decode()) & {"\r", "\n", "\x00", "\x0b"}
        assert line


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_texts_come_back_as_they_were(hostile: str) -> None:
    text = ical.calendar([entry(summary=hostile, description=hostile, location=hostile)], name=hostile)
    well_formed(text)
    one, other = parsed(text)[0], vobject.readOne(text.decode())
    for name in ("summary", "description", "location"):
        assert plain(str(one[name])) == plain(hostile)
        assert plain(getattr(other.vevent, name).value) == plain(hostile)
    assert str(one["uid"]) == other.vevent.uid.value == "booking-1@bookings"


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\u2028\u2029"), max_size=300))
def test_any_text_comes_back(text: str) -> None:
    made = ical.calendar([entry(summary=text or "-")], name="x")
    well_formed(made)
    (one,) = parsed(made)
    assert str(one["summary"]) == (text or "-")


def test_both_parsers_read_the_same_facts() -> None:
    text = ical.calendar(
        [entry(), entry(uid=ical.uid("2"), status=ical.CANCELLED, url="https://x.example/bookings/2")],
        name="Anna",
        refresh_minutes=15,
    )
    calendar: Any = icalendar.Calendar.from_ical(text)
    one, two = parsed(text)
    assert (one["dtstart"].dt, one["dtend"].dt) == (NOW, NOW + timedelta(hours=1))
    assert (one["dtstamp"].dt, int(one["sequence"]), str(one["status"])) == (NOW, 3, "CONFIRMED")
    assert (str(two["status"]), str(two["transp"])) == ("CANCELLED", "TRANSPARENT")
    assert str(calendar["x-published-ttl"]) == "PT15M"
    assert calendar["refresh-interval"].dt == timedelta(minutes=15)
    other = vobject.readOne(text.decode())
    assert [event.status.value for event in other.vevent_list] == ["CONFIRMED", "CANCELLED"]
    assert [event.dtstart.value for event in other.vevent_list] == [NOW, NOW]
    assert other.vevent_list[1].url.value == "https://x.example/bookings/2"
    assert other.x_wr_calname.value == "Anna"


@pytest.mark.parametrize(
    "status,expected",
    [("pending", "TENTATIVE"), ("confirmed", "CONFIRMED"), ("completed", "CONFIRMED"), ("declined", "CANCELLED")],
)
def test_status(status: str, expected: str) -> None:
    assert ical.status_of(status) == expected
