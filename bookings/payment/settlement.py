"""What becomes of the money when a booking is called off: its own policy decides, as it was agreed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from bookings import queries
from bookings.auth import SYSTEM_CALLER
from bookings.config import Settings
from bookings.db import Tx
from bookings.event.consumer import Event
from bookings.payment import ledger, rules

_sql = queries.load("payment")


def settle(tx: Tx, settings: Settings, event: Event) -> None:
    """Plan what the gateway is to be told about each payment of a booking that was cancelled or declined."""
    assert event.booking_id is not None
    percent = _percent(event)
    for row in tx.all(_sql.of_booking, {"booking_id": event.booking_id}):
        payment_id: UUID = row["id"]
        held = ledger.hold(tx, settings, payment_id)
        step = rules.called_off(held.payment, percent)
        if step is not None and not ledger.is_planned(held, step.kind):
            reason = f"{event.type.replace('booking.', 'Booking ')}: {percent}% are given back."
            ledger.plan(held, step, SYSTEM_CALLER, reason, at_once=True)
            ledger.store(held)


def _percent(event: Event) -> int:
    data: dict[str, Any] = event.data
    left = datetime.fromisoformat(data["startAt"]) - event.occurred_at
    by_staff = str(event.actor_id) != data["userId"]
    return rules.refund_percent(data["cancellationPolicy"], left=left, by_staff=by_staff)
