"""What admins see of jobs and consumers, and decide about them. Every decision is audited."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from redis import Redis, RedisError

from bookings import paging
from bookings.admin import job_verdicts
from bookings.audit import service as audit
from bookings.auth import Caller
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.event import service as event_service
from bookings.event.service import Standing
from bookings.fields import instant_text
from bookings.job import care
from bookings.job.care import Worker
from bookings.jobs import lengths

Json = dict[str, Any]
#: jobs that one cleanup deletes at most
CLEANUP_BOUND = 50_000
_STEP = 5000


def listing(database: Database, *, query: Mapping[str, Any]) -> bytes:
    """One page of jobs as JSON."""
    window = paging.window(query)
    page = care.listing(
        database,
        kind=query.get("kind"),
        states=query.get("state"),
        before=query.get("cursor"),
        limit=window["limit"],
        offset=window["offset"],
    )
    next_cursor = paging.next_cursor(query, page.documents, lambda _: page.last)
    return paging.answer(query, ",".join(page.documents).encode(), page.total, nextCursor=next_cursor)


def retry(tx: Tx, *, caller: Caller, job_id: UUID) -> str:
    """Have a failed or dead job run now: its JSON. Raises NotFound, JobNotDead, SameJobOpen."""
    job = care.lock(tx, job_id=job_id)
    document = care.retry(tx, job=job)
    _record(tx, caller, "job.retry", job, "waiting")
    return document


def discard(tx: Tx, *, caller: Caller, job_id: UUID) -> str:
    """Give up on a dead job: its JSON. Raises NotFound, JobNotDead."""
    job = care.lock(tx, job_id=job_id)
    document = care.discard(tx, job=job)
    _record(tx, caller, "job.discard", job, "discarded")
    return document


def _record(tx: Tx, caller: Caller, action: str, job: Mapping[str, Any], state: str) -> None:
    before = {"kind": job["kind"], "state": job["state"], "attempts": job["attempts"], "lastError": job["last_error"]}
    audit.record(tx, caller, action, subject=("job", job["id"]), before=before, after={"state": state})


def cleanup(tx: Tx, *, caller: Caller, age: timedelta) -> Json:
    """Delete what was done or discarded longer ago, up to CLEANUP_BOUND: how much it was, and whether there is more."""
    deleted = {"done": 0, "discarded": 0}
    more = True
    while more and sum(deleted.values()) < CLEANUP_BOUND:
        step = care.cleanup(tx, age=age, limit=_STEP)
        deleted = {state: deleted[state] + step[state] for state in deleted}
        more = sum(step.values()) == _STEP
    if sum(deleted.values()):
        after = {"maxAgeSeconds": int(age.total_seconds()), "deleted": deleted}
        audit.record(tx, caller, "job.cleanup", subject=("job", "*"), before=None, after=after)
    return {"deleted": deleted, "more": more}


def stats(database: Database) -> Json:
    """How many jobs there are, by state and by kind."""
    kinds = care.counts(database)
    total = {state: sum(counts[state] for counts in kinds.values()) for state in care.STATES}
    ended = sum(total[state] for state in care.ENDED)
    return {
        "total": total,
        "kinds": [{"kind": kind, **kinds[kind]} for kind in sorted(kinds)],
        "exact": ended < care.ENDED_BOUND and sum(total.values()) - ended < care.OPEN_BOUND,
    }


def pace(database: Database, *, minutes: int) -> Json:
    """How the jobs of the last minutes went."""
    kinds = [
        {
            "kind": row["kind"],
            "done": row["done"],
            "meanAttempts": row["attempts"],
            "waitedSeconds": dict(zip(("p50", "p95", "p99"), row["waited"], strict=True)),
            "ranSeconds": dict(zip(("p50", "p95", "p99"), row["ran"], strict=True)),
        }
        for row in care.pace(database, within=timedelta(minutes=minutes))
    ]
    return {"minutes": minutes, "kinds": kinds}


def health(database: Database, redis: Redis, settings: Settings) -> Json:
    """Whether the work is getting done: workers, kinds of jobs, consumers, the queue."""
    lease = settings.job_lease.total_seconds()
    workers = care.workers(database)
    alive = [worker for worker in workers if worker.silent < lease]
    kinds = _kinds(database, alive)
    consumers = [_consumer(standing) for standing in event_service.consumers(database)]
    verdicts = [part["status"] for part in kinds + consumers]
    return {
        "status": job_verdicts.of_all(workers_alive=len(alive), verdicts=verdicts),
        "workers": [_worker(worker, alive=worker in alive) for worker in workers],
        "kinds": kinds,
        "consumers": consumers,
        "queue": _queue(redis, settings),
    }


def _kinds(database: Database, alive: list[Worker]) -> list[Json]:
    able = {kind for worker in alive for kind in worker.kinds}
    counts, due = care.counts(database), care.oldest_due(database)
    found = []
    for kind in sorted(counts.keys() | able):
        of_kind = counts.get(kind) or dict.fromkeys(care.STATES, 0)
        oldest = due.get(kind, 0.0)
        status = job_verdicts.of_kind(of_kind, oldest, has_worker=kind in able)
        shown = {state: of_kind[state] for state in ("waiting", "running", "failed", "dead")}
        found.append({"kind": kind, "status": status, "oldestDueSeconds": oldest, **shown})
    return found


def _consumer(standing: Standing) -> Json:
    return {
        "name": standing.name,
        "status": job_verdicts.of_consumer(standing.failing, standing.lag),
        "position": standing.position,
        "behind": standing.behind,
        "lagSeconds": standing.lag,
        "failingPosition": standing.failing,
        "failures": standing.failures,
        "lastError": standing.last_error,
        "retryAt": instant_text(standing.retry_at) if standing.retry_at else None,
    }


def _worker(worker: Worker, *, alive: bool) -> Json:
    return {
        "id": str(worker.id),
        "host": worker.host,
        "pid": worker.pid,
        "alive": alive,
        "running": worker.running,
        "kinds": worker.kinds,
        "startedAt": instant_text(worker.started_at),
        "seenAt": instant_text(worker.seen_at),
    }


def _queue(redis: Redis, settings: Settings) -> Json:
    try:
        pending, scheduled = lengths(redis, settings)
    except RedisError:
        return {"ok": False, "pending": None, "scheduled": None}
    return {"ok": True, "pending": pending, "scheduled": scheduled}
