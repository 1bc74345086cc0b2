"""Fifty people want one service at the same moment: as many get it as there are people, rooms or places for it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from bookings.auth import Actor
from tests.factories import World
from tests.race.conftest import SIZE
from tests.race.crowd import ROUNDS, Crowd, Reply, Request, statuses
from tests.race.crowd import create as plain
from tests.support.service import ServiceOptions

pytestmark = pytest.mark.race
SERVICE = ServiceOptions(processes=("web",), env={"RATE_LIMIT": "off"}, shared=True)


def offer(crowd: Crowd, world: World, **terms: Any) -> str:
    """The id of a new service of an hour."""
    body = {"name": "Race", "slug": f"race-{world.user().id.hex}", "currency": "EUR"} | terms
    body.setdefault("durations", [{"minutes": 60, "price": 100}])
    reply = crowd.one(Request("POST", "/services", body, world.admin()))
    assert reply.status == 201, reply.body
    return str(reply.body["id"])


def book(person: Actor, service: str, **wish: Any) -> Request:
    """A booking of the service at nine, whoever delivers it."""
    return plain(person, 9, 10, serviceId=service, **wish)


def check(replies: list[Reply], accepted: int) -> None:
    """So many got it, each a resource or place of their own; the others heard that it is taken."""
    assert statuses(replies) == {201: accepted} | ({409: SIZE - accepted} if accepted < SIZE else {})
    assert {reply.body["code"] for reply in replies if reply.status == 409} <= {"slot-taken"}


@pytest.mark.parametrize("free", [1, 7, pytest.param(20, marks=pytest.mark.load)])
def test_k_providers_serve_exactly_k(crowd: Crowd, world: World, undisturbed: None, free: int) -> None:
    people = [world.user() for _ in range(SIZE)]
    for _ in range(ROUNDS):
        providers = [str(world.provider().id) for _ in range(free)]
        service = offer(crowd, world, resourceIds=providers, bufferBeforeMinutes=5, bufferAfterMinutes=10)
        replies = crowd.together([book(person, service) for person in people])
        check(replies, free)
        assert {reply.body["providerId"] for reply in replies if reply.status == 201} == set(providers)


@pytest.mark.slow
def test_exactly_as_many_as_just_enough(crowd: Crowd, world: World, undisturbed: None) -> None:
    """Nobody is refused while somebody is free: fifty for fifty."""
    people = [world.user() for _ in range(SIZE)]
    service = offer(crowd, world, resourceIds=[str(world.provider().id) for _ in range(SIZE)])
    check(crowd.together([book(person, service) for person in people]), SIZE)


def assigned(crowd: Crowd, world: World, service: str, strategy: str) -> None:
    """From now on the service is assigned so."""
    body = {"rules": {"assignment": {"strategy": strategy, "seed": "race"}, "slotIntervalMinutes": 1}}
    reply = crowd.one(Request("PUT", f"/schedules/services/{service}", body, world.admin()))
    assert reply.status == 200, reply.body


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["least_busy", "priority", "round_robin", "random"])
def test_every_strategy_serves_exactly_k(crowd: Crowd, world: World, undisturbed: None, strategy: str) -> None:
    """Seven are free, fifty ask: each of the seven is booked once."""
    people = [world.user() for _ in range(SIZE)]
    providers = [str(world.provider().id) for _ in range(7)]
    service = offer(crowd, world, resourceIds=providers)
    assigned(crowd, world, service, strategy)
    replies = crowd.together([book(person, service) for person in people])
    check(replies, 7)
    assert {reply.body["providerId"] for reply in replies if reply.status == 201} == set(providers)


@pytest.mark.slow
def test_turns_go_round_whoever_asks_at_once(crowd: Crowd, world: World, undisturbed: None) -> None:
    """Fifty at fifty different times: nobody is in anybody's way, and each of five is booked ten times."""
    providers = [str(world.provider().id) for _ in range(5)]
    service = offer(crowd, world, resourceIds=providers, durations=[{"minutes": 1, "price": 0}])
    assigned(crowd, world, service, "round_robin")
    requests = [
        plain(world.user(), 9 + number / 60, 9 + (number + 1) / 60, serviceId=service) for number in range(SIZE)
    ]
    replies = crowd.together(requests)
    check(replies, SIZE)
    assert Counter(reply.body["providerId"] for reply in replies) == dict.fromkeys(providers, SIZE // 5)


@pytest.mark.slow
def test_caps_hold_whoever_asks_at_once(crowd: Crowd, world: World, undisturbed: None) -> None:
    """Three bookings a day: of fifty at different times exactly three are made."""
    provider = str(world.provider().id)
    service = offer(crowd, world, resourceIds=[provider], durations=[{"minutes": 1, "price": 0}])
    body = {"rules": {"resourceCaps": {"day": 3}, "slotIntervalMinutes": 1}}
    assert crowd.one(Request("PUT", f"/schedules/resources/{provider}", body, world.admin())).status == 200
    requests = [
        plain(world.user(), 9 + number / 60, 9 + (number + 1) / 60, serviceId=service) for number in range(SIZE)
    ]
    assert statuses(crowd.together(requests)) == {201: 3, 409: SIZE - 3}


def test_a_provider_and_a_room_each(crowd: Crowd, world: World, undisturbed: None) -> None:
    """Five providers and three rooms that all need: three succeed, none holds half of it."""
    people = [world.user() for _ in range(SIZE)]
    for _ in range(ROUNDS):
        rooms = [str(world.resource()) for _ in range(3)]
        service = offer(
            crowd,
            world,
            resourceIds=[str(world.provider().id) for _ in range(5)],
            requirements=[{"kind": "workspace", "resourceIds": rooms}],
        )
        replies = crowd.together([book(person, service) for person in people])
        check(replies, 3)
        assert {reply.body["workspaceId"] for reply in replies if reply.status == 201} == set(rooms)


@pytest.mark.slow
def test_a_group_session_fills_its_places(crowd: Crowd, world: World, undisturbed: None) -> None:
    """Parties of two in a session of nine, in a hall of twenty: four fit."""
    people = [world.user() for _ in range(SIZE)]
    for _ in range(ROUNDS):
        service = offer(crowd, world, resourceIds=[str(world.resource(capacity=20))], capacity=9)
        check(crowd.together([book(person, service, partySize=2) for person in people]), 4)


def test_a_service_and_plain_time_of_the_same_people(crowd: Crowd, world: World, undisturbed: None) -> None:
    """Half ask for the service, half for one of the providers by name: each provider is booked once."""
    people = [world.user() for _ in range(SIZE)]
    for _ in range(ROUNDS):
        providers = [str(world.provider().id) for _ in range(4)]
        service = offer(crowd, world, resourceIds=providers)
        requests = [
            book(person, service) if number % 2 else plain(person, 9, 10, providerId=providers[number % 4])
            for number, person in enumerate(people)
        ]
        replies = crowd.together(requests)
        check(replies, 4)
        assert {reply.body["providerId"] for reply in replies if reply.status == 201} == set(providers)


def test_the_same_request_under_one_key(crowd: Crowd, world: World, undisturbed: None) -> None:
    """A double click books once, though there would be room for fifty."""
    person = world.user()
    for _ in range(ROUNDS):
        service = offer(crowd, world, resourceIds=[str(world.provider().id) for _ in range(10)])
        replies = crowd.together([book(person, service, key=f"click {service}")] * SIZE)
        assert statuses(replies) == {201: SIZE}
        assert len({reply.body["id"] for reply in replies}) == 1
