"""The Huey tasks of this domain: thin, idempotent, with nothing but ids as arguments."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from huey import Huey

from bookings.db import Database
from bookings.notification import service


def register(huey: Huey, database: Database, told: Callable[[], None]) -> Callable[[UUID, datetime], None]:
    """Define the tasks; returns how to schedule one reminder for its due instant (UTC)."""

    @huey.task(name="deliver_reminder")  # type: ignore[untyped-decorator]
    def deliver_reminder(reminder_id: str) -> None:
        if service.deliver(database, UUID(reminder_id)):
            told()

    def schedule(reminder_id: UUID, due_at: datetime) -> None:
        deliver_reminder.schedule(args=(str(reminder_id),), eta=due_at)

    return schedule
