"""Who gets it, of those who are free."""

from __future__ import annotations

import pytest

from tests.factories import World
from tests.integration.availability.counter import Json, at, booked, says
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


def in_turn(shop: Shop, world: World) -> tuple[list[str], Json]:
    """Three who take turns at a service."""
    people = [str(world.provider().id) for _ in range(3)]
    service = shop.offered(resourceIds=people)
    says(shop, f"services/{service['id']}", rules={"assignment": {"strategy": "round_robin"}})
    return people, service


@pytest.mark.parametrize("rules", [{}, {"resourceCaps": {"day": 5}}, {"customerCaps": {"day": 5}}])
def test_whoever_is_named_takes_no_turn(shop: Shop, world: World, api: Api, rules: Json) -> None:
    """Neither one nor several, with caps or without."""
    people, service = in_turn(shop, world)
    says(shop, f"services/{service['id']}", rules={"assignment": {"strategy": "round_robin"}, **rules})
    customer = api.as_(world.user())
    booked(customer, service, at(9), providerId=people[0])
    booked(customer, service, at(10), providerIds=people[1:])
    assert booked(customer, service, at(11))["providerId"] == people[0]
    assert booked(customer, service, at(12))["providerId"] == people[1]


def test_an_override_takes_a_turn(shop: Shop, world: World) -> None:
    """As an ordinary booking, outside hours and beside others, too; but not when it names somebody."""
    people, service = in_turn(shop, world)
    for one in people:
        says(shop, f"resources/{one}", weekly={})
    why = {"override": True, "reason": "a regular", "userId": world.user().id}
    chosen = [booked(shop.admin, service, at(hour), **why)["providerId"] for hour in (9, 11)]
    booked(shop.admin, service, at(12), providerId=people[2], **why)
    chosen += [booked(shop.admin, service, at(13), **why, overbook=True)["providerId"] for _ in range(4)]
    assert chosen == [*people, *people]


def test_an_override_goes_to_who_has_least_to_do(shop: Shop, world: World) -> None:
    """By the service's strategy, whatever it is."""
    people = [str(world.provider().id) for _ in range(2)]
    service = shop.offered(resourceIds=people)
    why = {"override": True, "reason": "a regular", "userId": world.user().id}
    assert [booked(shop.admin, service, at(hour), **why)["providerId"] for hour in (9, 11, 12)] == [*people, people[0]]
