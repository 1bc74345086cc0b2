"""Creates, moves and cancellations of the same few resources at the same moment, alone and together."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.factories import World
from tests.race.conftest import SIZE
from tests.race.crowd import ROUNDS, Crowd, Reply, Request, at, create, statuses
from tests.support.service import ServiceOptions

pytestmark = pytest.mark.race
SERVICE = ServiceOptions(processes=("web",), env={"RATE_LIMIT": "off"}, shared=True)


def move(reply: Reply, actor: Any, start: float, end: float) -> Request:
    return Request("PATCH", f"/bookings/{reply.body['id']}", {"startAt": at(start), "endAt": at(end)}, actor)


def cancel(reply: Reply, actor: Any) -> Request:
    return Request("POST", f"/bookings/{reply.body['id']}/cancel", {}, actor)


@pytest.mark.load
def test_all_move_onto_one_slot(crowd: Crowd, world: World, undisturbed: None) -> None:
    """Ten bookings in a row all want the eleventh place: one gets there, nine stay where they are."""
    admin = world.admin()
    for _ in range(ROUNDS):
        provider = world.provider().id
        rows = crowd.together([create(admin, hour, hour + 1, providerId=provider) for hour in range(10)])
        moved = crowd.together([move(row, admin, 12, 13) for row in rows])
        assert statuses(moved) == {200: 1, 409: 9}


@pytest.mark.load
def test_neighbours_that_change_places(crowd: Crowd, world: World, undisturbed: None) -> None:
    """Each wants the other's time. Nobody may get it while the other is there, and nobody may wait for ever."""
    admin = world.admin()
    for number in range(ROUNDS):
        room = world.resource(capacity=1 + number % 2)
        both = 1 + number % 2
        rows = crowd.together([create(admin, hour, hour + 1, resourceId=room, units=both) for hour in range(20)])
        swaps = [move(row, admin, hour ^ 1, (hour ^ 1) + 1) for hour, row in enumerate(rows)]
        assert set(statuses(crowd.together(swaps))) <= {200, 409}


def test_one_cancels_while_fifty_wait(crowd: Crowd, world: World, undisturbed: None) -> None:
    """The time that becomes free is taken at most once."""
    people = [world.user() for _ in range(SIZE - 1)]
    for _ in range(ROUNDS):
        provider = world.provider().id
        taken = crowd.one(create(people[0], 9, 10, providerId=provider))
        replies = crowd.together(
            [cancel(taken, people[0]), *(create(person, 9, 10, providerId=provider) for person in people)]
        )
        assert replies[0].status == 200
        found = statuses(replies[1:])
        assert set(found) <= {201, 409}
        assert found.get(201, 0) <= 1


def test_moves_onto_a_time_that_others_book(crowd: Crowd, world: World, undisturbed: None) -> None:
    """A room for one and a shared course together: a move locks the course while a new booking holds the room's time
    and waits for the course. Whoever takes them in two orders would deadlock here."""
    admin = world.admin()
    for _ in range(ROUNDS):
        things = {"workspaceId": world.resource(), "resourceId": world.resource(capacity=SIZE)}
        half = SIZE // 2
        rows = crowd.together([create(admin, 10 + hour, 11 + hour, **things) for hour in range(half)])
        assert statuses(rows) == {201: half}
        wanted = [create(admin, 9, 10, **things) for _ in range(SIZE - half)]
        replies = crowd.together([*(move(row, admin, 9, 10) for row in rows), *wanted])
        found = statuses(replies)
        assert found.pop(409) == SIZE - 1
        assert sum(found.values()) == 1


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.load) for seed in (1, 2, 3))])
def test_everything_at_once(crowd: Crowd, world: World, undisturbed: None, seed: int) -> None:
    """A person, a room for one and a course for three, booked in all combinations, moved and cancelled, in one hour
    that is always contested. Neither 5xx nor deadlock; the checks afterwards say that nothing was booked twice."""
    dice, admin = random.Random(seed), world.admin()
    things = {
        "providerId": world.provider().id,
        "workspaceId": world.resource(),
        "resourceId": world.resource(capacity=3),
    }
    live: list[Reply] = []
    for _ in range(ROUNDS):
        requests = [_anything(dice, admin, things, live) for _ in range(SIZE)]
        replies = crowd.together(requests)
        assert set(statuses(replies)) <= {200, 201, 409}, [reply.body for reply in replies if reply.status > 409]
        live = [reply for reply in replies if reply.status == 201] or live


def _anything(dice: random.Random, admin: Any, things: dict[str, Any], live: list[Reply]) -> Request:
    start = dice.randrange(0, 12) / 4
    end = start + dice.randrange(1, 5) / 4
    if live and dice.random() < 0.6:
        victim = dice.choice(live)
        return cancel(victim, admin) if dice.random() < 0.3 else move(victim, admin, start, end)
    named = dice.sample(sorted(things), dice.randrange(1, 4))
    return create(admin, start, end, **{name: things[name] for name in named})
