"""Cursors: what comes back is what went out, and nothing else is taken for one."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings import cursor
from bookings.errors import Invalid


@given(st.integers(0, 7_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)), st.uuids())
def test_round_trip(at: datetime, id: UUID) -> None:
    text = cursor.written(str(at), id)
    assert text.isascii()
    assert "=" not in text
    assert cursor.read(text) == (at, id)


@given(st.text(max_size=200))
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        cursor.read(text)
    assert refused.value.extra["errors"][0]["field"] == "cursor"


@pytest.mark.slow
@given(st.datetimes(timezones=st.timezones()), st.uuids())
def test_what_is_read_is_an_instant_in_utc(at: datetime, id: UUID) -> None:
    """Or it is refused, near the years 1 and 9999."""
    try:
        read, _ = cursor.read(base64.urlsafe_b64encode(f"{at.isoformat()}|{id}".encode()).decode())
    except Invalid:
        assert at.year in (1, 9999)
    else:
        assert (read.tzinfo, read) == (UTC, datetime.fromisoformat(at.isoformat()))


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=3), st.uuids())
def test_round_trip_of_words(words: list[str], id: UUID) -> None:
    text = cursor.written_words(words, id)
    assert text.isascii()
    assert cursor.read_words(text, len(words)) == (words, id)
    with pytest.raises(Invalid):
        cursor.read_words(text, len(words) + 1)


@pytest.mark.parametrize(
    "parts", [["a"], {"a": 1}, {"a": 1, "b": 2}, 1, None, [1, str(UUID(int=1))], ["\0", str(UUID(int=1))]]
)
def test_other_words_are_refused(parts: object) -> None:
    with pytest.raises(Invalid):
        cursor.read_words(base64.urlsafe_b64encode(json.dumps(parts).encode()).decode(), 1)


@given(st.text(max_size=200))
def test_anything_else_is_no_cursor_of_words(text: str) -> None:
    with pytest.raises(Invalid):
        cursor.read_words(text, 1)
