"""Lists of reviews, newest first: of a service, of a provider, one's own, everything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from bookings import cursor, queries
from bookings.answer import Answer
from bookings.auth import Actor
from bookings.db import Database
from bookings.errors import NotFound

_sql = queries.load("review")
#: totals are exact up to here
TOTAL_BOUND = 1000
_LATEST = datetime(9999, 12, 31, tzinfo=UTC)
_HIGHEST_ID = UUID(int=2**128 - 1)


def of(database: Database, whose: str, *, subject_id: UUID, query: Mapping[str, Any]) -> Answer:
    """What is said of a `service` or `provider`, and how it is rated, for anybody. Raises NotFound."""
    if database.row(getattr(_sql, f"known_{whose}"), {"subject_id": subject_id}) is None:
        raise NotFound
    page = _page(database, whose, {"subject_id": subject_id}, query)
    totals = database.row(_sql.totals, {"subject_id": subject_id})
    assert totals is not None
    return Answer(page[:-1] + b',"rating":' + totals[0].encode() + b"}")


def for_actor(database: Database, *, actor: Actor, query: Mapping[str, Any]) -> Answer:
    """What the actor has to do with: a customer's own, those of what a provider provides, everything for an admin."""
    whose = "author" if query["mine"] or actor.role == "customer" else "all" if actor.is_admin else "owner"
    narrowed = {
        "subject_id": actor.id,
        "state": query.get("state"),
        "service_id": query.get("serviceId"),
        "provider_id": query.get("providerId"),
    }
    return Answer(_page(database, whose, narrowed, query))


def _page(database: Database, whose: str, narrowed: Mapping[str, Any], query: Mapping[str, Any]) -> bytes:
    params = {**narrowed, "rating": query.get("rating"), **_position(query), "total_bound": TOTAL_BOUND + 1}
    rows = database.run(lambda tx: tx.all(getattr(_sql, f"list_of_{whose}"), params))
    counted = database.row(getattr(_sql, f"total_of_{whose}"), params)
    total = counted[0] if counted else 0
    more = len(rows) == query["limit"]
    tail = orjson.dumps(
        {
            "page": None if "cursor" in query else query["page"],
            "limit": query["limit"],
            "total": min(total, TOTAL_BOUND),
            "totalIsExact": total <= TOTAL_BOUND,
            "nextCursor": cursor.written(rows[-1]["created_at"].isoformat(), rows[-1]["id"]) if more else None,
        }
    )
    return b'{"items":[%b],%b' % (",".join(row["document"] for row in rows).encode(), tail[1:])


def _position(query: Mapping[str, Any]) -> dict[str, Any]:
    before, before_id, offset = _LATEST, _HIGHEST_ID, (query["page"] - 1) * query["limit"]
    if "cursor" in query:
        (before, before_id), offset = cursor.read(query["cursor"]), 0
    return {"before": before, "before_id": before_id, "limit": query["limit"], "offset": offset}
