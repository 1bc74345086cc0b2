"""Passing a booking on: who may, to whom, and what becomes of claims, history, events and calendars."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.factories import World
from tests.integration.booking.api import Api, Person, at, problem, wrong_fields
from tests.integration.catalogue.shop import Shop


def passed(person: Person, booking: dict[str, Any], to: UUID, **more: Any) -> Any:
    named = {name: str(value) if isinstance(value, UUID) else value for name, value in more.items()}
    body = {"resourceId": str(to), **named}
    return person.act(booking, "reassign", **body)


@pytest.fixture
def admin(api: Api, world: World) -> Person:
    return api.as_(world.admin())


def test_another_provider_takes_over(api: Api, world: World, admin: Person, customer: Person) -> None:
    before, after, room = world.provider(), world.provider(), world.resource()
    booking = customer.booked(providerId=before.id, workspaceId=room)
    answer = passed(admin, booking, after.id, reason="ill")
    assert answer.status_code == 200, answer.text
    now = answer.json
    assert (now["providerId"], now["workspaceId"]) == (str(after.id), str(room))
    assert now["resourceIds"] == [str(after.id) if id == str(before.id) else id for id in booking["resourceIds"]]
    assert (now["version"], now["startAt"], now["status"]) == (2, booking["startAt"], "pending")
    assert api.as_(world.user()).book(providerId=before.id).status_code == 201
    problem(api.as_(world.user()).book(providerId=after.id), 409, "slot-taken")
    event = world.query("SELECT * FROM outbox WHERE booking_id = %s ORDER BY seq DESC LIMIT 1", booking["id"])[0]
    assert (event["type"], event["data"]["reassignedFrom"]) == ("booking.reassigned", str(before.id))
    parties = {f"user:{customer.id}", f"resource:{before.id}", f"resource:{after.id}", f"resource:{room}"}
    assert set(event["topics"]) == parties
    assert "reassignedFrom" not in now
    problem(api.as_(before).get(f"/bookings/{booking['id']}"), 404, "not-found")
    assert api.as_(after).get(f"/bookings/{booking['id']}").status_code == 200
    listed = api.as_(before).get("/bookings").json or {}
    assert booking["id"] not in [item["id"] for item in listed["items"]]
    entry = world.query("SELECT before, after FROM audit_entries WHERE subject_id = %s", booking["id"])[-1]
    assert entry["after"]["resourceIds"] == now["resourceIds"]
    history = (customer.get(f"/bookings/{booking['id']}/history").json or {})["items"]
    assert (history[-1]["action"], history[-1]["reason"]) == ("reassign", "ill")


def test_who_is_taken_cannot_take_over(api: Api, world: World, admin: Person, customer: Person) -> None:
    before, after = world.provider(), world.provider()
    booking = customer.booked(providerId=before.id)
    api.as_(world.user()).booked(9.5, 10.5, providerId=after.id)
    refused = problem(passed(admin, booking, after.id), 409, "slot-taken")
    assert refused["nextFree"][0] == at(10.5)
    assert customer.get(f"/bookings/{booking['id']}").json == booking
    problem(api.as_(world.user()).book(providerId=before.id), 409, "slot-taken")


def test_two_cannot_swap_but_nobody_waits_for_ever(api: Api, world: World, admin: Person) -> None:
    one, other = world.provider(), world.provider()
    bookings = [api.as_(world.user()).booked(providerId=id.id) for id in (one, other)]
    problem(passed(admin, bookings[0], other.id), 409, "slot-taken")
    problem(passed(admin, bookings[1], one.id), 409, "slot-taken")


def test_what_may_not_take_over(world: World, admin: Person, customer: Person) -> None:
    provider, room = world.provider(), world.resource(capacity=5)
    booking = customer.booked(workspaceId=room, units=3)
    for wrong in (uuid4(), world.resource(active=False), world.resource("equipment", capacity=5), room):
        assert wrong_fields(passed(admin, booking, wrong)) == ["resourceId"]
    assert wrong_fields(passed(admin, booking, provider.id)) == ["resourceId"]
    assert wrong_fields(passed(admin, booking, world.resource(capacity=2))) == ["resourceId"]
    bigger = world.resource(capacity=3)
    assert wrong_fields(passed(admin, booking, bigger, fromResourceId=provider.id)) == ["fromResourceId"]
    assert passed(admin, booking, bigger, fromResourceId=room).status_code == 200


def test_of_two_of_a_kind_it_must_be_said_which(api: Api, world: World, admin: Person, customer: Person) -> None:
    first, second, third = (world.resource() for _ in range(3))
    booking = customer.booked(workspaceId=first, resourceId=second)
    assert wrong_fields(passed(admin, booking, third)) == ["fromResourceId"]
    now = passed(admin, booking, third, fromResourceId=second).json
    assert (sorted(now["resourceIds"]), now["workspaceId"]) == (sorted([str(first), str(third)]), str(first))


def test_only_who_delivers_the_service(api: Api, world: World, admin: Person, customer: Person) -> None:
    team = [world.provider() for _ in range(2)]
    rooms = [world.resource() for _ in range(2)]
    stranger, closet = world.provider(), world.resource()
    service = Shop(api, world).offered(
        resourceIds=[one.id for one in team],
        requirements=[{"kind": "workspace", "resourceIds": rooms}],
        bufferAfterMinutes=30,
    )
    booking = customer.call("POST", "/bookings", {"serviceId": service["id"], "startAt": at(9)}).json or {}
    taken = {UUID(id) for id in booking["resourceIds"]}
    for wrong in (stranger.id, closet):
        assert wrong_fields(passed(admin, booking, wrong)) == ["resourceId"]
    other = next(one.id for one in team if one.id not in taken)
    now = passed(admin, booking, other).json
    assert (now["providerId"], now["price"]) == (str(other), booking["price"])
    room = next(one for one in rooms if one not in taken)
    assert passed(admin, booking, room).json["workspaceId"] == str(room)
    (claim,) = world.query(
        "SELECT during FROM allocations WHERE booking_id = %s AND resource_id = %s", booking["id"], room
    )
    assert claim["during"].upper.isoformat().replace("+00:00", "Z") == at(10)


def test_a_provider_passes_on_only_what_is_theirs_or_nobodys(api: Api, world: World, customer: Person) -> None:
    provider, colleague, room, hall = world.provider(), world.provider(), world.resource(), world.resource()
    own = world.resource(owner=provider)
    booking = customer.booked(providerId=provider.id, workspaceId=room)
    staff = api.as_(provider)
    problem(passed(staff, booking, colleague.id), 403, "not-for-you")
    problem(passed(customer, booking, hall), 403, "staff-only")
    problem(passed(api.as_(colleague), booking, hall), 404, "not-found")
    assert passed(staff, booking, own).status_code == 200
    assert passed(staff, booking, hall).json["workspaceId"] == str(hall)


def test_what_is_over_or_has_changed_is_not_passed_on(api: Api, world: World, admin: Person, customer: Person) -> None:
    booking = customer.booked(workspaceId=world.resource())
    path, body = f"/bookings/{booking['id']}/reassign", {"resourceId": str(world.resource())}
    problem(admin.call("POST", path, body, If_Match='"7"'), 412, "precondition-failed")
    assert customer.act(booking, "cancel").status_code == 200
    problem(admin.call("POST", path, body), 409, "booking-closed")
