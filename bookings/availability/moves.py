"""Whether a booking may be moved at all, by what was agreed with it. Pure functions; bookings/booking/policies.py says
what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

Booking = Mapping[str, Any]
MOVABLE = ("pending", "confirmed")
#: why it may not; rules of an explanation
STATUS, CUTOFF, NUMBER = "bookingStatus", "rescheduleCutoff", "maxReschedules"


def cutoff(booking: Booking, rule: str) -> datetime | None:
    """The last instant on ordinary terms; None: there is no cut-off."""
    minutes = (booking["policy"] or {}).get(rule)
    return None if minutes is None else booking["start_at"] - timedelta(minutes=minutes)


def moves_left(booking: Booking) -> int | None:
    """How often its customer may still move it; None: any number of times."""
    most = (booking["policy"] or {}).get("maxReschedules")
    return None if most is None else max(0, most - booking["reschedules"])


def passed(booking: Booking, rule: str, now: datetime) -> datetime | None:
    """The cut-off of a rule if it has passed; None: it has not. The last one, of every booking, is its start."""
    until = cutoff(booking, rule)
    if until is not None and now > until:
        return until
    start_at: datetime = booking["start_at"]
    return start_at if now >= start_at else None


def refused(booking: Booking, now: datetime, *, by_customer: bool) -> str | None:
    """What forbids to move it without an override; None: nothing. The number of moves binds its customer only."""
    if booking["status"] not in MOVABLE:
        return STATUS
    if moves_left(booking) == 0:
        return NUMBER if by_customer else None
    return CUTOFF if passed(booking, "rescheduleCutoffMinutes", now) else None
