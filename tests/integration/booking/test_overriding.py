"""Staff who go against the rules: when they may, what stays exact for everybody else, what is written down."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from tests.factories import World
from tests.integration.booking.api import Api, Person, at, problem, wrong_fields
from tests.integration.catalogue.shop import Shop

WHY: dict[str, Any] = {"override": True, "reason": "a regular"}
BESIDE = WHY | {"overbook": True}


def say(world: World, layer: str, subject: UUID | str, rules: dict[str, Any], weekly: Any = None) -> None:
    """Let a layer say rules and hours, as the API would."""
    world.query(
        """INSERT INTO schedules (layer, subject_id, weekly, rules, updated_at) VALUES (%s, %s, %s, %s, now())""",
        layer,
        subject,
        None if weekly is None else json.dumps(weekly),
        json.dumps(rules),
    )
    world.query("UPDATE resources SET schedule_version = schedule_version + 1")


@pytest.fixture
def admin(api: Api, world: World) -> Person:
    return api.as_(world.admin())


def claims(world: World, booking: dict[str, Any]) -> dict[str, bool]:
    """Resource → whether its claim stands outside the constraint."""
    rows = world.query("SELECT resource_id, overbooked FROM allocations WHERE booking_id = %s", booking["id"])
    return {str(row["resource_id"]): row["overbooked"] for row in rows}


def entry(world: World, booking: dict[str, Any], action: str = "booking.override") -> Any:
    rows = world.query("SELECT after FROM audit_entries WHERE subject_id = %s AND action = %s", booking["id"], action)
    return rows[-1]["after"]


def test_outside_hours_and_notice(api: Api, world: World, customer: Person) -> None:
    provider = world.provider(auto_confirm=True)
    staff = api.as_(provider)
    say(world, "resource", provider.id, {"minimumNoticeMinutes": 60 * 24 * 300}, {})
    problem(customer.book(providerId=provider.id), 409, "not-bookable")
    problem(staff.book(providerId=provider.id, userId=customer.id), 409, "not-bookable")
    assert wrong_fields(staff.book(providerId=provider.id, userId=customer.id, override=True)) == ["reason"]
    booking = staff.booked(providerId=provider.id, userId=customer.id, **WHY)
    assert (booking["status"], booking["overbooked"], booking["providerId"]) == ("confirmed", False, str(provider.id))
    assert entry(world, booking) == {
        "reason": "a regular",
        "rules": ["minimumNotice", "openingHours"],
        "overbooked": [],
    }
    problem(staff.book(9.5, 10.5, providerId=provider.id, userId=customer.id, **WHY), 409, "slot-taken")


def test_only_of_what_is_theirs(api: Api, world: World, customer: Person, admin: Person) -> None:
    provider, colleague, room = world.provider(), world.provider(), world.resource()
    problem(customer.book(providerId=provider.id, **WHY), 403, "not-for-you")
    problem(api.as_(colleague).book(providerId=provider.id, **WHY), 403, "not-for-you")
    problem(api.as_(colleague).book(workspaceId=room, **WHY), 403, "not-for-you")
    assert api.as_(provider).book(providerId=provider.id, workspaceId=room, **WHY).status_code == 201
    assert admin.book(12, 13, providerId=provider.id, workspaceId=room, userId=customer.id, **WHY).status_code == 201
    assert wrong_fields(admin.book(14, 15, resourceId=UUID(int=7), **WHY)) == ["resourceId"]
    assert wrong_fields(admin.book(14, 15, workspaceId=room, overbook=True)) == ["overbook"]


def test_one_of_two_overrides_nothing_for_the_other(api: Api, world: World, customer: Person, admin: Person) -> None:
    """Neither when booking nor afterwards: else a free time of both would be a way into the calendar of one."""
    one, other, room = world.provider(), world.provider(), world.resource()
    customer.booked(12, 13, providerId=other.id)
    both = customer.booked(resourceId=one.id, providerId=other.id)
    for staff in (api.as_(one), api.as_(other)):
        problem(staff.book(12, 13, resourceId=one.id, providerId=other.id, **BESIDE), 403, "not-for-you")
        problem(staff.change(both, startAt=at(12), **BESIDE), 403, "forbidden")
        problem(staff.act(both, "cancel", **WHY), 403, "forbidden")
        assert staff.change(both, startAt=at(15)).status_code == staff.change(both, startAt=at(9)).status_code == 200
    assert claims(world, both) == {str(one.id): False, str(other.id): False}
    alone = customer.booked(10, 11, providerId=one.id, workspaceId=room)
    assert api.as_(one).change(alone, startAt=at(9), **BESIDE).status_code == 200
    assert admin.change(both, startAt=at(12), **BESIDE).status_code == 200


def test_beside_others_on_purpose(api: Api, world: World, admin: Person, customer: Person) -> None:
    """Only what is taken is marked; what was free is claimed like anything else."""
    provider, room = world.provider(), world.resource()
    first = customer.booked(providerId=provider.id)
    problem(admin.book(providerId=provider.id, workspaceId=room, userId=customer.id, **WHY), 409, "slot-taken")
    second = admin.booked(providerId=provider.id, workspaceId=room, userId=customer.id, **BESIDE)
    assert second["overbooked"] is True
    assert claims(world, second) == {str(provider.id): True, str(room): False}
    assert entry(world, second)["overbooked"] == [str(provider.id)]
    problem(customer.book(workspaceId=room), 409, "slot-taken")
    problem(customer.book(providerId=provider.id), 409, "slot-taken")
    third = admin.booked(9.5, 10.5, providerId=provider.id, userId=customer.id, **BESIDE)
    # The first leaves, and the oldest that fits has its place before anybody else.
    assert customer.act(first, "cancel").status_code == 200
    assert claims(world, second) == {str(provider.id): False, str(room): False}
    assert claims(world, third) == {str(provider.id): True}
    problem(customer.book(providerId=provider.id), 409, "slot-taken")
    assert customer.get(f"/bookings/{second['id']}").json == second
    assert customer.act(second, "cancel").status_code == 200
    assert claims(world, third) == {str(provider.id): False}


def test_more_units_than_there_are(api: Api, world: World, admin: Person, customer: Person) -> None:
    hall = world.resource(capacity=10)
    first = customer.booked(workspaceId=hall, units=8)
    second = admin.booked(workspaceId=hall, units=5, userId=customer.id, **BESIDE)
    assert (second["overbooked"], claims(world, second)) == (True, {str(hall): True})
    customer.booked(workspaceId=hall, units=2)
    problem(customer.book(workspaceId=hall, units=1), 409, "slot-taken")
    assert customer.act(first, "cancel").status_code == 200
    assert claims(world, second) == {str(hall): False}
    assert wrong_fields(admin.book(workspaceId=hall, units=11, **BESIDE)) == ["units"]


def test_moved_beside_others_and_back(api: Api, world: World, admin: Person, customer: Person) -> None:
    provider = world.provider()
    customer.booked(11, 12, providerId=provider.id)
    booking = api.as_(world.user()).booked(9, 10, providerId=provider.id)
    problem(admin.change(booking, startAt=at(11), **WHY), 409, "slot-taken")
    moved = admin.change(booking, startAt=at(11), **BESIDE).json or {}
    assert (moved["overbooked"], moved["startAt"]) == (True, at(11))
    assert entry(world, booking, "booking.reschedule")["override"] is True
    back = admin.change(booking, startAt=at(9)).json or {}
    assert (back["overbooked"], claims(world, booking)) == (False, {str(provider.id): False})


def test_a_move_makes_room_for_who_stood_beside(api: Api, world: World, admin: Person, customer: Person) -> None:
    provider = world.provider()
    first = customer.booked(providerId=provider.id)
    second = admin.booked(providerId=provider.id, userId=customer.id, **BESIDE)
    assert customer.change(first, startAt=at(12)).status_code == 200
    assert claims(world, second) == {str(provider.id): False}
    other = world.provider()
    third = admin.booked(12, 13, providerId=provider.id, userId=customer.id, **BESIDE)
    assert admin.act(first, "reassign", resourceId=str(other.id)).status_code == 200
    assert claims(world, third) == {str(provider.id): False}


def test_passed_on_beside_others(api: Api, world: World, admin: Person, customer: Person) -> None:
    one, other = world.provider(), world.provider()
    booking = customer.booked(providerId=one.id)
    api.as_(world.user()).booked(providerId=other.id)
    problem(admin.act(booking, "reassign", resourceId=str(other.id), **WHY), 409, "slot-taken")
    now = admin.act(booking, "reassign", resourceId=str(other.id), **BESIDE).json or {}
    assert (now["overbooked"], claims(world, booking)) == (True, {str(other.id): True})


def test_a_service_outside_its_hours_and_beside_others(api: Api, world: World, admin: Person, customer: Person) -> None:
    provider, room = world.provider(), world.resource()
    needed = [{"kind": "workspace", "resourceIds": [room]}]
    service = Shop(api, world).offered(resourceIds=[provider.id], requirements=needed, bufferAfterMinutes=15)
    say(world, "resource", provider.id, {}, {})
    wish = {"serviceId": service["id"], "startAt": at(9), "userId": str(customer.id)}
    problem(admin.call("POST", "/bookings", wish), 409, "not-bookable")
    first = admin.call("POST", "/bookings", wish | WHY)
    assert first.status_code == 201, first.text
    booking = first.json or {}
    assert (booking["price"]["amount"], booking["overbooked"]) == (4500, False)
    assert (booking["providerId"], booking["workspaceId"]) == (str(provider.id), str(room))
    problem(admin.call("POST", "/bookings", wish | WHY), 409, "slot-taken")
    second = admin.call("POST", "/bookings", wish | BESIDE).json or {}
    assert claims(world, second) == {str(provider.id): True, str(room): True}


def test_under_a_key_it_is_done_once(world: World, admin: Person, customer: Person) -> None:
    provider = world.provider()
    answers = [admin.book(providerId=provider.id, userId=customer.id, key="once", **BESIDE) for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert len(world.query("SELECT units FROM allocations WHERE resource_id = %s", provider.id)) == 1
