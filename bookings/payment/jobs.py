"""The jobs and the consumer of this domain: thin, idempotent, with nothing but ids as arguments."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from huey import Huey, crontab

from bookings import queries
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.event.consumer import Consumer, Event
from bookings.job.errors import Later
from bookings.job.service import Handler, Job, Registry
from bookings.payment import expiry, ledger, operating, settlement
from bookings.payment.cashier import Cashier
from bookings.payment.gateways.careful import GatewayResting

log = logging.getLogger(__name__)
_sql = queries.load("payment")
#: how long a payment may be in between before somebody asks the gateway, and reserved money before somebody looks at it
WAITING, RESERVED = timedelta(minutes=2), timedelta(hours=6)
#: a notice may come before we have written down the payment's reference; this long (seconds) it is given
_PATIENCE = 60
_BATCH = 200
#: gateways repeat a notice for days, not for weeks
_KEPT = timedelta(days=30)


def register(registry: Registry, database: Database, settings: Settings) -> None:
    """Say who does the jobs of this domain."""
    cashier = Cashier(database, settings)
    work: dict[str, Callable[[dict[str, Any], Job], object]] = {
        ledger.OPERATE: lambda payload, job: operating.operate(cashier, payload, job),
        ledger.LOOK: lambda payload, job: cashier.refresh(UUID(payload["paymentId"])),
        ledger.LOST: lambda payload, job: operating.await_refund(cashier, UUID(payload["paymentId"])),
        ledger.NOTICE: lambda payload, job: read_notice(cashier, payload["gateway"], payload["eventId"]),
        ledger.EXPIRE: lambda payload, job: expiry.give_up(cashier, UUID(payload["bookingId"])),
    }
    for kind, handler in work.items():
        registry.register(kind, _patiently(handler), timeout=timedelta(minutes=2))


def _patiently(work: Callable[[dict[str, Any], Job], object]) -> Handler:
    """A gateway that rests is no failed attempt: nobody was asked."""

    def handle(payload: dict[str, Any], job: Job) -> None:
        try:
            work(payload, job)
        except GatewayResting as resting:
            raise Later(timedelta(seconds=resting.retry_after)) from None

    return handle


def sweep(huey: Huey, database: Database, settings: Settings) -> None:
    """Look once a minute for what was forgotten, and forget old notices."""

    @huey.periodic_task(crontab(minute="*"), name="payments_in_between")  # type: ignore[untyped-decorator]
    def payments_in_between() -> None:
        reconcile(database, settings)
        forget(database)


def consumer(settings: Settings) -> Consumer:
    """What follows from what happens to bookings: an unpaid one is given up in time, one called off gets its money."""

    def handle(tx: Tx, event: Event) -> None:
        if event.type == "booking.created":
            expiry.expect(tx, settings, event)
        elif event.type == "booking.attendees-changed":
            settlement.correct(tx, settings, event)
        else:
            settlement.settle(tx, settings, event)

    types = ("booking.created", "booking.cancelled", "booking.declined", "booking.attendees-changed")
    return Consumer("payment", types, handle)


def read_notice(cashier: Cashier, gateway: str, event_id: str) -> None:
    """Look into a notice: ask the gateway how its payment stands now, whatever the notice says. Raises Later."""
    params = {"gateway": gateway, "event_id": event_id}
    found = cashier.database.run(lambda tx: tx.one(_sql.find_notice, params))
    if found is None or found["processed_at"] is not None:
        return
    outcome = "looked"
    if found["payment_id"] is not None:
        cashier.refresh(found["payment_id"])
    elif found["ref"] is not None and found["age"] < _PATIENCE:
        raise Later(timedelta(seconds=5))
    else:
        outcome = "unknown"
    cashier.database.run(lambda tx: tx.execute(_sql.finish_notice, params | {"outcome": outcome}))


def reconcile(database: Database, settings: Settings) -> int:
    """Have the gateway asked about payments that have been in between for too long or were declined lately, and take up
    again what was forgotten; how many they are."""
    params = {"waiting": WAITING, "reserved": RESERVED, "ttl": settings.payment_ttl, "limit": _BATCH}

    def work(tx: Tx) -> int:
        payments = tx.all(_sql.in_between, params) + tx.all(_sql.declined, params)
        errands, notices = tx.all(_sql.forgotten_errands, params), tx.all(_sql.forgotten_notices, params)
        for payment in payments:
            ledger.have_asked(tx, payment["id"])
        for errand in errands:
            ledger.hurry(tx, errand["payment_id"], errand["id"])
        for one in notices:
            ledger.have_read(tx, one["gateway"], one["event_id"])
        bookings = tx.all(_sql.overdue, params)
        for booking in bookings:
            expiry.enqueue(tx, booking["id"])
        return len(payments) + len(errands) + len(notices) + len(bookings)

    return database.run(work)


def forget(database: Database) -> int:
    """Delete notices that were dealt with long ago; how many."""
    return database.run(lambda tx: tx.execute(_sql.forget_notices, {"kept": _KEPT, "limit": 10 * _BATCH}))
