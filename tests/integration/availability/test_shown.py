"""A start that GET /slots shows is not refused by what was agreed with a booking, nor because of no-shows; explain says
which it is. Whatever is asked, a search takes three statements at most."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import psycopg
import pytest

from bookings.prepared import Prepared
from tests.factories import World
from tests.integration.availability.counter import at, book, booked, says, starts
from tests.integration.booking.api import Api, Person, problem
from tests.integration.catalogue.shop import Shop

Json = dict[str, Any]


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    """The business stands in Berlin, as its resources do."""
    return {"business_time_zone": "Europe/Berlin"}


def refusing(by: Person, service: Json, **query: Any) -> set[str]:
    """The rules that refuse noon, by explain."""
    answer = by.get("/availability/explain", {"serviceId": service["id"], "at": at(12)} | query)
    told = answer.get_json() or {}
    rules = [*told["rules"], *(rule for group in told["groups"] for one in group["resources"] for rule in one["rules"])]
    assert told["bookable"] == all(rule["allowed"] for rule in rules)
    return {rule["rule"] for rule in rules if not rule["allowed"]}


def not_come(api: Api, world: World, customer: Person, times: int) -> None:
    """Bookings of last week to which they did not come."""
    then = datetime.now(UTC).replace(microsecond=0) - timedelta(days=7)
    for number in range(times):
        begins = then + timedelta(hours=2 * number)
        body = {"startAt": begins.isoformat(), "endAt": (begins + timedelta(hours=1)).isoformat()}
        with mock.patch("bookings.clock.now", return_value=begins - timedelta(hours=1)):
            room = str(world.resource(auto_confirm=True))
            made = customer.call("POST", "/bookings", body | {"workspaceId": room}).get_json() or {}
        assert api.as_(world.admin()).act(made, "no-show").status_code == 200


def test_who_did_not_come_too_often_is_shown_nothing(shop: Shop, world: World, customer: Person, api: Api) -> None:
    service = shop.offered(resourceIds=[world.provider().id])
    says(shop, f"services/{service['id']}", rules={"noShowRule": {"count": 2, "days": 30, "then": "refuse"}})
    not_come(api, world, customer, 1)
    assert at(12) in starts(shop, service, customer)
    not_come(api, world, customer, 1)
    assert starts(shop, service, customer) == []
    assert refusing(customer, service) == {"noShows"}
    assert problem(book(customer, service, at(12)), 409, "too-many-no-shows")["noShows"] == 2
    other = api.as_(world.user())
    assert (at(12) in starts(shop, service, other), refusing(other, service)) == (True, set())
    assert starts(shop, service) != []


def test_one_of_two_takes_them_all_the_same(shop: Shop, world: World, customer: Person, api: Api) -> None:
    """Whoever delivers says the rule: only the other one is shown, and booked."""
    strict, kind = world.provider().id, world.provider().id
    service = shop.offered(resourceIds=[strict, kind])
    says(shop, f"resources/{strict}", rules={"noShowRule": {"count": 1, "days": 30, "then": "refuse"}})
    not_come(api, world, customer, 1)
    assert starts(shop, service, customer, resourceId=strict) == []
    assert at(12) in starts(shop, service, customer)
    assert booked(customer, service, at(12))["providerId"] == str(kind)
    problem(book(customer, service, at(14), providerId=strict), 409, "too-many-no-shows")


@pytest.mark.parametrize(
    "rules,rule,code",
    [
        ({"maxReschedules": 0}, "maxReschedules", "moved-too-often"),
        ({"rescheduleCutoffMinutes": 500_000}, "rescheduleCutoff", "too-late"),
    ],
)
def test_what_may_not_move_is_shown_nowhere(
    shop: Shop, world: World, customer: Person, api: Api, rules: Json, rule: str, code: str
) -> None:
    provider = world.provider()
    service = shop.offered(resourceIds=[provider.id])
    says(shop, f"resources/{provider.id}", rules=rules)
    booking = booked(customer, service, at(9))
    move = {"rescheduleBookingId": booking["id"]}
    assert at(12) in starts(shop, service, customer)
    assert starts(shop, service, customer, **move) == []
    assert refusing(customer, service, **move) == {rule}
    told = customer.get("/availability/explain", {"serviceId": service["id"], "at": at(12)} | move).get_json() or {}
    assert {one["rule"]: one["value"] for one in told["rules"]}[rule] in rules.values()
    assert told["nextStartAt"] is None
    problem(customer.change(booking, startAt=at(12)), 409, code)
    # The number of moves binds the customer only, the cut-off everybody.
    staff = api.as_(provider)
    shown = at(12) in starts(shop, service, staff, **move)
    assert (staff.change(booking, startAt=at(12)).status_code == 200) == shown == (rule == "maxReschedules")


def test_what_was_called_off_moves_nowhere(shop: Shop, world: World, customer: Person) -> None:
    service = shop.offered(resourceIds=[world.provider().id])
    booking = booked(customer, service, at(9))
    assert customer.act(booking, "cancel").status_code == 200
    move = {"rescheduleBookingId": booking["id"]}
    assert starts(shop, service, customer, **move) == []
    assert refusing(customer, service, **move) == {"bookingStatus"}
    problem(customer.change(booking, startAt=at(12)), 409, "booking-closed")


@pytest.mark.parametrize("moving", [False, True])
def test_three_statements_at_most(shop: Shop, world: World, customer: Person, moving: bool) -> None:
    """With caps and a rule about no-shows; of whatever kind, also by the driver's own means."""
    service = shop.offered(resourceIds=[world.provider().id])
    no_shows = {"count": 9, "days": 30, "then": "refuse"}
    says(shop, f"services/{service['id']}", rules={"customerCaps": {"month": 9}, "noShowRule": no_shows})
    move = {"rescheduleBookingId": booked(customer, service, at(9))["id"]} if moving else {}
    asked: list[str] = []
    rows, execute = Prepared.rows, psycopg.Cursor.execute

    def prepared(statement: Prepared, *arguments: Any, **named: Any) -> Any:
        asked.append(statement.name.decode())
        return rows(statement, *arguments, **named)

    def by_driver(cursor: Any, query: Any, *arguments: Any, **named: Any) -> Any:
        asked.append(str(query))
        return execute(cursor, query, *arguments, **named)

    with mock.patch.object(Prepared, "rows", prepared), mock.patch.object(psycopg.Cursor, "execute", by_driver):
        assert starts(shop, service, customer, **move) != []
    first = "availability.booking_to_move" if moving else "availability.who"
    assert asked == [first, "availability.taken", "availability.counted"]


def test_staff_are_shown_what_their_customer_can_have(shop: Shop, world: World, customer: Person, api: Api) -> None:
    """The customer's caps count, not those of whoever looks; and what is shown is booked for them."""
    admin, provider = api.as_(world.admin()), world.provider()
    service = shop.offered(resourceIds=[provider.id])
    says(shop, f"services/{service['id']}", rules={"customerCaps": {"day": 1}})
    theirs = {"userId": customer.id}
    for staff in (admin, api.as_(provider)):
        assert starts(shop, service, staff, **theirs) == starts(shop, service, customer) != []
    booked(customer, service, at(9))
    for staff in (admin, api.as_(provider)):
        assert starts(shop, service, staff, **theirs) == []
        assert refusing(staff, service, **theirs) == {"customerCaps"}
        assert at(12) in starts(shop, service, staff)
        assert problem(book(staff, service, at(12), **theirs), 409, "not-bookable")["rules"] == ["customerCaps"]
    booked(admin, service, at(14))
    assert at(12) in starts(shop, service, admin, userId=world.user().id), "the caps of an admin bind nobody else"


def test_a_provider_is_shown_for_others_what_they_may_book(
    shop: Shop, world: World, customer: Person, api: Api
) -> None:
    provider, room = world.provider(), world.resource()
    service, staff, theirs = shop.offered(resourceIds=[room, provider.id]), api.as_(provider), {"userId": customer.id}
    booked(customer, service, at(12), resourceId=provider.id)
    assert at(12) in starts(shop, service, staff), "for themselves they could have the room"
    shown = starts(shop, service, staff, **theirs)
    assert (at(12) in shown, at(13) in shown) == (False, True)
    problem(book(staff, service, at(12), **theirs), 409, "slot-taken")
    assert book(staff, service, at(13), **theirs).status_code == 201
    query = {"serviceId": service["id"], "from": "2027-07-05", **theirs}
    problem(api.as_(world.provider()).get("/slots", query), 403, "forbidden")
    problem(api.as_(world.user()).get("/slots", query), 403, "forbidden")
    problem(shop.get("/slots", **query), 401, "unauthorized")
    assert customer.get("/slots", query).status_code == 200
