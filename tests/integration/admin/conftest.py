"""The app in this process, on a database of the module's own and an empty Valkey."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.factories import World
from tests.support.people import Client, settings_for


@pytest.fixture(scope="module")
def world(module_database_url: str) -> Iterator[World]:
    """A look into the database, and people without passwords."""
    world = World(module_database_url)
    yield world
    world.close()


@pytest.fixture
def client(module_database_url: str, redis_url: str) -> Iterator[Client]:
    """The app."""
    client = Client(settings_for(module_database_url, redis_url))
    yield client
    client.close()
