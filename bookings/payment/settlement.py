"""What becomes of the money when a booking is called off: the booking says which fees are kept, the rest goes back."""

from __future__ import annotations

from uuid import UUID

from bookings import queries
from bookings.auth import SYSTEM_CALLER
from bookings.config import Settings
from bookings.db import Tx
from bookings.event.consumer import Event
from bookings.payment import ledger, rules

_sql = queries.load("payment")


def settle(tx: Tx, settings: Settings, event: Event) -> None:
    """Plan what the gateway is to be told about each payment of a booking that was cancelled or declined. Fees are kept
    from its present payment, as far as that goes; what it lacks stays owed."""
    assert event.booking_id is not None
    # Events from before there were fees do not name them.
    fee = (event.data.get("fees") or {"amount": 0})["amount"]
    for row in tx.all(_sql.of_booking, {"booking_id": event.booking_id}):
        payment_id: UUID = row["id"]
        held = ledger.hold(tx, settings, payment_id)
        step = rules.called_off(held.payment, fee if held.payment["is_current"] else 0)
        if step is not None and not ledger.is_planned(held, step.kind):
            kept = f"{fee} are kept" if fee else "everything is given back"
            reason = f"{event.type.replace('booking.', 'Booking ')}: {kept}."
            ledger.plan(held, step, SYSTEM_CALLER, reason, at_once=True)
            ledger.store(held)


def correct(tx: Tx, settings: Settings, event: Event) -> None:
    """Give back what was taken beyond the price of a booking to which fewer come."""
    assert event.booking_id is not None
    for row in tx.all(_sql.of_booking, {"booking_id": event.booking_id}):
        payment_id: UUID = row["id"]
        held = ledger.hold(tx, settings, payment_id)
        if due := rules.excess(held.payment, held.booking):
            ledger.plan(held, rules.Step("refund", due), SYSTEM_CALLER, rules.FEWER_COME, at_once=True)
            ledger.store(held)
