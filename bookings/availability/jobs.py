"""What the worker does for calendars: thin, with nothing but ids as arguments."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from huey import Huey, crontab

from bookings.availability import calendars
from bookings.config import Settings
from bookings.db import Database
from bookings.job.service import Job, Registry


def register(registry: Registry, database: Database, settings: Settings) -> None:
    """Say who reads other calendars."""

    def refresh(payload: dict[str, Any], job: Job) -> None:
        calendars.refresh(database, settings, UUID(payload["calendarId"]))

    registry.register(calendars.KIND, refresh, timeout=timedelta(minutes=2), at_once=2)


def sweep(huey: Huey, database: Database) -> None:
    """Look once a minute which calendars are due."""

    @huey.periodic_task(crontab(minute="*"), name="calendars_due")  # type: ignore[untyped-decorator]
    def calendars_due() -> None:
        calendars.enqueue_due(database)
