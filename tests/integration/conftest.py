"""The app in this process, on a database of the module's own and an empty Valkey for every test.

Whatever the tests of a module did, in the end its data keeps the invariants of sql/checks/: so whoever uses
`module_database_url` or `service` here is looked at, and says nothing about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from bookings import create_app
from bookings.platform import openapi
from tests.factories import World
from tests.integration.booking.api import Api
from tests.support.databases import damage
from tests.support.people import NO_REDIS, Client, settings_for
from tests.support.service import Service

StartClient = Callable[..., Client]


@pytest.fixture(scope="module")
def invented() -> Callable[[str], bool]:
    """Which checks may find something, because tests write straight into the database what never came about."""
    return lambda check: False


@pytest.fixture(scope="module")
def module_database_url(
    module_database_url: str, invented: Callable[[str], bool], pytestconfig: pytest.Config
) -> Iterator[str]:
    """A freshly migrated database for one module, whose data is sound in the end."""
    yield module_database_url
    if pytestconfig.getoption("--unchecked"):
        return
    found = {finding.check: finding.rows[:3] for finding in damage(module_database_url)}
    assert {check: rows for check, rows in found.items() if not invented(check)} == {}


@pytest.fixture(scope="module")
def service(service: Service) -> Iterator[Service]:
    """The whole service for this module, whose data is sound in the end."""
    yield service
    assert damage(service.database_url) == []


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


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    """Which settings of `api` differ; a folder or module with wishes of its own says them in a fixture of this name."""
    return {}


@pytest.fixture(scope="module")
def api(module_database_url: str, world: World, settings: dict[str, Any]) -> Iterator[Api]:
    """The app for the whole module, as somebody with a token meets it; without Redis."""
    app = create_app(settings_for(module_database_url, NO_REDIS, **settings))
    yield Api(app, world)
    app.extensions["database"].close()


@pytest.fixture(scope="module")
def document(api: Api) -> dict[str, Any]:
    """The OpenAPI document, against which answers are held."""
    return openapi.build(api.app)
