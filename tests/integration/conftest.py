"""The app in this process, on a database of the module's own and an empty Valkey for every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.factories import World
from tests.support.people import Client, settings_for

StartClient = Callable[..., Client]


@pytest.fixture(scope="module")
def world(module_database_url: str) -> Iterator[World]:
    """A look into the database, and people without passwords."""
    world = World(module_database_url)
    yield world
    world.close()


@pytest.fixture
def start_client(module_database_url: str, redis_url: str) -> Iterator[StartClient]:
    """Start apps: `start_client(sign_in_rate_limit="3/minute")`."""
    with ExitStack() as stack:

        def start(**changes: Any) -> Client:
            client = Client(settings_for(module_database_url, changes.pop("redis_url", redis_url), **changes))
            stack.callback(client.close)
            return client

        yield start


@pytest.fixture
def client(start_client: StartClient) -> Client:
    """The app without limits."""
    return start_client()
