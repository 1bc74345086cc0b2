"""Deleting old events, hourly, in small steps; only if EVENT_RETENTION is set.

What nobody can ask for any more may go: events that are old, that every consumer has passed, and that are not among the
last STREAM_LENGTH. Those stay, because the next position follows from them, the stream is refilled with them, and
sockets may resume among them.
"""

from __future__ import annotations

import logging
import time

from huey import Huey, crontab

from bookings import queries
from bookings.config import Settings
from bookings.db import Database

log = logging.getLogger(__name__)
_sql = queries.load("event")
_BATCH = 2000
#: at most so many steps an hour, with a pause (seconds) after each: everybody else comes first
_STEPS, _PAUSE = 500, 0.05


def register(huey: Huey, database: Database, settings: Settings) -> None:
    """Define the hourly task, if there is anything to do for it."""
    if not settings.event_retention:
        return

    @huey.periodic_task(crontab(minute="37"), name="prune_events")  # type: ignore[untyped-decorator]
    def prune_events() -> None:
        log.info("pruned events", extra={"events": prune(database, settings)})


def prune(database: Database, settings: Settings, *, batch: int = _BATCH) -> int:
    """Delete events older than EVENT_RETENTION as far as that is safe: how many. Raises DatabaseUnavailable."""
    params = {"age": settings.event_retention, "keep": settings.stream_length, "limit": batch}
    gone = 0
    for _ in range(_STEPS):
        row = database.run(lambda tx: tx.one(_sql.prune, params))
        assert row is not None
        if not row["count"]:
            break
        gone += row["count"]
        time.sleep(_PAUSE)
    return gone
