"""Every version leaves a row of history and one event, written with it."""

from __future__ import annotations

from typing import Any
from unittest import mock

import psycopg
import pytest

from tests.factories import World
from tests.integration.booking.api import DAY, Api, at


def story(api: Api, world: World) -> tuple[dict[str, Any], Any, Any]:
    """A booking that was changed, moved, confirmed, attended and completed; with its customer and provider."""
    customer, provider = api.as_(world.user()), world.provider()
    booking = customer.booked(providerId=provider.id)
    staff = api.as_(provider)
    assert customer.change(booking, notes="n").status_code == 200
    assert customer.change(booking, startAt=at(11)).status_code == 200
    assert staff.act(booking, "confirm", reason="welcome").status_code == 200
    with mock.patch("bookings.clock.now", return_value=DAY.replace(hour=11)):
        assert staff.act(booking, "check-in").status_code == 200
        assert staff.act(booking, "complete").status_code == 200
    return booking, customer, staff


def test_one_entry_a_version_oldest_first(api: Api, world: World) -> None:
    booking, customer, staff = story(api, world)
    answer = staff.get(f"/bookings/{booking['id']}/history")
    entries = answer.json["items"]
    assert [(e["version"], e["action"], e["status"], e["reason"]) for e in entries] == [
        (1, "create", "pending", None),
        (2, "update", "pending", None),
        (3, "reschedule", "pending", None),
        (4, "confirm", "confirmed", "welcome"),
        (5, "check-in", "checked_in", None),
        (6, "complete", "completed", None),
    ]
    assert [e["startAt"] for e in entries] == [at(9)] * 2 + [at(11)] * 4
    assert [e["actorId"] for e in entries] == [str(customer.id)] * 3 + [str(staff.id)] * 3
    assert len({e["requestId"] for e in entries}) == 6
    assert customer.get(f"/bookings/{booking['id']}/history").json == answer.json


@pytest.mark.parametrize("statement", ["UPDATE booking_history SET reason = 'x'", "DELETE FROM booking_history"])
def test_nobody_rewrites_history(api: Api, world: World, statement: str) -> None:
    story(api, world)
    with pytest.raises(psycopg.errors.RestrictViolation):
        world.query(statement)


def test_one_event_a_version_in_their_order_with_the_document_as_it_was(api: Api, world: World) -> None:
    booking, customer, staff = story(api, world)
    events = world.query("SELECT * FROM outbox WHERE booking_id = %s ORDER BY seq", booking["id"])
    assert [event["type"] for event in events] == [
        "booking.created",
        "booking.updated",
        "booking.rescheduled",
        "booking.confirmed",
        "booking.checked-in",
        "booking.completed",
    ]
    assert [event["data"]["version"] for event in events] == [1, 2, 3, 4, 5, 6]
    assert events[0]["data"] == booking
    assert events[-1]["data"] == customer.get(f"/bookings/{booking['id']}").json
    assert {tuple(event["topics"]) for event in events} == {(f"user:{customer.id}", f"resource:{staff.id}")}
    assert [event["actor_id"] for event in events] == [customer.id] * 3 + [staff.id] * 3
    entries = customer.get(f"/bookings/{booking['id']}/history").json["items"]
    assert [event["request_id"] for event in events] == [entry["requestId"] for entry in entries]


def test_everyone_who_owns_something_booked_may_hear(api: Api, world: World) -> None:
    customer, provider, room = api.as_(world.user()), world.provider(), world.resource()
    booking = customer.booked(providerId=provider.id, workspaceId=room)
    event = world.query("SELECT topics FROM outbox WHERE booking_id = %s", booking["id"])[0]
    assert sorted(event["topics"]) == sorted([f"user:{customer.id}", f"resource:{provider.id}", f"resource:{room}"])


def test_a_refused_request_tells_nothing(api: Api, world: World) -> None:
    customer, provider = api.as_(world.user()), world.provider()
    booking = customer.booked(providerId=provider.id)
    before = world.query("SELECT count(*) FROM outbox")
    customer.book(providerId=provider.id)
    customer.act(booking, "confirm")
    customer.change(booking, startAt=at(-24 * 100))
    customer.change(booking)
    assert world.query("SELECT count(*) FROM outbox") == before
