"""What the worker does for this domain: Huey's tasks, thin and idempotent, with nothing but ids as arguments; kinds of
jobs; and the consumer of events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from huey import Huey

from bookings.config import Settings
from bookings.db import Database
from bookings.event.consumer import Consumers
from bookings.job.service import Registry
from bookings.notification import service
from bookings.notification.delivery import Delivery
from bookings.notification.follow_up import FollowUp


def register(
    huey: Huey, database: Database, settings: Settings, told: Callable[[], None]
) -> Callable[[UUID, datetime], None]:
    """Define the tasks; returns how to schedule one reminder for its due instant (UTC)."""

    @huey.task(name="deliver_reminder")  # type: ignore[untyped-decorator]
    def deliver_reminder(reminder_id: str) -> None:
        if service.deliver(database, settings, UUID(reminder_id)):
            told()

    def schedule(reminder_id: UUID, due_at: datetime) -> None:
        deliver_reminder.schedule(args=(str(reminder_id),), eta=due_at)

    return schedule


def offer(registry: Registry, consumers: Consumers, database: Database, settings: Settings) -> None:
    """Take on the jobs of this domain, and follow the events that people are told of."""
    follow_up = FollowUp(database, settings)
    consumers.add(follow_up.consumer)
    follow_up.register(registry)
    Delivery(database, settings).register(registry)
