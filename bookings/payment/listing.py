"""Lists of payments: somebody's own, those of what a provider provides, or everybody's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bookings import paging, queries
from bookings.auth import Actor, scope_of
from bookings.db import Database

_sql = queries.load("payment")


def listing(database: Database, *, actor: Actor, query: Mapping[str, Any]) -> bytes:
    """One page as JSON, newest first. Raises Forbidden when somebody asks for another's, Invalid for a wrong cursor."""
    user_id = query.get("userId")
    scope = scope_of(actor, user_id, "payments")
    params = _params(query) | {"user_id": user_id or actor.id}
    with database.transaction() as tx:
        rows = tx.all(getattr(_sql, f"list_of_{scope}"), params)
        total = (tx.one(getattr(_sql, f"total_of_{scope}"), params) or {})["total"]
    next_cursor = paging.next_cursor(query, rows, paging.by_time)
    return paging.answer(query, paging.documents(rows), total, nextCursor=next_cursor)


def _params(query: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "statuses": list(query["status"]) if "status" in query else None,
        "booking_id": query.get("bookingId"),
        "gateway": query.get("gateway"),
        "from": query.get("from_", "-infinity"),
        "to": query.get("to", "infinity"),
    } | paging.newest_first(query)
