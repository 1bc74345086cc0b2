"""What the worker does about holds: it tidies up behind those that have ended. They claim nothing before it comes."""

from __future__ import annotations

import logging
from collections.abc import Callable

from huey import Huey, crontab

from bookings.booking import expiry
from bookings.db import Database
from bookings.loops import Loop

log = logging.getLogger(__name__)
#: seconds between two looks: so much later its event tells that a hold has ended
_INTERVAL = 0.5


def sweeper(database: Database, told: Callable[[], None]) -> Loop:
    """Ends holds whose time is over, twice a second, without Redis; any number of workers may have one."""

    def turn() -> None:
        if expiry.sweep(database):
            told()

    return Loop("hold-sweeper", turn, _INTERVAL)


def register(huey: Huey, database: Database) -> None:
    """Forget old holds, hourly."""

    @huey.periodic_task(crontab(minute="37"), name="forget_holds")  # type: ignore[untyped-decorator]
    def forget_holds() -> None:
        log.info("forgot old holds", extra={"holds": expiry.forget(database)})
