"""An operator's day, with the real processes: jobs fail, somebody is told, mends the cause and has them run again."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from bookings.config import Settings
from bookings.db import Database
from bookings.job import service as jobs
from tests.conftest import PgServer
from tests.factories import World
from tests.integration.event.facts import wait_for
from tests.integration.job.busy_worker import happen
from tests.support import databases
from tests.support.databases import ROOT
from tests.support.patience import REQUEST
from tests.support.preloaded import PreloadedProcess
from tests.support.servers import ValkeyServer, make_folder
from tests.support.service import COMMANDS, PYTHON, Service, ServiceOptions

SERVICE = ServiceOptions(
    env={"JOB_LEASE": "3s", "JOB_RETRY_BASE": "1s", "JOB_RETRY_LIMIT": "1s"}, processes=("web", "relay")
)
WORKER = [PYTHON, "-m", "tests.integration.job.busy_worker"]


class Operator:
    """An admin who speaks to the web process, and the worker they look after."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.world = World(service.database_url)
        self.world.query("CREATE TABLE effects (job uuid, part text, PRIMARY KEY (job, part))")
        self.world.query("CREATE TABLE tries (job uuid, part text)")
        self.database = Database(Settings.from_env(service.env), name="test operator")
        self.token = service.token(str(self.world.admin().id))
        self.worker = PreloadedProcess(WORKER, service.folder / "busy-worker.log", env=service.env, cwd=ROOT)

    def close(self) -> None:
        """End it all."""
        self.worker.stop()
        self.database.close()
        self.world.close()

    def give(self, kind: str, **options: Any) -> UUID:
        """A new job."""
        return self.database.run(lambda tx: jobs.enqueue(tx, kind=kind, payload={}, **options))

    def ask(self, method: str, path: str) -> Any:
        """What the service answers."""
        request = urllib.request.Request(
            self.service.base_url + path, method=method, headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=REQUEST) as answer:
            return json.load(answer)

    def state(self, id: UUID) -> str:
        """A job's state as the API tells it."""
        return str(self.ask("GET", f"/jobs/{id}")["state"])

    def health(self) -> str:
        """The verdict over all."""
        return str(self.ask("GET", "/jobs/health")["status"])


@pytest.fixture(scope="module")
def operator(service: Service) -> Iterator[Operator]:
    """The operator of this module."""
    operator = Operator(service)
    yield operator
    operator.close()


def test_dead_letters_are_seen_and_run_again_when_the_cause_is_mended(operator: Operator) -> None:
    wait_for(operator.health, lambda status: status == "ok", 20)
    ids = [operator.give("fail", max_attempts=2) for _ in range(3)]
    wait_for(lambda: [operator.state(id) for id in ids], lambda states: states == ["dead"] * 3, 30)
    listed = operator.ask("GET", "/jobs?state=dead&kind=fail")
    assert {item["id"] for item in listed["items"]} == {str(id) for id in ids}
    assert {item["lastError"] for item in listed["items"]} == {"RuntimeError: broken"}
    assert operator.health() == "degraded"
    operator.world.query("INSERT INTO effects VALUES (gen_random_uuid(), 'mended')")
    for id in ids[:2]:
        assert operator.ask("POST", f"/jobs/{id}/retry")["state"] == "waiting"
    operator.ask("POST", f"/jobs/{ids[2]}/discard")
    wait_for(lambda: [operator.state(id) for id in ids[:2]], lambda states: states == ["done"] * 2, 15)
    assert operator.health() == "ok"
    trail = operator.ask("GET", "/audit?subjectType=job")["items"]
    assert sorted(entry["action"] for entry in trail) == ["job.discard", "job.retry", "job.retry"]


@pytest.mark.crash
def test_health_notices_a_killed_worker_within_a_lease(operator: Operator) -> None:
    wait_for(operator.health, lambda status: status == "ok", 20)
    operator.worker.kill()
    wait_for(operator.health, lambda status: status == "down", 10)
    operator.worker.start()
    wait_for(operator.health, lambda status: status == "ok", 20)


def test_a_worker_that_stops_in_order_signs_off(operator: Operator) -> None:
    wait_for(operator.health, lambda status: status == "ok", 20)
    before = len(operator.ask("GET", "/jobs/health")["workers"])
    operator.worker.stop()
    assert len(operator.ask("GET", "/jobs/health")["workers"]) == before - 1
    operator.worker.start()
    wait_for(operator.health, lambda status: status == "ok", 20)


@pytest.mark.crash
def test_postgres_killed_while_jobs_run(pg_server: PgServer) -> None:
    """What ran while the database went away is finished or done again; consumers go on where they were."""
    server = pg_server(18, fresh=True, fsync=True)
    url = databases.with_database(server.url(), databases.migrated_template(server.url()))
    folder = make_folder()
    redis = ValkeyServer(folder)
    env = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ} | SERVICE.env
    env |= {"APP_ENV": "test", "DATABASE_URL": url, "REDIS_URL": redis.url(), "JWT_SECRET": "x" * 16 + "of no use" * 3}
    world = World(url)
    world.query("CREATE TABLE effects (job uuid, part text, PRIMARY KEY (job, part))")
    world.query("CREATE TABLE tries (job uuid, part text)")
    database = Database(Settings.from_env(env), name="test giver")
    ids = [database.run(lambda tx: jobs.enqueue(tx, kind="work", payload={"seconds": 2})) for _ in range(4)]
    commands = {"worker": WORKER, "relay": COMMANDS["relay"]}
    processes = [
        PreloadedProcess(command, folder / f"{name}.log", env=env, cwd=ROOT) for name, command in commands.items()
    ]
    try:
        wait_for(lambda: running(world), lambda count: count >= 2, 20)
        world.close()
        server.kill()
        time.sleep(1)
        server.start()
        happened = happen(url, 20)
        world = World(url)
        wait_for(lambda: done(world, ids), lambda count: count == len(ids), 60)
        wait_for(lambda: told(world, happened), lambda count: count == len(happened), 60)
        rows = world.query("SELECT job FROM effects WHERE part = 'ended' AND job = ANY (%s)", ids)
        assert {row["job"] for row in rows} == set(ids)
    finally:
        for process in processes:
            process.stop()
        database.close()
        world.close()
        redis.stop()


def running(world: World) -> int:
    """Jobs in hand."""
    return int(world.query("SELECT count(*) AS n FROM jobs WHERE state = 'running'")[0]["n"])


def done(world: World, ids: list[UUID]) -> int:
    """How many of these are done."""
    return int(world.query("SELECT count(*) AS n FROM jobs WHERE state = 'done' AND id = ANY (%s)", ids)[0]["n"])


def told(world: World, ids: list[UUID]) -> int:
    """How often the consumer wrote of these."""
    (row,) = world.query("SELECT count(*) AS n FROM tries WHERE part = 'thing.happened' AND job = ANY (%s)", ids)
    return int(row["n"])
