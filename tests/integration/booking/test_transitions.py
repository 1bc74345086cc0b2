"""The state machine: every action from every status, for every role; and the database's own copy of it."""

from __future__ import annotations

from typing import Any
from unittest import mock

import psycopg
import pytest
from werkzeug.test import TestResponse

from bookings.booking.rules import ACTIONS, STATUSES
from tests.factories import World
from tests.integration.booking.api import DAY, Api, Person, at, problem

#: docs/state-machine.md, written down once more: status → action → status
EDGES = {
    "pending": {"confirm": "confirmed", "decline": "declined", "cancel": "cancelled"},
    "confirmed": {"cancel": "cancelled", "check-in": "checked_in", "complete": "completed", "no-show": "no_show"},
    "checked_in": {"complete": "completed"},
    "completed": {"no-show": "no_show"},
    "no_show": {"complete": "completed"},
    "cancelled": {},
    "declined": {},
}
PATHS = {
    "pending": (),
    "confirmed": ("confirm",),
    "checked_in": ("confirm", "check-in"),
    "completed": ("confirm", "complete"),
    "no_show": ("confirm", "no-show"),
    "cancelled": ("cancel",),
    "declined": ("decline",),
}
BY_CUSTOMER = ("cancel",)


class Cast:
    """A customer, the provider they booked and an admin."""

    def __init__(self, api: Api, world: World) -> None:
        provider = world.provider()
        self.customer, self.provider = api.as_(world.user()), api.as_(provider)
        self.admin = api.as_(world.admin())
        self.booking = self.customer.booked(providerId=provider.id)

    def person(self, role: str) -> Person:
        """Who has this role here."""
        person: Person = getattr(self, role)
        return person

    def lead_to(self, status: str) -> None:
        """Take the booking to a status, whatever the time."""
        for action in PATHS[status]:
            assert self.admin.act(self.booking, action, override=True, reason="test").status_code == 200

    def now(self) -> dict[str, Any]:
        """The booking as it stands."""
        return self.admin.get(f"/bookings/{self.booking['id']}").json or {}


@pytest.fixture
def cast(api: Api, world: World) -> Cast:
    """New people around a new pending booking."""
    return Cast(api, world)


def test_the_drawing_is_the_code() -> None:
    drawn = {(status, action, target) for status, moves in EDGES.items() for action, target in moves.items()}
    assert drawn == {(source, a.name, a.target) for a in ACTIONS.values() for source in a.sources}
    assert set(EDGES) == set(STATUSES)


def test_the_drawing_is_the_database(world: World) -> None:
    rows = world.query("SELECT from_status, to_status FROM booking_transitions")
    drawn = {(status, target) for status, moves in EDGES.items() for target in moves.values()}
    assert {(row["from_status"], row["to_status"]) for row in rows} == drawn


@pytest.mark.parametrize("role", ["customer", "provider", "admin"])
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("status", STATUSES)
def test_every_action_from_every_status(cast: Cast, status: str, action: str, role: str) -> None:
    cast.lead_to(status)
    before = cast.now()
    # What has begun cannot be called off; what has not, not completed.
    hour = 8 if action == "cancel" else 9
    with mock.patch("bookings.clock.now", return_value=DAY.replace(hour=hour, minute=30)):
        answer = cast.person(role).act(cast.booking, action, reason="because")
    if role == "customer" and action not in BY_CUSTOMER:
        problem(answer, 403, "staff-only")
        assert cast.now() == before
    elif action not in EDGES[status]:
        refused = problem(answer, 409, "transition-refused")
        possible = [name for name in EDGES[status] if role != "customer" or name in BY_CUSTOMER]
        assert (refused["bookingStatus"], sorted(refused["allowed"])) == (status, sorted(possible))
        assert cast.now() == before
    else:
        assert answer.status_code == 200
        assert answer.headers["ETag"] == f'"{before["version"] + 1}"'
        after = answer.json or {}
        assert after == before | {
            "status": EDGES[status][action],
            "statusReason": "because",
            "version": before["version"] + 1,
            "updatedAt": after["updatedAt"],
        }


@pytest.mark.parametrize(
    "action, opens, path", [("check-in", 8, "confirmed"), ("complete", 9, "confirmed"), ("no-show", 9, "confirmed")]
)
def test_too_early(cast: Cast, action: str, opens: int, path: str) -> None:
    cast.lead_to(path)
    with mock.patch("bookings.clock.now", return_value=DAY.replace(hour=opens - 1, minute=59, second=59)):
        refused = problem(cast.provider.act(cast.booking, action), 409, "too-early")
        assert refused["opensAt"] == at(opens)
    with mock.patch("bookings.clock.now", return_value=DAY.replace(hour=opens)):
        assert cast.provider.act(cast.booking, action).status_code == 200


@pytest.mark.parametrize("way", ["action", "status"])
def test_customers_check_in_by_themselves_where_nobody_owns_the_room(api: Api, world: World, way: str) -> None:
    customer, admin = api.as_(world.user()), api.as_(world.admin())
    room = world.resource(auto_confirm=True)
    booking = customer.booked(workspaceId=room)

    def check_in(hour: int, minute: int, person: Person = customer) -> TestResponse:
        with mock.patch("bookings.clock.now", return_value=DAY.replace(hour=hour, minute=minute)):
            if way == "action":
                return person.act(booking, "check-in")
            return person.call("PATCH", f"/bookings/{booking['id']}/status", {"status": "checked_in"})

    assert problem(check_in(7, 59), 409, "too-early")["opensAt"] == at(8)
    assert problem(check_in(10, 0), 409, "too-late")["until"] == at(10)
    problem(check_in(9, 0, api.as_(world.user())), 404, "not-found")
    assert (check_in(8, 0).json or {})["status"] == "checked_in"
    assert problem(check_in(8, 1), 409, "transition-refused")["allowed"] == []
    with mock.patch("bookings.clock.now", return_value=DAY.replace(hour=9)):
        problem(customer.act(booking, "complete"), 403, "staff-only")
        assert admin.act(booking, "complete").status_code == 200


def test_where_one_of_two_has_an_owner_they_are_there(api: Api, world: World) -> None:
    provider = world.provider(auto_confirm=True)
    customer = api.as_(world.user())
    booking = customer.booked(providerId=provider.id, workspaceId=world.resource(auto_confirm=True))
    with mock.patch("bookings.clock.now", return_value=DAY.replace(hour=9)):
        problem(customer.act(booking, "check-in"), 403, "staff-only")
        assert api.as_(provider).act(booking, "check-in").status_code == 200


def test_overriding_needs_staff_and_a_reason(cast: Cast) -> None:
    cast.lead_to("confirmed")
    problem(cast.admin.act(cast.booking, "complete"), 409, "too-early")
    problem(cast.provider.act(cast.booking, "complete", override=True), 422, "invalid")
    problem(cast.customer.act(cast.booking, "cancel", override=True, reason="x"), 403, "forbidden")
    document = problem(cast.admin.act(cast.booking, "complete", override=True), 422, "invalid")
    assert document["errors"][0]["field"] == "reason"
    assert cast.provider.act(cast.booking, "complete", override=True, reason="imported").status_code == 200
    after = cast.now()
    assert (after["status"], after["statusReason"]) == ("completed", "imported")


def test_overriding_does_not_bend_the_state_machine(cast: Cast) -> None:
    problem(cast.admin.act(cast.booking, "complete", override=True, reason="x"), 409, "transition-refused")


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "pending"])
def test_patch_status_is_the_same_as_the_action(cast: Cast, status: str) -> None:
    for action in PATHS[status][:-1]:
        assert cast.admin.act(cast.booking, action).status_code == 200
    body = {"status": status, "override": True, "reason": "r"}
    answer = cast.admin.call("PATCH", f"/bookings/{cast.booking['id']}/status", body)
    assert (answer.status_code, (answer.json or {})["status"]) == (200, status)


def test_nothing_leads_back_to_pending(cast: Cast) -> None:
    answer = cast.admin.call("PATCH", f"/bookings/{cast.booking['id']}/status", {"status": "pending"})
    assert problem(answer, 422, "invalid")["errors"][0]["field"] == "status"


def test_delete_cancels_and_the_booking_stays_readable(cast: Cast) -> None:
    answer = cast.customer.call("DELETE", f"/bookings/{cast.booking['id']}")
    assert (answer.status_code, (answer.json or {})["status"]) == (200, "cancelled")
    assert cast.customer.get(f"/bookings/{cast.booking['id']}").json == answer.json
    problem(cast.customer.call("DELETE", f"/bookings/{cast.booking['id']}"), 409, "transition-refused")


@pytest.mark.parametrize("action", ["cancel", "decline"])
def test_a_released_time_can_be_taken(cast: Cast, api: Api, world: World, action: str) -> None:
    provider = cast.provider.id
    problem(api.as_(world.user()).book(providerId=provider), 409, "slot-taken")
    assert cast.provider.act(cast.booking, action).status_code == 200
    api.as_(world.user()).booked(providerId=provider)


@pytest.mark.parametrize("action", ["complete", "no-show"])
def test_what_took_place_keeps_its_time(cast: Cast, api: Api, world: World, action: str) -> None:
    cast.lead_to("confirmed")
    assert cast.admin.act(cast.booking, action, override=True, reason="x").status_code == 200
    problem(api.as_(world.user()).book(providerId=cast.provider.id), 409, "slot-taken")


@pytest.mark.parametrize("target", STATUSES)
@pytest.mark.parametrize("status", STATUSES)
def test_the_database_refuses_what_goes_behind_our_back(cast: Cast, world: World, status: str, target: str) -> None:
    cast.lead_to(status)
    id = cast.booking["id"]
    allowed = target == status or target in EDGES[status].values()
    with psycopg.connect(world.address, autocommit=True) as connection, connection.transaction(force_rollback=True):
        statement = "UPDATE bookings SET status = %s, version = version + 1 WHERE id = %s"
        if allowed:
            connection.execute(statement, (target, id))
        else:
            with pytest.raises(psycopg.errors.CheckViolation) as refused:
                connection.execute(statement, (target, id))
            assert refused.value.diag.constraint_name == "bookings_transition_allowed"


@pytest.mark.parametrize("version", [1, 3, 0])
def test_the_database_refuses_a_version_that_is_not_the_next(cast: Cast, world: World, version: int) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        world.query("UPDATE bookings SET version = %s WHERE id = %s", version, cast.booking["id"])
    assert refused.value.diag.constraint_name == "bookings_version_rises"


def test_the_database_refuses_a_booking_that_does_not_begin_open(world: World) -> None:
    user, room = world.user(), world.resource()
    for status in ("cancelled", "completed", "checked_in"):
        with pytest.raises(psycopg.errors.CheckViolation):
            world.query(
                """INSERT INTO bookings (id, user_id, resource_ids, start_at, end_at, status, created_by, created_at,
                                         updated_at)
                   SELECT gen_random_uuid(), id, ARRAY[%s::uuid], now(), now() + interval '1 hour', %s, id, now(), now()
                     FROM users WHERE id = %s""",
                room,
                status,
                user.id,
            )
