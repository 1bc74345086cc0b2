"""Jobs and consumers in real worker processes: quick through Redis, complete without it, once whatever is killed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis

from bookings.config import Settings
from bookings.db import Database
from bookings.job import service as job_service
from tests.factories import World
from tests.integration.event.facts import wait_for
from tests.integration.job.busy_worker import happen
from tests.support.databases import ROOT
from tests.support.patience import soon
from tests.support.preloaded import PreloadedProcess
from tests.support.servers import Process
from tests.support.service import PYTHON, Service, ServiceOptions

SERVICE = ServiceOptions(processes=("relay",))
ENV = {"JOB_LEASE": "3s", "JOB_RETRY_BASE": "1s", "JOB_RETRY_LIMIT": "1s"}
StartWorker = Callable[[], Process]


class Floor:
    """The service's database, seen by somebody who has work to give."""

    def __init__(self, service: Service) -> None:
        self.database = Database(Settings.from_env(service.env), name="test giver")
        self.world = World(service.database_url)

    def close(self) -> None:
        """Let go of the connections."""
        self.database.close()
        self.world.close()

    def give(self, kind: str = "work", payload: dict[str, Any] | None = None, **options: Any) -> UUID:
        """A new job."""
        return self.database.run(lambda tx: job_service.enqueue(tx, kind=kind, payload=payload or {}, **options))

    def state(self, id: UUID) -> str:
        """A job's state."""
        return str(self.world.query("SELECT state FROM jobs WHERE id = %s", id)[0]["state"])

    def wait(self, id: UUID, state: str, seconds: float = 15) -> dict[str, Any]:
        """Wait until a job has come to a state: its row."""
        wait_for(lambda: self.state(id), lambda seen: seen == state, seconds)
        return self.world.query("SELECT * FROM jobs WHERE id = %s", id)[0]

    def effects(self, id: UUID) -> list[str]:
        """What was written for a job, as somebody who looks sees it."""
        return [row["part"] for row in self.world.query("SELECT part FROM effects WHERE job = %s ORDER BY part", id)]

    def tries(self, id: UUID) -> list[str]:
        """What was written for it, as often as its handler tried."""
        return [row["part"] for row in self.world.query("SELECT part FROM tries WHERE job = %s ORDER BY part", id)]


@pytest.fixture(scope="module")
def floor(service: Service) -> Iterator[Floor]:
    """The database with the tables that the test's handlers write."""
    floor = Floor(service)
    floor.world.query("CREATE TABLE effects (job uuid, part text, PRIMARY KEY (job, part))")
    floor.world.query("CREATE TABLE tries (job uuid, part text)")
    yield floor
    floor.close()


@pytest.fixture
def start_worker(service: Service, floor: Floor) -> Iterator[StartWorker]:
    """Start as many workers as a test wants; all are stopped after it, and end in order."""
    with redis.Redis.from_url(service.redis_url) as client:
        client.flushall()
    workers: list[Process] = []

    def start() -> Process:
        log = service.folder / f"worker-{len(workers)}-{uuid4()}.log"
        command = [PYTHON, "-m", "tests.integration.job.busy_worker"]
        workers.append(PreloadedProcess(command, log, env=service.env | ENV, cwd=ROOT))
        return workers[-1]

    yield start
    assert {worker.stop() for worker in workers if worker.running} <= {0}


def test_quickly_through_the_queue(start_worker: StartWorker, floor: Floor) -> None:
    start_worker()
    floor.wait(floor.give(), "done", 30)
    delays = []
    for _ in range(5):
        row = floor.wait(floor.give(), "done")
        delays.append((row["started_at"] - row["created_at"]).total_seconds())
    assert max(delays) < soon(1.5), delays


def test_at_its_time(start_worker: StartWorker, floor: Floor, service: Service) -> None:
    start_worker()
    floor.wait(floor.give(), "done", 30)
    id = floor.give(run_at=datetime.now(UTC) + timedelta(seconds=4))
    with redis.Redis.from_url(service.redis_url) as client:
        wait_for(lambda: client.zcard("huey.schedule.bookings"), lambda waiting: waiting >= 1, 10)
    row = floor.wait(id, "done")
    assert 0 <= (row["started_at"] - row["run_at"]).total_seconds() < soon(2.5)


@pytest.mark.crash
def test_flushall_only_delays(start_worker: StartWorker, floor: Floor, service: Service) -> None:
    start_worker()
    floor.wait(floor.give(), "done", 30)
    id = floor.give(run_at=datetime.now(UTC) + timedelta(seconds=4))
    with redis.Redis.from_url(service.redis_url) as client:
        wait_for(lambda: client.zcard("huey.schedule.bookings"), lambda waiting: waiting >= 1, 10)
        client.flushall()
    row = floor.wait(id, "done")
    assert (row["started_at"] - row["run_at"]).total_seconds() < soon(7)


@pytest.mark.crash
def test_without_redis_jobs_and_consumers_go_on(start_worker: StartWorker, floor: Floor, service: Service) -> None:
    start_worker()
    floor.wait(floor.give(), "done")
    service.redis.kill()
    try:
        id = floor.give()
        (happened,) = happen(service.database_url, 1)
        floor.wait(id, "done", 20)
        wait_for(lambda: floor.effects(happened), lambda parts: parts == ["thing.happened"], 20)
    finally:
        service.redis.start()


@pytest.mark.crash
def test_a_killed_workers_job_is_taken_over(start_worker: StartWorker, floor: Floor) -> None:
    """Killed in the middle: another worker does it again, and an idempotent handler has its effect once."""
    first = start_worker()
    id = floor.give(payload={"seconds": 4})
    wait_for(lambda: floor.effects(id), lambda parts: parts == ["begun"], 15)
    first.kill()
    start_worker()
    row = floor.wait(id, "done", 30)
    assert row["attempts"] == 2
    assert floor.effects(id) == ["begun", "ended"]
    assert floor.tries(id) == ["begun", "begun", "ended"]


def test_a_long_job_is_not_run_twice(start_worker: StartWorker, floor: Floor) -> None:
    """Longer than its lease, with another worker that looks for what was lost."""
    start_worker()
    start_worker()
    id = floor.give(payload={"seconds": 8})
    assert floor.wait(id, "done", 30)["attempts"] == 1
    assert floor.tries(id) == ["begun", "ended"]


def test_two_workers_share_the_work(start_worker: StartWorker, floor: Floor) -> None:
    start_worker()
    start_worker()
    ids = [floor.give(payload={"seconds": 0.1}) for _ in range(60)]
    for id in ids:
        floor.wait(id, "done", 30)
        assert floor.tries(id) == ["begun", "ended"]


def test_failing_jobs_are_tried_again_until_dead(start_worker: StartWorker, floor: Floor) -> None:
    start_worker()
    row = floor.wait(floor.give("fail", max_attempts=3), "dead", 30)
    assert (row["attempts"], row["last_error"]) == (3, "RuntimeError: broken")


@pytest.mark.crash
def test_consumers_are_exact_while_workers_are_killed(
    start_worker: StartWorker, floor: Floor, service: Service
) -> None:
    """Two workers, killed in turn in full flight: each event has its effect once, and makes one job."""
    workers = [start_worker(), start_worker()]
    floor.wait(floor.give(), "done", 30)
    ids: list[UUID] = []
    for round_ in range(6):
        ids += happen(service.database_url, 150)
        time.sleep(0.7)
        workers[round_ % 2].kill()
        workers[round_ % 2].start()
    wait_for(lambda: cursor(floor), lambda behind: behind == 0, 60)
    rows = floor.world.query("SELECT job, count(*) AS n FROM tries WHERE part = 'thing.happened' GROUP BY job")
    told = {row["job"]: row["n"] for row in rows}
    assert {id: told.get(id) for id in ids} == dict.fromkeys(ids, 1)
    wait_for(lambda: open_jobs(floor), lambda count: count == 0, 60)


def cursor(floor: Floor) -> int:
    """How many events lie behind the consumer, or are not even placed; 1 before any worker knows it."""
    rows = floor.world.query(
        """SELECT (SELECT coalesce(max(position), 0) FROM events) - position + (SELECT count(*) FROM outbox) AS behind
             FROM event_consumers WHERE name = 'test'"""
    )
    return int(rows[0]["behind"]) if rows else 1


def open_jobs(floor: Floor) -> int:
    """Jobs of events that are not done."""
    return int(floor.world.query("SELECT count(*) AS n FROM jobs WHERE key IS NOT NULL AND state <> 'done'")[0]["n"])
