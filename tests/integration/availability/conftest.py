"""The app in this process, and somebody who looks after opening hours."""

from __future__ import annotations

import pytest

from tests.factories import World
from tests.integration.availability.office import Office
from tests.support.people import Client


@pytest.fixture
def office(client: Client, world: World) -> Office:
    """Admin, owner, customer and a resource with a calendar of its own, all new."""
    return Office(client, world)
