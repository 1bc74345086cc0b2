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


def is_late(booking: Booking, now: datetime) -> bool:
    """Whether the cut-off for moving has passed."""
    until = cutoff(booking, "rescheduleCutoffMinutes")
    return until is not None and now > until


def refused(booking: Booking, now: datetime, *, by_customer: bool) -> str | None:
    """What forbids to move it without an override; None: nothing. The number of moves binds its customer only."""
    if booking["status"] not in MOVABLE:
        return STATUS
    if moves_left(booking) == 0:
        return NUMBER if by_customer else None
    return CUTOFF if is_late(booking, now) else None
