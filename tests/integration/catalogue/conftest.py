"""An admin's shop in this process; the house stands in Berlin."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories import World
from tests.integration.booking.api import Api
from tests.integration.catalogue.shop import Shop


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    """Where the house stands."""
    return {"business_time_zone": "Europe/Berlin"}


@pytest.fixture(scope="module")
def shop(api: Api, world: World) -> Shop:
    """An admin who offers services."""
    return Shop(api, world)
