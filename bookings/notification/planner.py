"""The loop beside the Huey workers: once a second it schedules the reminders that come near, and sweeps up those
whose task was lost. Redis therefore holds only what is due within a minute, and being without it only makes us late."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from redis.exceptions import RedisError

from bookings.config import Settings
from bookings.db import Database
from bookings.loops import Loop
from bookings.notification import service

log = logging.getLogger(__name__)
_INTERVAL = 1.0


class Planner(Loop):
    """Runs until `stop` is called. `schedule(reminder_id, due_at)` hands a reminder to the queue."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        schedule: Callable[[UUID, datetime], None],
        told: Callable[[], None],
    ) -> None:
        super().__init__("reminder-planner", self.turn, _INTERVAL)
        self._database = database
        self._settings = settings
        self._schedule = schedule
        self._told = told

    def turn(self) -> None:
        """Schedule what comes near and deliver what is overdue, once."""
        try:
            for reminder_id, due_at in service.lease_upcoming(self._database):
                self._schedule(reminder_id, due_at)
        except RedisError as error:
            log.warning("reminders go on without Redis", extra={"error": str(error)})
        if service.deliver(self._database, self._settings):
            self._told()
