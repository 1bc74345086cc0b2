"""Commands and questions about bookings. Each command is one transaction: the booking, its claims, history, reminders
and event are written together or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Json

from bookings import clock, idempotency, queries
from bookings.answer import Answer
from bookings.audit import service as audit
from bookings.audit.rules import changed
from bookings.auth import SYSTEM, SYSTEM_CALLER, Actor, Caller
from bookings.booking import (
    bounds,
    expiry,
    holds,
    moving,
    offers,
    overbooking,
    overriding,
    plain,
    policies,
    reading,
    reassigning,
    refusals,
    rules,
    wishes,
)
from bookings.booking.errors import BookingClosed, SlotTaken, StaffOnly, TooEarly, TransitionRefused
from bookings.booking.rules import ACTIONS, RELEASE, Action
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import Conflict, Invalid, NotFound, PreconditionFailed
from bookings.fields import instant_text
from bookings.http import dump, versioned
from bookings.prepared import Prepared, Row

_sql = queries.load("booking")
_CREATE = Prepared("booking.create", _sql.create)
_CREATE_OWN = Prepared("booking.create_own", _sql.create_own)
_GET = Prepared("booking.get", _sql.get)
#: what the audit trail tells of a change, by the names of the API
_AUDITED = {
    "status": "status",
    "statusReason": "status_reason",
    "startAt": "start_at",
    "endAt": "end_at",
    "paymentStatus": "payment_status",
    "fees": "fee_amount",
    "resourceIds": "resource_ids",
    "overbooked": "overbooked",
    **{name: name for name in wishes.DETAILS},
}


def create(
    database: Database,
    *,
    settings: Settings,
    caller: Caller,
    body: Mapping[str, Any],
    key: idempotency.Key | None = None,
) -> Answer:
    """Book: claim every named resource for the whole time or none, in one statement and one round trip.

    That holds for resources whose calendars say nothing; others are judged first (plain.py), and so is a service
    (offers.py); a hold is booked in a transaction. Stores its own answer under `key`. Raises Invalid, Forbidden,
    SlotTaken and NotBookable (with the next free starts), HoldEnded, or KeyTaken.
    """
    if body.get("override"):
        return overriding.create(database, settings=settings, caller=caller, body=body, key=key)
    if body.get("holdId"):
        return holds.book(database, settings=settings, caller=caller, body=body, key=key)
    if body.get("serviceId"):
        return offers.create(database, settings=settings, caller=caller, body=body, key=key)
    now = clock.now()
    wishes.check_time(body["startAt"], body["endAt"], now, settings)
    if body.get("providerIds"):
        database.run(lambda tx: refusals.check_providers(tx, body["providerIds"]))
    wish = _wish(settings, caller, body, key, now)
    statement = _CREATE_OWN if key is None and wish["user_id"] == wish["actor_id"] else _CREATE
    row = _booked(database, statement, wish)
    while row is None and expiry.cleared(database, wish):
        row = _booked(database, statement, wish)
    document = row[0] if row else database.run(lambda tx: refusals.explain(tx, caller.actor, wish))
    if document is None:
        document = plain.create(database, settings, wish, statement)[0]
    return versioned(document or b"", 1, 201, location=f"/bookings/{wish['id']}")


def _booked(database: Database, statement: Prepared, wish: Mapping[str, Any]) -> Row | None:
    try:
        return database.hot(statement, wish)
    except SlotTaken:
        return None


def _wish(
    settings: Settings, caller: Caller, body: Mapping[str, Any], key: idempotency.Key | None, now: datetime
) -> dict[str, Any]:
    wish = wishes.wish(settings, caller, body, key, now)
    named = wishes.named(body)
    wish |= wishes.claims(wish["user_id"], [str(id) for id in named], body["units"])
    wish["provider_id"], wish["workspace_id"] = body.get("providerId"), body.get("workspaceId")
    wish["end_at"], wish["policy"], wish["must_confirm"] = body["endAt"], None, False
    return wish


def get(database: Database, *, actor: Actor, booking_id: UUID) -> tuple[bytes, int]:
    """The document and version of a booking, as it is true now. Raises NotFound when it is not the actor's to see."""
    row = database.hot(_GET, {"id": booking_id, "is_admin": actor.is_admin, "actor_id": actor.id})
    if row is None:
        raise NotFound
    return reading.at(row[0] or b"", clock.now()), int(row[1] or 0)


def history(database: Database, *, actor: Actor, booking_id: UUID) -> list[dict[str, Any]]:
    """Every version of a booking, oldest first. Raises NotFound."""
    with database.transaction() as tx:
        rows = tx.all(_sql.history, {"id": booking_id, "is_admin": actor.is_admin, "actor_id": actor.id})
    if not rows:
        raise NotFound
    return rows


def change(
    tx: Tx,
    *,
    settings: Settings,
    caller: Caller,
    booking_id: UUID,
    body: Mapping[str, Any],
    versions: Sequence[int] | None = None,
) -> Answer:
    """Change details or move a booking; a move passes the same constraints as a new booking, and its policy.

    Raises NotFound, PreconditionFailed, BookingClosed, Forbidden, Invalid, TooLate, MovedTooOften, SlotTaken,
    NotBookable.
    """
    booking = _lock(tx, caller.actor, booking_id, versions)
    override, reason = body.get("override", False), body.get("reason")
    bounds.check_override(booking, override=override, reason=reason)
    if booking["status"] not in rules.ACTIVE:
        raise BookingClosed(bookingStatus=booking["status"])
    wished = {name: body[name] for name in wishes.DETAILS if name in body} | _wished_time(booking, body)
    wished = {name: value for name, value in wished.items() if value != booking[name]}
    if not wished:
        return versioned(dump(booking["document"]), booking["version"])
    moved = "start_at" in wished or "end_at" in wished
    if booking["service_id"] and rules.length_changes(booking, wished):
        raise Invalid([("endAt", "A booking of a service keeps its length.")])
    if moved and booking["status"] not in rules.MOVABLE:
        raise BookingClosed("A booking that has begun cannot be moved.", bookingStatus=booking["status"])
    after, now = booking | wished, clock.now()
    if moved:
        after |= bounds.moving(booking, caller.actor, now, override=override)
        wishes.check_time(after["start_at"], after["end_at"], now, settings)
        after["overbooked"] = moving.take_place(tx, settings, booking, after, body)
    action = "reschedule" if moved else "update"
    answer = _write(tx, caller, booking, after, action, _EVENTS[moved], reason=reason, override=override)
    if moved:
        tx.execute(_sql.drop_reminders, after)
        _plan_reminders(tx, settings, after)
    else:
        tx.execute(_sql.carry_reminders, {"id": booking_id, "version": booking["version"] + 1})
    return answer


_EVENTS = {True: "booking.rescheduled", False: "booking.updated"}


def reassign(
    tx: Tx,
    *,
    settings: Settings,
    caller: Caller,
    booking_id: UUID,
    body: Mapping[str, Any],
    versions: Sequence[int] | None = None,
) -> Answer:
    """Let another resource take the place of one that is booked: same time, same constraints, same terms. For staff.

    Raises NotFound, PreconditionFailed, StaffOnly, BookingClosed, Forbidden, Invalid, NotForYou, SlotTaken.
    """
    booking = _lock(tx, caller.actor, booking_id, versions)
    if not booking["is_staff"]:
        raise StaffOnly
    override, reason = body["override"], body["reason"]
    bounds.check_override(booking, override=override, reason=reason)
    if booking["status"] not in rules.MOVABLE:
        raise BookingClosed(bookingStatus=booking["status"])
    left = reassigning.replacing(tx, caller.actor, booking, body)
    after = booking | reassigning.reassigned(booking, left, body["resourceId"])
    after["overbooked"] = moving.take_place(tx, settings, booking, after, body, settled=True)
    event = "booking.reassigned"
    answer = _write(tx, caller, booking, after, "reassign", event, reason=reason, override=override, left=left)
    tx.execute(_sql.carry_reminders, {"id": booking_id, "version": booking["version"] + 1})
    return answer


def act(
    tx: Tx,
    *,
    settings: Settings,
    caller: Caller,
    booking_id: UUID,
    action: str,
    reason: str | None = None,
    override: bool = False,
    leaving: bool = False,
    versions: Sequence[int] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Answer:
    """Take a booking one step through its state machine. Calling off too late is what was agreed: costs something, is
    refused, or counts as not come.

    `override` lets staff, with a reason, act before the action opens or behind a cut-off; `leaving` is for
    who is erased: never too late. The event says `extra`, too. Raises NotFound, PreconditionFailed, StaffOnly,
    TransitionRefused (listing what is allowed), TooEarly, TooLate, Forbidden, Invalid.
    """
    booking = _lock(tx, caller.actor, booking_id, versions)
    _check_step(ACTIONS[action], booking, settings, reason, override)
    more: dict[str, Any] = {}
    if action == "cancel":
        action, more = bounds.calling_off(booking, caller.actor, clock.now(), override=override, leaving=leaving)
    elif action == "decline":
        more = {"fee_amount": None}
    return _step(tx, caller, booking, ACTIONS[action], more, reason=reason, override=override, extra=extra)


def cancel_all(
    tx: Tx,
    *,
    settings: Settings,
    caller: Caller,
    booking_ids: Sequence[UUID],
    body: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Call several bookings off, each by itself, as `act` does; one that is refused stops all. The body says the reason
    and whether to override. Raises BookingClosed when there are none, and as `act`."""
    if not booking_ids:
        raise BookingClosed
    for booking_id in booking_ids:
        act(
            tx,
            settings=settings,
            caller=caller,
            booking_id=booking_id,
            action="cancel",
            reason=body["reason"],
            override=body["override"],
            extra=extra,
        )


def _step(
    tx: Tx,
    caller: Caller,
    booking: dict[str, Any],
    step: Action,
    more: dict[str, Any],
    *,
    reason: str | None,
    override: bool = False,
    extra: Mapping[str, Any] | None = None,
) -> Answer:
    """Write the step that was found to be possible, and what follows from it for claims and reminders."""
    booking_id = booking["id"]
    after = booking | {"status": step.target, "status_reason": reason or booking["status_reason"]} | more
    answer = _write(tx, caller, booking, after, step.name, step.event, reason=reason, override=override, extra=extra)
    if step.target in rules.RELEASED or after["released_at"] is not None:
        tx.execute(_sql.release_claims, after)
        overbooking.fill(tx, booking["resource_ids"])
    if step.target in rules.ACTIVE:
        tx.execute(_sql.carry_reminders, {"id": booking_id, "version": booking["version"] + 1})
    else:
        tx.execute(_sql.drop_reminders, after)
    return answer


def release(tx: Tx, *, booking_id: UUID) -> bool:
    """Give back the time of a booking to which nobody has come for as long as was agreed; whether it was done. Who has
    checked in in the meantime keeps it. A request that nobody has answered is declined: it is no no-show."""
    now = clock.now()
    booking = tx.one(_sql.lock, {"id": booking_id, "is_admin": True, "actor_id": SYSTEM.id})
    if booking is None or booking["status"] not in rules.MOVABLE or not policies.is_unattended(booking, now):
        return False
    if booking["status"] in RELEASE.sources:
        _step(tx, SYSTEM_CALLER, booking, RELEASE, {"released_at": now}, reason=rules.NOBODY_CAME)
    else:
        _step(tx, SYSTEM_CALLER, booking, ACTIONS["decline"], {"fee_amount": None}, reason=rules.NOBODY_ANSWERED)
    return True


def set_payment_status(
    tx: Tx, *, settings: Settings, caller: Caller, booking_id: UUID, status: str, confirm: bool = False
) -> Answer:
    """Say on the booking how its payment stands; with `confirm`, a pending booking is confirmed with it.

    Nothing happens when the booking says so already. Raises NotFound.
    """
    booking = _lock(tx, caller.actor, booking_id, None)
    answer = versioned(dump(booking["document"]), booking["version"])
    if booking["payment_status"] != status:
        after = booking | {"payment_status": status}
        answer = _write(tx, caller, booking, after, "payment", "booking.payment-changed")
        tx.execute(_sql.carry_reminders, {"id": booking_id, "version": booking["version"] + 1})
    if confirm and booking["status"] == "pending":
        answer = act(tx, settings=settings, caller=caller, booking_id=booking_id, action="confirm")
    return answer


def _check_step(step: Action, booking: dict[str, Any], settings: Settings, reason: str | None, override: bool) -> None:
    if not rules.may(step, booking):
        raise StaffOnly
    if booking["status"] not in step.sources:
        raise TransitionRefused(
            f"A booking that is {booking['status']} cannot {step.name}.",
            bookingStatus=booking["status"],
            allowed=rules.allowed_actions(booking["status"], booking),
        )
    bounds.check_override(booking, override=override, reason=reason)
    opens = rules.opens_at(step, booking["start_at"], policies.check_in_opens(booking, settings.check_in_opens))
    if opens and clock.now() < opens and not override:
        raise TooEarly(opensAt=instant_text(opens))
    bounds.check_still_on(step, booking, clock.now())


def _lock(tx: Tx, actor: Actor, booking_id: UUID, versions: Sequence[int] | None) -> dict[str, Any]:
    booking = tx.one(_sql.lock, {"id": booking_id, "is_admin": actor.is_admin, "actor_id": actor.id})
    if booking is None:
        raise NotFound
    if versions is not None and booking["version"] not in versions:
        raise PreconditionFailed(booking["document"], booking["version"])
    return booking


def _wished_time(booking: dict[str, Any], body: Mapping[str, Any]) -> dict[str, datetime]:
    start_at = body.get("startAt", booking["start_at"])
    kept_length: datetime = start_at + (booking["end_at"] - booking["start_at"])
    return {"start_at": start_at, "end_at": body.get("endAt", kept_length)}


def _write(
    tx: Tx,
    caller: Caller,
    before: dict[str, Any],
    after: dict[str, Any],
    action: str,
    event: str,
    *,
    reason: str | None = None,
    override: bool = False,
    left: UUID | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Answer:
    """`left`: a resource that it does not claim any more; its owner hears of that, too. The event says `extra`, too."""
    more = {**(extra or {}), **({"reassignedFrom": str(left)} if left else {})}
    row = tx.one(
        _sql.change,
        after
        | {
            "from_status": before["status"],
            "action": action,
            "event": event,
            "reason": reason,
            "actor_id": caller.actor.id,
            "request_id": caller.request_id,
            "topics": wishes.topics(after["user_id"], [*after["resource_ids"], *([left] if left else [])]),
            "extra": Json(more) if more else None,
            "now": clock.now(),
        },
    )
    if row is None:
        raise Conflict("The booking changed at the same moment; try again.")
    _audit(tx, caller, f"booking.{action}", before, after, {"override": True, "reason": reason} if override else {})
    return versioned(row["document"], row["version"])


def _audit(
    tx: Tx, caller: Caller, action: str, before: dict[str, Any], after: dict[str, Any], used: dict[str, Any]
) -> None:
    """A change by somebody else than the booking's customer is the use of a privilege."""
    if caller.actor.id in (before["user_id"], SYSTEM.id):
        return
    was, became = changed(
        {name: before[column] for name, column in _AUDITED.items()},
        {name: after[column] for name, column in _AUDITED.items()},
    )
    audit.record(tx, caller, action, subject=("booking", before["id"]), before=was, after=became | used)


def _plan_reminders(tx: Tx, settings: Settings, after: dict[str, Any]) -> None:
    tx.execute(_sql.plan_reminders, after | {"version": after["version"] + 1, "leads": wishes.leads(settings)})
