"""Twenty wait, five times become free, and the worker is killed in between: each time is offered to one person, in
order, and told once. Over HTTP, with real workers and a relay."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import pytest

from tests.factories import World
from tests.race.crowd import Crowd, Request, at, create, statuses
from tests.support.patience import patient
from tests.support.service import Service, ServiceOptions

pytestmark = [pytest.mark.race, pytest.mark.crash]
SERVICE = ServiceOptions(processes=("web", "relay", "worker"), env={"RATE_LIMIT": "off", "OFFER_TTL": "20s"})
WAITING, FREED = 20, 5


@pytest.fixture(scope="module")
def service_id(crowd: Crowd, world: World) -> str:
    """What five providers deliver."""
    body: dict[str, Any] = {"name": "Rush", "slug": f"rush-{world.user().id.hex}", "currency": "EUR"}
    body |= {"durations": [{"minutes": 60, "price": 100}]}
    body |= {"resourceIds": [str(world.provider().id) for _ in range(FREED)]}
    reply = crowd.one(Request("POST", "/services", body, world.admin()))
    assert reply.status == 201, reply.body
    return str(reply.body["id"])


@pytest.mark.slow
def test_each_time_goes_to_one_in_order(
    service: Service, crowd: Crowd, world: World, service_id: str, undisturbed: None
) -> None:
    admin = world.admin()
    bookers = [world.user() for _ in range(FREED)]
    booked = crowd.together([create(person, 9, 10, serviceId=service_id) for person in bookers])
    assert statuses(booked) == {201: FREED}
    people = [world.user() for _ in range(WAITING)]
    wish = {"serviceId": service_id, "from": at(9), "to": at(10)}
    replies = [crowd.one(Request("POST", "/waitlist", wish, person)) for person in people]
    assert statuses(replies) == {201: WAITING}
    entries = [reply.body["id"] for reply in replies]
    assert [crowd.one(Request("GET", f"/waitlist/{entries[n]}", {}, people[n])).body["position"] for n in (0, 7)] == [
        1,
        8,
    ]

    gone = [
        Request("POST", f"/bookings/{reply.body['id']}/cancel", {}, person)
        for reply, person in zip(booked, bookers, strict=True)
    ]
    crowd.together(gone[:3])
    service.kill("worker")
    crowd.together(gone[3:])
    service.start("worker")
    time.sleep(0.4)
    service.kill("worker")
    service.start("worker")
    offered = _until_offered(world, FREED)
    assert [str(row["entry_id"]) for row in offered] == entries[:FREED]
    assert len({row["resource"] for row in offered}) == FREED

    half = [Request("POST", f"/waitlist/{entries[n]}/accept", {}, people[n]) for n in (0, 1)]
    assert statuses(crowd.together(half)) == {201: 2}
    no = crowd.one(Request("POST", f"/waitlist/{entries[2]}/decline", {}, people[2]))
    assert no.status == 200
    service.kill("worker")
    service.start("worker")
    # One declined, two let it lapse: three more are asked, in order, and nobody a second time.
    offered = _until_offered(world, FREED + 3)
    assert [str(row["entry_id"]) for row in offered] == entries[: FREED + 3]
    told = _told(world)
    deadline = time.monotonic() + patient(20)
    while len(told) < FREED + 3 and time.monotonic() < deadline:
        time.sleep(0.2)
        told = _told(world)
    # The sixth may have let it lapse, too, meanwhile.
    assert len(told) >= FREED + 3
    assert len(set(told)) == len(told)
    line = crowd.one(Request("GET", f"/waitlist?serviceId={service_id}&limit=50", {}, admin)).body
    assert line["total"] == WAITING - 2


def _told(world: World) -> list[UUID]:
    """Who has been told of an offer, as often as they were."""
    rows = world.query(
        "SELECT recipient_id FROM notifications WHERE cause = 'waitlist_offer' AND channel = 'in_app' ORDER BY id"
    )
    return [row["recipient_id"] for row in rows]


def _until_offered(world: World, wanted: int) -> list[dict[str, Any]]:
    """The offers in the order of being made, once there are so many; and there are no more."""
    deadline = time.monotonic() + patient(60)
    while time.monotonic() < deadline:
        rows = world.query(
            """SELECT o.entry_id, h.resource_ids[1] AS resource FROM waitlist_offers AS o
                 JOIN holds AS h ON h.id = o.hold_id ORDER BY o.offered_at"""
        )
        if len(rows) >= wanted:
            time.sleep(1)
            return rows
        time.sleep(0.1)
    raise AssertionError(f"only {len(rows)} of {wanted} offers were made")
