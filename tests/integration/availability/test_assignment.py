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


def test_the_answer_says_why(shop: Shop, world: World, api: Api) -> None:
    """Of bookings, overrides and holds that a service assigned; the same when sent again; nothing else says it."""
    people, service = in_turn(shop, world)
    customer = api.as_(world.user())
    wish = {"serviceId": service["id"], "startAt": at(9)}
    never = "of {} who are free, never had a turn before"
    first = customer.call("POST", "/bookings", wish, Idempotency_Key="one")
    assert first.get_json()["assignment"] == {
        "strategy": "round_robin",
        "chosen": people[0],
        "because": never.format(3),
    }
    again = customer.call("POST", "/bookings", wish, Idempotency_Key="one")
    assert (again.data, again.headers["Idempotent-Replayed"]) == (first.data, "true")
    plain = {name: value for name, value in first.get_json().items() if name != "assignment"}
    assert customer.get(f"/bookings/{plain['id']}").get_json() == plain
    (event,) = world.query("SELECT data FROM outbox WHERE booking_id = %s", plain["id"])
    assert event["data"] == plain
    held = [customer.call("POST", "/holds", wish, Idempotency_Key="two") for _ in range(2)]
    assert held[0].data == held[1].data
    assert held[0].get_json()["assignment"]["chosen"] == people[1]
    assert "assignment" not in customer.get(f"/holds/{held[0].get_json()['id']}").get_json()
    assert "assignment" not in customer.call("POST", "/bookings", {"holdId": held[0].get_json()["id"]}).get_json()
    why = {"override": True, "reason": "a regular", "userId": str(customer.id)}
    told = booked(shop.admin, service, at(3), **why)["assignment"]
    assert (told["chosen"], told["because"]) == (people[2], never.format(3))


def test_who_was_named_needs_no_reason(shop: Shop, world: World, api: Api) -> None:
    """Nor whoever is the only one, nor plain time."""
    people, service = in_turn(shop, world)
    customer = api.as_(world.user())
    assert "assignment" not in booked(customer, service, at(9), providerId=people[0])
    alone = shop.offered(resourceIds=people[:1])
    assert "assignment" not in booked(customer, alone, at(11))
    assert "assignment" not in customer.call("POST", "/holds", {"serviceId": alone["id"], "startAt": at(12)}).get_json()
    assert "assignment" not in customer.booked(providerId=people[0])


def test_the_reason_under_caps(shop: Shop, world: World, api: Api) -> None:
    """The reason is that of choosing, though it is judged once more under the locks of whom was chosen."""
    people = [str(world.provider().id) for _ in range(2)]
    service = shop.offered(resourceIds=people)
    says(shop, f"services/{service['id']}", rules={"resourceCaps": {"day": 5}})
    told = booked(api.as_(world.user()), service, at(9))["assignment"]
    assert told["because"] == "of 2 who are free, the fewest bookings that day (0)"
