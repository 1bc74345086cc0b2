"""The races above can see: with PostgreSQL's guards taken away, the same crowd books everything twice and the checks
find it. The constraint keeps its name, because the statement names it, but guards nothing any more."""

from __future__ import annotations

import pytest

import check_data
from tests.factories import World
from tests.race.conftest import SIZE
from tests.race.crowd import Crowd, create, statuses
from tests.support.service import Service, ServiceOptions

pytestmark = pytest.mark.race
SERVICE = ServiceOptions(processes=("web",), env={"RATE_LIMIT": "off"})


@pytest.fixture(scope="module", autouse=True)
def unguarded(world: World) -> None:
    """Take the guards away, on this module's database."""
    world.query("ALTER TABLE allocations DROP CONSTRAINT allocations_no_overlap")
    world.query(
        """ALTER TABLE allocations ADD CONSTRAINT allocations_no_overlap
           EXCLUDE USING gist (resource_id WITH =, during WITH &&) WHERE (false)"""
    )
    world.query("ALTER TABLE allocations DISABLE TRIGGER allocations_within_capacity")


def found(service: Service) -> set[str]:
    return {finding.check for finding in check_data.findings(service.database_url) if finding.rows}


def test_without_the_constraint_a_slot_is_booked_many_times(crowd: Crowd, world: World, service: Service) -> None:
    provider, people = world.provider().id, [world.user() for _ in range(SIZE)]
    replies = crowd.together([create(person, 9, 10, providerId=provider) for person in people])
    assert statuses(replies)[201] > 1
    assert found(service) == {"booking.double_booked", "booking.over_capacity"}


def test_without_the_trigger_a_room_is_overfull(crowd: Crowd, world: World, service: Service) -> None:
    room, people = world.resource(capacity=7), [world.user() for _ in range(SIZE)]
    replies = crowd.together([create(person, 9, 10, resourceId=room) for person in people])
    assert statuses(replies)[201] > 7
    rows = {finding.check: finding.rows for finding in check_data.findings(service.database_url)}
    assert room in {row["resource_id"] for row in rows["booking.over_capacity"]}
