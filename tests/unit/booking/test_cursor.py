"""Cursors: what comes back is what went out, and nothing else is taken for one."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings.booking import listing
from bookings.errors import Invalid


@given(st.integers(0, 7_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)), st.uuids())
def test_round_trip(start_at: datetime, id: UUID) -> None:
    text = listing._cursor(str(start_at).encode(), str(id).encode())
    assert text.isascii()
    assert "=" not in text
    assert listing._read_cursor(text) == (start_at.isoformat(), id)


@given(st.text(max_size=200))
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        listing._read_cursor(text)
    assert refused.value.extra["errors"][0]["field"] == "cursor"
