"""Many series want the same people at the same moment: each is booked whole or not at all, and nobody deadlocks."""

from __future__ import annotations

from typing import Any

import pytest

from bookings.auth import Actor
from tests.factories import World
from tests.race.conftest import SIZE
from tests.race.crowd import ROUNDS, Crowd, Request, at, create, statuses
from tests.race.test_services import offer
from tests.support.service import ServiceOptions

pytestmark = pytest.mark.race
SERVICE = ServiceOptions(processes=("web",), env={"RATE_LIMIT": "off"}, shared=True)
DAYS = 12


def series(actor: Actor, start: float, rrule: str = f"FREQ=DAILY;COUNT={DAYS}", **wish: Any) -> Request:
    """A series of an hour each from `start` o'clock of the test day."""
    named = {name: value if isinstance(value, int) else str(value) for name, value in wish.items()}
    body = {"startAt": at(start), "endAt": at(start + 1), "rrule": rrule} | named
    return Request("POST", "/bookings/series", body, actor)


def whole(world: World, resource: Any) -> None:
    """Every series of a resource holds all its times there."""
    broken = world.query(
        """SELECT b.series_id FROM allocations AS a JOIN bookings AS b ON b.id = a.booking_id
            WHERE a.resource_id = %s AND b.series_id IS NOT NULL GROUP BY b.series_id HAVING count(*) <> %s""",
        resource,
        DAYS,
    )
    assert broken == []


@pytest.mark.slow
def test_series_that_cross_each_other(crowd: Crowd, world: World, undisturbed: None) -> None:
    """Two resources, named in either order, at times that overlap in a chain, forwards in time and from another day."""
    people = [world.user() for _ in range(SIZE)]
    for _ in range(max(3, ROUNDS // 4)):
        provider, room = world.provider().id, world.resource()
        requests = [
            series(person, 8 + number % 8 * 0.5 + 24 * (number % 3), providerId=provider, workspaceId=room)
            if number % 2
            else series(person, 8 + number % 8 * 0.5, resourceId=room)
            for number, person in enumerate(people)
        ]
        replies = crowd.together(requests)
        assert set(statuses(replies)) == {201, 409}
        assert {reply.body["code"] for reply in replies if reply.status == 409} <= {"series-refused", "slot-taken"}
        whole(world, room)


@pytest.mark.slow
def test_exactly_one_gets_the_times(crowd: Crowd, world: World, undisturbed: None) -> None:
    people = [world.user() for _ in range(SIZE)]
    for _ in range(max(3, ROUNDS // 4)):
        room = world.resource()
        replies = crowd.together([series(person, 9, resourceId=room) for person in people])
        assert statuses(replies) == {201: 1, 409: SIZE - 1}
        whole(world, room)


def move(actor: Actor, made: dict[str, Any], start: float) -> Request:
    """All of a series moves to `start` o'clock."""
    first = made["occurrences"][0]["bookingId"]
    body = {"scope": "all", "bookingId": first, "startAt": at(start)}
    return Request("PATCH", f"/bookings/series/{made['series']['id']}", body, actor)


@pytest.mark.slow
def test_moves_onto_each_others_places(crowd: Crowd, world: World, undisturbed: None) -> None:
    """Each gives up what its neighbour wants and wants what that gives up; beside them an hour is free for all."""
    people = [world.user() for _ in range(16)]
    for _ in range(max(3, ROUNDS // 4)):
        room = world.resource()
        made = [crowd.one(series(person, n, resourceId=room)).body for n, person in enumerate(people)]
        replies = crowd.together(
            [move(people[n], one, n + 1 if n % 2 == 0 else n - 1) for n, one in enumerate(made)]
            + [move(people[n], one, 20) for n, one in enumerate(made)]
        )
        assert statuses(replies)[200] >= 1
        assert set(statuses(replies)) == {200, 409}
        whole(world, room)


@pytest.mark.slow
def test_among_single_bookings_and_moves(crowd: Crowd, world: World, undisturbed: None) -> None:
    """Series, single bookings and moves of whole series, all in one room."""
    people = [world.user() for _ in range(SIZE)]
    for _ in range(max(3, ROUNDS // 4)):
        room = world.resource()
        made = [crowd.one(series(people[n], 6 + n, resourceId=room)).body for n in range(4)]
        moves = [move(people[n], one, 12 - n) for n, one in enumerate(made)]
        singles = [create(person, 24 * n + 10, 24 * n + 13, resourceId=room) for n, person in enumerate(people[:8])]
        more = [series(person, 10 + n % 4, resourceId=room) for n, person in enumerate(people[8:20])]
        replies = crowd.together([*moves, *singles, *more])
        assert set(statuses(replies)) <= {200, 201, 409}
        whole(world, room)


@pytest.mark.slow
def test_places_of_a_session(crowd: Crowd, world: World, undisturbed: None) -> None:
    """Parties of two in sessions of nine, twelve days long: four series fit."""
    people = [world.user() for _ in range(SIZE)]
    for _ in range(max(2, ROUNDS // 8)):
        service = offer(crowd, world, resourceIds=[str(world.resource(capacity=20))], capacity=9)
        replies = crowd.together([series(person, 9, serviceId=service, partySize=2) for person in people])
        assert statuses(replies) == {201: 4, 409: SIZE - 4}


@pytest.mark.slow
def test_the_same_series_under_one_key(crowd: Crowd, world: World, undisturbed: None) -> None:
    person, room = world.user(), world.resource(capacity=99)
    request = series(person, 9, resourceId=room)
    keyed = Request(request.method, request.path, request.body, request.actor, "one series")
    replies = crowd.together([keyed] * SIZE)
    assert statuses(replies) == {201: SIZE}
    assert len({reply.body["series"]["id"] for reply in replies}) == 1
