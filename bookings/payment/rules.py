"""The rules of payments that need a policy or a clock. Pure functions; amounts are whole minor units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

STATUSES = (
    "unpaid",
    "requires_action",
    "authorized",
    "paid",
    "partially_refunded",
    "refunded",
    "failed",
    "expired",
    "cancelled",
)
#: nothing has come yet, and something still may
WAITING = ("unpaid", "requires_action")
#: money is reserved or taken
HOLDING = ("authorized", "paid", "partially_refunded")
#: it is over: another payment may take its place
OVER = ("refunded", "failed", "expired", "cancelled")
#: a booking in one of these is not going to take place, so its money is not ours
CALLED_OFF = ("cancelled", "declined")
#: why an unpaid booking is called off; the reason of its cancellation, and what tells such a payment from one that
#: somebody gave up
NOT_IN_TIME = "Not paid in time."
#: why money is given back that nobody had to pay any more
NOT_OWED = "The booking was called off before the money came."
FEWER_COME = "More was taken than is owed since fewer come."
PAID_TWICE = "Another payment has taken this one's place."


@dataclass(frozen=True, slots=True)
class Step:
    """Something to be asked of the gateway. `amount` is what it is about; for `cancel` the whole payment."""

    kind: str
    amount: int


def status_of(state: str, *, captured: int, refunded: int) -> str:
    """The status of a payment by the gateway's word and by what was taken and given back: money goes before words."""
    if captured:
        return "paid" if refunded == 0 else "refunded" if refunded >= captured else "partially_refunded"
    words = {"processing": "unpaid", "captured": "unpaid"}
    return words.get(state, state)


def on_booking(status: str) -> str:
    """What the booking says when its payment has this status: a payment somebody gave up leaves it unpaid."""
    return "unpaid" if status == "cancelled" else status


def called_off(payment: Mapping[str, Any], fee: int) -> Step | None:
    """What becomes of a payment whose booking was called off, when so much of the money is kept; None: nothing.

    Of reserved money only what we keep is taken. What was promised or given back before counts.
    """
    status = payment["status"]
    if status in WAITING:
        return Step("cancel", payment["amount"])
    if status == "authorized":
        kept = min(fee, payment["amount"])
        return Step("capture", kept) if kept else Step("cancel", payment["amount"])
    if status in HOLDING:
        due = payment["captured"] - fee - payment["refunded"] - payment["refunding"]
        return Step("refund", due) if due > 0 else None
    return None


def unwanted(payment: Mapping[str, Any], before: str, booking_status: str) -> str | None:
    """Why money that has just come must go back, or None when it is welcome. `before` is the status it came from."""
    if before in HOLDING or payment["status"] not in HOLDING:
        return None
    if not payment["is_current"]:
        return PAID_TWICE
    return NOT_OWED if booking_status in CALLED_OFF else None


def owed(booking: Mapping[str, Any]) -> int:
    """What a booking that stands costs now: its price, which falls when fewer come, and its fees."""
    return int((booking["price_amount"] or 0) + (booking["fee_amount"] or 0))


def capturable(payment: Mapping[str, Any], booking: Mapping[str, Any]) -> int:
    """What may still be taken of reserved money, or by hand: no more than was agreed then, and no more than is owed."""
    return min(int(payment["amount"]), owed(booking))


def excess(payment: Mapping[str, Any], booking: Mapping[str, Any]) -> int:
    """What was taken beyond what is owed, and is not on its way back; 0 when there is nothing. What a booking that was
    called off keeps is another matter (`called_off`)."""
    if not payment["is_current"] or payment["status"] not in HOLDING or booking["status"] in CALLED_OFF:
        return 0
    return max(0, refundable(payment) - owed(booking))


def refundable(payment: Mapping[str, Any]) -> int:
    """What can still be given back."""
    return int(payment["captured"] - payment["refunded"] - payment["refunding"])


def gives_up(created_at: datetime, ttl: timedelta, *, required: bool) -> datetime | None:
    """When an unpaid payment is given up; None when nothing hangs on it."""
    return created_at + ttl if required else None


def patience(overdue: timedelta) -> timedelta:
    """How soon to ask again about a payment that is under way though its time is over: the longer, the less often."""
    return min(max(overdue / 10, timedelta(seconds=2)), timedelta(minutes=10))
