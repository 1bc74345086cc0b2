"""Time off and blackouts: times in which nothing new can be booked. Bookings that stand are not touched by them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from bookings import paging, queries
from bookings.answer import Answer
from bookings.auth import Actor, Caller, require_admin, seen_by
from bookings.availability import locking
from bookings.availability.errors import BookingsInTheWay, ClosureOfCalendar
from bookings.availability.layers import BUSINESS, RESOURCE
from bookings.availability.locking import Locked, Subject
from bookings.clock import now
from bookings.db import Database, Tx
from bookings.errors import Forbidden, NotFound
from bookings.fields import instant_text
from bookings.ids import new_id

_sql = queries.load("availability")
Json = dict[str, Any]
#: bookings that an answer names
_NAMED = 100
_EVER = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))


def create(tx: Tx, *, caller: Caller, body: Mapping[str, Any]) -> Answer:
    """Close resources, or the whole business: the closures, one a resource, and the bookings that stay in them.

    Raises Forbidden, Invalid for a resource that is not there, BookingsInTheWay unless they are to be kept.
    """
    named: list[UUID] = sorted(set(body.get("resourceIds") or ()))
    own = _lock(tx, caller, named)
    asked = {"start_at": body["startAt"], "end_at": body["endAt"], "resource_ids": named or None}
    rows = tx.all(_sql.bookings_in_the_way, asked | {"limit": _NAMED})
    standing = [row | {name: instant_text(row[name]) for name in ("startAt", "endAt")} for row in rows]
    if standing and not body["keepBookings"]:
        raise BookingsInTheWay(bookings=_texts(standing))
    targets: list[UUID | None] = list(named) or [None]
    made = asked | {
        "ids": [new_id() for _ in targets],
        "resource_ids": targets,
        "kind": body["kind"],
        "reason": body["reason"],
        "now": now(),
    }
    documents = [row["document"] for row in tx.all(_sql.close, made)]
    _finish(tx, caller, named, own, [(None, document) for document in documents])
    return Answer(orjson.dumps({"items": documents, "bookings": standing}), 201)


def _texts(rows: list[Json]) -> list[Json]:
    return [{name: str(value) for name, value in row.items()} for row in rows]


def delete(tx: Tx, *, caller: Caller, closure_id: UUID) -> Answer:
    """Take a closure back. Raises NotFound, Forbidden, ClosureOfCalendar."""
    found = tx.one(_sql.closure_of, seen_by(caller.actor) | {"id": closure_id})
    if found is None:
        raise NotFound
    named = [found["resource_id"]] if found["resource_id"] else []
    own = _lock(tx, caller, named)
    row = tx.one(_sql.reopen, {"id": closure_id})
    if row is None:
        raise NotFound
    if row["document"]["calendarId"]:
        raise ClosureOfCalendar
    _finish(tx, caller, named, own, [(row["document"], None)])
    return Answer("", 204)


def _lock(tx: Tx, caller: Caller, named: list[UUID]) -> bool:
    if named:
        return locking.lock_resources(tx, caller=caller, ids=named, field="resourceIds")
    require_admin(caller.actor)
    locking.lock_all(tx)
    return False


def _finish(
    tx: Tx, caller: Caller, named: list[UUID], own: bool, changes: list[tuple[Json | None, Json | None]]
) -> None:
    if named:
        locking.count_up_resources(tx, ids=named)
    else:
        locking.count_up(tx, subject=Subject(BUSINESS))
    for before, after in changes:
        id = (before or after or {})["resourceId"]
        subject = Subject(RESOURCE, UUID(id)) if id else Subject(BUSINESS)
        locking.record(tx, caller=caller, locked=Locked(subject, own), verb="closure", before=before, after=after)


def get(database: Database, *, actor: Actor, closure_id: UUID) -> str:
    """One closure as JSON. Raises NotFound, Forbidden for customers."""
    _check_staff(actor)
    row = database.row(_sql.find_closure, seen_by(actor) | {"id": closure_id})
    if row is None:
        raise NotFound
    document: str = row[0]
    return document


def listing(database: Database, *, actor: Actor, query: Mapping[str, Any]) -> bytes:
    """One page of closures by their beginning. Raises Forbidden for customers."""
    _check_staff(actor)
    asked = {
        "resource_id": query.get("resourceId"),
        "kind": query.get("kind"),
        "from": query.get("from_", _EVER[0]),
        "to": query.get("to", _EVER[1]),
    }
    row = database.row(_sql.list_closures, seen_by(actor) | asked | paging.window(query))
    assert row is not None
    return paging.answer(query, row[0].encode()[1:-1], row[1])


def _check_staff(actor: Actor) -> None:
    if actor.role not in ("admin", "provider"):
        raise Forbidden("Closures are for those who provide; when something is free, /resources/{id}/free-busy tells.")
