"""Who gets it, of those who are free."""

from __future__ import annotations

import pytest

from tests.factories import World
from tests.integration.availability.counter import at, booked, says
from tests.integration.booking.api import Api
from tests.integration.catalogue.shop import Shop


@pytest.fixture(scope="module")
def shop(api: Api, world: World) -> Shop:
    """An admin who offers services."""
    return Shop(api, world)


@pytest.mark.parametrize("strategy", ["priority", "round_robin", "random"])
def test_strategies(shop: Shop, world: World, api: Api, strategy: str) -> None:
    """Priority takes the first who is free; turns go round; random stays the same for the same start."""
    people = [str(world.provider().id) for _ in range(3)]
    service = shop.offered(resourceIds=people)
    says(shop, f"services/{service['id']}", rules={"assignment": {"strategy": strategy, "seed": "x"}})
    hours = [9, 9, 11, 12, 13]
    foretold, chosen = [], []
    for hour in hours:
        told = shop.get("/availability/explain", serviceId=service["id"], at=at(hour)).get_json()
        assert told["assignment"]["strategy"] == strategy
        foretold.append(told["assignment"]["chosen"])
        chosen.append(booked(api.as_(world.user()), service, at(hour))["providerId"])
    assert chosen == foretold
    one, two, three = people
    if strategy == "priority":
        assert chosen == [one, two, one, one, one]
    elif strategy == "round_robin":
        assert chosen == [one, two, three, one, two]
    else:
        assert len(set(chosen)) > 1
