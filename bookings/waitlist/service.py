"""Commands and questions about the waitlist: joining, leaving, accepting, declining. Each command is one transaction.
Who is asked when something becomes free is decided in asking.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from bookings import clock, paging, queries
from bookings.answer import Answer
from bookings.audit import service as audit
from bookings.auth import Actor, Caller, scope_of, seen_by
from bookings.booking import holds
from bookings.booking.errors import HoldEnded, NotForYou, SlotTaken
from bookings.catalogue import rules as catalogue
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import Forbidden, Invalid, NotFound, PreconditionFailed
from bookings.http import versioned
from bookings.ids import new_id
from bookings.waitlist.errors import NothingOffered, NotWaiting, WaitsForTooMuch

_sql = queries.load("waitlist")
Row = dict[str, Any]


def join(tx: Tx, *, settings: Settings, caller: Caller, body: Mapping[str, Any]) -> Answer:
    """Stand in line: last of all. Raises Invalid, NotForYou, AlreadyWaiting, WaitsForTooMuch."""
    user_id = body.get("userId") or caller.actor.id
    terms = _terms(tx, settings, caller, body, mine=user_id == caller.actor.id)
    if tx.one(_sql.lock_customer, {"user_id": user_id}) is None:
        raise Invalid([("userId", "There is no such user.")])
    if (tx.one(_sql.count_waiting, {"user_id": user_id}) or {})["waiting"] >= settings.waitlist_limit:
        raise WaitsForTooMuch(limit=settings.waitlist_limit)
    id = new_id()
    values = {
        "id": id,
        "user_id": user_id,
        "actor_id": caller.actor.id,
        "service_id": body["serviceId"],
        "resource_id": body["resourceId"],
        "provider_ids": body.get("providerIds", []),
        "from_at": body["from_"],
        "to_at": body["to"],
        "weekdays": sorted(set(body["weekdays"])) if body["weekdays"] else None,
        "day_from": body["dayFrom"],
        "day_to": body["dayTo"],
        "time_zone": body.get("timeZone") or settings.business_time_zone,
        **terms,
    }
    tx.execute(_sql.join, values)
    if user_id != caller.actor.id:
        audit.record(tx, caller, "waitlist.join", subject=("waitlist", id), after={"userId": str(user_id)})
    tell(tx, id, "waitlist.joined", caller)
    document, version = _document(tx, id)
    return versioned(document, version, 201, location=f"/waitlist/{id}")


def _terms(tx: Tx, settings: Settings, caller: Caller, body: Mapping[str, Any], *, mine: bool) -> Row:
    """Length and party. Raises Invalid for what nobody can wait for, NotForYou."""
    named = {"resource_id": body["resourceId"], "provider_ids": body.get("providerIds", [])}
    asked = {"service_id": body["serviceId"], **named, **seen_by(caller.actor)}
    known = tx.one(_sql.service, asked)
    if known is None or known["archived"]:
        raise Invalid([("serviceId", "There is no such service." if known is None else "Is not offered any more.")])
    if not mine and not known["is_staff"]:
        raise NotForYou(errors=[{"field": "userId", "message": NotForYou.title()}])
    service = orjson.loads(known["document"])
    minutes = body.get("duration") or service["durations"][0]["minutes"]
    party_size = body.get("partySize") or service["minPartySize"]
    wrong = [] if known["served"] else [("resourceId", "Does not deliver this service.")]
    if not known["delivered"]:
        wrong.append(("providerIds", "Does not deliver this service."))
    elif body.get("providerIds") and service["collective"] and len(body["providerIds"]) < len(service["resourceIds"]):
        wrong.append(("providerIds", "This service is delivered by all of its resources together."))
    if minutes not in [one["minutes"] for one in service["durations"]]:
        wrong.append(("duration", catalogue.duration_error(service)))
    if message := catalogue.party_error(service, party_size):
        wrong.append(("partySize", message))
    now = clock.now()
    if body["to"] <= now:
        wrong.append(("to", "Is in the past."))
    elif body["from_"] > now + settings.max_booking_ahead:
        wrong.append(("from", "Is further ahead than anything can be booked."))
    if wrong:
        raise Invalid(wrong)
    return {"minutes": minutes, "party_size": party_size}


def get(database: Database, *, actor: Actor, entry_id: UUID) -> tuple[str, int]:
    """The document and version of an entry. Raises NotFound when it is not the actor's to see."""
    row = database.row(_sql.get, seen_by(actor) | {"id": entry_id})
    if row is None:
        raise NotFound
    return row[0], row[1]


def listing(database: Database, *, actor: Actor, query: Mapping[str, Any]) -> bytes:
    """One page as JSON, in the order of the line. Raises Forbidden when somebody asks for another's."""
    user_id = query.get("userId")
    scope = scope_of(actor, user_id, "entries")
    params = {
        "user_id": user_id or actor.id,
        "actor_id": actor.id,
        "state": None if query["state"] == "any" else query["state"],
        "service_id": query.get("serviceId"),
        "resource_id": query.get("resourceId"),
        "after": query.get("cursor", 0),
    } | paging.window(query)
    with database.transaction() as tx:
        rows = tx.all(getattr(_sql, f"list_of_{scope}"), params)
        total = (tx.one(getattr(_sql, f"total_of_{scope}"), params) or {})["total"]
    next_cursor = paging.next_cursor(query, rows, lambda row: row["place"])
    return paging.answer(query, paging.documents(rows), total, nextCursor=next_cursor)


def accept(
    tx: Tx,
    *,
    settings: Settings,
    caller: Caller,
    entry_id: UUID,
    body: Mapping[str, Any],
    versions: Sequence[int] | None = None,
) -> Answer:
    """Book what is offered. Raises NotFound, Forbidden, PreconditionFailed, NotWaiting, NothingOffered."""
    entry = _lock(tx, caller.actor, entry_id, versions)
    _check_offered(entry, body)
    try:
        answer = holds.convert(tx, settings=settings, caller=caller, body={**body, "holdId": entry["hold_id"]})
    except (HoldEnded, SlotTaken) as gone:
        raise NothingOffered from gone
    tx.execute(_sql.end_offer, {"hold_id": entry["hold_id"], "state": "accepted"})
    booking_id = UUID(orjson.loads(answer.body)["id"])
    tx.execute(_sql.end_entry, {"id": entry_id, "state": "booked", "booking_id": booking_id})
    tell(tx, entry_id, "waitlist.booked", caller)
    return answer


def _check_offered(entry: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    """Who names an offer must not get, or refuse, another that was made in the meantime. Raises NothingOffered."""
    if entry["hold_id"] is None or body.get("holdId") not in (None, entry["hold_id"]):
        raise NothingOffered


def decline(
    tx: Tx, *, caller: Caller, entry_id: UUID, body: Mapping[str, Any], versions: Sequence[int] | None = None
) -> Answer:
    """Say no to what is offered: the next in line is asked. The entry keeps its place for other times.

    Raises NotFound, Forbidden, PreconditionFailed, NotWaiting, NothingOffered.
    """
    entry = _lock(tx, caller.actor, entry_id, versions)
    _check_offered(entry, body)
    if not _let_go(tx, caller, entry):
        raise NothingOffered
    tx.execute(_sql.touch, {"id": entry_id})
    _audit(tx, caller, "waitlist.decline", entry)
    tell(tx, entry_id, "waitlist.declined", caller)
    return versioned(*_document(tx, entry_id))


def leave(tx: Tx, *, caller: Caller, entry_id: UUID, versions: Sequence[int] | None = None) -> Answer:
    """Wait no more; what is offered goes to the next in line.

    Raises NotFound, Forbidden, PreconditionFailed, NotWaiting.
    """
    entry = _lock(tx, caller.actor, entry_id, versions)
    _let_go(tx, caller, entry)
    tx.execute(_sql.end_entry, {"id": entry_id, "state": "left", "booking_id": None})
    _audit(tx, caller, "waitlist.leave", entry)
    tell(tx, entry_id, "waitlist.left", caller)
    return versioned(*_document(tx, entry_id))


def leave_all(tx: Tx, *, caller: Caller, user_id: UUID) -> None:
    """Somebody who leaves waits for nothing any more."""
    for row in tx.all(_sql.of_leaver, {"user_id": user_id}):
        leave(tx, caller=caller, entry_id=row["id"])


def _let_go(tx: Tx, caller: Caller, entry: Row) -> bool:
    """Give back what is offered, and have the line asked about it; False when it has ended by itself. Then the sweep
    says so."""
    if entry["hold_id"] is None:
        return False
    try:
        with tx.savepoint():
            holds.release(tx, caller=caller, hold_id=entry["hold_id"])
    except HoldEnded:
        return False
    tx.execute(_sql.end_offer, {"hold_id": entry["hold_id"], "state": "declined"})
    tx.execute(_sql.reopen, {"hold_id": entry["hold_id"]})
    return True


def tell(tx: Tx, entry_id: UUID, event: str, caller: Caller) -> None:
    """Write the event that tells what became of an entry."""
    by = {"actor_id": caller.actor.id, "request_id": caller.request_id}
    tx.execute(_sql.tell, {"id": entry_id, "event": event, **by})


def _lock(tx: Tx, actor: Actor, entry_id: UUID, versions: Sequence[int] | None) -> Row:
    entry = tx.one(_sql.lock, seen_by(actor) | {"id": entry_id})
    if entry is None:
        raise NotFound
    if not actor.is_admin and actor.id != entry["user_id"]:
        raise Forbidden("Only whoever waits, or an admin, may do this.")
    if versions is not None and entry["version"] not in versions:
        raise PreconditionFailed(entry["document"], entry["version"])
    if entry["state"] != "waiting":
        raise NotWaiting(entryState=entry["state"])
    return entry


def _document(tx: Tx, entry_id: UUID) -> tuple[str, int]:
    row = tx.one(_sql.get, {"id": entry_id, "is_admin": True, "actor_id": None})
    assert row is not None
    return row["document"], row["version"]


def _audit(tx: Tx, caller: Caller, action: str, entry: Row) -> None:
    if caller.actor.id != entry["user_id"]:
        audit.record(tx, caller, action, subject=("waitlist", entry["id"]), before={"userId": str(entry["user_id"])})
