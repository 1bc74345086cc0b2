"""Several who deliver at once: all of them claimed, or none."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from unittest import mock
from uuid import UUID

import pytest

from bookings.booking import holds
from tests.factories import World
from tests.integration.booking.api import DAY, Api, Person, at, problem, wrong_fields
from tests.integration.catalogue.shop import Shop, plain


@pytest.fixture
def customer(api: Api, world: World) -> Person:
    return api.as_(world.user())


def book(person: Person, service: dict[str, Any], hour: float = 9, **wish: Any) -> Any:
    return person.call("POST", "/bookings", plain({"serviceId": service["id"], "startAt": at(hour), **wish}))


def claimed(answer: Any) -> set[str]:
    assert answer.status_code == 201, answer.text
    return set(answer.json["resourceIds"])


def test_named_providers_come_together(api: Api, world: World, shop: Shop, customer: Person) -> None:
    team = [world.provider().id for _ in range(3)]
    room = world.resource()
    needed = [{"kind": "workspace", "resourceIds": [room]}]
    service = shop.offered(resourceIds=team, requirements=needed)
    api.as_(world.user()).booked(9, 9.5, providerId=team[0])
    problem(book(customer, service, providerIds=team[:2]), 409, "slot-taken")
    problem(api.as_(world.user()).book(9, 9.5, providerId=team[0]), 409, "slot-taken")
    assert claimed(book(customer, service, providerIds=team[1:])) == {str(team[1]), str(team[2]), str(room)}
    both = book(customer, service, 12, providerIds=[team[1], team[0]])
    assert claimed(both) == {str(team[0]), str(team[1]), str(room)}
    assert both.json["providerId"] == str(team[1])
    for busy in team[:2]:
        problem(api.as_(world.user()).book(12, 12.5, providerId=busy), 409, "slot-taken")


def test_a_service_of_all_together(api: Api, world: World, shop: Shop, customer: Person) -> None:
    team = [world.provider().id for _ in range(2)]
    service = shop.offered(resourceIds=team, collective=True)
    assert service["collective"] is True
    api.as_(world.user()).booked(9, 10, providerId=team[1])
    refused = problem(book(customer, service), 409, "slot-taken")
    assert refused["nextFree"][0] == at(10)
    booking = book(customer, service, 10)
    assert claimed(booking) == {str(id) for id in team}
    moved = customer.change(booking.json, startAt=at(14)).json or {}
    assert {UUID(id) for id in moved["resourceIds"]} == set(team)
    assert wrong_fields(book(customer, service, 15, providerIds=team[:1])) == ["providerIds"]
    assert shop.change(service, collective=False).status_code == 200
    assert len(claimed(book(customer, service, 16))) == 1


def test_slots_show_when_all_can(api: Api, world: World, shop: Shop) -> None:
    team = [world.provider().id for _ in range(2)]
    service = shop.offered(resourceIds=team)
    api.as_(world.user()).booked(9, 10, providerId=team[0])
    api.as_(world.user()).booked(11, 12, providerId=team[1])

    def starts(*together: UUID) -> set[float]:
        names = {"providerIds": ",".join(map(str, together))} if together else {}
        between = {"from": at(8), "to": at(13), "timeZone": "UTC"}
        answer = shop.get("/slots", serviceId=service["id"], **between, **names)
        assert answer.status_code == 200, answer.text
        days = (answer.get_json() or {})["days"]
        found = [datetime.fromisoformat(slot["startAt"]) for day in days for slot in day["slots"]]
        return {(start - DAY).total_seconds() / 3600 for start in found}

    quarters = {8 + number / 4 for number in range(20)}
    taken = {hour for hour in quarters if 8.5 < hour < 10 or 10.5 < hour < 12}
    assert starts() == quarters
    assert starts(*team) == quarters - taken
    assert shop.change(service, collective=True).status_code == 200
    assert starts() == quarters - taken


def test_what_cannot_be_together(world: World, shop: Shop, customer: Person) -> None:
    team, stranger = [world.provider().id for _ in range(2)], world.provider().id
    service = shop.offered(resourceIds=team)
    assert wrong_fields(book(customer, service, providerIds=[team[0], stranger])) == ["providerIds"]
    assert wrong_fields(book(customer, service, providerIds=[team[0], team[0]])) == ["providerIds"]
    assert wrong_fields(book(customer, service, providerIds=team, providerId=team[0])) == ["providerIds"]
    assert wrong_fields(shop.offer(collective=True)) == ["collective"]
    assert wrong_fields(customer.book(providerIds=plain([team[0], world.resource()]))) == ["providerIds"]
    world.query("UPDATE resources SET active = false WHERE id = %s", team[1])
    whole = shop.change(service, collective=True)
    if whole.status_code == 200:
        assert wrong_fields(book(customer, service)) == ["serviceId"]


def test_plain_time_of_several(api: Api, world: World, customer: Person) -> None:
    team = [world.provider().id for _ in range(3)]
    booking = customer.book(providerIds=plain(team)).json or {}
    assert {UUID(id) for id in booking["resourceIds"]} == set(team)
    for busy in team:
        problem(api.as_(world.user()).book(providerId=busy), 409, "slot-taken")


def test_crossing_wishes_of_pairs(api: Api, world: World, shop: Shop) -> None:
    """Twelve who want pairs of three people at once: one of them gets hers, and nobody half of it."""
    team = [world.provider().id for _ in range(3)]
    service = shop.offered(resourceIds=team)
    pairs = [[team[0], team[1]], [team[1], team[2]], [team[2], team[0]]] * 4
    people = [api.as_(world.user()) for _ in pairs]
    with ThreadPoolExecutor(6) as pool:
        wishes = zip(people, pairs, strict=True)
        answers = list(pool.map(lambda wish: book(wish[0], service, providerIds=wish[1]).status_code, wishes))
    assert sorted(answers) == [201] + [409] * 11
    rows = world.query("SELECT booking_id FROM allocations WHERE resource_id = ANY (%s)", team)
    assert len(rows) == 2


def hold(person: Person, service: dict[str, Any] | None, hour: float = 9, **wish: Any) -> Any:
    asked = {"serviceId": service["id"]} if service else {"endAt": at(hour + 1)}
    return person.call("POST", "/holds", plain({**asked, "startAt": at(hour), **wish}))


def test_named_providers_are_held_together(api: Api, world: World, shop: Shop, customer: Person) -> None:
    """What slots show for several can be held, for all of them or nobody, and is booked as it was held."""
    team = [world.provider().id for _ in range(3)]
    service = shop.offered(resourceIds=team)
    other = api.as_(world.user())
    other.booked(9, 9.5, providerId=team[0])
    refused = problem(hold(customer, service, providerIds=team[:2]), 409, "slot-taken")
    assert refused["nextFree"][0] == at(9.5)
    kept = hold(customer, service, 10, providerIds=[team[1], team[0]])
    assert claimed(kept) == {str(team[0]), str(team[1])}
    assert kept.json["providerId"] == str(team[1])
    assert "assignment" not in kept.json
    problem(other.book(10, 10.5, providerId=team[0]), 409, "slot-taken")
    names = {"serviceId": service["id"], "from": DAY.date(), "to": DAY.date(), "providerIds": f"{team[0]},{team[1]}"}
    shown = [slot["startAt"] for day in shop.get("/slots", **names).get_json()["days"] for slot in day["slots"]]
    assert at(10) not in shown
    assert at(11) in shown
    booking = customer.call("POST", "/bookings", {"holdId": kept.json["id"]})
    assert claimed(booking) == claimed(kept)
    assert booking.get_json()["providerId"] == str(team[1])


def test_plain_time_of_several_is_held(api: Api, world: World, customer: Person) -> None:
    team = [world.provider().id for _ in range(2)]
    kept = hold(customer, None, providerIds=team)
    assert claimed(kept) == {str(one) for one in team}
    problem(api.as_(world.user()).book(providerId=team[1]), 409, "slot-taken")
    assert claimed(customer.call("POST", "/bookings", {"holdId": kept.json["id"]})) == claimed(kept)


def test_who_cannot_be_held_together(world: World, shop: Shop, customer: Person) -> None:
    """As for bookings: no strangers, nobody twice, nobody else of what all deliver together."""
    team = [world.provider().id for _ in range(2)]
    service, both = shop.offered(resourceIds=team), shop.offered(resourceIds=team, collective=True)
    wrong: list[tuple[dict[str, Any] | None, dict[str, Any]]] = [
        (service, {"providerIds": [team[0], world.provider().id]}),
        (service, {"providerIds": [team[0], team[0]]}),
        (service, {"providerIds": team, "providerId": team[0]}),
        (service, {"providerIds": []}),
        (both, {"providerIds": team[:1]}),
        (None, {"providerIds": [team[0], world.resource()]}),
    ]
    for offered, wish in wrong:
        assert wrong_fields(hold(customer, offered, **wish)) == ["providerIds"]
    kept = hold(customer, both).get_json()["id"]
    said = customer.call("POST", "/bookings", plain({"holdId": kept, "providerIds": team}))
    assert wrong_fields(said) == ["providerIds"]


def test_who_leads_stays_first_when_somebody_is_quicker(world: World, shop: Shop, customer: Person) -> None:
    """Whoever has lost a race begins with another where there is a choice, and there is none."""
    team = [world.provider().id for _ in range(3)]
    service = shop.offered(resourceIds=team)
    take, lost = holds.take, itertools.cycle([True, False])
    leading = []
    with mock.patch("bookings.booking.holds.take", lambda *asked: None if next(lost) else take(*asked)):
        for hour in range(6):
            kept = hold(customer, service, hour, providerIds=team[::-1]).get_json()
            leading.append(kept["providerId"])
            assert customer.call("DELETE", f"/holds/{kept['id']}").status_code == 200
    assert leading == [str(team[-1])] * 6
