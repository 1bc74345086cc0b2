"""The app in this process, and somebody who looks after opening hours."""

from __future__ import annotations

import pytest

from tests.factories import World
from tests.integration.availability.office import Office
from tests.integration.booking.api import Api, Person
from tests.integration.catalogue.shop import Shop
from tests.support.people import Client


@pytest.fixture
def office(client: Client, world: World) -> Office:
    """Admin, owner, customer and a resource with a calendar of its own, all new."""
    return Office(client, world)


@pytest.fixture(scope="module")
def shop(api: Api, world: World) -> Shop:
    """An admin who offers services."""
    return Shop(api, world)


@pytest.fixture
def customer(api: Api, world: World) -> Person:
    """Somebody new."""
    return api.as_(world.user())
