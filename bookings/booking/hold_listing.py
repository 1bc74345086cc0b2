"""Lists of holds: somebody's own, a provider's, or everybody's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from bookings import cursor, queries
from bookings.auth import Actor
from bookings.db import Database
from bookings.errors import Forbidden

_sql = queries.load("booking")
TOTAL_BOUND = 1000
_HIGHEST_ID = UUID(int=2**128 - 1)


def listing(database: Database, *, actor: Actor, query: Mapping[str, Any]) -> bytes:
    """One page as JSON, newest first. Raises Forbidden when somebody asks for another's, Invalid for a wrong cursor."""
    user_id = query.get("userId")
    if not actor.is_admin and user_id not in (None, actor.id):
        raise Forbidden("You may list your own holds.")
    scope = "user"
    if user_id is None and actor.role != "customer":
        scope = "all" if actor.is_admin else "owner"
    params = _params(query) | {"user_id": user_id or actor.id, "actor_id": actor.id}
    with database.transaction() as tx:
        rows = tx.all(getattr(_sql, f"holds_of_{scope}"), params)
        total = (tx.one(getattr(_sql, f"total_holds_of_{scope}"), params) or {})["total"]
    full = len(rows) == query["limit"]
    return orjson.dumps(
        {
            "items": [orjson.Fragment(row["document"]) for row in rows],
            "page": None if "cursor" in query else query["page"],
            "limit": query["limit"],
            "total": min(total, TOTAL_BOUND),
            "totalIsExact": total <= TOTAL_BOUND,
            "nextCursor": cursor.written(rows[-1]["created_at"].isoformat(), rows[-1]["id"]) if full else None,
        }
    )


def _params(query: Mapping[str, Any]) -> dict[str, Any]:
    before: tuple[datetime | str, UUID] = ("infinity", _HIGHEST_ID)
    offset = (query["page"] - 1) * query["limit"]
    if "cursor" in query:
        before, offset = cursor.read(query["cursor"]), 0
    return {
        "state": None if query["state"] == "any" else query["state"],
        "service_id": query.get("serviceId"),
        "resource_id": query.get("resourceId"),
        "before_at": before[0],
        "before_id": before[1],
        "limit": query["limit"],
        "offset": offset,
        "total_bound": TOTAL_BOUND + 1,
    }
