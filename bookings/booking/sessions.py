"""Group sessions as people see them, and who comes along: naming them, and some of them dropping out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from bookings import clock, queries
from bookings.answer import Answer
from bookings.audit import service as audit
from bookings.auth import Actor, Caller, seen_by
from bookings.booking import bounds, rules, service
from bookings.booking.errors import BookingClosed, PartyComplete
from bookings.booking.session_schemas import Attendee, Attendees
from bookings.config import Settings
from bookings.db import Tx
from bookings.errors import Conflict, Invalid, NotFound, PreconditionFailed
from bookings.http import dump, versioned
from bookings.ids import new_id

_sql = queries.load("booking")
Row = dict[str, Any]


def listing(tx: Tx, *, actor: Actor, query: Mapping[str, Any]) -> Answer:
    """One page of the sessions of a service that somebody comes to, with the places that are left; of other people
    nothing but how many they are."""
    params = {
        "actor_id": actor.id,
        "service_id": query["serviceId"],
        "from": query["from_"],
        "to": query["to"],
        "limit": query["limit"],
        "offset": (query["page"] - 1) * query["limit"],
    }
    rows = tx.all(_sql.sessions, params)
    page = {"page": query["page"], "limit": query["limit"], "total": rows[0]["total"] if rows else 0}
    return Answer(dump({"items": [row["document"] for row in rows], **page}))


def attendees(tx: Tx, *, actor: Actor, query: Mapping[str, Any]) -> Answer:
    """Everybody who comes to a session, for its staff. Raises NotFound."""
    rows = tx.all(_sql.attendees_of_session, _session(actor, query))
    if not rows:
        raise NotFound
    return Answer(dump({"items": [row["document"] for row in rows]}))


def cancel(tx: Tx, *, settings: Settings, caller: Caller, body: Mapping[str, Any]) -> Answer:
    """Call a whole session off, by its staff: each of its bookings by itself, with its own event and its money back.

    Raises NotFound, BookingClosed, and as `service.act`.
    """
    rows = tx.all(_sql.lock_session, _session(caller.actor, body))
    if not rows:
        raise NotFound
    ids = [row["id"] for row in rows if row["status"] in rules.ACTIONS["cancel"].sources]
    service.cancel_all(tx, settings=settings, caller=caller, booking_ids=ids, body=body)
    return Answer(dump({"bookingIds": ids}))


def _session(actor: Actor, named: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "is_admin": actor.is_admin,
        "actor_id": actor.id,
        "service_id": named["serviceId"],
        "start_at": named["startAt"],
        "resource_id": named.get("resourceId"),
    }


# ---- who comes along


def party(tx: Tx, *, actor: Actor, booking_id: UUID) -> Answer:
    """Who comes along to a booking. Raises NotFound when it is not the actor's to see."""
    found = tx.one(_sql.party, seen_by(actor) | {"id": booking_id})
    if found is None:
        raise NotFound
    rows = tx.all(_sql.attendees, {"id": booking_id})
    return Answer(dump(Attendees().dump({"items": rows, "partySize": found["party_size"]})))


def name(tx: Tx, *, caller: Caller, booking_id: UUID, body: Mapping[str, Any]) -> Answer:
    """Say who one of the party is. Raises NotFound, BookingClosed, PartyComplete."""
    booking = _lock(tx, caller.actor, booking_id, None)
    if booking["status"] not in rules.ACTIVE:
        raise BookingClosed(bookingStatus=booking["status"])
    if len(tx.all(_sql.attendees, {"id": booking_id})) >= booking["party_size"]:
        raise PartyComplete(partySize=booking["party_size"])
    made = {"attendee_id": new_id(), "id": booking_id, "now": clock.now(), **body}
    tx.execute(_sql.name_attendee, made)
    _audit(tx, caller, booking, "booking.name-attendee", after={"attendeeId": made["attendee_id"]})
    shown = {"id": made["attendee_id"], "created_at": made["now"], **body}
    return Answer(dump(Attendee().dump(shown)), 201)


def unname(tx: Tx, *, caller: Caller, booking_id: UUID, attendee_id: UUID) -> Answer:
    """Take a name off; the place stays. Raises NotFound."""
    booking = _lock(tx, caller.actor, booking_id, None)
    if not tx.execute(_sql.forget_attendees, {"id": booking_id, "attendee_ids": [attendee_id]}):
        raise NotFound
    _audit(tx, caller, booking, "booking.unname-attendee", before={"attendeeId": attendee_id})
    return Answer(b"", 204)


def drop_out(
    tx: Tx,
    *,
    caller: Caller,
    booking_id: UUID,
    body: Mapping[str, Any],
    versions: Sequence[int] | None = None,
) -> Answer:
    """Some of a party do not come: their places are free at once, and the price falls by what each place added to it,
    less what the cancellation policy keeps of that.

    Raises NotFound, PreconditionFailed, BookingClosed, Forbidden, TooLate, Invalid.
    """
    booking = _lock(tx, caller.actor, booking_id, versions)
    bounds.check_override(booking, override=body["override"], reason=body["reason"])
    now = clock.now()
    if booking["status"] not in rules.MOVABLE or booking["start_at"] <= now:
        raise BookingClosed("Nobody can drop out any more.", bookingStatus=booking["status"])
    known = {row["id"] for row in tx.all(_sql.attendees, {"id": booking_id})}
    ids = set(body.get("attendeeIds", ()))
    count = len(ids) if ids else body.get("count", 1)
    _check(booking, known, ids, count)
    off = min(count * (booking["place_price"] or 0), booking["price_amount"] or 0)
    # As if these places were a booking of their own that is called off.
    _, more = bounds.calling_off(
        booking | {"price_amount": off, "fee_amount": None}, caller.actor, now, override=body["override"]
    )
    kept = min(off, more.get("fee_amount") or 0)
    size = booking["party_size"] - count
    after = booking | {
        "party_size": size,
        "units": size if booking["session_places"] is not None else booking["units"],
        "price_amount": None if booking["price_amount"] is None else booking["price_amount"] - off + kept,
    }
    tx.execute(_sql.forget_attendees, {"id": booking_id, "attendee_ids": list(ids)})
    return _write(tx, caller, booking, after | {"reason": body["reason"], "now": now}, override=body["override"])


def _check(booking: Row, known: set[UUID], ids: set[UUID], count: int) -> None:
    field = "attendeeIds" if ids else "count"
    if ids - known:
        raise Invalid([(field, "Are not all of this party.")])
    if count >= booking["party_size"]:
        raise Invalid([(field, "Nobody would come; call the booking off instead.")])
    if len(known - ids) > booking["party_size"] - count:
        raise Invalid([(field, "Say who drops out, in attendeeIds.")])


def _write(tx: Tx, caller: Caller, before: Row, after: Row, *, override: bool) -> Answer:
    who = {"actor_id": caller.actor.id, "request_id": caller.request_id}
    row = tx.one(_sql.change_party, after | who)
    if row is None:
        raise Conflict("The booking changed at the same moment; try again.")
    was, became = ({"partySize": one["party_size"], "price": one["price_amount"]} for one in (before, after))
    used = {"override": True} if override else {}
    _audit(tx, caller, before, "booking.attendees", before=was, after=became | used)
    return versioned(row["document"], row["version"])


def _audit(tx: Tx, caller: Caller, booking: Row, action: str, **what: Mapping[str, Any]) -> None:
    """Note what staff do to somebody else's party; of those who come along never the names."""
    if caller.actor.id != booking["user_id"]:
        audit.record(tx, caller, action, subject=("booking", booking["id"]), **what)


def _lock(tx: Tx, actor: Actor, booking_id: UUID, versions: Sequence[int] | None) -> Row:
    booking = tx.one(_sql.lock_party, seen_by(actor) | {"id": booking_id})
    if booking is None:
        raise NotFound
    if versions is not None and booking["version"] not in versions:
        raise PreconditionFailed(booking["document"], booking["version"])
    return booking
