"""A real worker process with jobs and a consumer of a test's own: `python -m tests.integration.job.busy_worker`.

Its handlers write into the table `effects (job, part)`, which the test makes; each is idempotent as handlers must be.
"""

from __future__ import annotations

import sys
import time
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Json

from bookings import log, worker
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.event.consumer import Consumer, Consumers, Event
from bookings.job import service
from bookings.job.service import Job, Registry


def register(registry: Registry, consumers: Consumers, database: Database, settings: Settings) -> None:
    """One kind that takes its time in two steps, one that fails, and a consumer that makes jobs of events."""

    def write(tx: Tx, job: object, part: str) -> None:
        tx.execute("INSERT INTO effects VALUES (%(job)s, %(part)s) ON CONFLICT DO NOTHING", {"job": job, "part": part})
        tx.execute("INSERT INTO tries VALUES (%(job)s, %(part)s)", {"job": job, "part": part})

    def work(payload: dict[str, Any], job: Job) -> None:
        database.run(lambda tx: write(tx, job.id, "begun"))
        time.sleep(payload.get("seconds", 0))
        job.progress(90)
        database.run(lambda tx: write(tx, job.id, "ended"))

    def fail(payload: dict[str, Any], job: Job) -> None:
        if not database.row("SELECT 1 FROM effects WHERE part = 'mended'"):
            raise RuntimeError("broken")

    def follow(tx: Tx, event: Event) -> None:
        write(tx, event.data["id"], event.type)
        time.sleep(0.002)
        service.enqueue(tx, kind="work", payload={}, key=str(event.position))

    registry.register("work", work)
    registry.register("fail", fail)
    consumers.add(Consumer("test", ("thing.happened",), follow, from_beginning=True))


def happen(url: str, count: int) -> list[UUID]:
    """So many things happen that the consumer follows: their ids."""
    ids = [uuid4() for _ in range(count)]
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO outbox (type, topics, data, occurred_at) VALUES ('thing.happened', '{}', %s, now())",
            [(Json({"id": str(id)}),) for id in ids],
        )
    return ids


if __name__ == "__main__":
    settings = Settings.from_env()
    log.configure(settings.log_level)
    sys.exit(worker.work(settings, register))
