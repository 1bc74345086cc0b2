"""PostgreSQL alone keeps a shared resource within its capacity, whoever writes: many sessions with plain SQL."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

import check_data
from tests.factories import World
from tests.support.patience import patient

pytestmark = pytest.mark.race
DAY = datetime(2030, 1, 1, tzinfo=UTC)
CLAIM = """
INSERT INTO allocations (resource_id, exclusive, during, units, hold_id)
VALUES (%s, %s, tstzrange(%s, %s), %s, gen_random_uuid())
"""
MOVE = """
UPDATE allocations SET during = tstzrange(%s, %s)
 WHERE ctid = (SELECT ctid FROM allocations WHERE resource_id = %s AND released_at IS NULL ORDER BY during LIMIT 1)
"""
RELEASE = """
UPDATE allocations SET released_at = now()
 WHERE ctid = (
    SELECT ctid FROM allocations WHERE resource_id = %s AND released_at IS NULL LIMIT 1 FOR UPDATE SKIP LOCKED)
"""
WRITERS, TRIES = 8, 60


@pytest.fixture(scope="module")
def world(module_database_url: str) -> Iterator[World]:
    """Resources in a database of this module's own, without the service."""
    world = World(module_database_url)
    yield world
    world.close()


def wish(dice: random.Random, capacity: int) -> tuple[datetime, datetime, int]:
    """A random stay within one crowded day."""
    start = DAY + timedelta(hours=dice.randrange(20))
    return start, start + timedelta(hours=dice.randrange(1, 5)), dice.randrange(1, max(capacity, 2))


def fits(taken: list[tuple[datetime, datetime, int]], new: tuple[datetime, datetime, int], capacity: int) -> bool:
    """The same question answered naively: hour by hour."""
    hours = range(int((new[1] - new[0]) / timedelta(hours=1)))
    instants = [new[0] + timedelta(hours=hour) for hour in hours]
    return all(new[2] + sum(u for s, e, u in taken if s <= at < e) <= capacity for at in instants)


@pytest.mark.parametrize("capacity", [1, 2, 5, 12])
def test_one_writer_is_refused_exactly_what_does_not_fit(world: World, capacity: int) -> None:
    resource, dice = world.resource(capacity=capacity), random.Random(capacity)
    taken: list[tuple[datetime, datetime, int]] = []
    refused = 0
    for _ in range(150):
        new = wish(dice, capacity)
        try:
            world.query(CLAIM, resource, capacity == 1, new[0], new[1], new[2])
            assert fits(taken, new, capacity)
            taken.append(new)
        except psycopg.errors.ExclusionViolation:
            assert not fits(taken, new, capacity)
            refused += 1
    assert taken
    assert refused


def hammer(url: str, resource: UUID, capacity: int, seed: int, isolation: str) -> tuple[int, set[str]]:
    """Claim, move and release at random; how many claims were taken, and which errors there were."""
    dice, taken, errors = random.Random(seed), 0, set()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"SET default_transaction_isolation = '{isolation}'".encode())
        for _ in range(TRIES):
            start, end, units = wish(dice, capacity)
            try:
                with connection.transaction():
                    connection.execute(CLAIM, (resource, capacity == 1, start, end, units))
                    if dice.random() < 0.3:
                        connection.execute(MOVE, (start + timedelta(hours=2), end + timedelta(hours=3), resource))
                taken += 1
                if dice.random() < 0.3:
                    connection.execute(RELEASE, (resource,))
            except psycopg.Error as error:
                errors.add(error.sqlstate or "lost")
    return taken, errors


@pytest.mark.parametrize("isolation", ["read committed", "serializable"])
@pytest.mark.parametrize("capacity", [2, 9])
def test_many_writers_never_exceed_it(world: World, capacity: int, isolation: str) -> None:
    resource = world.resource(capacity=capacity)
    together = threading.Barrier(WRITERS)

    def write(seed: int) -> tuple[int, set[str]]:
        together.wait()
        return hammer(world.address, resource, capacity, seed, isolation)

    with ThreadPoolExecutor(WRITERS) as pool:
        results = list(pool.map(write, range(WRITERS)))
    assert sum(taken for taken, _ in results) > capacity
    # 23P01 no room; 40001 serialisation, 40P01 deadlock: two writers that each move the other's claim may meet
    assert set().union(*(errors for _, errors in results)) <= {"23P01", "40001", "40P01"}
    found = {finding.check for finding in check_data.findings(world.address) if finding.rows}
    assert found <= {"hold.claim_of_no_hold"}, "these claims are of holds that there are not, and nothing else is wrong"


def test_two_that_each_fit_alone_do_not_fit_together(world: World) -> None:
    """The second waits for the first to commit, then sees its claim."""
    resource = world.resource(capacity=3)
    claim = (resource, False, DAY, DAY + timedelta(hours=1), 2)
    with psycopg.connect(world.address) as first, ThreadPoolExecutor(1) as pool:
        first.execute(CLAIM, claim)
        second = pool.submit(world.query, CLAIM, *claim)
        with pytest.raises(TimeoutError):
            second.result(0.3)
        first.commit()
        with pytest.raises(psycopg.errors.ExclusionViolation):
            second.result(patient(5))


def test_repeatable_read_is_refused_because_its_snapshot_is_blind(world: World) -> None:
    resource = world.resource(capacity=3)
    with psycopg.connect(world.address) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with pytest.raises(psycopg.errors.InvalidTransactionState):
            connection.execute(CLAIM, (resource, False, DAY, DAY + timedelta(hours=1), 1))


@pytest.mark.parametrize("fewer", [4, 1])
def test_a_capacity_is_not_lowered_under_what_is_promised(world: World, fewer: int) -> None:
    resource = world.resource(capacity=9)
    for _ in range(5):
        world.query(CLAIM, resource, False, DAY, DAY + timedelta(hours=1), 1)
    with pytest.raises(psycopg.errors.IntegrityError):
        world.query("UPDATE resources SET capacity = %s WHERE id = %s", fewer, resource)
    world.query("UPDATE resources SET capacity = 5 WHERE id = %s", resource)


def test_a_capacity_lowered_to_one_is_guarded_by_the_other_constraint(world: World) -> None:
    resource = world.resource(capacity=2)
    world.query(CLAIM, resource, False, DAY, DAY + timedelta(hours=1), 1)
    world.query("UPDATE resources SET capacity = 1 WHERE id = %s", resource)
    with pytest.raises(psycopg.errors.ExclusionViolation):
        world.query(CLAIM, resource, True, DAY, DAY + timedelta(hours=2), 1)
