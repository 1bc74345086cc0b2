"""Forgetting jobs that ended long ago, hourly."""

from __future__ import annotations

import logging
from collections import Counter

from huey import Huey, crontab

from bookings.config import Settings
from bookings.db import Database
from bookings.job import care

log = logging.getLogger(__name__)


def register(huey: Huey, database: Database, settings: Settings) -> None:
    """Define the hourly task."""

    @huey.periodic_task(crontab(minute="27"), name="forget_jobs")  # type: ignore[untyped-decorator]
    def forget_jobs() -> None:
        log.info("forgot old jobs", extra=forget(database, settings))


def forget(database: Database, settings: Settings) -> dict[str, int]:
    """Delete, in small steps, what ended longer than JOB_RETENTION ago; dead jobs stay. How many of each state."""
    gone: Counter[str] = Counter()
    while True:
        step = database.run(lambda tx: care.cleanup(tx, age=settings.job_retention))
        gone.update(step)
        if not sum(step.values()):
            return {"done": gone["done"], "discarded": gone["discarded"]}
