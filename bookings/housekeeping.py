"""What is thrown away, hourly: answers and tokens whose time is over."""

from __future__ import annotations

import logging

from huey import Huey, crontab

from bookings import queries
from bookings.config import Settings
from bookings.db import Database

log = logging.getLogger(__name__)
_sql = queries.load("idempotency")


def register(huey: Huey, database: Database, settings: Settings) -> None:
    """Define the hourly task."""

    @huey.periodic_task(crontab(minute="7"), name="tidy")  # type: ignore[untyped-decorator]
    def tidy() -> None:
        forgotten = database.run(lambda tx: tx.execute(_sql.forget, {"ttl": settings.idempotency_ttl}))
        log.info("tidied up", extra={"idempotency_keys": forgotten})
