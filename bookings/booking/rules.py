"""The rules of bookings that need a clock or a policy. Pure functions; the database holds what a race could break."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bookings.availability.moves import MOVABLE as MOVABLE

STATUSES = ("pending", "confirmed", "checked_in", "completed", "no_show", "cancelled", "declined")
#: a booking in one of these still claims its time and is worth reminding of
ACTIVE = ("pending", "confirmed", "checked_in")
#: where the payment of a booking stands, apart from where the booking stands
PAYMENT_STATUSES = (
    "unpaid",
    "requires_action",
    "authorized",
    "paid",
    "partially_refunded",
    "refunded",
    "failed",
    "expired",
)
RELEASED = ("cancelled", "declined")


@dataclass(frozen=True, slots=True)
class Action:
    """One move in the state machine, as docs/state-machine.md draws it."""

    name: str
    sources: tuple[str, ...]
    target: str
    event: str
    staff_only: bool = True
    #: whether the customer does it, too, where nobody owns what is booked, so that nobody would be there to do it
    unhosted: bool = False
    #: whether it becomes possible at the start, or a while before
    needs_start: bool = False


ACTIONS = {
    action.name: action
    for action in (
        Action("confirm", ("pending",), "confirmed", "booking.confirmed"),
        Action("decline", ("pending",), "declined", "booking.declined"),
        Action("cancel", ("pending", "confirmed"), "cancelled", "booking.cancelled", staff_only=False),
        Action("check-in", ("confirmed",), "checked_in", "booking.checked-in", unhosted=True, needs_start=True),
        Action("complete", ("confirmed", "checked_in", "no_show"), "completed", "booking.completed", needs_start=True),
        Action("no-show", ("confirmed", "completed"), "no_show", "booking.no-show", needs_start=True),
    )
}
#: nobody came, and its time is given back: the service does it by itself
RELEASE = Action("release", ("confirmed",), "no_show", "booking.released", needs_start=True)
NOBODY_CAME = "Nobody came."
NOBODY_ANSWERED = "Nobody confirmed it in time."
BY_TARGET = {action.target: action for action in ACTIONS.values()}


def may(action: Action, who: Mapping[str, Any]) -> bool:
    """Whether an action is for whoever asks: staff (`is_staff`) or the customer, of what has an owner (`is_owned`) or
    not."""
    return who["is_staff"] or not action.staff_only or (action.unhosted and not who["is_owned"])


def allowed_actions(status: str, who: Mapping[str, Any]) -> list[str]:
    """The names of the actions possible from a status for whoever asks, as `may` says."""
    return [a.name for a in ACTIONS.values() if status in a.sources and may(a, who)]


def opens_at(action: Action, start_at: datetime, check_in_opens: timedelta) -> datetime | None:
    """When an action becomes possible: check-in a while before the start, completion and no-show at the start."""
    if not action.needs_start:
        return None
    return start_at - check_in_opens if action.name == "check-in" else start_at


def length_changes(before: Mapping[str, Any], wished: Mapping[str, Any]) -> bool:
    """Whether a change of start or end makes a booking longer or shorter."""
    after = {name: wished.get(name, before[name]) for name in ("start_at", "end_at")}
    return bool(after["end_at"] - after["start_at"] != before["end_at"] - before["start_at"])


def time_errors(
    start_at: datetime, end_at: datetime, *, now: datetime, longest: timedelta, ahead: timedelta
) -> Iterable[tuple[str, str]]:
    """What is wrong with a wished time, as (field, message) pairs; nothing when it can be booked."""
    if start_at < now:
        yield "startAt", "Is in the past."
    elif start_at > now + ahead:
        yield "startAt", f"Is more than {_length(ahead)} ahead."
    if end_at <= start_at:
        yield "endAt", "Must be after startAt."
    elif end_at - start_at > longest:
        yield "endAt", f"Makes the booking longer than {_length(longest)}."


def _length(value: timedelta) -> str:
    minutes = int(value.total_seconds() // 60)
    if minutes % 1440 == 0:
        return f"{minutes // 1440} days"
    return f"{minutes // 60} hours" if minutes % 60 == 0 else f"{minutes} minutes"
