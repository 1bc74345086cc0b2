"""Lists of holds: somebody's own, a provider's, or everybody's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bookings import paging, queries
from bookings.auth import Actor, scope_of
from bookings.db import Database

_sql = queries.load("booking")


def listing(database: Database, *, actor: Actor, query: Mapping[str, Any]) -> bytes:
    """One page as JSON, newest first. Raises Forbidden when somebody asks for another's, Invalid for a wrong cursor."""
    user_id = query.get("userId")
    scope = scope_of(actor, user_id, "holds")
    params = _params(query) | {"user_id": user_id or actor.id, "actor_id": actor.id}
    with database.transaction() as tx:
        rows = tx.all(getattr(_sql, f"holds_of_{scope}"), params)
        total = (tx.one(getattr(_sql, f"total_holds_of_{scope}"), params) or {})["total"]
    next_cursor = paging.next_cursor(query, rows, paging.by_time)
    return paging.answer(query, paging.documents(rows), total, nextCursor=next_cursor)


def _params(query: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "state": None if query["state"] == "any" else query["state"],
        "service_id": query.get("serviceId"),
        "resource_id": query.get("resourceId"),
    } | paging.newest_first(query)
