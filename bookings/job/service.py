"""Jobs for the other domains: putting them into the queue, and registering who does them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from psycopg.types.json import Json

from bookings import queries
from bookings.db import Database, Tx
from bookings.errors import Conflict
from bookings.ids import new_id
from bookings.job.errors import LeaseLost

_sql = queries.load("job")
Payload = dict[str, Any]
_TWINS = 5


def enqueue(
    tx: Tx,
    *,
    kind: str,
    payload: Mapping[str, Any],
    key: str | None = None,
    run_at: datetime | None = None,
    max_attempts: int = 8,
) -> UUID:
    """Have something done after this transaction has committed, not before `run_at` (now): the job's id.

    While a job of the same kind and key waits, runs or is between attempts, that one's id is returned and nothing else
    happens. Once it is done, dead or discarded, the same key makes a new job. The payload is JSON, for ids and small
    facts: it is shown to admins, so it holds nothing secret.
    """
    values = {"kind": kind, "key": key, "payload": Json(payload), "run_at": run_at, "max_attempts": max_attempts}
    for _ in range(_TWINS):
        row = tx.one(_sql.enqueue, values | {"id": new_id()})
        if row:
            id: UUID = row["id"]
            return id
    raise Conflict("Others put the same job into the queue all the time; try again.")


def forget(tx: Tx, *, kind: str, key: str) -> None:
    """Take back a job that has not begun, because what it was for is done. One that runs finds that out by itself."""
    tx.execute(_sql.forget, {"kind": kind, "key": key})


class Handler(Protocol):
    """Does one kind of job, outside of any transaction. It may run twice, so it must be idempotent."""

    def __call__(self, payload: Payload, job: Job, /) -> None:
        """Do it. Raising is a failed attempt; see bookings.job.errors for what steers the rest."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Who does a kind of job, how long one run may take, whom to tell of a dead one, how many run in a worker, and
    whether they let others go first."""

    name: str
    handler: Handler
    timeout: timedelta
    on_dead: Callable[[Payload, str], None] | None
    at_once: int | None
    patient: bool


class Registry:
    """The kinds of jobs that this worker can do. Jobs of other kinds are left to other workers."""

    def __init__(self) -> None:
        self._kinds: dict[str, Kind] = {}

    def register(
        self,
        kind: str,
        handler: Handler,
        *,
        timeout: timedelta = timedelta(minutes=5),
        on_dead: Callable[[Payload, str], None] | None = None,
        at_once: int | None = None,
        patient: bool = False,
    ) -> None:
        """Say who does a kind. A run longer than `timeout` counts as failed, whatever still becomes of it.

        `on_dead(payload, error)` is called when a job has failed for good; it, too, must be idempotent, and is called
        again until it returns. A worker begins no further job of a kind while `at_once` of them run in it, so that
        what takes long leaves threads to the others. A `patient` kind, of which thousands may come at once, lets those
        of other kinds that are overdue go first. Raises ValueError for a kind that somebody does already.
        """
        if kind in self._kinds:
            raise ValueError(f"jobs of the kind {kind!r} are registered twice")
        self._kinds[kind] = Kind(kind, handler, timeout, on_dead, at_once, patient)

    def __getitem__(self, kind: str) -> Kind:
        return self._kinds[kind]

    @property
    def names(self) -> list[str]:
        """The registered kinds."""
        return sorted(self._kinds)


class Job:
    """One run of a job, as its handler sees it."""

    def __init__(self, database: Database, row: Mapping[str, Any]) -> None:
        self._database = database
        self.id: UUID = row["id"]
        self.kind: str = row["kind"]
        #: 1 for the first; at `max_attempts` a failure is final
        self.attempt: int = row["attempts"]
        self.max_attempts: int = row["max_attempts"]
        #: rises with every start of the job
        self.run: int = row["run"]
        #: why the run before failed, also when an admin has begun the job anew since; None when none has
        self.last_error: str | None = row["last_error"]
        #: this run took too long or was taken over
        self.lost = False
        self.completed = False

    @property
    def me(self) -> dict[str, Any]:
        """Which run of which job this is, as parameters."""
        return {"id": self.id, "run": self.run}

    def check(self) -> None:
        """Raise LeaseLost if this run is no longer ours; for handlers that take long, between their steps."""
        if self.lost:
            raise LeaseLost

    def progress(self, percent: int) -> None:
        """Say how far it has come (0 to 100), for people. Raises LeaseLost."""
        self.check()
        bounded = max(0, min(percent, 100))
        if not self._database.run(lambda tx: tx.execute(_sql.progress, self.me | {"percent": bounded})):
            self.lost = True
            raise LeaseLost

    def complete(self, tx: Tx) -> None:
        """Mark the job done in the handler's own last transaction, so that its effect and this commit together.

        Optional; without it the job is done when the handler returns. Raises LeaseLost.
        """
        if not tx.execute(_sql.finish, self.me):
            self.lost = True
            raise LeaseLost
        self.completed = True
