"""Who and what most tests of bookings begin with."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.factories import World
from tests.integration.booking.api import Api, Person


@pytest.fixture
def customer(api: Api, world: World) -> Person:
    """Somebody who has booked nothing yet."""
    return api.as_(world.user())


@pytest.fixture
def room(world: World) -> UUID:
    """A room that confirms by itself."""
    return world.resource(auto_confirm=True)
