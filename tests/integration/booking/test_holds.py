"""Holds: time kept for a few minutes, on the terms of that moment, for whoever it was kept for."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID, uuid4

import pytest
from werkzeug.test import TestResponse

from bookings.booking import expiry
from tests.factories import World
from tests.integration.booking.api import Api, Person, at, problem, wrong_fields


def hold(
    person: Person, start: float = 9, end: float | None = 10, *, key: str | None = None, **wish: Any
) -> TestResponse:
    """POST /holds from `start` to `end` o'clock."""
    body = {"startAt": at(start)} | ({"endAt": at(end)} if end else {})
    body |= {name: str(value) if isinstance(value, UUID) else value for name, value in wish.items()}
    return person.call("POST", "/holds", body, Idempotency_Key=key)


def held(person: Person, start: float = 9, end: float | None = 10, **wish: Any) -> dict[str, Any]:
    """The same, for a test about what comes after."""
    answer = hold(person, start, end, **wish)
    assert answer.status_code == 201, answer.text
    return dict(answer.json or {})


def expire(world: World, hold: dict[str, Any]) -> None:
    """Its time is over since a moment ago; nobody has swept yet."""
    world.query("UPDATE holds SET expires_at = clock_timestamp() - interval '1 ms' WHERE id = %s", hold["id"])
    world.query(
        "UPDATE allocations AS a SET expires_at = h.expires_at FROM holds AS h WHERE a.hold_id = h.id AND h.id = %s",
        hold["id"],
    )


def offer(api: Api, **terms: Any) -> str:
    """The id of a new service of an hour."""
    body = {
        "name": "Massage",
        "slug": f"massage-{uuid4()}",
        "currency": "EUR",
        "durations": [{"minutes": 60, "price": 4500}],
    }
    answer = api.as_(api.world.admin()).call("POST", "/services", body | terms)
    assert answer.status_code == 201, answer.text
    return str((answer.json or {})["id"])


@pytest.fixture
def customer(api: Api) -> Person:
    return api.as_(api.world.user())


@pytest.fixture
def other(api: Api) -> Person:
    return api.as_(api.world.user())


@pytest.fixture
def room(api: Api) -> UUID:
    return api.world.resource(auto_confirm=True)


def test_a_hold_keeps_its_time_from_others(customer: Person, other: Person, room: UUID) -> None:
    answer = hold(customer, workspaceId=room)
    made = answer.json or {}
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/holds/{made['id']}"
    assert made["state"] == "active"
    assert made["workspaceId"] == str(room)
    assert made["expiresAt"] < made["extendableUntil"]
    refused = problem(other.book(workspaceId=room), 409, "slot-taken")
    assert at(10) in refused["nextFree"]
    problem(hold(other, 9.5, 10.5, workspaceId=room), 409, "slot-taken")
    assert other.book(10, 11, workspaceId=room).status_code == 201


def test_it_becomes_a_booking_with_its_claims(api: Api, customer: Person, room: UUID) -> None:
    """The same rows: the claim is never taken anew."""
    made = held(customer, workspaceId=room)
    before = api.world.query("SELECT ctid, * FROM allocations WHERE hold_id = %s", made["id"])
    answer = customer.call("POST", "/bookings", {"holdId": made["id"], "title": "Kept"})
    booking = answer.json or {}
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/bookings/{booking['id']}"
    assert {name: booking[name] for name in ("userId", "startAt", "endAt", "workspaceId", "resourceIds", "title")} == {
        name: made[name] for name in ("userId", "startAt", "endAt", "workspaceId", "resourceIds")
    } | {"title": "Kept"}
    assert booking["status"] == "confirmed"
    (after,) = api.world.query("SELECT * FROM allocations WHERE booking_id = %s", booking["id"])
    assert (after["hold_id"], after["expires_at"], after["during"]) == (None, None, before[0]["during"])
    told = customer.get(f"/holds/{made['id']}").json or {}
    assert (told["state"], told["bookingId"]) == ("booked", booking["id"])
    ended = problem(customer.call("POST", "/bookings", {"holdId": made["id"]}), 409, "hold-ended")
    assert ended["holdState"] == "booked"


def test_the_terms_are_those_of_the_hold(api: Api, customer: Person) -> None:
    """Dearer meanwhile, and archived: what was shown holds."""
    provider = api.world.provider()
    service = offer(api, resourceIds=[str(provider.id)], bufferBeforeMinutes=15, reminderLeadMinutes=[60])
    made = held(customer, end=None, serviceId=service, duration=60)
    assert made["price"] == {"amount": 4500, "currency": "EUR"}
    assert made["providerId"] == str(provider.id)
    admin = api.as_(api.world.admin())
    dearer = admin.call(
        "PATCH", f"/services/{service}", {"durations": [{"minutes": 60, "price": 9900}], "archived": True}
    )
    assert dearer.status_code == 200
    booking = customer.call("POST", "/bookings", {"holdId": made["id"]}).json or {}
    assert booking["price"] == {"amount": 4500, "currency": "EUR"}
    assert booking["serviceId"] == service
    leads = api.world.query("SELECT lead FROM reminders WHERE booking_id = %s", booking["id"])
    assert [row["lead"].total_seconds() for row in leads] == [3600]


@pytest.mark.parametrize("wish", [{"override": True}, {"override": True, "overbook": True, "reason": "Because."}])
def test_there_is_nothing_to_override_about_a_hold(customer: Person, room: UUID, wish: dict[str, Any]) -> None:
    kept = held(customer, resourceId=room)
    answer = customer.call("POST", "/bookings", {"holdId": kept["id"]} | wish)
    assert wrong_fields(answer) == sorted(wish.keys() - {"reason"})


def test_an_expired_hold_is_not_there(api: Api, customer: Person, other: Person, room: UUID) -> None:
    """Whether or not anybody has swept: for bookings, moves, holds and services, in the very request."""
    made = held(customer, workspaceId=room)
    expire(api.world, made)
    assert (customer.get(f"/holds/{made['id']}").json or {})["state"] == "lapsed"
    assert (
        problem(customer.call("POST", "/bookings", {"holdId": made["id"]}), 409, "hold-ended")["holdState"] == "lapsed"
    )
    booking = other.booked(workspaceId=room)
    assert other.act(booking, "cancel").status_code == 200
    second = held(customer, workspaceId=room)
    expire(api.world, second)
    third = held(other, 9.5, 10.5, workspaceId=room)
    expire(api.world, third)
    moved = other.booked(14, 15, workspaceId=room)
    assert other.change(moved, startAt=at(9.75)).status_code == 200


def test_an_expired_hold_is_not_there_for_a_service(api: Api, customer: Person, other: Person) -> None:
    provider = api.world.provider()
    service = offer(api, resourceIds=[str(provider.id)])
    expire(api.world, held(customer, end=None, serviceId=service))
    assert other.call("POST", "/bookings", {"serviceId": service, "startAt": at(9)}).status_code == 201


def test_units_of_a_shared_room_come_back_by_themselves(api: Api, customer: Person, other: Person) -> None:
    room = api.world.resource(capacity=3)
    made = held(customer, workspaceId=room, units=2)
    problem(other.book(workspaceId=room, units=2), 409, "slot-taken")
    expire(api.world, made)
    assert other.book(workspaceId=room, units=2).status_code == 201


def test_a_hold_of_units_that_somebody_took_is_over(api: Api, customer: Person, other: Person) -> None:
    """Its units went the instant it ended: extending or booking it then finds them gone, and overbooks nothing."""
    room = api.world.resource(capacity=2)
    made = held(customer, workspaceId=room, units=2)
    expire(api.world, made)
    other.booked(workspaceId=room, units=1)
    problem(customer.call("POST", f"/holds/{made['id']}/extend", {}), 409, "hold-ended")
    problem(customer.call("POST", "/bookings", {"holdId": made["id"]}), 409, "hold-ended")


def test_releasing(api: Api, customer: Person, other: Person, room: UUID) -> None:
    made = held(customer, workspaceId=room)
    problem(other.call("DELETE", f"/holds/{made['id']}"), 404, "not-found")
    gone = customer.call("DELETE", f"/holds/{made['id']}")
    assert (gone.json or {})["state"] == "released"
    assert problem(customer.call("DELETE", f"/holds/{made['id']}"), 409, "hold-ended")["holdState"] == "released"
    assert other.book(workspaceId=room).status_code == 201


def test_extending_ends_somewhere(api: Api, customer: Person, room: UUID) -> None:
    made = held(customer, workspaceId=room, ttlSeconds=60)
    longer = customer.call("POST", f"/holds/{made['id']}/extend", {"ttlSeconds": 600}).json or {}
    assert made["expiresAt"] < longer["expiresAt"] < longer["extendableUntil"]
    claims = api.world.query("SELECT expires_at FROM allocations WHERE hold_id = %s", made["id"])
    assert claims == api.world.query("SELECT expires_at FROM holds WHERE id = %s", made["id"])
    shorter = customer.call("POST", f"/holds/{made['id']}/extend", {"ttlSeconds": 1})
    problem(shorter, 409, "hold-at-limit")
    longest = customer.call("POST", f"/holds/{made['id']}/extend", {"ttlSeconds": 86400}).json or {}
    assert longest["expiresAt"] == longest["extendableUntil"] == made["extendableUntil"]
    problem(customer.call("POST", f"/holds/{made['id']}/extend", {"ttlSeconds": 86400}), 409, "hold-at-limit")


def test_a_hold_ends_with_the_beginning_of_its_time(api: Api, customer: Person, room: UUID) -> None:
    begins = api.world.query("SELECT date_trunc('second', now() + interval '90 seconds') AS at")[0]["at"]
    body = {"workspaceId": str(room), "startAt": begins.isoformat(), "duration": 30}
    made = customer.call("POST", "/holds", body).json or {}
    assert made["expiresAt"] == made["extendableUntil"] == made["startAt"]


def test_so_many_at_a_time(api: Api, customer: Person) -> None:
    """Those that ended do not count; nor do other people's."""
    rooms = [api.world.resource() for _ in range(4)]
    first = [held(customer, workspaceId=room) for room in rooms[:3]]
    assert problem(hold(customer, workspaceId=rooms[3]), 409, "too-many-holds")["limit"] == 3
    expire(api.world, first[0])
    held(customer, workspaceId=rooms[3])
    customer.call("DELETE", f"/holds/{first[1]['id']}")
    held(customer, workspaceId=rooms[0])
    problem(hold(customer, 11, 12, workspaceId=rooms[0]), 409, "too-many-holds")


def test_staff_hold_for_a_customer(api: Api, customer: Person, other: Person) -> None:
    provider = api.as_(api.world.provider())
    made = held(provider, providerId=provider.id, userId=customer.id)
    assert (made["userId"], made["createdBy"]) == (str(customer.id), str(provider.id))
    assert customer.get(f"/holds/{made['id']}").status_code == 200
    problem(hold(other, 12, 13, providerId=provider.id, userId=customer.id), 403, "not-for-you")
    audited = api.world.query("SELECT action FROM audit_entries WHERE subject_id = %s", made["id"])
    assert audited == [{"action": "hold.create"}]
    assert customer.call("POST", "/bookings", {"holdId": made["id"]}).status_code == 201


def test_lists_show_whom_they_concern(api: Api, customer: Person, other: Person) -> None:
    provider, stranger = api.as_(api.world.provider()), api.as_(api.world.provider())
    made = held(customer, providerId=provider.id)
    released = held(customer, 11, 12, providerId=provider.id)
    customer.call("DELETE", f"/holds/{released['id']}")
    for person in (customer, provider):
        page = person.get("/holds").json or {}
        assert [one["id"] for one in page["items"]] == [made["id"]]
        assert page["total"] == 1
        everything = person.get("/holds", {"state": "any"}).json or {}
        assert [one["id"] for one in everything["items"]] == [released["id"], made["id"]]
    first = customer.get("/holds", {"state": "any", "limit": 1}).json or {}
    second = customer.get("/holds", {"state": "any", "limit": 1, "cursor": first["nextCursor"]}).json or {}
    assert [one["id"] for one in second["items"]] == [made["id"]]
    for person in (other, stranger):
        assert (person.get("/holds").json or {})["items"] == []
        problem(person.get(f"/holds/{made['id']}"), 404, "not-found")
        problem(person.call("POST", f"/holds/{made['id']}/extend", {}), 404, "not-found")
        assert wrong_fields(person.call("POST", "/bookings", {"holdId": made["id"]})) == ["holdId"]
    problem(customer.get("/holds", {"userId": str(other.id)}), 403, "forbidden")
    admin = api.as_(api.world.admin())
    found = admin.get("/holds", {"userId": str(customer.id), "resourceId": str(provider.id)}).json or {}
    assert [one["id"] for one in found["items"]] == [made["id"]]


def test_the_same_request_twice_holds_once(api: Api, customer: Person, room: UUID) -> None:
    key = str(uuid4())
    first, again = (hold(customer, workspaceId=room, key=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json
    assert again.headers["Idempotent-Replayed"] == "true"
    book = {"holdId": (first.json or {})["id"]}
    key = str(uuid4())
    booked, replayed = (customer.call("POST", "/bookings", book, Idempotency_Key=key) for _ in range(2))
    assert (booked.status_code, replayed.status_code) == (201, 201)
    assert booked.json == replayed.json


def test_what_a_hold_must_not_say(api: Api, customer: Person, room: UUID) -> None:
    assert wrong_fields(customer.call("POST", "/holds", {})) == ["endAt", "providerId", "startAt"]
    assert wrong_fields(hold(customer, 9, 10, workspaceId=room, duration=60)) == ["duration"]
    assert wrong_fields(hold(customer, 9, 10, workspaceId=uuid4())) == ["workspaceId"]
    assert wrong_fields(hold(customer, 9, 10, providerId=room)) == ["providerId"]
    assert wrong_fields(hold(customer, 9, 10, workspaceId=room, units=2)) == ["units"]
    assert wrong_fields(hold(customer, 9, 8, workspaceId=room)) == ["endAt"]
    assert wrong_fields(customer.call("POST", "/bookings", {"holdId": str(uuid4()), "startAt": at(9)})) == ["startAt"]
    assert wrong_fields(customer.call("POST", "/bookings", {"holdId": str(uuid4())})) == ["holdId"]


def test_the_sweep_ends_each_once_and_tells(api: Api, customer: Person, room: UUID) -> None:
    database = api.app.extensions["database"]
    expiry.sweep(database)
    made = held(customer, workspaceId=room)
    kept = held(customer, 12, 13, workspaceId=room)
    assert expiry.sweep(database) == 0
    expire(api.world, made)
    assert expiry.sweep(database) == 1
    assert expiry.sweep(database) == 0
    told = api.world.query(
        "SELECT type, topics FROM outbox WHERE type LIKE 'hold.%%' AND data ->> 'id' = %s ORDER BY seq", made["id"]
    )
    assert [row["type"] for row in told] == ["hold.created", "hold.lapsed"]
    assert set(told[1]["topics"]) == {f"user:{customer.id}", f"resource:{room}"}
    assert api.world.query("SELECT FROM allocations WHERE hold_id = %s", made["id"]) == []
    assert (customer.get(f"/holds/{kept['id']}").json or {})["state"] == "active"


@pytest.mark.slow
def test_a_second_is_a_second(customer: Person, other: Person, room: UUID) -> None:
    """With the real clock, and nobody who sweeps."""
    held(customer, workspaceId=room, ttlSeconds=1)
    problem(other.book(workspaceId=room), 409, "slot-taken")
    time.sleep(1.05)
    assert other.book(workspaceId=room).status_code == 201


def test_old_ones_are_forgotten(api: Api, customer: Person, room: UUID) -> None:
    gone, kept = held(customer, workspaceId=room), held(customer, 12, 13, workspaceId=room)
    customer.call("DELETE", f"/holds/{gone['id']}")
    api.world.query(
        "UPDATE holds SET updated_at = now() - interval '31 days' WHERE id IN (%s, %s)", gone["id"], kept["id"]
    )
    assert expiry.forget(api.app.extensions["database"]) == 1
    problem(customer.get(f"/holds/{gone['id']}"), 404, "not-found")
    assert customer.get(f"/holds/{kept['id']}").status_code == 200


def test_caps_count_holds(api: Api, customer: Person) -> None:
    """Who may book once a day cannot hold twice: each hold could become a booking."""
    provider = api.world.provider()
    service = offer(api, resourceIds=[str(provider.id)])
    admin = api.as_(api.world.admin())
    capped = admin.call("PUT", f"/schedules/services/{service}", {"rules": {"customerCaps": {"day": 1}}})
    assert capped.status_code == 200, capped.text
    first = held(customer, end=None, serviceId=service)
    refused = problem(hold(customer, 14, None, serviceId=service), 409, "not-bookable")
    assert refused["rules"] == ["customerCaps"]
    problem(customer.call("POST", "/bookings", {"serviceId": service, "startAt": at(14)}), 409, "not-bookable")
    expire(api.world, first)
    held(customer, 14, None, serviceId=service)


def test_hours_and_closures_hold_for_holds(api: Api, customer: Person, room: UUID) -> None:
    api.world.query(
        """INSERT INTO closures (id, resource_id, during, kind, created_at)
           VALUES (gen_random_uuid(), %s, tstzrange(%s, %s), 'time_off', now())""",
        room,
        at(8),
        at(12),
    )
    api.world.query("UPDATE resources SET schedule_version = schedule_version + 1 WHERE id = %s", room)
    refused = problem(hold(customer, workspaceId=room), 409, "slot-taken")
    assert ("rules" in refused, refused["nextFree"][0]) == (False, at(12))
    held(customer, 12, 13, workspaceId=room)
