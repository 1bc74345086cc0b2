"""Commands and questions about payments. A command writes down what is to happen; the cashier tells the gateway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson

from bookings import clock, queries
from bookings.audit import service as audit
from bookings.auth import Actor, Caller
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import Forbidden, Invalid, NotFound, PreconditionFailed
from bookings.ids import new_id
from bookings.payment import ledger, rules
from bookings.payment.errors import NothingToPay, PaymentExists, PaymentRefused, RefundTooHigh
from bookings.payment.gateways.protocol import Notice
from bookings.payment.ledger import Held
from bookings.payment.rules import Step

_sql = queries.load("payment")
Row = dict[str, Any]


def get(database: Database, *, actor: Actor, payment_id: UUID) -> tuple[str, int]:
    """The document and version of a payment. Raises NotFound when its booking is not the actor's to see."""
    row = database.row(_sql.get, {"id": payment_id, "is_admin": actor.is_admin, "actor_id": actor.id})
    if row is None:
        raise NotFound
    return row[0], row[1]


def show(database: Database, payment_id: UUID) -> Row:
    """document, version, user_id and status of a payment as it is now."""
    row = database.run(lambda tx: tx.one(_sql.show, {"id": payment_id}))
    assert row is not None
    return row


def outcome(database: Database, operation_id: UUID) -> tuple[str, str | None]:
    """What became of something the gateway was told: pending, done or failed, and why."""
    row = database.row(_sql.outcome, {"id": operation_id})
    assert row is not None
    return row[0], row[1]


def begin(
    tx: Tx, *, settings: Settings, caller: Caller, booking_id: UUID, gateway: str, by_hand: bool
) -> tuple[UUID, bool]:
    """Begin to pay for a booking, all of its price: the payment's id, and whether it is a new one.

    One that waits at the same gateway is gone on with. `by_hand`: not the gateway that payers get, so only staff may
    choose it. Raises NotFound, Forbidden, NothingToPay, PaymentExists.
    """
    params = {"id": booking_id, "is_admin": caller.actor.is_admin, "actor_id": caller.actor.id}
    booking = tx.one(_sql.lock_booking, params)
    if booking is None:
        raise NotFound
    if by_hand and not booking["is_staff"]:
        raise Forbidden("Only staff may choose another gateway than the usual one.")
    if not booking["price_amount"] or booking["status"] in rules.CALLED_OFF:
        raise NothingToPay(bookingStatus=booking["status"])
    current = tx.one(_sql.lock_current, {"booking_id": booking_id})
    if current is not None and current["status"] not in rules.OVER:
        if current["status"] in rules.WAITING and current["gateway"] == gateway:
            return current["id"], False
        raise PaymentExists(payment=str(current["id"]), paymentStatus=current["status"])
    if current is not None:
        _step_aside(tx, settings, booking, current, caller)
    return _insert(tx, settings, booking, caller, gateway), True


def _insert(tx: Tx, settings: Settings, booking: Row, caller: Caller, gateway: str) -> UUID:
    payment_id = new_id()
    tx.execute(
        _sql.insert,
        {
            "id": payment_id,
            "booking_id": booking["id"],
            "user_id": booking["user_id"],
            "gateway": gateway,
            "amount": booking["price_amount"],
            "currency": booking["currency"],
            "capture_later": settings.payment_capture == "manual" and gateway != "manual",
            "expires_at": rules.gives_up(
                booking["created_at"], settings.payment_ttl, required=booking["payment_required"]
            ),
            "actor_id": caller.actor.id,
            "now": clock.now(),
        },
    )
    held = ledger.hold(tx, settings, payment_id)
    ledger.plan(held, Step("pay", booking["price_amount"]), caller)
    ledger.mirror(held)
    if caller.actor.id != booking["user_id"]:
        after = {"gateway": gateway, "amount": booking["price_amount"], "currency": booking["currency"]}
        audit.record(tx, caller, "payment.begin", subject=("payment", payment_id), before=None, after=after)
    return payment_id


def _step_aside(tx: Tx, settings: Settings, booking: Row, old: Row, caller: Caller) -> None:
    """An old payment makes room. One that failed is given up at the gateway, so that no money can come of it."""
    tx.execute(_sql.supersede, {"id": old["id"], "now": clock.now()})
    if old["status"] == "failed" and old["gateway_ref"] is not None:
        held = ledger.hold(tx, settings, old["id"])
        ledger.plan(held, Step("cancel", old["amount"]), caller, "Another payment takes its place.", at_once=True)


def capture(tx: Tx, *, settings: Settings, caller: Caller, payment_id: UUID, amount: int | None, **more: Any) -> UUID:
    """Take reserved money, or say that money has come in by hand: the operation's id. For staff. Without an amount it
    is what is owed now, which is less than was reserved when fewer come. By hand it is that and no less: a payment is
    taken once, so the rest could never be.

    Raises NotFound, Forbidden, PreconditionFailed, PaymentRefused, Invalid.
    """
    held = _held_by_staff(tx, settings, caller, payment_id, **more)
    payment = held.payment
    by_hand = payment["gateway"] == "manual" and payment["status"] in rules.WAITING
    if payment["status"] != "authorized" and not by_hand:
        raise _no(held, "captured")
    most = rules.capturable(payment, held.booking)
    wanted = most if amount is None else amount
    if not most:
        raise PaymentRefused("Nothing is owed any more; cancel the payment.", paymentStatus=payment["status"])
    if wanted > most:
        raise PaymentRefused("More cannot be taken than is owed.", paymentStatus=payment["status"])
    if by_hand and wanted < most:
        raise Invalid([("amount", f"By hand all that is owed is taken at once: {most}.")])
    return _order(held, caller, Step("capture", wanted), None)


def refund(
    tx: Tx,
    *,
    settings: Settings,
    caller: Caller,
    payment_id: UUID,
    amount: int | None,
    reason: str | None,
    **more: Any,
) -> UUID:
    """Give money back, all that is left or part of it: the operation's id. For staff.

    Raises NotFound, Forbidden, PreconditionFailed, PaymentRefused, RefundTooHigh.
    """
    held = _held_by_staff(tx, settings, caller, payment_id, **more)
    left = rules.refundable(held.payment)
    if not held.payment["captured"]:
        raise _no(held, "refunded")
    wanted = left if amount is None else amount
    if wanted > left or not left:
        raise RefundTooHigh(refundable=left)
    return _order(held, caller, Step("refund", wanted), reason)


def cancel(tx: Tx, *, settings: Settings, caller: Caller, payment_id: UUID, reason: str | None, **more: Any) -> UUID:
    """Give up a payment of which nothing was taken: the operation's id. Its payer may while it waits; staff also when
    the money is reserved. Raises NotFound, Forbidden, PreconditionFailed, PaymentRefused.
    """
    held = _held(tx, settings, caller, payment_id, **more)
    if held.payment["status"] not in (*rules.WAITING, "authorized", "failed"):
        raise _no(held, "cancelled")
    if held.payment["status"] == "authorized" and not held.is_staff:
        raise Forbidden("The money is reserved; only staff may release it. Cancel the booking instead.")
    return _order(held, caller, Step("cancel", held.payment["amount"]), reason)


def confirm(tx: Tx, *, settings: Settings, caller: Caller, payment_id: UUID, **more: Any) -> UUID:
    """The payer has done what the gateway asked for: the operation's id. Raises NotFound, PreconditionFailed,
    PaymentRefused.
    """
    held = _held(tx, settings, caller, payment_id, **more)
    if held.payment["status"] != "requires_action":
        raise _no(held, "confirmed")
    return _order(held, caller, Step("confirm", held.payment["amount"]), None)


def _held(
    tx: Tx, settings: Settings, caller: Caller, payment_id: UUID, *, versions: Sequence[int] | None = None
) -> Held:
    held = ledger.hold(tx, settings, payment_id, caller)
    if versions is not None and held.payment["version"] not in versions:
        raise PreconditionFailed(held.payment["document"], held.payment["version"])
    return held


def _held_by_staff(tx: Tx, settings: Settings, caller: Caller, payment_id: UUID, **more: Any) -> Held:
    held = _held(tx, settings, caller, payment_id, **more)
    if not held.is_staff:
        raise Forbidden("Only whoever provides what was booked, or an admin, may do this.")
    return held


def _no(held: Held, participle: str) -> PaymentRefused:
    status = held.payment["status"]
    return PaymentRefused(f"A payment that is {status} cannot be {participle}.", paymentStatus=status)


def _order(held: Held, caller: Caller, step: Step, reason: str | None) -> UUID:
    """Plan a step that a person asked for. What staff do with somebody else's money stands in the audit trail."""
    operation_id = ledger.plan(held, step, caller, reason)
    ledger.store(held)
    if caller.actor.id != held.payment["user_id"]:
        audit.record(
            held.tx,
            caller,
            f"payment.{step.kind}",
            subject=("payment", held.payment["id"]),
            before={"status": held.payment["status"]},
            after={"amount": step.amount, "currency": held.payment["currency"], "reason": reason},
        )
    return operation_id


def receive(database: Database, *, gateway: str, notice: Notice, raw: bytes) -> None:
    """Keep a gateway's notice, once however often it comes, and have it looked into."""
    values = {"gateway": gateway, "event_id": notice.id, "type": notice.type, "ref": notice.ref}

    def work(tx: Tx) -> None:
        if tx.execute(_sql.keep_notice, values | {"body": raw}):
            ledger.have_read(tx, gateway, notice.id)

    database.run(work)


def document_of(row: Row, *, client_secret: str | None) -> bytes:
    """A payment's document with its client secret, for its payer."""
    return orjson.dumps({**orjson.loads(row["document"]), "clientSecret": client_secret})
