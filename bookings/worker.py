"""The worker process: a Huey consumer, and beside it what feeds it reminders and jobs, and the consumers of events."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from huey import Huey
from huey.consumer import Consumer

from bookings import housekeeping
from bookings.account import jobs as account_jobs
from bookings.admin import overview
from bookings.availability import jobs as calendar_jobs
from bookings.booking import jobs as booking_jobs
from bookings.booking import unattended
from bookings.config import Settings
from bookings.db import Database
from bookings.event import pruning
from bookings.event.consumer import Consumers
from bookings.event.nudge import Nudge
from bookings.job import housekeeping as job_housekeeping
from bookings.job.crew import Crew
from bookings.job.runner import Runner
from bookings.job.service import Registry
from bookings.jobs import make_huey
from bookings.notification import jobs as notification_jobs
from bookings.notification.planner import Planner
from bookings.payment import jobs as payment_jobs
from bookings.people import jobs as people_jobs
from bookings.report import jobs as report_jobs
from bookings.report.scheduler import Scheduler
from bookings.review import jobs as review_jobs
from bookings.waitlist import jobs as waitlist_jobs

_TASKS_AT_ONCE = 4
#: threads of this process that may hold a connection beside those for tasks and consumers
_OTHERS = 10


Register = Callable[[Registry, Consumers, Database, Settings], None]


class _Consumer(Consumer):  # type: ignore[misc]
    """Huey's consumer, which tells when it has been asked to stop and waits for its tasks. `asked`: whether somebody
    did so before it listened."""

    def __init__(self, huey: Huey, stopping: Callable[[], None], asked: threading.Event) -> None:
        super().__init__(huey, workers=_TASKS_AT_ONCE, graceful_signal="TERM", shutdown_timeout=20)
        self._stopping, self._asked = stopping, asked

    def start(self) -> None:
        super().start()
        if self._asked.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    def stop(self, graceful: bool = False) -> Any:
        self._stopping()
        return super().stop(graceful)


def register(registry: Registry, consumers: Consumers, database: Database, settings: Settings) -> None:
    """Every domain's kinds of jobs, and what it wants to hear of the others."""
    consumers.add(review_jobs.consumer())
    report_jobs.register(registry, database, settings)
    notification_jobs.offer(registry, consumers, database, settings)
    payment_jobs.register(registry, database, settings)
    consumers.add(payment_jobs.consumer(settings))
    people_jobs.register(registry, database, settings)
    calendar_jobs.register(registry, database, settings)
    consumers.add(overview.consumer())


def run(settings: Settings) -> int:
    """Work until SIGTERM, which lets running tasks finish. Several may run side by side."""
    return work(settings, register)


def work(settings: Settings, register: Register) -> int:
    """The same with other jobs and consumers than the service's own."""
    # Huey turns due times into scores through the local zone: anything but UTC would shift them when clocks change.
    os.environ["TZ"] = "UTC"
    time.tzset()
    # Until Huey listens, SIGTERM would end the process without signing off.
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: asked.set())
    nudge, registry = Nudge(settings), Registry()
    consumers = Consumers(settings, nudge.ring)
    database = Database(replace(settings, db_pool_size=settings.db_pool_size + _OTHERS), name="bookings-worker")
    register(registry, consumers, database, settings)
    asker = waitlist_jobs.asker(database, settings, nudge.ring)
    consumers.add(waitlist_jobs.consumer(asker.wake))
    huey = make_huey(settings)
    housekeeping.register(huey, database, settings)
    account_jobs.register(huey, database)
    job_housekeeping.register(huey, database, settings)
    pruning.register(huey, database, settings)
    booking_jobs.register(huey, database)
    waitlist_jobs.register(huey, database, settings, nudge.ring)
    schedule = notification_jobs.register(huey, database, settings, nudge.ring)
    planner = Planner(database, settings, schedule, nudge.ring)
    payment_jobs.sweep(huey, database, settings)
    calendar_jobs.sweep(huey, database)
    unattended.sweep(huey, database)
    crew = Crew(database, huey, Runner(database, registry, settings, nudge.ring))
    scheduler = Scheduler(database, settings)
    sweeper = booking_jobs.sweeper(database, nudge.ring)
    planner.start()
    scheduler.start()
    sweeper.start()
    asker.start()
    crew.start()
    consumers.start(database)
    _Consumer(huey, crew.begin_to_stop, asked).run()
    # Huey would take a second one for impatience and interrupt what follows.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    planner.stop()
    scheduler.stop()
    sweeper.stop()
    asker.stop()
    consumers.stop()
    crew.stop()
    database.close()
    return 0
