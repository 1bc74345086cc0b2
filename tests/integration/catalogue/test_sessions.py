"""Group sessions: places, parties that shrink, who is told of whom, and calling all of it off."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.factories import World
from tests.integration.booking.api import Api, Person, at, problem, wrong_fields
from tests.integration.catalogue.shop import Json, Shop


@pytest.fixture
def trainer(api: Api, world: World) -> Person:
    return api.as_(world.provider())


@pytest.fixture
def hall(world: World, trainer: Person) -> UUID:
    return world.resource(capacity=10, owner=trainer.actor)


@pytest.fixture
def course(shop: Shop, hall: UUID) -> Json:
    terms = {"durations": [{"minutes": 60, "price": 1000}], "perPersonPrice": 500, "capacity": 6}
    return shop.offered(resourceIds=[hall], maxPartySize=6, **terms)


@pytest.fixture
def customer(api: Api, world: World) -> Person:
    return api.as_(world.user())


def come(person: Person, course: Json, party: int = 1, start: float = 9, **rest: Any) -> Json:
    body = {"serviceId": course["id"], "startAt": at(start), "partySize": party} | rest
    answer = person.call("POST", "/bookings", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json or {})


def sessions(person: Person, course: Json) -> list[Json]:
    query = {"serviceId": course["id"], "from": at(0), "to": at(0, 7)}
    answer = person.get("/sessions", query)
    assert answer.status_code == 200, answer.text
    return list((answer.json or {})["items"])


def drop(person: Person, booking: Json, **body: Any) -> Any:
    return person.call("POST", f"/bookings/{booking['id']}/attendees/cancel", body)


def named(person: Person, booking: Json, name: str) -> Json:
    body = {"name": name, "email": f"{name.lower()}@example.com"}
    answer = person.call("POST", f"/bookings/{booking['id']}/attendees", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json or {})


def test_sessions_as_everybody_sees_them(api: Api, world: World, customer: Person, course: Json, hall: UUID) -> None:
    other = api.as_(world.user())
    mine = come(customer, course, 2)
    come(other, course, 3)
    come(other, course, 1, start=11)
    first, second = sessions(customer, course)
    assert first == {
        "serviceId": course["id"],
        "startAt": at(9),
        "endAt": at(10),
        "resourceIds": [str(hall)],
        "capacity": 6,
        "taken": 5,
        "remaining": 1,
        "bookingIds": [mine["id"]],
    }
    assert (second["startAt"], second["taken"], second["remaining"], second["bookingIds"]) == (at(11), 1, 5, [])
    customer.act(mine, "cancel")
    assert [one["remaining"] for one in sessions(customer, course)] == [3, 5]


def test_what_else_claims_the_hall_counts(world: World, customer: Person, course: Json, hall: UUID) -> None:
    come(customer, course)
    # Beside the session a booking of plain time; the session's own places are what is left then.
    answer = customer.book(9.5, 12, resourceId=hall, units=4)
    assert answer.status_code in (201, 409)
    taken = 1 + (4 if answer.status_code == 201 else 0)
    assert sessions(customer, course)[0]["remaining"] == 6 - taken


def test_a_question_must_be_bounded(customer: Person, course: Json) -> None:
    query = {"serviceId": course["id"], "from": at(0), "to": at(0, 63)}
    assert wrong_fields(customer.get("/sessions", query)) == ["to"]
    assert wrong_fields(customer.get("/sessions")) == ["from", "serviceId", "to"]


def test_one_of_four_drops_out(api: Api, world: World, customer: Person, course: Json) -> None:
    booking = come(customer, course, 4)
    assert booking["price"]["amount"] == 3000
    wish = {"serviceId": course["id"], "startAt": at(9), "partySize": 3}
    problem(
        api.as_(world.user()).call("POST", "/bookings", wish),
        409,
        "slot-taken",
    )
    after = drop(customer, booking, count=1)
    assert after.status_code == 200, after.text
    changed = after.json or {}
    assert (changed["partySize"], changed["units"], changed["price"]["amount"]) == (3, 3, 2500)
    assert changed["version"] == 2
    assert after.headers["ETag"] == '"2"'
    come(api.as_(world.user()), course, 3)
    told = world.query("SELECT type, data FROM outbox WHERE booking_id = %s ORDER BY seq", booking["id"])
    assert [row["type"] for row in told] == ["booking.created", "booking.attendees-changed"]
    assert told[1]["data"] == changed


def test_the_policy_keeps_its_part(shop: Shop, customer: Person, trainer: Person, hall: UUID) -> None:
    """Half of what a place costs; nothing is kept when staff let somebody go."""
    policy = {"tiers": [{"beforeMinutes": 0, "refundPercent": 50}]}
    terms = {"durations": [{"minutes": 60, "price": 0}], "perPersonPrice": 1001, "capacity": 6, "maxPartySize": 6}
    course = shop.offered(resourceIds=[hall], cancellationPolicy=policy, **terms)
    booking = come(customer, course, 4)
    assert (drop(customer, booking, count=1).json or {})["price"]["amount"] == 4004 - 501
    assert (drop(trainer, booking, count=1, reason="Ill").json or {})["price"]["amount"] == 4004 - 501 - 1001


def test_a_rule_of_the_price_counts_for_each_place(shop: Shop, customer: Person, hall: UUID) -> None:
    terms = {"durations": [{"minutes": 60, "price": 1000}], "perPersonPrice": 500, "capacity": 6, "maxPartySize": 6}
    half = come(customer, shop.offered(resourceIds=[hall], priceRules=[{"percent": 50}], **terms), 3)
    assert (half["price"]["amount"], (drop(customer, half, count=1).json or {})["price"]["amount"]) == (1250, 1000)
    flat = come(customer, shop.offered(resourceIds=[hall], priceRules=[{"price": 900}], **terms), 3, start=12)
    assert (drop(customer, flat, count=2).json or {})["price"]["amount"] == 900


def test_a_party_with_names(customer: Person, course: Json, api: Api, world: World) -> None:
    booking = come(customer, course, 2)
    ann, bob = named(customer, booking, "Ann"), named(customer, booking, "Bob")
    shown = customer.get(f"/bookings/{booking['id']}/attendees").json or {}
    assert ([one["name"] for one in shown["items"]], shown["partySize"]) == (["Ann", "Bob"], 2)
    more = customer.call("POST", f"/bookings/{booking['id']}/attendees", {"name": "Eve"})
    assert problem(more, 409, "party-complete")["partySize"] == 2
    assert wrong_fields(drop(customer, booking, count=1)) == ["count"]
    assert wrong_fields(drop(customer, booking, attendeeIds=[str(uuid4())])) == ["attendeeIds"]
    assert wrong_fields(drop(customer, booking, attendeeIds=[ann["id"], bob["id"]])) == ["attendeeIds"]
    assert (drop(customer, booking, attendeeIds=[bob["id"]]).json or {})["partySize"] == 1
    shown = customer.get(f"/bookings/{booking['id']}/attendees").json or {}
    assert [one["name"] for one in shown["items"]] == ["Ann"]
    gone = customer.call("DELETE", f"/bookings/{booking['id']}/attendees/{ann['id']}")
    assert gone.status_code == 204
    assert customer.call("DELETE", f"/bookings/{booking['id']}/attendees/{ann['id']}").status_code == 404
    names = world.query("SELECT 1 FROM outbox WHERE data::text LIKE '%%Bob%%' OR data::text LIKE '%%Ann%%'")
    assert names == []


def test_attendees_are_hidden_from_each_other(
    api: Api, world: World, customer: Person, trainer: Person, course: Json
) -> None:
    other = api.as_(world.user())
    booking, theirs = come(customer, course, 2), come(other, course, 1)
    named(customer, booking, "Ann")
    assert other.get(f"/bookings/{booking['id']}/attendees").status_code == 404
    assert drop(other, booking, count=1).status_code == 404
    query = {"serviceId": course["id"], "startAt": at(9)}
    for person in (customer, other, api.as_(world.provider())):
        assert person.get("/sessions/attendees", query).status_code == 404
    shown = trainer.get("/sessions/attendees", query).json or {}
    assert [(one["bookingId"], one["partySize"]) for one in shown["items"]] == [(booking["id"], 2), (theirs["id"], 1)]
    assert [one["name"] for one in shown["items"][0]["attendees"]] == ["Ann"]
    assert shown["items"][0]["email"] == f"{customer.id}@example.com"


def test_staff_call_the_whole_session_off(
    api: Api, world: World, customer: Person, trainer: Person, course: Json
) -> None:
    other = api.as_(world.user())
    bookings = [come(customer, course, 2), come(other, course, 1), come(other, course, 1, start=11)]
    body = {"serviceId": course["id"], "startAt": at(9), "reason": "Ill"}
    assert customer.call("POST", "/sessions/cancel", body).status_code == 404
    answer = trainer.call("POST", "/sessions/cancel", body)
    assert sorted((answer.json or {})["bookingIds"]) == sorted(one["id"] for one in bookings[:2])
    assert [one["startAt"] for one in sessions(customer, course)] == [at(11)]
    told = world.query(
        """SELECT data->>'statusReason' AS why FROM outbox
            WHERE booking_id = ANY (%s) AND type = 'booking.cancelled'""",
        [one["id"] for one in bookings],
    )
    assert [row["why"] for row in told] == ["Ill", "Ill"]
    assert trainer.call("POST", "/sessions/cancel", body).status_code == 404


def test_nobody_drops_out_of_what_is_over(customer: Person, course: Json) -> None:
    booking = come(customer, course, 2)
    customer.act(booking, "cancel")
    problem(drop(customer, booking, count=1), 409, "booking-closed")
    named_late = customer.call("POST", f"/bookings/{booking['id']}/attendees", {"name": "Ann"})
    problem(named_late, 409, "booking-closed")


def test_what_staff_do_is_recorded(world: World, customer: Person, trainer: Person, course: Json) -> None:
    booking = come(customer, course, 3)
    assert drop(trainer, booking, count=1).status_code == 200
    entry = world.query(
        "SELECT * FROM audit_entries WHERE action = 'booking.attendees' AND subject_id = %s", booking["id"]
    )
    assert [(one["before"], one["after"]) for one in entry] == [
        ({"partySize": 3, "price": 2500}, {"partySize": 2, "price": 2000})
    ]


def test_a_party_without_a_session(shop: Shop, world: World, customer: Person) -> None:
    """A room for a party: fewer come, it stays taken as a whole."""
    room = world.resource(auto_confirm=True)
    terms = {"durations": [{"minutes": 60, "price": 1000}], "perPersonPrice": 100, "maxPartySize": 8}
    booking = come(customer, shop.offered(resourceIds=[room], **terms), 4)
    after = drop(customer, booking, count=2).json or {}
    assert (after["partySize"], after["units"], after["price"]["amount"]) == (2, 1, 1200)


def test_a_series_of_a_session(shop: Shop, customer: Person, course: Json) -> None:
    body = {"serviceId": course["id"], "startAt": at(9), "partySize": 2, "rrule": "FREQ=DAILY;COUNT=3"}
    made = customer.call("POST", "/bookings/series", body)
    assert made.status_code == 201, made.text
    assert [one["taken"] for one in sessions(customer, course)] == [2, 2, 2]
