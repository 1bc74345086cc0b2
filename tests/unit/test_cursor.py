"""Cursors: what comes back is what went out, and nothing else is taken for one."""

from __future__ import annotations

import base64
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


@given(st.datetimes(timezones=st.timezones()), st.uuids())
def test_what_is_read_is_an_instant_in_utc(at: datetime, id: UUID) -> None:
    """Or it is refused, near the years 1 and 9999."""
    try:
        read, _ = cursor.read(base64.urlsafe_b64encode(f"{at.isoformat()}|{id}".encode()).decode())
    except Invalid:
        assert at.year in (1, 9999)
    else:
        assert (read.tzinfo, read) == (UTC, datetime.fromisoformat(at.isoformat()))
