"""Lists of payments: somebody's own, or everybody's."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from bookings import queries
from bookings.auth import Actor
from bookings.db import Database
from bookings.errors import Forbidden, Invalid

_sql = queries.load("payment")
TOTAL_BOUND = 1000
_HIGHEST_ID = UUID(int=2**128 - 1)


def listing(database: Database, *, actor: Actor, query: Mapping[str, Any]) -> bytes:
    """One page as JSON, newest first. Raises Forbidden when somebody asks for another's, Invalid for a wrong cursor."""
    user_id = query.get("userId")
    if not actor.is_admin and user_id not in (None, actor.id):
        raise Forbidden("You may list your own payments.")
    user_id = user_id if actor.is_admin else actor.id
    scope = "all" if user_id is None else "user"
    params = _params(query) | {"user_id": user_id}
    with database.transaction() as tx:
        rows = tx.all(getattr(_sql, f"list_of_{scope}"), params)
        total = (tx.one(getattr(_sql, f"total_of_{scope}"), params) or {})["total"]
    full = len(rows) == query["limit"]
    return orjson.dumps(
        {
            "items": [orjson.Fragment(row["document"]) for row in rows],
            "page": None if "cursor" in query else query["page"],
            "limit": query["limit"],
            "total": min(total, TOTAL_BOUND),
            "totalIsExact": total <= TOTAL_BOUND,
            "nextCursor": _cursor(rows[-1]) if full else None,
        }
    )


def _params(query: Mapping[str, Any]) -> dict[str, Any]:
    before, offset = ("infinity", _HIGHEST_ID), (query["page"] - 1) * query["limit"]
    if "cursor" in query:
        before, offset = _read_cursor(query["cursor"]), 0
    return {
        "statuses": list(query["status"]) if "status" in query else None,
        "booking_id": query.get("bookingId"),
        "gateway": query.get("gateway"),
        "from": query.get("from_", "-infinity"),
        "to": query.get("to", "infinity"),
        "before_at": before[0],
        "before_id": before[1],
        "limit": query["limit"],
        "offset": offset,
        "total_bound": TOTAL_BOUND + 1,
    }


def _cursor(row: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(f"{row['created_at'].isoformat()}|{row['id']}".encode()).decode().rstrip("=")


def _read_cursor(text: str) -> tuple[str, UUID]:
    try:
        created_at, id = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split("|")
        return datetime.fromisoformat(created_at).isoformat(), UUID(id)
    except (ValueError, binascii.Error):
        raise Invalid([("cursor", "Is not a nextCursor of this list.")]) from None
