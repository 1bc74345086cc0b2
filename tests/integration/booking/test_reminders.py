"""The rows of reminders follow their booking: written, moved and withdrawn in the same transaction."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from tests.factories import World
from tests.integration.booking.api import DAY, Api, at

LEADS = [timedelta(hours=24), timedelta(minutes=10)]


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    """Everybody is reminded twice."""
    return {"reminder_lead": tuple(LEADS)}


def reminders(world: World, booking: dict[str, Any]) -> list[tuple[int, timedelta, datetime, bool]]:
    """(version, lead, due, sent) of each row, the earliest first."""
    rows = world.query("SELECT * FROM reminders WHERE booking_id = %s ORDER BY due_at, booking_version", booking["id"])
    assert {row["recipient_id"] for row in rows} <= {
        row["user_id"] for row in world.query("SELECT user_id FROM bookings")
    }
    return [(row["booking_version"], row["lead"], row["due_at"], row["sent_at"] is not None) for row in rows]


def due(hour: float, version: int) -> list[tuple[int, timedelta, datetime, bool]]:
    """What should wait for a booking that starts at this hour of the test day."""
    start = DAY + timedelta(hours=hour)
    return [(version, lead, start - lead, False) for lead in LEADS]


def test_one_row_a_lead(api: Api, world: World) -> None:
    booking = api.as_(world.user()).booked(providerId=world.provider().id)
    assert reminders(world, booking) == due(9, 1)


def test_the_customer_is_reminded_not_who_booked(api: Api, world: World) -> None:
    customer, provider = world.user(), world.provider()
    booking = api.as_(provider).booked(userId=customer.id, providerId=provider.id)
    rows = world.query("SELECT recipient_id FROM reminders WHERE booking_id = %s", booking["id"])
    assert {row["recipient_id"] for row in rows} == {customer.id}


def test_a_lead_that_has_passed_is_left_out(api: Api, world: World) -> None:
    customer = api.as_(world.user())
    soon = datetime.now(DAY.tzinfo) + timedelta(hours=3)
    body = {
        "providerId": str(world.provider().id),
        "startAt": soon.isoformat(),
        "endAt": (soon + timedelta(hours=1)).isoformat(),
    }
    booking = customer.call("POST", "/bookings", body).json or {}
    assert [lead for _, lead, _, _ in reminders(world, booking)] == LEADS[1:]


def test_a_move_writes_them_anew(api: Api, world: World) -> None:
    customer = api.as_(world.user())
    booking = customer.booked(providerId=world.provider().id)
    assert customer.change(booking, startAt=at(12)).status_code == 200
    assert reminders(world, booking) == due(12, 2)


def test_other_changes_carry_them_along(api: Api, world: World) -> None:
    customer, provider = api.as_(world.user()), world.provider()
    booking = customer.booked(providerId=provider.id)
    world.query("UPDATE reminders SET leased_until = now() + interval '1 hour' WHERE booking_id = %s", booking["id"])
    assert customer.change(booking, title="new").status_code == 200
    assert api.as_(provider).act(booking, "confirm").status_code == 200
    assert reminders(world, booking) == due(9, 3)
    leases = world.query("SELECT DISTINCT leased_until FROM reminders WHERE booking_id = %s", booking["id"])
    assert [row["leased_until"] for row in leases] == [None]


def test_what_was_sent_stays_and_is_not_sent_again(api: Api, world: World) -> None:
    """The first of two has gone out; details change, then the time, which is announced anew."""
    customer = api.as_(world.user())
    booking = customer.booked(providerId=world.provider().id)
    first, second = due(9, 1)
    sent = "UPDATE reminders SET sent_at = due_at WHERE booking_id = %s AND due_at = %s"
    world.query(sent, booking["id"], first[2])
    assert customer.change(booking, title="new").status_code == 200
    assert reminders(world, booking) == [(*first[:3], True), (2, *second[1:])]
    assert customer.change(booking, startAt=at(12)).status_code == 200
    assert reminders(world, booking) == sorted([(*first[:3], True), *due(12, 3)], key=lambda row: row[2])
    world.query("DELETE FROM reminders WHERE booking_id = %s AND sent_at IS NOT NULL", booking["id"])


@pytest.mark.parametrize("action", ["cancel", "decline", "complete", "no-show"])
def test_they_end_with_their_booking(api: Api, world: World, action: str) -> None:
    admin = api.as_(world.admin())
    booking = admin.booked(providerId=world.provider(auto_confirm=action in ("complete", "no-show")).id)
    assert admin.act(booking, action, override=True, reason="test").status_code == 200
    assert reminders(world, booking) == []


def test_they_outlive_the_check_in(api: Api, world: World) -> None:
    admin = api.as_(world.admin())
    booking = admin.booked(providerId=world.provider(auto_confirm=True).id)
    with mock.patch("bookings.clock.now", return_value=DAY.replace(hour=8)):
        assert admin.act(booking, "check-in").status_code == 200
    assert reminders(world, booking) == due(9, 2)
