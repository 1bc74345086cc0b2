"""POST /bookings: all that is named is claimed, or nothing."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.factories import World
from tests.integration.booking.api import DAY, Api, at, problem, wrong_fields


def claims(world: World, booking: dict[str, Any]) -> list[dict[str, Any]]:
    return world.query("SELECT * FROM allocations WHERE booking_id = %s ORDER BY resource_id", booking["id"])


def calendar(world: World, *resources: Any) -> int:
    """How many claims these resources carry."""
    return int(
        world.query("SELECT count(*) FROM allocations WHERE resource_id = ANY (%s)", list(resources))[0]["count"]
    )


def test_answers_with_the_booking_its_address_and_version(api: Api, world: World) -> None:
    customer, provider = api.as_(world.user()), world.provider()
    wish: dict[str, Any] = {
        "title": "  Check-up ",
        "description": "First\nvisit",
        "location": "Room 4",
        "notes": "Ümläut 🦷",
    }
    answer = customer.book(9, 9.5, userId=customer.id, providerId=provider.id, **wish)
    assert answer.status_code == 201
    booking = answer.json
    assert booking is not None
    assert answer.headers["Location"] == f"/bookings/{booking['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert booking == {
        "id": booking["id"],
        "userId": str(customer.id),
        "providerId": str(provider.id),
        "workspaceId": None,
        "resourceIds": [str(provider.id)],
        "startAt": at(9),
        "endAt": at(9.5),
        "units": 1,
        "status": "pending",
        "statusReason": None,
        "serviceId": None,
        "partySize": 1,
        "price": None,
        "paymentRequired": False,
        "paymentStatus": None,
        "cancellationPolicy": None,
        "policy": None,
        "canCancelUntil": None,
        "canRescheduleUntil": None,
        "reschedulesLeft": None,
        "cancellationFeeNow": None,
        "fees": None,
        "overbooked": False,
        "releasedAt": None,
        "seriesId": None,
        "occurrence": None,
        **wish,
        "title": "Check-up",
        "version": 1,
        "createdBy": str(customer.id),
        "createdAt": booking["createdAt"],
        "updatedAt": booking["createdAt"],
    }
    assert customer.get(f"/bookings/{booking['id']}").json == booking


def test_the_customer_is_the_caller_when_left_out(api: Api, world: World) -> None:
    customer = api.as_(world.user())
    assert customer.booked(providerId=world.provider().id)["userId"] == str(customer.id)


def test_any_offset_is_understood_and_answered_in_utc(api: Api, world: World) -> None:
    customer, provider = api.as_(world.user()), world.provider()
    day = DAY.date().isoformat()
    body = {"providerId": str(provider.id), "startAt": f"{day}T12:00:00.25+02:30", "endAt": f"{day}T12:00:00-01:00"}
    booking = customer.call("POST", "/bookings", body).json
    assert booking is not None
    assert (booking["startAt"], booking["endAt"]) == (f"{day}T09:30:00.25Z", f"{day}T13:00:00Z")


def test_claims_a_provider_a_room_and_equipment_together(api: Api, world: World) -> None:
    customer, provider = api.as_(world.user()), world.provider()
    room, device = world.resource("workspace"), world.resource("equipment")
    booking = customer.booked(providerId=provider.id, workspaceId=room, resourceId=device)
    assert sorted(booking["resourceIds"]) == sorted(map(str, (provider.id, room, device)))
    assert (booking["providerId"], booking["workspaceId"]) == (str(provider.id), str(room))
    assert len(claims(world, booking)) == 3


def test_a_resource_named_twice_is_claimed_once(api: Api, world: World) -> None:
    customer, room = api.as_(world.user()), world.resource()
    assert customer.booked(workspaceId=room, resourceId=room)["resourceIds"] == [str(room)]


@pytest.mark.parametrize("kind, field", [("provider", "providerId"), ("workspace", "workspaceId")])
def test_a_resource_id_fills_the_convenient_field_of_its_kind(api: Api, world: World, kind: str, field: str) -> None:
    resource = world.provider().id if kind == "provider" else world.resource(kind)
    assert api.as_(world.user()).booked(resourceId=resource)[field] == str(resource)


@pytest.mark.parametrize("busy", ["provider", "room", "course"])
def test_a_partial_claim_is_undone(api: Api, world: World, busy: str) -> None:
    """Whichever of the three is busy, the other two stay free."""
    customer, provider = api.as_(world.user()), world.provider()
    room, course = world.resource("workspace"), world.resource("equipment", capacity=2)
    customer.booked(
        resourceId={"provider": provider.id, "room": room, "course": course}[busy], units=1 + (busy == "course")
    )
    before = calendar(world, provider.id, room, course)
    answer = customer.book(9.5, 10.5, providerId=provider.id, workspaceId=room, resourceId=course)
    problem(answer, 409, "slot-taken")
    assert calendar(world, provider.id, room, course) == before == 1
    assert len(customer.get("/bookings").json["items"]) == 1  # type: ignore[index]


@pytest.mark.parametrize("start, end", [(9, 10), (8.5, 9.5), (9.5, 10.5), (9.25, 9.75), (8, 11), (9, 9.5)])
def test_overlap_is_refused(api: Api, world: World, start: float, end: float) -> None:
    customer, provider = api.as_(world.user()), world.provider()
    customer.booked(9, 10, providerId=provider.id)
    problem(customer.book(start, end, providerId=provider.id), 409, "slot-taken")


def test_back_to_back_is_not_overlap(api: Api, world: World) -> None:
    customer, provider = api.as_(world.user()), world.provider()
    for start in (9, 8, 10):
        customer.booked(start, start + 1, providerId=provider.id)


def test_a_refusal_names_the_next_free_starts(api: Api, world: World) -> None:
    customer, provider, room = api.as_(world.user()), world.provider(), world.resource()
    customer.booked(9, 10, providerId=provider.id)
    customer.booked(10, 11, workspaceId=room)
    customer.booked(12, 13, providerId=provider.id)
    customer.booked(13.5, 14.5, workspaceId=room)
    refused = problem(customer.book(9, 10, providerId=provider.id, workspaceId=room), 409, "slot-taken")
    assert refused["nextFree"] == [at(11), at(14.5)]
    for start in (11, 14.5):
        customer.booked(start, start + 1, providerId=provider.id, workspaceId=room)


def test_a_refusal_by_a_shared_resource_names_starts_with_room_for_all_units(api: Api, world: World) -> None:
    customer, course = api.as_(world.user()), world.resource(capacity=3)
    customer.booked(9, 11, resourceId=course, units=2)
    customer.booked(9, 10, resourceId=course)
    assert problem(customer.book(9, 10, resourceId=course), 409, "slot-taken")["nextFree"] == [at(10), at(11)]
    assert problem(customer.book(9, 10, resourceId=course, units=2), 409, "slot-taken")["nextFree"] == [at(11)]


def test_capacity_n_takes_exactly_n(api: Api, world: World) -> None:
    customer, course = api.as_(world.user()), world.resource(capacity=4)
    answers = [customer.book(resourceId=course).status_code for _ in range(6)]
    assert answers == [201] * 4 + [409] * 2


def test_what_fits_a_shared_resource_is_never_refused(api: Api, world: World) -> None:
    """Stays that lanes of single units would fragment: each instant stays within 2."""
    customer, rooms = api.as_(world.user()), world.resource(capacity=2)
    for start, end in ((9, 10), (10, 12), (9, 11), (11, 12), (12, 14), (8, 9), (8, 9), (12, 14)):
        customer.booked(start, end, resourceId=rooms)
    problem(customer.book(13.5, 15, resourceId=rooms), 409, "slot-taken")


def test_units_count(api: Api, world: World) -> None:
    customer, rooms = api.as_(world.user()), world.resource(capacity=5)
    assert customer.booked(resourceId=rooms, units=3)["units"] == 3
    problem(customer.book(resourceId=rooms, units=3), 409, "slot-taken")
    customer.booked(resourceId=rooms, units=2)


def test_more_units_than_there_are_is_an_error_not_a_conflict(api: Api, world: World) -> None:
    customer, provider = api.as_(world.user()), world.provider()
    assert wrong_fields(customer.book(providerId=provider.id, units=2)) == ["units"]
    assert wrong_fields(customer.book(resourceId=world.resource(capacity=5), units=6)) == ["units"]


def test_confirmed_at_once_only_when_all_resources_say_so(api: Api, world: World) -> None:
    customer = api.as_(world.user())
    provider, room = world.provider(auto_confirm=True), world.resource()
    assert customer.booked(9, 10, providerId=provider.id)["status"] == "confirmed"
    assert customer.booked(10, 11, providerId=provider.id, workspaceId=room)["status"] == "pending"


def test_every_wrong_field_is_named_at_once_and_nothing_is_written(api: Api, world: World) -> None:
    customer, provider = api.as_(world.user()), world.provider()
    body = {
        "providerId": str(provider.id),
        "userId": "me",
        "startAt": "2031-01-01T09:00:00",
        "endAt": "tomorrow",
        "units": "2",
        "title": "x" * 201,
        "notes": "\u0000",
        "colour": "red",
    }
    answer = customer.call("POST", "/bookings", body)
    assert wrong_fields(answer) == ["colour", "endAt", "notes", "startAt", "title", "units", "userId"]
    assert calendar(world, provider.id) == 0


@pytest.mark.parametrize(
    "start, end, wrong",
    [
        (10, 9, ["endAt"]),
        (9, 9, ["endAt"]),
        (-24 * 61, -24 * 61 + 1, ["startAt"]),
        (-24 * 61, -24 * 61 - 1, ["endAt", "startAt"]),
        (9, 9 + 24 * 91, ["endAt"]),
        (24 * 1830, 24 * 1830 + 1, ["startAt"]),
        (24 * 1830, 24 * 1930, ["endAt", "startAt"]),
    ],
)
def test_impossible_times(api: Api, world: World, start: float, end: float, wrong: list[str]) -> None:
    provider = world.provider()
    assert wrong_fields(api.as_(world.user()).book(start, end, providerId=provider.id)) == wrong
    assert calendar(world, provider.id) == 0


@pytest.mark.parametrize("left_out", ["startAt", "endAt", "providerId"])
def test_what_is_required(api: Api, world: World, left_out: str) -> None:
    body = {"providerId": str(world.provider().id), "startAt": at(9), "endAt": at(10)}
    del body[left_out]
    assert wrong_fields(api.as_(world.user()).call("POST", "/bookings", body)) == [left_out]


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"{", b"\xff"])
def test_a_body_that_is_no_object(api: Api, world: World, body: bytes) -> None:
    token = api.app.extensions["tokens"].issue(world.user())
    answer = api.app.test_client().post(
        "/bookings", data=body, content_type="application/json", headers={"Authorization": f"Bearer {token}"}
    )
    problem(answer, 400, "bad-request")


def test_unknown_ids_are_named(api: Api, world: World) -> None:
    admin, closed = api.as_(world.admin()), world.resource(active=False)
    answer = admin.book(userId=uuid4(), providerId=uuid4(), workspaceId=uuid4(), resourceId=closed)
    assert wrong_fields(answer) == ["providerId", "resourceId", "userId", "workspaceId"]


def test_a_resource_under_the_wrong_name(api: Api, world: World) -> None:
    provider, room = world.provider(), world.resource()
    answer = api.as_(world.user()).book(providerId=room, workspaceId=provider.id)
    assert wrong_fields(answer) == ["providerId", "workspaceId"]


def test_a_disabled_user_cannot_be_booked_for(api: Api, world: World) -> None:
    gone = world.user()
    world.query("UPDATE users SET disabled_at = now() WHERE id = %s", gone.id)
    assert wrong_fields(api.as_(world.admin()).book(userId=gone.id, providerId=world.provider().id)) == ["userId"]


def test_who_may_book_for_whom(api: Api, world: World) -> None:
    customer, other, provider, colleague = world.user(), world.user(), world.provider(), world.provider()
    room, practice = world.resource(), world.resource(owner=colleague)
    as_provider = api.as_(provider)
    problem(api.as_(customer).book(userId=other.id, providerId=provider.id), 403, "not-for-you")
    problem(as_provider.book(userId=customer.id, providerId=colleague.id), 403, "not-for-you")
    problem(as_provider.book(userId=customer.id, workspaceId=room), 403, "not-for-you")
    problem(as_provider.book(userId=customer.id, providerId=provider.id, workspaceId=practice), 403, "not-for-you")
    assert calendar(world, provider.id, colleague.id, room, practice) == 0
    booking = as_provider.booked(userId=customer.id, providerId=provider.id, workspaceId=room)
    assert (booking["userId"], booking["createdBy"]) == (str(customer.id), str(provider.id))
    api.as_(world.admin()).booked(userId=other.id, providerId=colleague.id, workspaceId=practice)


def test_without_a_token_nothing_is_told(api: Api) -> None:
    answer = api.app.test_client().post("/bookings", json={})
    problem(answer, 401, "unauthorized")
    assert "Bearer" in answer.headers["WWW-Authenticate"]
