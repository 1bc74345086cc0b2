"""Where a page of rows, newest first, begins and ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from bookings import cursor

#: totals are exact up to here; counting further would make a page cost what the table holds
TOTAL_BOUND = 1000
_NEWEST: tuple[datetime | str, UUID] = ("infinity", UUID(int=2**128 - 1))


def position(query: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a page. Raises Invalid for a cursor that is none."""
    after, offset = _NEWEST, (query["page"] - 1) * query["limit"]
    if "cursor" in query:
        after, offset = cursor.read(query["cursor"]), 0
    bound = {"total_bound": TOTAL_BOUND + 1}
    return {"after": after[0], "after_id": after[1], "limit": query["limit"], "offset": offset} | bound


def tail(query: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], total: int) -> dict[str, Any]:
    """What a page says of itself."""
    last = rows[-1] if len(rows) == query["limit"] else None
    return {
        "page": None if "cursor" in query else query["page"],
        "limit": query["limit"],
        "total": min(total, TOTAL_BOUND),
        "totalIsExact": total <= TOTAL_BOUND,
        "nextCursor": cursor.written(last["created_at"].isoformat(), last["id"]) if last else None,
    }
