"""The app in this process, on a database of the module's own; in the end all data checks must be green."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import check_data
from bookings import create_app
from tests.factories import World
from tests.integration.booking.api import Api
from tests.integration.catalogue.shop import Shop
from tests.support.people import settings_for


@pytest.fixture(scope="module")
def world(module_database_url: str) -> Iterator[World]:
    """People and resources of this module."""
    world = World(module_database_url)
    yield world
    world.close()


@pytest.fixture(scope="module")
def api(module_database_url: str, world: World) -> Iterator[Api]:
    """The app. Redis is not needed; nobody listens where it is said to be."""
    app = create_app(settings_for(module_database_url, "redis://127.0.0.1:1/0", business_time_zone="Europe/Berlin"))
    yield Api(app, world)
    app.extensions["database"].close()


@pytest.fixture(scope="module")
def shop(api: Api, world: World) -> Shop:
    """An admin who offers services."""
    return Shop(api, world)


@pytest.fixture(scope="module", autouse=True)
def sound(module_database_url: str) -> Iterator[None]:
    """Whatever the tests of a module did through the API, the data keeps its invariants."""
    yield
    damaged = [finding for finding in check_data.findings(module_database_url) if finding.rows]
    assert damaged == []
