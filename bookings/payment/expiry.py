"""Giving up bookings that had to be paid and were not: only after asking the gateway once more, and so that no money
can come afterwards. Late success wins as long as the time is still held."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from bookings import clock, queries
from bookings.auth import SYSTEM_CALLER
from bookings.booking import service as booking_service
from bookings.config import Settings
from bookings.db import Tx
from bookings.event.consumer import Event
from bookings.job import service as jobs
from bookings.job.errors import Later
from bookings.payment import ledger, rules
from bookings.payment.cashier import Cashier
from bookings.payment.gateways.protocol import GatewayTrouble
from bookings.payment.rules import Step

log = logging.getLogger(__name__)
_sql = queries.load("payment")
#: how soon to ask again when the gateway does not answer
_SILENT = timedelta(seconds=30)
#: bookings that can be given up, and payments that keep them
_OPEN, _SETTLED = ("pending", "confirmed"), (*rules.HOLDING, "refunded")


def expect(tx: Tx, settings: Settings, event: Event) -> None:
    """A booking was made: if it must be paid, give it up when its time is over."""
    if event.data["paymentRequired"] and event.data["price"] and event.data["price"]["amount"]:
        enqueue(tx, UUID(event.data["id"]), event.occurred_at + settings.payment_ttl)


def enqueue(tx: Tx, booking_id: UUID, run_at: datetime | None = None) -> None:
    """Have a booking given up then (now), if it is not paid by then."""
    payload, key = {"bookingId": str(booking_id)}, str(booking_id)
    jobs.enqueue(tx, kind=ledger.EXPIRE, payload=payload, key=key, run_at=run_at, max_attempts=20)


def give_up(cashier: Cashier, booking_id: UUID) -> None:
    """Give up a booking that is still not paid. Raises Later while the gateway does not know, or does not answer: the
    time stays held rather than being sold twice."""
    found = _unpaid(cashier, booking_id)
    if found is None:
        return
    if found["id"] is not None:
        try:
            _close(cashier, found["id"])
        except GatewayTrouble as trouble:
            log.warning("an unpaid booking waits for the gateway", extra={"booking_id": str(booking_id)})
            raise Later(_SILENT) from trouble
    if not cashier.database.run(lambda tx: _free(tx, cashier.settings, booking_id)):
        raise Later(rules.patience(clock.now() - found["created_at"] - cashier.settings.payment_ttl))


def _unpaid(cashier: Cashier, booking_id: UUID) -> dict[str, Any] | None:
    """The booking's present payment (its id is None when there is none), or None when there is nothing to give up."""
    found = cashier.database.run(lambda tx: tx.one(_sql.unpaid, {"booking_id": booking_id}))
    if found is None or not found["payment_required"] or found["booking_status"] not in _OPEN:
        return None
    return None if found["status"] in _SETTLED else found


def _close(cashier: Cashier, payment_id: UUID) -> None:
    """Ask once more; if there is still no money, and none under way, close the payment at the gateway."""
    standing = cashier.refresh(payment_id)
    if standing is not None and standing.state in ("processing", "cancelled"):
        return

    def work(tx: Tx) -> None:
        held = ledger.hold(tx, cashier.settings, payment_id)
        known = held.payment["gateway_ref"] is not None
        if known and held.payment["status"] in (*rules.WAITING, "failed") and not ledger.is_planned(held, "cancel"):
            ledger.plan(held, Step("cancel", held.payment["amount"]), SYSTEM_CALLER, rules.NOT_IN_TIME)
            ledger.store(held)

    cashier.database.run(work)
    cashier.carry_out(payment_id)


def _free(tx: Tx, settings: Settings, booking_id: UUID) -> bool:
    """Free the booking's time, in one transaction with a last look at its payment; False: the payment is still open."""
    booking = tx.one(_sql.lock_booking, {"id": booking_id, "is_admin": True, "actor_id": SYSTEM_CALLER.actor.id})
    payment = tx.one(_sql.lock_current, {"booking_id": booking_id})
    if booking is None or booking["status"] not in _OPEN or (payment and payment["status"] in _SETTLED):
        return True
    if payment and payment["status"] in rules.WAITING:
        return False
    if payment and payment["status"] != "expired":
        held = ledger.hold(tx, settings, payment["id"])
        held.payment["status"] = "expired"
        ledger.store(held)
    about: Any = {"settings": settings, "caller": SYSTEM_CALLER, "booking_id": booking_id}
    booking_service.set_payment_status(tx, **about, status="expired")
    booking_service.act(tx, **about, action="cancel", reason=rules.NOT_IN_TIME)
    return True
