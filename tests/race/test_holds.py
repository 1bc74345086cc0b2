"""Fifty people want to hold one time, book what ends at that moment, or hold more than they may."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bookings.auth import Actor
from tests.factories import World
from tests.race.conftest import SIZE
from tests.race.crowd import ROUNDS, Crowd, Request, at, create, statuses
from tests.support.service import ServiceOptions

pytestmark = pytest.mark.race
SERVICE = ServiceOptions(processes=("web",), env={"RATE_LIMIT": "off"}, shared=True)


def hold(person: Actor, **wish: Any) -> Request:
    """A hold from nine to ten."""
    named = {name: value if isinstance(value, int) else str(value) for name, value in wish.items()}
    return Request("POST", "/holds", {"startAt": at(9), "endAt": at(10)} | named, person)


def offer(crowd: Crowd, world: World, free: int) -> str:
    """The id of a new service that so many can deliver."""
    body: dict[str, Any] = {"name": "Race", "slug": f"race-{world.user().id.hex}", "currency": "EUR"}
    body |= {
        "durations": [{"minutes": 60, "price": 100}],
        "resourceIds": [str(world.provider().id) for _ in range(free)],
    }
    reply = crowd.one(Request("POST", "/services", body, world.admin()))
    assert reply.status == 201, reply.body
    return str(reply.body["id"])


@pytest.mark.parametrize("free", [1, 7])
def test_k_free_are_held_k_times(crowd: Crowd, world: World, undisturbed: None, free: int) -> None:
    """And then half of those who hold book, while others ask again: nobody else gets in."""
    people = [world.user() for _ in range(SIZE)]
    for _ in range(ROUNDS):
        service = offer(crowd, world, free)
        replies = crowd.together([hold(person, serviceId=service) for person in people])
        assert statuses(replies) == {201: free, 409: SIZE - free}
        held = [
            (person, reply.body["id"]) for person, reply in zip(people, replies, strict=True) if reply.status == 201
        ]
        bookings = [Request("POST", "/bookings", {"holdId": id}, person) for person, id in held]
        others = [create(person, 9, 10, serviceId=service) for person in people[: SIZE - free]]
        replies = crowd.together(bookings + others)
        assert statuses(replies[:free]) == {201: free}
        assert statuses(replies[free:]) == {409: SIZE - free}


def test_units_of_a_room(crowd: Crowd, world: World, undisturbed: None) -> None:
    """Five units held two at a time: two holds."""
    people = [world.user() for _ in range(SIZE)]
    for _ in range(ROUNDS):
        room = world.resource(capacity=5)
        assert statuses(crowd.together([hold(person, workspaceId=room, units=2) for person in people]))[201] == 2


def test_a_limit_is_a_limit(crowd: Crowd, world: World, undisturbed: None) -> None:
    """Fifty rooms, one person, fifty requests at once: HOLD_LIMIT of them."""
    for _ in range(ROUNDS):
        person, rooms = world.user(), [world.resource() for _ in range(SIZE)]
        replies = crowd.together([hold(person, workspaceId=room) for room in rooms])
        assert statuses(replies) == {201: 3, 409: SIZE - 3}
        assert {reply.body["code"] for reply in replies if reply.status == 409} == {"too-many-holds"}


@pytest.mark.slow
@pytest.mark.parametrize("capacity", [1, 2])
def test_booked_at_the_instant_it_ends(crowd: Crowd, world: World, undisturbed: None, capacity: int) -> None:
    """Its holder books while others take the time: one of them has it, whoever that is, and both outcomes occur."""
    holder, people = world.user(), [world.user() for _ in range(9)]
    outcomes = set()
    for number in range(max(16, ROUNDS)):
        room = world.resource(capacity=capacity)
        id = crowd.one(hold(holder, workspaceId=room, units=capacity)).body["id"]
        _ends_soon(world, id, milliseconds=15 * (number % 8))
        requests = [Request("POST", "/bookings", {"holdId": id}, holder)]
        requests += [create(person, 9, 10, workspaceId=room, units=capacity) for person in people]
        replies = crowd.together(requests)
        assert statuses(replies).get(201, 0) <= 1, [reply.body for reply in replies]
        assert set(statuses(replies)) <= {201, 409}
        if replies[0].status == 201:
            outcomes.add("holder")
        elif statuses(replies).get(201):
            outcomes.add("other")
        time.sleep(0.05)
        if not statuses(replies).get(201):  # everybody came too early, or too late
            assert crowd.one(create(people[0], 9, 10, workspaceId=room, units=capacity)).status == 201
    assert outcomes == {"holder", "other"}


def _ends_soon(world: World, id: str, *, milliseconds: int) -> None:
    world.query(
        """WITH soon AS (SELECT clock_timestamp() + make_interval(secs => %s) AS at), held AS (
               UPDATE holds SET expires_at = soon.at FROM soon WHERE id = %s RETURNING id)
           UPDATE allocations SET expires_at = soon.at FROM soon, held WHERE hold_id = held.id""",
        milliseconds / 1000,
        id,
    )
