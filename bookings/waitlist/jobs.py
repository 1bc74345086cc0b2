"""What the worker does for the waitlist: it asks the line about what has opened.

What opens is written down by the transaction that frees it (triggers: `allocations_pass_on`, `open_for_line`), so that
nothing is lost and nobody is quicker than the line. Events only wake whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable

from huey import Huey, crontab

from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.event.consumer import Consumer, Event
from bookings.loops import Loop
from bookings.waitlist import asking

#: seconds between two looks at what has opened, when nobody wakes it
_INTERVAL = 0.5
#: what may have freed time, moved it, or brought somebody into line
_NEWS = (
    "booking.cancelled",
    "booking.declined",
    "booking.released",
    "booking.no-show",
    "booking.attendees-changed",
    "calendar.changed",
    "waitlist.joined",
    "waitlist.declined",
    "waitlist.left",
)


def consumer(wake: Callable[[], None]) -> Consumer:
    """Hears what may have freed time, and wakes whoever asks the line."""

    def hear(tx: Tx, event: Event) -> None:
        wake()

    return Consumer("waitlist", _NEWS, hear)


def asker(database: Database, settings: Settings, told: Callable[[], None]) -> Loop:
    """Asks the line, at once when it is woken and twice a second; any number of workers may have one."""

    def turn() -> None:
        if asking.turn(database, settings):
            told()

    return Loop("waitlist-asker", turn, _INTERVAL)


def register(huey: Huey, database: Database, settings: Settings, told: Callable[[], None]) -> None:
    """Ask about everything, every minute: what opens by the clock alone (booking windows) has no transaction."""

    @huey.periodic_task(crontab(minute="*"), name="ask_waitlist")  # type: ignore[untyped-decorator]
    def ask_waitlist() -> None:
        if asking.ask(database, settings, everything=True):
            told()
