"""The worker process: a Huey consumer, and beside it the planner that feeds it reminders."""

from __future__ import annotations

import os
import time

from huey.consumer import Consumer

from bookings import housekeeping
from bookings.account import jobs as account_jobs
from bookings.config import Settings
from bookings.db import Database
from bookings.event.nudge import Nudge
from bookings.jobs import make_huey
from bookings.notification import jobs as notification_jobs
from bookings.notification.planner import Planner

_TASKS_AT_ONCE = 4


def run(settings: Settings) -> int:
    """Work until SIGTERM, which lets running tasks finish. Several may run side by side."""
    # Huey turns due times into scores through the local zone: anything but UTC would shift them when clocks change.
    os.environ["TZ"] = "UTC"
    time.tzset()
    database = Database(settings, name="bookings-worker")
    nudge = Nudge(settings)
    huey = make_huey(settings)
    housekeeping.register(huey, database, settings)
    account_jobs.register(huey, database)
    planner = Planner(database, notification_jobs.register(huey, database, nudge.ring), nudge.ring)
    planner.start()
    Consumer(huey, workers=_TASKS_AT_ONCE, graceful_signal="TERM", shutdown_timeout=20).run()
    planner.stop()
    database.close()
    return 0
