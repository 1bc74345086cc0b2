"""The threads of a worker that jobs need beside Huey's: a planner, a heart, and sweepers that do without Redis."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from huey import Huey
from redis.exceptions import RedisError

from bookings import queries
from bookings.db import Database
from bookings.errors import DatabaseUnavailable
from bookings.job.runner import GRACE, Runner, renew
from bookings.loops import Loop

log = logging.getLogger(__name__)
_sql = queries.load("job")
#: jobs are queued as tasks when they come this near
HORIZON = timedelta(seconds=60)
#: how often (seconds) what is due is looked for
PLANNING = 0.5
#: how often (seconds) what was lost is looked for
SWEEPING = 1.0
#: how many signs of life a worker gives within a lease
BEATS = 6
#: jobs that one worker does at a time when their tasks are lost
SWEEPERS = 2
_BATCH = 500


class Crew:
    """Everything that makes jobs run in this process, but Huey's own threads."""

    def __init__(self, database: Database, huey: Huey, runner: Runner) -> None:
        self._database = database
        self._runner = runner
        self._schedule = _define_task(huey, runner)
        self._heart = Loop("job-heart", self.beat, runner.lease.total_seconds() / BEATS)
        self._workers = [Loop("job-planner", self.plan, PLANNING)]
        self._workers += [Loop(f"job-sweeper-{number}", self.sweep, SWEEPING) for number in range(SWEEPERS)]

    def start(self) -> None:
        """Begin. The first sign of life is given at once; without a database it comes with the next."""
        try:
            self.beat()
            self._database.run(lambda tx: tx.execute(_sql.forget_workers))
        except DatabaseUnavailable:
            log.warning("jobs wait for the database")
        for loop in (self._heart, *self._workers):
            loop.start()

    def begin_to_stop(self) -> None:
        """Take nothing new; what runs goes on and keeps its lease."""
        for loop in self._workers:
            loop.begin_to_stop()

    def stop(self, seconds: float = 10) -> None:
        """Wait a while for what still runs, then sign off. What is not ready then is taken over by others."""
        self.begin_to_stop()
        for loop in (*self._workers, self._heart):
            loop.stop(seconds)
        try:
            self._database.run(lambda tx: tx.execute(_sql.leave, {"id": self._runner.worker_id}))
        except DatabaseUnavailable:
            log.warning("a worker could not sign off; it will be missed")

    def plan(self) -> None:
        """Queue what comes near."""
        params = {"kinds": self._runner.able(), "grace": GRACE, "horizon": HORIZON, "limit": _BATCH}
        rows = self._database.run(lambda tx: tx.all(_sql.lease_upcoming, params))
        try:
            for row in rows:
                self._schedule(row["id"], row["run_at"])
        except RedisError as error:
            log.warning("jobs go on without Redis", extra={"error": str(error)})

    def sweep(self) -> None:
        """Do what was lost, until there is no more of it."""
        while not self._workers[0].stopping and self._runner.run_lost():
            pass
        for row in self._database.run(lambda tx: tx.all(_sql.bury_abandoned, {"limit": _BATCH})):
            log.error("a job is dead; its worker died in the last attempt", extra={"job_id": str(row["id"])})
        while self._runner.tell_dead():
            pass

    def beat(self) -> None:
        """Say that this worker lives, and keep what it has."""
        renew(self._runner)
        params = {
            "id": self._runner.worker_id,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "kinds": self._runner.registry.names,
            "running": len(self._runner.running()),
        }
        self._database.run(lambda tx: tx.execute(_sql.beat, params))


def _define_task(huey: Huey, runner: Runner) -> Callable[[UUID, datetime], None]:
    """The one Huey task of all jobs: an id, nothing else. Returns how to schedule it."""

    @huey.task(name="run_job")  # type: ignore[untyped-decorator]
    def run_job(job_id: str) -> None:
        try:
            runner.run(UUID(job_id))
        except DatabaseUnavailable:
            log.warning("a job waits for the database", extra={"job_id": job_id})

    def schedule(job_id: UUID, run_at: datetime) -> None:
        run_job.schedule(args=(str(job_id),), eta=run_at)

    return schedule
