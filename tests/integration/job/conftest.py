"""Jobs in a database of the module, run in this process by a Runner without Huey."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from bookings.db import Database
from bookings.job import service
from bookings.job.runner import Runner
from bookings.job.service import Handler, Payload, Registry
from tests.factories import World
from tests.support.databases import damage
from tests.support.people import NO_REDIS, settings_for


class Yard:
    """Puts jobs into the queue, runs them, and tells what became of them."""

    def __init__(self, url: str) -> None:
        self.settings = settings_for(
            url,
            NO_REDIS,
            job_lease=timedelta(seconds=20),
            job_retry_base=timedelta(seconds=60),
        )
        self.database = Database(self.settings, name="test jobs")
        self.world = World(url)
        self.rings = 0

    def close(self) -> None:
        """Let go of the connections."""
        self.database.close()
        self.world.close()

    def runner(self, handler: Handler, kind: str = "test", **options: Any) -> Runner:
        """A worker of its own that can do one kind."""
        registry = Registry()
        registry.register(kind, handler, **options)
        return Runner(self.database, registry, self.settings, self._ring)

    def _ring(self) -> None:
        self.rings += 1

    def enqueue(self, kind: str = "test", payload: Payload | None = None, **options: Any) -> UUID:
        """A new job."""
        return self.database.run(lambda tx: service.enqueue(tx, kind=kind, payload=payload or {}, **options))

    def row(self, id: UUID) -> dict[str, Any]:
        """A job as it stands."""
        return self.world.query("SELECT * FROM jobs WHERE id = %s", id)[0]

    def age(self, id: UUID, seconds: float = 3600) -> None:
        """Let time go by for one job: what it waits for is over."""
        self.world.query(
            """UPDATE jobs SET run_at = run_at - past, queued_until = queued_until - past,
                      leased_until = leased_until - past
                 FROM make_interval(secs => %s) AS past WHERE id = %s""",
            seconds,
            id,
        )


@pytest.fixture(scope="module")
def yard(module_database_url: str) -> Iterator[Yard]:
    """Jobs of this module."""
    yard = Yard(module_database_url)
    yield yard
    yard.close()


@pytest.fixture(autouse=True)
def sound(yard: Yard, module_database_url: str) -> Iterator[None]:
    """Each test begins with no jobs; after it the data keeps its invariants."""
    yard.world.query("TRUNCATE jobs, job_workers, event_consumers")
    yard.rings = 0
    yield
    assert damage(module_database_url) == []
