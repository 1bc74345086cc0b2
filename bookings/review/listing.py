"""Lists of reviews, newest first: of a service, of a provider, one's own, everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson

from bookings import paging, queries
from bookings.answer import Answer
from bookings.auth import Actor
from bookings.db import Database
from bookings.errors import NotFound

_sql = queries.load("review")


def of(database: Database, whose: str, *, subject_id: UUID, query: Mapping[str, Any]) -> Answer:
    """What is said of a `service` or `provider`, and how it is rated, for anybody. Raises NotFound."""
    if database.row(getattr(_sql, f"known_{whose}"), {"subject_id": subject_id}) is None:
        raise NotFound
    totals = database.row(_sql.totals, {"subject_id": subject_id})
    assert totals is not None
    return Answer(_page(database, whose, {"subject_id": subject_id}, query, rating=orjson.Fragment(totals[0])))


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


def _page(database: Database, whose: str, narrowed: Mapping[str, Any], query: Mapping[str, Any], **more: Any) -> bytes:
    params = {**narrowed, "rating": query.get("rating"), **paging.newest_first(query)}
    rows = database.run(lambda tx: tx.all(getattr(_sql, f"list_of_{whose}"), params))
    counted = database.row(getattr(_sql, f"total_of_{whose}"), params)
    total = counted[0] if counted else 0
    next_cursor = paging.next_cursor(query, rows, paging.by_time)
    return paging.answer(query, paging.documents(rows), total, nextCursor=next_cursor, **more)
