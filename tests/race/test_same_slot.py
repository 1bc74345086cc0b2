"""Fifty people want the same time at the same moment. One of them gets it, and the others hear so within a second."""

from __future__ import annotations

import random
import statistics
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.factories import World
from tests.integration.event.facts import wait_for
from tests.race.conftest import SIZE, deadlocks
from tests.race.crowd import ROUNDS, Crowd, create, slowest, statuses
from tests.support.patience import soon
from tests.support.service import ServiceOptions

pytestmark = [pytest.mark.race, pytest.mark.alone]
SERVICE = ServiceOptions(processes=("web",), env={"RATE_LIMIT": "off"}, shared=True)
#: seconds
PATIENCE = 1.0
#: of what is a variation of the same
FEWER = max(5, ROUNDS // 4)


def test_the_same_slot(crowd: Crowd, world: World, undisturbed: None) -> None:
    people = [world.user() for _ in range(SIZE)]
    waits: list[float] = []
    for _ in range(ROUNDS):
        provider = world.provider().id
        replies = crowd.together([create(person, 9, 10, providerId=provider) for person in people])
        assert statuses(replies) == {201: 1, 409: SIZE - 1}
        assert {reply.body["code"] for reply in replies if reply.status == 409} == {"slot-taken"}
        waits.append(slowest(replies))
    _check_patience(waits)


@pytest.mark.load
def test_the_same_slot_wanted_by_one_person(crowd: Crowd, world: World, undisturbed: None) -> None:
    """A double click is no key: without one, a person may hold the slot once all the same."""
    waits: list[float] = []
    for _ in range(FEWER):
        provider, person = world.provider().id, world.user()
        replies = crowd.together([create(person, 9, 10, providerId=provider)] * SIZE)
        assert statuses(replies) == {201: 1, 409: SIZE - 1}
        waits.append(slowest(replies))
    _check_patience(waits)


def test_the_same_request_under_one_key(crowd: Crowd, world: World, undisturbed: None) -> None:
    """A double click with a key: everyone is answered with the one booking, also where there is room for fifty."""
    for number in range(FEWER):
        room, person = world.resource(capacity=1 if number % 2 else SIZE), world.user()
        replies = crowd.together([create(person, 9, 10, key="double click", resourceId=room)] * SIZE)
        assert statuses(replies) == {201: SIZE}
        assert len({reply.body["id"] for reply in replies}) == 1
        assert sum("Idempotent-Replayed" not in reply.headers for reply in replies) == 1


def test_overlapping_slots(crowd: Crowd, world: World, undisturbed: None) -> None:
    """Fifty different times that all contain one common instant: one of them wins."""
    people, dice = [world.user() for _ in range(SIZE)], random.Random(1)
    waits: list[float] = []
    for _ in range(ROUNDS):
        provider = world.provider().id
        wishes = [(12 - dice.uniform(0.01, 3), 12 + dice.uniform(0.01, 3)) for _ in people]
        replies = crowd.together(
            [create(person, *wish, providerId=provider) for person, wish in zip(people, wishes, strict=True)]
        )
        assert statuses(replies) == {201: 1, 409: SIZE - 1}
        waits.append(slowest(replies))
    _check_patience(waits)


@pytest.mark.parametrize(
    "capacity", [pytest.param(2, marks=pytest.mark.load), 7, pytest.param(49, marks=pytest.mark.load)]
)
def test_capacity_n_takes_exactly_n(crowd: Crowd, world: World, undisturbed: None, capacity: int) -> None:
    people = [world.user() for _ in range(SIZE)]
    waits: list[float] = []
    for _ in range(ROUNDS if capacity == 7 else FEWER):
        room = world.resource(capacity=capacity)
        replies = crowd.together([create(person, 9, 10, resourceId=room) for person in people])
        assert statuses(replies) == {201: capacity, 409: SIZE - capacity}
        waits.append(slowest(replies))
    _check_patience(waits)


@pytest.mark.load
def test_capacity_n_overlapping(crowd: Crowd, world: World, undisturbed: None) -> None:
    """All times contain noon, so that exactly as many fit as there are units, whoever they are."""
    people, dice = [world.user() for _ in range(SIZE)], random.Random(2)
    for _ in range(FEWER):
        room = world.resource(capacity=5)
        replies = crowd.together(
            [
                create(person, 12 - dice.uniform(0.01, 3), 12 + dice.uniform(0.01, 3), resourceId=room)
                for person in people
            ]
        )
        assert statuses(replies) == {201: 5, 409: SIZE - 5}


@pytest.mark.load
def test_a_pair_of_resources_named_in_either_order(crowd: Crowd, world: World, undisturbed: None) -> None:
    """One pair wins both; nobody holds one and waits for the other."""
    people = [world.user() for _ in range(SIZE)]
    waits: list[float] = []
    for _ in range(FEWER):
        one, two = world.resource("workspace"), world.resource("workspace")
        wishes = [{"workspaceId": one, "resourceId": two}, {"workspaceId": two, "resourceId": one}]
        replies = crowd.together([create(person, 9, 10, **wishes[number % 2]) for number, person in enumerate(people)])
        assert statuses(replies) == {201: 1, 409: SIZE - 1}
        waits.append(slowest(replies))
    _check_patience(waits)


def _check_patience(waits: list[float]) -> None:
    """Everybody has an answer within a second, on a quiet machine. The median round is judged, because a machine busy
    with something else may hold up one; a wait for locks would hold up every one."""
    assert statistics.median(waits) < soon(PATIENCE)
    assert max(waits) < 3 * soon(PATIENCE)


def test_the_deadlock_counter_can_see(world: World) -> None:
    """The other tests trust it to notice what PostgreSQL logs as "deadlock detected"."""
    before, rooms = deadlocks(world), [world.resource(), world.resource()]
    together = threading.Barrier(2)

    def cross(first: int) -> bool:
        with psycopg.connect(world.address) as connection:
            lock = "SELECT FROM resources WHERE id = %s FOR UPDATE"
            connection.execute("SET deadlock_timeout = '50ms'")
            connection.execute(lock, (rooms[first],))
            together.wait()
            try:
                connection.execute(lock, (rooms[1 - first],))
            except psycopg.errors.DeadlockDetected:
                return True
        return False

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(cross, (0, 1))) == [False, True]
    wait_for(lambda: deadlocks(world), lambda counted: counted == before + 1)  # the victim's session reports at its end
