"""What its policy makes of the wish to call a booking off or to move it: whom it binds, what it costs, what is refused.

It binds the booking's customer. Staff pay no fees; behind a cut-off they, too, have to say that they override, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bookings.auth import SYSTEM, Actor
from bookings.booking import policies
from bookings.booking.errors import MovedTooOften, TooLate
from bookings.booking.policies import NO_SHOW, REFUSE, Verdict
from bookings.booking.rules import Action
from bookings.errors import Forbidden, Invalid
from bookings.fields import instant_text

Booking = Mapping[str, Any]


def check_override(booking: Booking, *, override: bool, reason: str | None) -> None:
    """Rules are overridden by who they protect, and with a reason: an admin, or whoever owns all that is booked; not by
    one of two who are booked together. Raises Forbidden, Invalid."""
    if override and not booking["may_override"]:
        raise Forbidden("Only staff may override, for what is theirs.")
    if override and not reason:
        raise Invalid([("reason", "Say why you override.")])


def calling_off(
    booking: Booking, actor: Actor, now: datetime, *, override: bool, leaving: bool = False
) -> tuple[str, dict[str, Any]]:
    """Which action it is for the state machine, `cancel` or `no-show`, and what changes with it. `leaving`: because the
    customer's account is erased, by whomever; that is on the customer's terms, and never too late. Raises TooLate."""
    if leaving:
        return _called_off(policies.leaving(booking, now), booking, now)
    verdict = policies.cancelling(booking, now)
    if not _binds(booking, actor, override):
        if verdict.until is not None and not override and actor.id != SYSTEM.id:
            raise _too_late(verdict.until, booking)
        return "cancel", {"fee_amount": None}
    if verdict.how == REFUSE:
        raise _too_late(verdict.until, booking)
    return _called_off(verdict, booking, now)


def _called_off(verdict: Verdict, booking: Booking, now: datetime) -> tuple[str, dict[str, Any]]:
    if verdict.how == NO_SHOW and booking["status"] == "confirmed":
        return "no-show", _charged(booking, verdict.fee) | {"released_at": now}
    return "cancel", _charged(booking, verdict.fee)


def moving(booking: Booking, actor: Actor, now: datetime, *, override: bool) -> dict[str, Any]:
    """What changes with a move besides the time. Raises TooLate, MovedTooOften."""
    verdict = policies.rescheduling(booking, now)
    if override:
        return {}
    if verdict.how == REFUSE and verdict.until is not None:
        raise _too_late(verdict.until, booking)
    if not _binds(booking, actor, override):
        return {}
    if verdict.how == REFUSE:
        raise MovedTooOften(allowed=booking["policy"]["maxReschedules"])
    return _charged(booking, verdict.fee) | {"reschedules": booking["reschedules"] + 1}


def _binds(booking: Booking, actor: Actor, override: bool) -> bool:
    return actor.id == booking["user_id"] and not override


def _charged(booking: Booking, fee: int) -> dict[str, Any]:
    """The sum of fees after one more; a booking without a price has none."""
    return {"fee_amount": (booking["fee_amount"] or 0) + fee} if fee else {}


def check_still_on(step: Action, booking: Booking, now: datetime) -> None:
    """Customers say that they are there while it lasts; later, who did not come could say so, too. Raises TooLate."""
    if step.unhosted and not booking["is_staff"] and now >= booking["end_at"]:
        raise _too_late(booking["end_at"], booking)


def _too_late(until: datetime | None, booking: Booking) -> TooLate:
    assert until is not None
    how = " Staff may override, with a reason." if booking["may_override"] else ""
    return TooLate(f"That was possible until {instant_text(until)}.{how}", until=instant_text(until))
