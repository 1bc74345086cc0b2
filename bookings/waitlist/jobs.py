"""What the worker does for the waitlist: it follows what may free time, and asks the line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from huey import Huey, crontab

from bookings import queries
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.event.consumer import Consumer, Event
from bookings.loops import Loop
from bookings.waitlist import asking

_sql = queries.load("waitlist")
#: seconds between two looks at what has opened
_INTERVAL = 0.5
#: buffers and time zones: openings are told a little too wide rather than too narrow
_MARGIN = timedelta(hours=14)
#: bookings that give their time back; moves are told by the claims that leave their place
_FREED = (
    "booking.cancelled",
    "booking.declined",
    "booking.released",
    "booking.no-show",
    "booking.attendees-changed",
)


def consumer() -> Consumer:
    """Hears what may have freed time."""
    return Consumer("waitlist", (*_FREED, "calendar.changed"), hear)


def hear(tx: Tx, event: Event) -> None:
    """Write down what may be free now, if anybody waits for some of it."""
    for opening in openings(event.type, event.data):
        tx.execute(_sql.open_up, opening)


def openings(event: str, data: dict[str, Any]) -> list[dict[str, Any]]:
    """What an event frees: resource or service (neither: any), from when to when (neither: at any time)."""
    if event == "booking.no-show" and not data.get("releasedAt"):
        return []  # whoever did not come keeps the time; who called off too late gave it back
    if event != "calendar.changed":
        during = _instant(data["startAt"]) - _MARGIN, _instant(data["endAt"]) + _MARGIN
        return [_opening(UUID(id), None, *during) for id in data["resourceIds"]]
    resource, service = (UUID(data[name]) if data[name] else None for name in ("resourceId", "serviceId"))
    if data.get("spans"):
        spans = [(_instant(one["from"]), _instant(one["to"])) for one in data["spans"]]
        return [_opening(resource, service, begins - _MARGIN, ends + _MARGIN) for begins, ends in spans]
    if data.get("dates"):
        first, last = (
            datetime.combine(datetime.fromisoformat(find(data["dates"])), time(), UTC) for find in (min, max)
        )
        return [_opening(resource, service, first - _MARGIN, last + timedelta(days=1) + _MARGIN)]
    return [_opening(resource, service, None, None)]


def _opening(resource: UUID | None, service: UUID | None, begins: datetime | None, ends: datetime | None) -> Any:
    return {"resource_id": resource, "service_id": service, "from_at": begins, "to_at": ends}


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def asker(database: Database, settings: Settings, told: Callable[[], None]) -> Loop:
    """Asks the line, twice a second; any number of workers may have one."""

    def turn() -> None:
        if asking.turn(database, settings):
            told()

    return Loop("waitlist-asker", turn, _INTERVAL)


def register(huey: Huey, database: Database, settings: Settings, told: Callable[[], None]) -> None:
    """Ask about everything, every minute: what opens by the clock alone (booking windows) has no event."""

    @huey.periodic_task(crontab(minute="*"), name="ask_waitlist")  # type: ignore[untyped-decorator]
    def ask_waitlist() -> None:
        if asking.ask(database, settings, everything=True):
            told()
