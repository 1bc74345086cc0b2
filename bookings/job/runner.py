"""Running jobs: claim, handle, settle. Several threads of a worker use one Runner."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from bookings import queries
from bookings.config import Settings
from bookings.db import Database
from bookings.ids import new_id
from bookings.job.errors import GiveUp, Later, LeaseLost
from bookings.job.rules import backoff, error_text
from bookings.job.service import Job, Kind, Payload, Registry

log = logging.getLogger(__name__)
_sql = queries.load("job")
#: how long after its time a job's task counts as lost
GRACE = timedelta(seconds=3)


@dataclass(slots=True)
class Running:
    """A run that is under way in this process, and when it counts as failed (of the monotonic clock)."""

    job: Job
    kind: Kind
    payload: Payload
    deadline: float


class Runner:
    """Claims jobs and runs their handlers, which may take long, outside of any transaction.

    Only the latest run of a job may settle it: a run that lost its lease, because this process stood still or its
    handler took longer than its timeout, leaves no trace but what the handler did.
    """

    def __init__(self, database: Database, registry: Registry, settings: Settings, told: Callable[[], None]) -> None:
        self.database = database
        self.registry = registry
        self.worker_id = new_id()
        self._told = told
        #: a worker that has not said for so long that it goes on has lost its jobs
        self.lease = settings.job_lease
        self._base, self._longest = settings.job_retry_base, settings.job_retry_limit
        self._lock = threading.Lock()
        self._running: dict[tuple[UUID, int], Running] = {}

    def run(self, job_id: UUID) -> bool:
        """Run this job if it is due and nobody was faster; whether it was run. Raises DatabaseUnavailable."""
        return self._run(self._claim(_sql.claim, {"id": job_id}))

    def run_lost(self) -> bool:
        """Run one job that its queue or its worker has lost; whether there was one. Raises DatabaseUnavailable."""
        able = self.able()
        patient = [name for name in able if self.registry[name].patient]
        for kinds in ([name for name in able if name not in patient], patient):
            if kinds and (overdue := self._claim(_sql.claim_overdue, {"grace": GRACE, "kinds": kinds})):
                return self._run(overdue)
        return self._run(self._claim(_sql.claim_abandoned, {}))

    def tell_dead(self) -> bool:
        """Tell the domain of one dead job; whether there was one. Raises DatabaseUnavailable."""
        params = {"kinds": self.registry.names, "lease": self.lease}
        row = self.database.run(lambda tx: tx.one(_sql.lease_untold, params))
        if row is None:
            return False
        kind = self.registry[row["kind"]]
        self._tell(kind, {"id": row["id"], "run": row["run"]}, row["payload"], row["last_error"])
        return True

    def able(self) -> list[str]:
        """The kinds of which this worker can begin a job now. (Two threads that ask at once may begin one too many.)"""
        busy = Counter(one.kind.name for one in self.running())
        limits = {name: self.registry[name].at_once for name in self.registry.names}
        return [name for name, limit in limits.items() if limit is None or busy[name] < limit]

    def running(self) -> list[Running]:
        """What is under way."""
        with self._lock:
            return list(self._running.values())

    def give_up_on(self, late: Running) -> None:
        """Record that a run takes too long; its handler is not waited for. Raises DatabaseUnavailable."""
        late.job.lost = True
        self._forget(late.job)
        self._fail(late.kind, late.job, late.payload, f"It took longer than {late.kind.timeout}.")

    def _claim(self, query: Any, params: dict[str, Any]) -> dict[str, Any] | None:
        mine = {"kinds": self.able(), "worker": self.worker_id, "lease": self.lease}
        return self.database.run(lambda tx: tx.one(query, mine | params))

    def _run(self, row: dict[str, Any] | None) -> bool:
        if row is None:
            return False
        kind, job = self.registry[row["kind"]], Job(self.database, row)
        with self._lock:
            deadline = time.monotonic() + kind.timeout.total_seconds()
            self._running[job.id, job.run] = Running(job, kind, row["payload"], deadline)
        try:
            self._handle(kind, job, row["payload"])
        finally:
            self._forget(job)
            # It may have written events; ringing for nothing costs a microsecond.
            self._told()
        return True

    def _handle(self, kind: Kind, job: Job, payload: Payload) -> None:
        began = time.monotonic()
        try:
            kind.handler(payload, job)
        except LeaseLost:
            log.warning("a job went on elsewhere", extra=_about(job))
        except Later as later:
            self._settle(job, _sql.postpone, {"delay": later.delay})
        except GiveUp as reason:
            self._fail(kind, job, payload, str(reason) or "It gave up.", give_up=True)
        except Exception as error:
            log.warning("a job failed", extra=_about(job) | {"error": error_text(error)}, exc_info=error)
            self._fail(kind, job, payload, error_text(error))
        else:
            if job.completed or self._settle(job, _sql.finish, {}):
                log.info("job done", extra=_about(job) | {"seconds": round(time.monotonic() - began, 3)})

    def _settle(self, job: Job, query: Any, params: dict[str, Any]) -> bool:
        if not self.database.run(lambda tx: tx.execute(query, job.me | params)):
            log.warning("a job went on elsewhere; what became of this run is not recorded", extra=_about(job))
            return False
        return True

    def _fail(self, kind: Kind, job: Job, payload: Payload, error: str, *, give_up: bool = False) -> None:
        delay = backoff(job.attempt, base=self._base, longest=self._longest)
        params = job.me | {"delay": delay, "error": error, "give_up": give_up, "lease": self.lease}
        row = self.database.run(lambda tx: tx.one(_sql.fail, params))
        if row is None:
            log.warning("a job went on elsewhere; what became of this run is not recorded", extra=_about(job))
        elif row["state"] == "dead":
            log.error("a job is dead", extra=_about(job) | {"error": error})
            self._tell(kind, job.me, payload, error)

    def _tell(self, kind: Kind, me: dict[str, Any], payload: Payload, error: str) -> None:
        try:
            if kind.on_dead:
                kind.on_dead(payload, error)
        except Exception:
            # Told again when the lease ends: a domain must hear of it.
            log.exception(
                "a domain could not be told that its job is dead", extra={"kind": kind.name, "job_id": str(me["id"])}
            )
            return
        self.database.run(lambda tx: tx.execute(_sql.told, me))
        self._told()

    def _forget(self, job: Job) -> None:
        with self._lock:
            self._running.pop((job.id, job.run), None)


def _about(job: Job) -> dict[str, Any]:
    return {"job_id": str(job.id), "kind": job.kind, "attempt": job.attempt}


def renew(runner: Runner) -> None:
    """Renew the leases of what is under way, and fail what takes too long. Raises DatabaseUnavailable."""
    now = time.monotonic()
    for late in [one for one in runner.running() if one.deadline <= now]:
        runner.give_up_on(late)
    jobs = [one.job for one in runner.running()]
    if not jobs:
        return
    params = {"ids": [job.id for job in jobs], "runs": [job.run for job in jobs], "lease": runner.lease}
    rows = runner.database.run(lambda tx: tx.all(_sql.renew, params))
    kept = {(row["id"], row["run"]) for row in rows}
    still = {(one.job.id, one.job.run) for one in runner.running()}
    for job in jobs:
        if (job.id, job.run) not in kept and (job.id, job.run) in still:
            job.lost = True
