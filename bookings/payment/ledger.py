"""Writing down what is to happen to a payment and what has happened, inside one transaction.

Whoever opens a payment holds its booking and the payment locked. What the gateway is to be told becomes an operation
and a job in the same transaction; what it answered is written by compare-and-set on the operation, so that two who told
it the same write it once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from bookings import clock, queries
from bookings.auth import SYSTEM_CALLER, Caller
from bookings.booking import service as booking_service
from bookings.config import Settings
from bookings.db import Tx
from bookings.errors import NotFound
from bookings.ids import new_id
from bookings.job import service as jobs
from bookings.payment import rules
from bookings.payment.gateways.careful import ATTEMPTS
from bookings.payment.gateways.protocol import Standing
from bookings.payment.rules import Step

log = logging.getLogger(__name__)
_sql = queries.load("payment")
Row = dict[str, Any]
#: the jobs of this domain
OPERATE, LOOK, NOTICE, EXPIRE = "payment.operate", "payment.look", "payment.notice", "payment.expire"
LOST = "payment.refund-lost"
#: the error of a payment of which a refund did not arrive, though the gateway had agreed to it
GAVE_LESS = "gateway_gave_back_less"
_EVENTS = {"paid": "payment.received", "failed": "payment.failed"}


@dataclass(slots=True)
class Held:
    """A payment and its booking, locked until the transaction ends. `before` is the payment as it was."""

    tx: Tx
    settings: Settings
    booking: Row
    payment: Row
    before: Row

    @property
    def is_staff(self) -> bool:
        """Whether the caller is an admin or owns something that the booking claims."""
        return bool(self.booking["is_staff"])


def hold(tx: Tx, settings: Settings, payment_id: UUID, caller: Caller = SYSTEM_CALLER) -> Held:
    """Lock a payment's booking, then the payment. Raises NotFound when they are not the caller's to see."""
    actor = caller.actor
    params = {"id": payment_id, "is_admin": actor.is_admin, "actor_id": actor.id}
    booking = tx.one(_sql.lock_booking_of, params)
    payment = tx.one(_sql.lock, params) if booking else None
    if booking is None or payment is None:
        raise NotFound
    return Held(tx, settings, booking, payment, dict(payment))


def plan(held: Held, step: Step, caller: Caller, reason: str | None = None, *, at_once: bool = False) -> UUID:
    """Write down what the gateway is to be told, and see to it that it is: the operation's id, which is also its key.

    Somebody who is going to tell it right away leaves the job a while, unless `at_once`.
    """
    id, payment = new_id(), held.payment
    held.tx.execute(
        _sql.plan,
        {
            "id": id,
            "payment_id": payment["id"],
            "kind": step.kind,
            "amount": step.amount,
            "reason": reason,
            "actor_id": caller.actor.id,
            "request_id": caller.request_id,
            "now": clock.now(),
        },
    )
    if step.kind == "refund":
        payment["refunding"] += step.amount
    hurry(held.tx, payment["id"], id, timedelta(0) if at_once else _patience(held.settings))
    return id


def hurry(tx: Tx, payment_id: UUID, operation_id: UUID, delay: timedelta = timedelta(0)) -> None:
    """Have a job tell the gateway, unless one does already."""
    payload, run_at = {"paymentId": str(payment_id), "operationId": str(operation_id)}, clock.now() + delay
    jobs.enqueue(tx, kind=OPERATE, payload=payload, key=str(operation_id), run_at=run_at, max_attempts=20)


def is_planned(held: Held, kind: str) -> bool:
    """Whether the gateway is still to be told this."""
    return held.tx.one(_sql.is_planned, {"payment_id": held.payment["id"], "kind": kind}) is not None


def have_asked(tx: Tx, payment_id: UUID, because: UUID | None = None) -> None:
    """Have the gateway asked how a payment stands, unless it is being done already.

    `because` of an operation: after it, so that a look that is being made just then does not do.
    """
    jobs.enqueue(tx, kind=LOOK, payload={"paymentId": str(payment_id)}, key=str(because or payment_id))


def have_read(tx: Tx, gateway: str, event_id: str) -> None:
    """Have a notice looked into, unless it is being done already."""
    payload = {"gateway": gateway, "eventId": event_id}
    jobs.enqueue(tx, kind=NOTICE, payload=payload, key=f"{gateway}:{event_id}", max_attempts=20)


def _patience(settings: Settings) -> timedelta:
    """How long a request may take to tell the gateway itself."""
    return settings.payment_timeout * ATTEMPTS + timedelta(seconds=2)


def done(tx: Tx, settings: Settings, errand: Mapping[str, Any], standing: Standing) -> None:
    """The gateway has done what it was told."""
    held = hold(tx, settings, errand["payment_id"])
    if not _finish(tx, errand["id"], "done"):
        return
    # The request itself told the gateway: a job would only find that there is nothing to do.
    jobs.forget(tx, kind=OPERATE, key=str(errand["id"]))
    payment, kind, amount = held.payment, errand["kind"], errand["amount"]
    payment["gateway_ref"] = standing.ref
    refunds = kind == "refund"
    if refunds:
        payment["refunding"] -= amount
        payment["refunded"] += amount
        payment["status"] = rules.status_of(standing.state, captured=payment["captured"], refunded=payment["refunded"])
    elif kind == "capture":
        payment["captured"], payment["status"] = amount, "paid"
    elif kind == "cancel" and standing.state == "cancelled":
        payment["status"] = "expired" if errand["reason"] == rules.NOT_IN_TIME else "cancelled"
    else:
        refunds = _follow(held, standing)
    _save(held, refunded=refunds)


def refused(tx: Tx, settings: Settings, errand: Mapping[str, Any], code: str) -> None:
    """The gateway would not do it. A payment it will not even begin has failed; anything else stays as it is.

    One that cannot be cancelled any more is said to bring money: the gateway is asked at once.
    """
    held = hold(tx, settings, errand["payment_id"])
    if not _finish(tx, errand["id"], "failed", code):
        return
    held.payment["error"] = code
    if errand["kind"] == "refund":
        held.payment["refunding"] -= errand["amount"]
    if errand["kind"] == "pay":
        held.payment["status"] = "failed"
    if errand["kind"] == "cancel":
        have_asked(tx, held.payment["id"], because=errand["id"])
    _save(held)
    if errand["kind"] == "refund":
        tell(held, "payment.refund-failed")


def seen(tx: Tx, settings: Settings, payment_id: UUID, standing: Standing, given: int = 0) -> None:
    """The gateway was asked how a payment stands. While it is still to be told something, its word is not the last.

    `given` had been given back before it was asked: when it says less, a refund that it agreed to did not arrive.
    """
    held = hold(tx, settings, payment_id)
    if tx.one(_sql.is_pending, {"payment_id": payment_id}) is None:
        refunds = _follow(held, standing)
        if standing.refunded is not None and standing.refunded < given:
            held.payment["error"] = GAVE_LESS
        if _changed(held):
            _save(held, refunded=refunds)
            if held.payment["error"] == GAVE_LESS != held.before["error"]:
                _lost(held, given - (standing.refunded or 0))
            return
    tx.execute(_sql.asked, {"id": payment_id, "now": clock.now()})


def _finish(tx: Tx, operation_id: UUID, state: str, error: str | None = None) -> bool:
    values = {"id": operation_id, "state": state, "error": error, "now": clock.now()}
    return tx.execute(_sql.finish_errand, values) == 1


def _follow(held: Held, standing: Standing) -> bool:
    """Believe the gateway: its sums, and then its word. Whether it gave something back by itself."""
    payment = held.payment
    payment["gateway_ref"], payment["error"] = standing.ref, standing.error
    taken = (standing.captured or 0) - payment["captured"]
    if taken > 0:
        _note(held, "capture", taken)
        payment["captured"] += taken
    given = 0 if standing.refunded is None else standing.refunded - payment["refunded"]
    if given > 0:
        if not held.before["captured"]:
            _came(held)
        _note(held, "refund", given)
        payment["refunded"] += given
    status = rules.status_of(standing.state, captured=payment["captured"], refunded=payment["refunded"])
    if not (payment["status"] == "expired" and status in ("cancelled", "failed", *rules.WAITING)):
        payment["status"] = status
    return given > 0


def _lost(held: Held, missing: int) -> None:
    """A refund came back to the gateway. What moved stays in the ledger; a job that ends as a dead letter keeps it
    before those who must see to it."""
    payment_id = str(held.payment["id"])
    log.error("a gateway says that less was given back", extra={"payment_id": payment_id, "missing": missing})
    jobs.enqueue(held.tx, kind=LOST, payload={"paymentId": payment_id}, key=payment_id)
    tell(held, "payment.refund-failed")


def _came(held: Held) -> None:
    """Write down and tell that money came, of which some has gone back since: the one before the other, as it was.

    Whether the rest is welcome is decided when all is known (`_save`).
    """
    held.payment["status"] = "paid"
    store(held)
    tell(held, _EVENTS["paid"])
    mirror(held)


def _note(held: Held, kind: str, amount: int) -> None:
    values = {"id": new_id(), "payment_id": held.payment["id"], "kind": kind, "amount": amount, "reason": None}
    held.tx.execute(_sql.note, values | {"now": clock.now()})


def _changed(held: Held) -> bool:
    names = ("status", "captured", "refunded", "refunding", "gateway_ref", "error")
    return any(held.payment[name] != held.before[name] for name in names)


def _save(held: Held, *, refunded: bool = False) -> None:
    """Write the payment, send money away that nobody owes, tell everyone, and let the booking say how it stands."""
    payment, before = held.payment, held.before["status"]
    payment["asked_at"] = clock.now()
    payment["attempts"] += 1
    why = rules.unwanted(payment, before, held.booking["status"])
    if why is not None:
        step = Step("cancel", payment["amount"]) if payment["status"] == "authorized" else _all_of(payment)
        plan(held, step, SYSTEM_CALLER, why, at_once=True)
    elif payment["captured"] > held.before["captured"] and (beyond := rules.excess(payment, held.booking)):
        # The gateway was told the price of before somebody dropped out.
        plan(held, Step("refund", beyond), SYSTEM_CALLER, rules.FEWER_COME, at_once=True)
    store(held)
    if payment["status"] != before and payment["status"] in _EVENTS:
        tell(held, _EVENTS[payment["status"]])
    if refunded:
        tell(held, "payment.refunded")
    mirror(held)


def _all_of(payment: Row) -> Step:
    return Step("refund", rules.refundable(payment))


def store(held: Held) -> None:
    """Write the payment's next version."""
    held.tx.execute(_sql.write, held.payment | {"now": clock.now()})
    held.payment["version"] += 1


def tell(held: Held, type: str, caller: Caller = SYSTEM_CALLER) -> None:
    """Tell everyone concerned what has become of the payment."""
    values = {"type": type, "id": held.payment["id"], "now": clock.now()}
    held.tx.execute(_sql.tell, values | {"actor_id": caller.actor.id, "request_id": caller.request_id})


def mirror(held: Held) -> None:
    """Let the booking say how its payment stands; a booking that waited only for its money is confirmed."""
    payment, booking = held.payment, held.booking
    status = rules.on_booking(payment["status"])
    if not payment["is_current"] or booking["payment_status"] == status:
        return
    booking_service.set_payment_status(
        held.tx,
        settings=held.settings,
        caller=SYSTEM_CALLER,
        booking_id=booking["id"],
        status=status,
        confirm=booking["confirm_when_paid"] and status in ("authorized", "paid"),
    )
