"""What the worker does for accounts, hourly."""

from __future__ import annotations

import logging

from huey import Huey, crontab

from bookings.account import invitations, sessions
from bookings.db import Database

log = logging.getLogger(__name__)


def register(huey: Huey, database: Database) -> None:
    """Define the hourly task."""

    @huey.periodic_task(crontab(minute="17"), name="forget_sessions")  # type: ignore[untyped-decorator]
    def forget_sessions() -> None:
        families = database.run(sessions.forget_expired)
        invited = database.run(invitations.forget_expired)
        log.info("forgot expired sessions", extra={"refresh_families": families, "invitations": invited})
