"""Bookings to which nobody comes: what was agreed says after how long their time is given back to others.

A sweep looks once a minute. Each booking is locked and looked at again before it is released, so that of a check-in and
a release at the same moment one happens, and a release happens once.
"""

from __future__ import annotations

import logging

from huey import Huey, crontab

from bookings import clock, queries
from bookings.booking import overbooking, service
from bookings.db import Database

log = logging.getLogger(__name__)
_sql = queries.load("booking")
_BATCH = 200


def sweep(huey: Huey, database: Database) -> None:
    """Define the task of every minute."""

    @huey.periodic_task(crontab(minute="*"), name="release_unattended")  # type: ignore[untyped-decorator]
    def release_unattended() -> None:
        release(database)
        overbooking.sweep(database)


def release(database: Database) -> int:
    """Release whatever is due; how many bookings that were."""
    released = 0
    while True:
        params = {"now": clock.now(), "limit": _BATCH}
        with database.transaction() as tx:
            due = tx.all(_sql.unattended, params)
        done = sum(database.run(lambda tx, id=row["id"]: service.release(tx, booking_id=id)) for row in due)  # type: ignore[misc]
        released += done
        if len(due) < _BATCH or not done:
            break
    if released:
        log.info("released bookings to which nobody came", extra={"bookings": released})
    return released
