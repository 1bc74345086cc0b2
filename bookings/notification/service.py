"""Delivering reminders: once, or late; never twice, never for a cancelled or moved booking."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from bookings import queries
from bookings.db import Database

log = logging.getLogger(__name__)
_sql = queries.load("notification")

#: reminders are scheduled as tasks when they come this near
HORIZON = timedelta(seconds=60)
#: how long after its time a reminder's task counts as lost
GRACE = timedelta(seconds=3)
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Reminder:
    """A reminder that has just been delivered, as the channels see it."""

    id: UUID
    booking_id: UUID
    recipient_id: UUID
    due_at: datetime


#: a way to reach a person, called after the notification's row is committed
Channel = Callable[[Reminder], None]


def log_channel(reminder: Reminder) -> None:
    """The placeholder channel: one line in the log."""
    log.info(
        "reminder",
        extra={
            "reminder_id": str(reminder.id),
            "booking_id": str(reminder.booking_id),
            "user_id": str(reminder.recipient_id),
            "due_at": reminder.due_at.isoformat(),
        },
    )


def lease_upcoming(database: Database) -> list[tuple[UUID, datetime]]:
    """Take charge of the reminders that come due within HORIZON: their ids and due instants."""
    params = {"grace": GRACE, "horizon": HORIZON, "limit": _BATCH}
    rows = database.run(lambda tx: tx.all(_sql.lease_upcoming, params))
    return [(row["id"], row["due_at"]) for row in rows]


def deliver(database: Database, reminder_id: UUID | None = None, channel: Channel = log_channel) -> int:
    """Deliver one reminder if it is still true, or with no id all that are overdue; how many it delivered."""
    params = {"id": reminder_id, "grace": GRACE, "limit": _BATCH}
    rows = database.run(lambda tx: tx.all(_sql.deliver, params))
    for row in rows:
        channel(Reminder(**row))
    return len(rows)
