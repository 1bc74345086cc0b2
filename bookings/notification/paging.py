"""Where a page of rows, newest first, begins and ends."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from bookings.errors import Invalid

#: totals are exact up to here; counting further would make a page cost what the table holds
TOTAL_BOUND = 1000
_NEWEST = ("infinity", UUID(int=2**128 - 1))


def position(query: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a page. Raises Invalid for a cursor that is none."""
    after, offset = _NEWEST, (query["page"] - 1) * query["limit"]
    if "cursor" in query:
        after, offset = _read(query["cursor"]), 0
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
        "nextCursor": _written(last) if last else None,
    }


def _written(row: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(f"{row['created_at'].isoformat()}|{row['id']}".encode()).decode().rstrip("=")


def _read(text: str) -> tuple[str, UUID]:
    try:
        created_at, id = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split("|")
        return datetime.fromisoformat(created_at).isoformat(), UUID(id)
    except (ValueError, binascii.Error):
        raise Invalid([("cursor", "Is not a nextCursor of this list.")]) from None
