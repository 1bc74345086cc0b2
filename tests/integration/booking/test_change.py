"""PATCH /bookings/{id}: details and moves, with versions and preconditions."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

from tests.factories import World
from tests.integration.booking.api import DAY, Api, Person, at, problem, wrong_fields


@pytest.fixture
def customer(api: Api, world: World) -> Person:
    """Somebody with an appointment to change."""
    return api.as_(world.user())


def changed(person: Person, booking: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = person.change(booking, **body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json or {})


def test_details(customer: Person, world: World) -> None:
    booking = customer.booked(providerId=world.provider().id, title="a", notes="b")
    after = changed(customer, booking, title="c", notes=None, location="d")
    assert after == booking | {
        "title": "c",
        "notes": None,
        "location": "d",
        "version": 2,
        "updatedAt": after["updatedAt"],
    }
    assert after["updatedAt"] > booking["updatedAt"]
    assert customer.get(f"/bookings/{booking['id']}").json == after


def test_what_changes_nothing_makes_no_version(customer: Person, world: World) -> None:
    booking = customer.booked(providerId=world.provider().id, title="a")
    assert changed(customer, booking) == booking
    assert changed(customer, booking, title="a", startAt=at(9), endAt=at(10)) == booking


def test_what_cannot_be_changed_is_named(customer: Person, world: World) -> None:
    booking = customer.booked(providerId=world.provider().id)
    answer = customer.change(booking, status="confirmed", userId=str(customer.id), units=2, startAt="soon")
    assert wrong_fields(answer) == ["startAt", "status", "units", "userId"]


@pytest.mark.parametrize("start, end", [(12, 13), (9.5, 10.5), (8.5, 9.5), (9.25, 9.75), (8, 11)])
@pytest.mark.parametrize("capacity", [1, 2])
def test_moving_also_onto_its_own_old_time(
    customer: Person, world: World, capacity: int, start: float, end: float
) -> None:
    room = world.resource(capacity=capacity)
    booking = customer.booked(resourceId=room, units=capacity)
    after = changed(customer, booking, startAt=at(start), endAt=at(end))
    assert (after["startAt"], after["endAt"], after["version"]) == (at(start), at(end), 2)


def test_a_new_start_alone_keeps_the_length(customer: Person, world: World) -> None:
    booking = customer.booked(9, 10.5, providerId=world.provider().id)
    after = changed(customer, booking, startAt=at(12))
    assert (after["startAt"], after["endAt"]) == (at(12), at(13.5))


def test_the_old_time_is_free_the_new_one_taken(api: Api, customer: Person, world: World) -> None:
    provider, other = world.provider(), api.as_(world.user())
    booking = customer.booked(providerId=provider.id)
    changed(customer, booking, startAt=at(11))
    problem(other.book(11.5, 12.5, providerId=provider.id), 409, "slot-taken")
    other.booked(9, 10, providerId=provider.id)


@pytest.mark.parametrize("capacity", [1, 2])
def test_moving_onto_somebody_else_is_refused_and_undone(
    api: Api, customer: Person, world: World, capacity: int
) -> None:
    room, provider = world.resource(capacity=capacity), world.provider()
    api.as_(world.user()).booked(11, 12, resourceId=room, units=capacity)
    booking = customer.booked(9, 10, workspaceId=room, providerId=provider.id)
    refused = problem(customer.change(booking, startAt=at(11.5)), 409, "slot-taken")
    assert refused["nextFree"][0] == at(12)
    assert customer.get(f"/bookings/{booking['id']}").json == booking
    problem(api.as_(world.user()).book(9, 10, providerId=provider.id), 409, "slot-taken")


@pytest.mark.parametrize(
    "start, end, wrong",
    [(-24 * 61, None, ["startAt"]), (12, 11, ["endAt"]), (None, 24 * 100, ["endAt"]), (24 * 1900, None, ["startAt"])],
)
def test_moving_to_an_impossible_time(
    customer: Person, world: World, start: float | None, end: float | None, wrong: list[str]
) -> None:
    booking = customer.booked(providerId=world.provider().id)
    times = {name: at(value) for name, value in (("startAt", start), ("endAt", end)) if value is not None}
    assert wrong_fields(customer.change(booking, **times)) == wrong
    assert customer.get(f"/bookings/{booking['id']}").json == booking


def test_if_match(customer: Person, world: World) -> None:
    booking = customer.booked(providerId=world.provider().id)
    answer = customer.change(booking, if_match='"1"', title="a")
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    stale = customer.change(booking, if_match='"1"', title="b")
    document = problem(stale, 412, "precondition-failed")
    assert document["current"] == answer.json
    assert stale.headers["ETag"] == '"2"'
    for tag in ('"1", "2"', "*"):
        assert customer.change(booking, if_match=tag, title=tag).status_code == 200


@pytest.mark.parametrize("tag", ["", "1", 'W/"1"', '"x"', '"1"x', '"-1"', '"99999999999"'])
def test_a_tag_that_is_none_of_ours_matches_nothing(customer: Person, world: World, tag: str) -> None:
    booking = customer.booked(providerId=world.provider().id)
    problem(customer.change(booking, if_match=tag, title="a"), 412, "precondition-failed")


def test_actions_honour_if_match_too(customer: Person, world: World) -> None:
    booking = customer.booked(providerId=world.provider().id)
    path = f"/bookings/{booking['id']}"
    problem(customer.call("POST", f"{path}/cancel", {}, If_Match='"7"'), 412, "precondition-failed")
    problem(customer.call("DELETE", path, If_Match='"7"'), 412, "precondition-failed")
    problem(
        customer.call("PATCH", f"{path}/status", {"status": "cancelled"}, If_Match='"7"'), 412, "precondition-failed"
    )
    assert customer.call("DELETE", path, If_Match='"1"').status_code == 200


def test_if_none_match(customer: Person, world: World) -> None:
    booking = customer.booked(providerId=world.provider().id)
    path = f"/bookings/{booking['id']}"
    for tag in ('"1"', 'W/"1"', '"7", "1"'):
        answer = customer.get(path, If_None_Match=tag)
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", '"1"')
    changed(customer, booking, title="new")
    assert customer.get(path, If_None_Match='"1"').status_code == 200


def test_a_provider_changes_what_is_in_their_calendar(api: Api, customer: Person, world: World) -> None:
    provider = world.provider()
    booking = customer.booked(providerId=provider.id)
    assert changed(api.as_(provider), booking, startAt=at(12))["startAt"] == at(12)
    assert changed(api.as_(world.admin()), booking, title="by the admin")["title"] == "by the admin"


def test_what_is_not_yours_is_not_there(api: Api, customer: Person, world: World) -> None:
    booking = customer.booked(providerId=world.provider().id)
    path = f"/bookings/{booking['id']}"
    for actor in (world.user(), world.provider()):
        stranger = api.as_(actor)
        for answer in (
            stranger.get(path),
            stranger.get(f"{path}/history"),
            stranger.change(booking, title="mine"),
            stranger.act(booking, "cancel"),
            stranger.call("PATCH", f"{path}/status", {"status": "cancelled"}),
            stranger.call("DELETE", path),
        ):
            problem(answer, 404, "not-found")
    assert customer.get(path).json == booking


@pytest.mark.parametrize("status", ["cancelled", "declined", "completed", "no_show"])
def test_what_is_over_cannot_be_changed(api: Api, customer: Person, world: World, status: str) -> None:
    booking = customer.booked(providerId=world.provider(auto_confirm=status not in ("declined",)).id)
    action = {"cancelled": "cancel", "declined": "decline", "completed": "complete", "no_show": "no-show"}[status]
    assert api.as_(world.admin()).act(booking, action, override=True, reason="test").status_code == 200
    refused = problem(customer.change(booking, title="late"), 409, "booking-closed")
    assert refused["bookingStatus"] == status


def test_what_has_begun_keeps_its_time_but_not_its_notes(api: Api, customer: Person, world: World) -> None:
    booking = customer.booked(providerId=world.provider(auto_confirm=True).id)
    with mock.patch("bookings.clock.now", return_value=DAY.replace(hour=8, minute=30)):
        assert api.as_(world.admin()).act(booking, "check-in").status_code == 200
        problem(customer.change(booking, startAt=at(12)), 409, "booking-closed")
        assert changed(customer, booking, notes="arrived early")["notes"] == "arrived early"
