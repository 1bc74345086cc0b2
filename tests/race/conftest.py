"""A crowd before a real service: gunicorn with several workers on a database of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import check_data
from tests.factories import World
from tests.race.crowd import Crowd
from tests.support.service import Service

SIZE = 50


@pytest.fixture(scope="module")
def world(service: Service) -> Iterator[World]:
    """People and resources in the service's database."""
    world = World(service.database_url)
    yield world
    world.close()


@pytest.fixture(scope="module")
def crowd(service: Service) -> Iterator[Crowd]:
    """Fifty clients."""
    crowd = Crowd(service, SIZE)
    yield crowd
    crowd.close()


@pytest.fixture
def undisturbed(world: World, service: Service) -> Iterator[None]:
    """After the test: PostgreSQL saw no deadlock, the service logged no error, the data keeps its invariants."""
    before, log = deadlocks(world), len(service.log_text("web"))
    yield
    assert deadlocks(world) == before
    assert "unexpected error" not in service.log_text("web")[log:]
    assert "database gave up" not in service.log_text("web")[log:]
    assert [finding for finding in check_data.findings(service.database_url) if finding.rows] == []


def deadlocks(world: World) -> int:
    """How many times PostgreSQL has written "deadlock detected" into its log because of this database."""
    world.query("SELECT pg_stat_force_next_flush()")
    rows = world.query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return int(rows[0]["deadlocks"])
