"""Looking after jobs: what admins see and decide, and what is forgotten. For bookings/admin and the metrics."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from bookings import queries
from bookings.db import Database, Tx
from bookings.errors import NotFound
from bookings.job.errors import JobNotDead, SameJobOpen
from bookings.paging import HIGHEST_ID, TOTAL_BOUND

_sql = queries.load("job")
STATES = ("scheduled", "waiting", "running", "failed", "done", "dead", "discarded")
ENDED = ("done", "discarded")
#: statistics look at so many ended and open jobs
ENDED_BOUND, OPEN_BOUND = 10_000, 50_000
#: jobs deleted in one statement
_BATCH = 5000


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs as JSON, the newest first, the id of the last, and how many there are (up to TOTAL_BOUND + 1)."""

    documents: list[str]
    last: UUID | None
    total: int


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker's last sign of life, `silent` seconds ago."""

    id: UUID
    host: str
    pid: int
    kinds: list[str]
    running: int
    started_at: datetime
    seen_at: datetime
    silent: float


def listing(
    database: Database,
    *,
    kind: str | None,
    states: Collection[str] | None,
    before: UUID | None,
    limit: int,
    offset: int,
) -> Page:
    """Jobs of a kind and of some states (None: of all). Raises DatabaseUnavailable."""
    scope = _scope(states)
    # People see "scheduled" where a waiting job's time lies ahead.
    stored = ["waiting" if state == "scheduled" else state for state in states or ()]
    chosen = {"kind": kind, "states": list(states) if states else None, "stored": stored}
    params = chosen | {"before": before or HIGHEST_ID, "limit": limit, "offset": offset}
    with database.transaction() as tx:
        rows = tx.all(getattr(_sql, f"list_of_{scope}"), params)
        counted = tx.one(getattr(_sql, f"total_of_{scope}"), chosen | {"bound": TOTAL_BOUND + 1})
    assert counted is not None
    return Page([row["document"] for row in rows], rows[-1]["id"] if rows else None, counted["count"])


def _scope(states: Collection[str] | None) -> str:
    """Which query knows an index for these states."""
    if states and not set(states) & set(ENDED):
        return "open"
    return "discarded" if set(states or ()) == {"discarded"} else "all"


def find(database: Database, *, job_id: UUID) -> str:
    """One job as JSON. Raises NotFound."""
    row = database.row(_sql.find, {"id": job_id})
    if row is None:
        raise NotFound
    document: str = row[0]
    return document


def lock(tx: Tx, *, job_id: UUID) -> dict[str, Any]:
    """A job that somebody decides about: kind, key, state, attempts, last_error. Raises NotFound."""
    row = tx.one(_sql.lock, {"id": job_id})
    if row is None:
        raise NotFound
    return row


def retry(tx: Tx, *, job: Mapping[str, Any]) -> str:
    """Have a locked job that is dead, or waits for its next attempt, run now with all its attempts: its JSON.

    Raises JobNotDead, SameJobOpen.
    """
    _check(job, ("dead", "failed"))
    try:
        with tx.savepoint():
            return _document(tx.one(_sql.retry, {"id": job["id"]}))
    except psycopg.errors.UniqueViolation as error:
        raise SameJobOpen from error


def discard(tx: Tx, *, job: Mapping[str, Any]) -> str:
    """Give up on a locked job that is dead: its JSON. Raises JobNotDead."""
    _check(job, ("dead",))
    return _document(tx.one(_sql.discard, {"id": job["id"]}))


def cleanup(tx: Tx, *, age: timedelta, limit: int = _BATCH) -> dict[str, int]:
    """Delete jobs that were done or discarded longer ago, up to a number: how many of each."""
    row = tx.one(_sql.cleanup, {"age": age, "limit": limit})
    assert row is not None
    return row


def counts(database: Database) -> dict[str, dict[str, int]]:
    """By kind and state how many jobs there are; of ended ones the last ENDED_BOUND, of open ones OPEN_BOUND."""
    found: dict[str, dict[str, int]] = {}
    with database.transaction() as tx:
        rows = tx.all(_sql.count_open, {"bound": OPEN_BOUND}) + tx.all(_sql.count_ended, {"bound": ENDED_BOUND})
    for row in rows:
        found.setdefault(row["kind"], dict.fromkeys(STATES, 0))[row["state"]] = row["count"]
    return found


def oldest_due(database: Database) -> dict[str, float]:
    """By kind, for how many seconds the oldest job has been due that nobody has started."""
    rows = database.run(lambda tx: tx.all(_sql.oldest_due, {"bound": ENDED_BOUND}))
    return {row["kind"]: row["seconds"] for row in rows}


def workers(database: Database) -> list[Worker]:
    """Who has given a sign of life within a day."""
    return [Worker(**row) for row in database.run(lambda tx: tx.all(_sql.workers))]


def pace(database: Database, *, within: timedelta) -> list[dict[str, Any]]:
    """How the jobs of each kind went that were done within this time: `done`, mean `attempts`, and the 50th, 95th and
    99th percentile of the seconds they `waited` and `ran`; of the last ENDED_BOUND."""
    return database.run(lambda tx: tx.all(_sql.pace, {"within": within, "bound": ENDED_BOUND}))


def _check(job: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    if job["state"] not in allowed:
        raise JobNotDead(f"The job is {job['state']}; this is for jobs that are {' or '.join(allowed)}.")


def _document(row: Mapping[str, Any] | None) -> str:
    assert row is not None
    document: str = row["document"]
    return document
