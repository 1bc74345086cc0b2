"""Booking a service: what follows from it, who is chosen, and what stays as it was agreed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

import psycopg
import pytest

from bookings.booking import offers
from tests.factories import World
from tests.integration.booking.api import DAY, Api, Person, at, problem, wrong_fields
from tests.integration.catalogue.shop import Json, Shop

POLICY = {"tiers": [{"beforeMinutes": 1440, "refundPercent": 100}, {"beforeMinutes": 0, "refundPercent": 50}]}


@pytest.fixture
def customer(api: Api, world: World) -> Person:
    """Somebody new."""
    return api.as_(world.user())


def booked(person: Person, service: Json, start: float = 9, **wish: Any) -> Json:
    """A booking of a service that must succeed."""
    answer = book(person, service, start, **wish)
    assert answer.status_code == 201, answer.text
    return dict(answer.get_json())


def book(person: Person, service: Json, start: float = 9, *, key: str | None = None, **wish: Any) -> Any:
    """POST /bookings with serviceId, without endAt unless told."""
    body = {"serviceId": service["id"], "startAt": at(start)} | {
        name: str(value) if isinstance(value, UUID) else value for name, value in wish.items()
    }
    return person.call("POST", "/bookings", body, Idempotency_Key=key)


def claims(world: World, booking: Json) -> list[tuple[UUID, datetime, datetime, int]]:
    """Resource, from, to, units of each live claim."""
    rows = world.query(
        """SELECT resource_id, lower(during) AS begins, upper(during) AS ends, units FROM allocations
            WHERE booking_id = %s AND released_at IS NULL ORDER BY resource_id""",
        booking["id"],
    )
    return [(row["resource_id"], row["begins"], row["ends"], row["units"]) for row in rows]


def test_everything_follows_from_the_service(shop: Shop, world: World, customer: Person) -> None:
    """Length, price, policy, payment and status; the time is claimed with its buffers."""
    provider = world.provider().id
    service = shop.offered(
        resourceIds=[provider],
        durations=[{"minutes": 30, "price": 4500}, {"minutes": 60, "price": 8000}],
        bufferBeforeMinutes=5,
        bufferAfterMinutes=15,
        requiresPayment=True,
        cancellationPolicy=POLICY,
    )
    booking = booked(customer, service)
    said = {
        "serviceId": service["id"],
        "resourceIds": [str(provider)],
        "providerId": str(provider),
        "workspaceId": None,
        "startAt": at(9),
        "endAt": at(9.5),
        "status": "pending",
        "partySize": 1,
        "units": 1,
        "price": {"amount": 4500, "currency": "EUR"},
        "paymentRequired": True,
        "paymentStatus": "unpaid",
        "cancellationPolicy": POLICY,
    }
    assert {name: booking[name] for name in said} == said
    begins, ends = DAY + timedelta(hours=9, minutes=-5), DAY + timedelta(hours=9, minutes=45)
    assert claims(world, booking) == [(provider, begins, ends, 1)]
    longer = booked(customer, service, 11, endAt=at(12))
    assert (longer["endAt"], longer["price"]["amount"]) == (at(12), 8000)
    stored = world.query("SELECT confirm_when_paid FROM bookings WHERE id = %s", booking["id"])
    assert stored == [{"confirm_when_paid": True}]


@pytest.mark.parametrize(
    "terms,price,status,payment,when_paid",
    [
        ({}, 100, "confirmed", ("unpaid", False), False),
        ({"requiresConfirmation": True}, 100, "pending", ("unpaid", False), False),
        ({"requiresPayment": True}, 100, "pending", ("unpaid", True), True),
        ({"requiresPayment": True, "requiresConfirmation": True}, 100, "pending", ("unpaid", True), False),
        ({"requiresPayment": True}, 0, "confirmed", (None, False), False),
        ({}, 0, "confirmed", (None, False), False),
    ],
)
def test_who_must_agree(
    shop: Shop,
    world: World,
    customer: Person,
    terms: Json,
    price: int,
    status: str,
    payment: tuple[str | None, bool],
    when_paid: bool,
) -> None:
    """The service says it, not autoConfirm of its resources; nothing is to be paid where there is no price."""
    service = shop.offered(resourceIds=[world.provider().id], durations=[{"minutes": 30, "price": price}], **terms)
    booking = booked(customer, service)
    assert (booking["status"], booking["paymentStatus"], booking["paymentRequired"]) == (status, *payment)
    stored = world.query("SELECT confirm_when_paid FROM bookings WHERE id = %s", booking["id"])
    assert stored == [{"confirm_when_paid": when_paid}]


def test_what_was_agreed_stays(shop: Shop, world: World, customer: Person) -> None:
    """A service that changes, or is archived, changes no booking, not even when that moves."""
    provider = world.provider().id
    service = shop.offered(
        resourceIds=[provider], bufferAfterMinutes=10, cancellationPolicy=POLICY, reminderLeadMinutes=[90]
    )
    booking = booked(customer, service)
    shop.change(
        service,
        durations=[{"minutes": 45, "price": 99}],
        currency="CHF",
        bufferAfterMinutes=0,
        cancellationPolicy=None,
        reminderLeadMinutes=[5],
        requiresPayment=True,
        archived=True,
    )
    free = {"cancellationFeeNow": {"amount": 0, "currency": "EUR"}}
    assert customer.get(f"/bookings/{booking['id']}").get_json() == booking | free
    moved = customer.change(booking, startAt=at(15)).get_json()
    changing = ("startAt", "endAt", "version", "updatedAt")
    assert {name: value for name, value in moved.items() if name not in changing} == {
        name: value for name, value in booking.items() if name not in changing
    }
    assert claims(world, moved) == [(provider, DAY + timedelta(hours=15), DAY + timedelta(hours=15, minutes=40), 1)]
    leads = world.query("SELECT lead FROM reminders WHERE booking_id = %s", booking["id"])
    assert [row["lead"] for row in leads] == [timedelta(minutes=90)]


@pytest.mark.parametrize(
    "minutes,leads", [([1440, 60], [timedelta(hours=1), timedelta(days=1)]), ([], []), (None, [timedelta(minutes=10)])]
)
def test_reminders_are_the_services(
    shop: Shop, world: World, customer: Person, minutes: list[int] | None, leads: list[timedelta]
) -> None:
    booking = booked(customer, shop.offered(resourceIds=[world.provider().id], reminderLeadMinutes=minutes))
    rows = world.query("SELECT lead FROM reminders WHERE booking_id = %s ORDER BY lead", booking["id"])
    assert [row["lead"] for row in rows] == leads


def test_price_rules_apply_on_the_day_where_the_business_is(shop: Shop, world: World, customer: Person) -> None:
    """23:30 in UTC is the next day in Berlin."""
    day = (DAY + timedelta(days=1)).date().isoformat()
    service = shop.offered(resourceIds=[world.provider().id], priceRules=[{"from": day, "to": day, "price": 1}])
    assert booked(customer, service, 12)["price"]["amount"] == 4500
    assert booked(customer, service, 23.5)["price"]["amount"] == 1


def test_buffers_keep_others_away(shop: Shop, world: World, customer: Person) -> None:
    """Back to back fits only behind the buffer; nextFree knows, for services and for plain time."""
    provider = world.provider().id
    service = shop.offered(resourceIds=[provider], bufferBeforeMinutes=10, bufferAfterMinutes=20)
    first = booked(customer, service, 9)
    refused = problem(book(customer, service, 9.5), 409, "slot-taken")
    assert refused["nextFree"][0] == at(10)
    plain = problem(customer.book(9.5, 10, providerId=provider), 409, "slot-taken")
    assert plain["nextFree"][0] == at(9 + 50 / 60)
    booked(customer, service, 10)
    refused = problem(customer.change(first, startAt=at(9.75)), 409, "slot-taken")
    assert refused["nextFree"][0] == at(11)
    assert customer.change(first, startAt=at(11)).status_code == 200


def test_a_booking_of_a_service_keeps_its_length(shop: Shop, world: World, customer: Person) -> None:
    booking = booked(customer, shop.offered(resourceIds=[world.provider().id]))
    assert wrong_fields(customer.change(booking, endAt=at(10))) == ["endAt"]
    assert customer.change(booking, startAt=at(10), endAt=at(10.5)).status_code == 200


def test_whoever_is_free_is_chosen(shop: Shop, world: World, customer: Person) -> None:
    """Who has the fewest bookings that day, then who was named first; until nobody is left."""
    one, two, three = (world.provider().id for _ in range(3))
    service = shop.offered(resourceIds=[two, one, three])
    assert booked(customer, service, 7, providerId=two)["providerId"] == str(two)
    chosen = [booked(customer, service, 9)["providerId"] for _ in range(3)]
    assert chosen == [str(one), str(three), str(two)]
    problem(book(customer, service, 9), 409, "slot-taken")
    problem(book(customer, service, 9, providerId=one), 409, "slot-taken")


def test_what_is_needed_besides_is_claimed_too(shop: Shop, world: World, customer: Person) -> None:
    """One of two rooms, and two cameras of any; the named room is taken."""
    provider, rooms = world.provider().id, [world.resource() for _ in range(2)]
    cameras = {world.resource("equipment") for _ in range(2)}
    requirements = [
        {"kind": "workspace", "resourceIds": rooms},
        {"kind": "equipment", "count": 2, "resourceIds": list(cameras)},
    ]
    service = shop.offered(resourceIds=[provider], requirements=requirements)
    booking = booked(customer, service, workspaceId=rooms[1])
    assert booking["workspaceId"] == str(rooms[1])
    assert {claim[0] for claim in claims(world, booking)} == {provider, rooms[1], *cameras}
    again = problem(book(customer, service, workspaceId=rooms[0]), 409, "slot-taken")
    assert again["nextFree"] == [at(9.5), at(9.75), at(10)]


def test_any_of_a_kind_will_do(shop: Shop, world: World, customer: Person) -> None:
    """Without names any active one is taken, an inactive one never."""
    world.query("UPDATE resources SET active = false WHERE kind = 'equipment'")
    world.resource("equipment", active=False)
    service = shop.offered(resourceIds=[world.provider().id], requirements=[{"kind": "equipment", "count": 1}])
    refused = problem(book(customer, service), 409, "not-bookable")
    assert (refused["rules"], refused["nextFree"]) == (["resources"], [])
    beamer = world.resource("equipment")
    assert str(beamer) in booked(customer, service)["resourceIds"]


def test_a_room_may_deliver_by_itself(shop: Shop, world: World, customer: Person) -> None:
    """A meeting room needs nobody: it delivers itself, or is all that is needed."""
    room = world.resource()
    service = shop.offered(resourceIds=[room])
    assert booked(customer, service)["workspaceId"] == str(room)
    only_needs = shop.offered(requirements=[{"kind": "workspace", "resourceIds": [room]}])
    assert booked(customer, only_needs, 12)["workspaceId"] == str(room)


def test_a_group_session_has_places(shop: Shop, world: World, customer: Person) -> None:
    """A place for everyone in the party; the session of eight in a room of twelve is full at eight."""
    hall = world.resource(capacity=12)
    service = shop.offered(capacity=8, resourceIds=[hall], perPersonPrice=1000, durations=[{"minutes": 60, "price": 0}])
    five = booked(customer, service, partySize=5)
    assert (five["units"], five["partySize"], five["price"]["amount"]) == (5, 5, 5000)
    problem(book(customer, service, partySize=4), 409, "slot-taken")
    booked(customer, service, partySize=3)
    problem(book(customer, service), 409, "slot-taken")
    problem(book(customer, service, 9.5), 409, "slot-taken")
    plain = problem(customer.book(9, 10, workspaceId=hall), 409, "slot-taken")
    assert plain["nextFree"] == [at(10)]
    assert customer.change(five, startAt=at(12)).status_code == 200
    booked(customer, service, partySize=5)
    assert wrong_fields(book(customer, service, 15, partySize=9)) == ["partySize"]


def test_the_database_itself_keeps_the_places(shop: Shop, world: World, customer: Person) -> None:
    """Whoever writes: a claim beside a full session is refused."""
    hall = world.resource(capacity=12)
    service = shop.offered(capacity=2, resourceIds=[hall], durations=[{"minutes": 60, "price": 0}])
    booked(customer, service, partySize=2)
    with pytest.raises(psycopg.errors.ExclusionViolation):
        world.query(
            """INSERT INTO allocations (resource_id, exclusive, during, hold_id)
               VALUES (%s, false, tstzrange(%s, %s), gen_random_uuid())""",
            hall,
            DAY + timedelta(hours=9.5),
            DAY + timedelta(hours=11),
        )


def test_a_party_that_is_no_group_takes_one_unit(shop: Shop, world: World, customer: Person) -> None:
    table = world.resource()
    service = shop.offered(minPartySize=2, maxPartySize=4, resourceIds=[table])
    booking = booked(customer, service, partySize=4)
    assert (booking["partySize"], booking["units"]) == (4, 1)
    assert booked(customer, service, 12)["partySize"] == 2
    assert wrong_fields(book(customer, service, 15, partySize=1)) == ["partySize"]


def test_what_cannot_be_booked(shop: Shop, world: World, customer: Person) -> None:
    provider, room = world.provider().id, world.resource()
    service = shop.offered(resourceIds=[provider], requirements=[{"kind": "workspace", "resourceIds": [room]}])
    stranger = world.provider().id
    for wish, field in (
        ({"serviceId": str(uuid4())}, "serviceId"),
        ({"providerId": stranger}, "providerId"),
        ({"workspaceId": stranger}, "workspaceId"),
        ({"providerId": room}, "providerId"),
        ({"workspaceId": provider}, "workspaceId"),
        ({"resourceId": world.resource()}, "resourceId"),
        ({"endAt": at(10)}, "endAt"),
        ({"endAt": "2027-01-01"}, "endAt"),
        ({"units": 2}, "units"),
        ({"partySize": 2}, "partySize"),
        ({"partySize": 0}, "partySize"),
        ({"startAt": "2001-01-01T00:00:00Z"}, "startAt"),
    ):
        assert wrong_fields(book(customer, service, **wish)) == [field], wish
    assert wrong_fields(customer.book(providerId=provider, partySize=2)) == ["partySize"]
    assert wrong_fields(customer.call("POST", "/bookings", {"startAt": at(9)})) == ["endAt", "providerId"]


def test_archived_and_undelivered_services_cannot_be_booked(shop: Shop, world: World, customer: Person) -> None:
    provider = world.provider().id
    service = shop.offered(resourceIds=[provider])
    shop.change(service, archived=True)
    assert wrong_fields(book(customer, service)) == ["serviceId"]
    assert wrong_fields(book(customer, shop.offered())) == ["serviceId"]
    world.query("UPDATE resources SET active = false WHERE id = %s", provider)
    shop.change(service, archived=False)
    assert wrong_fields(book(customer, service)) == ["serviceId"]


def test_a_service_that_changes_meanwhile_is_read_again(shop: Shop, world: World, customer: Person) -> None:
    """The price is the one that held when the booking was written."""
    service = shop.offered(resourceIds=[world.provider().id])
    settle = offers._settle

    def slow(reader: Any, ask: Any, picture: Any, *more: Any) -> Any:
        if picture.service["version"] == 1:
            shop.change(service, durations=[{"minutes": 30, "price": 7}])
        return settle(reader, ask, picture, *more)

    with mock.patch("bookings.booking.offers._settle", slow):
        assert booked(customer, service)["price"]["amount"] == 7


def test_providers_book_what_is_theirs_for_others(shop: Shop, api: Api, world: World, customer: Person) -> None:
    """Unnamed, the provider's own time is chosen; what is another's is refused."""
    one, other = world.provider(), world.provider()
    service = shop.offered(resourceIds=[other.id, one.id])
    booking = booked(api.as_(one), service, userId=customer.id)
    assert (booking["providerId"], booking["userId"]) == (str(one.id), str(customer.id))
    problem(book(api.as_(one), service, 12, userId=customer.id, providerId=other.id), 403, "not-for-you")
    problem(book(api.as_(world.provider()), service, 12, userId=customer.id), 403, "not-for-you")
    problem(book(customer, service, 12, userId=one.id), 403, "not-for-you")
    own = shop.offered(resourceIds=[one.id])
    problem(book(api.as_(one), own, userId=customer.id), 409, "slot-taken")
    assert wrong_fields(book(shop.admin, service, 15, userId=uuid4())) == ["userId"]


def test_the_same_request_again_is_answered_again(shop: Shop, world: World, customer: Person) -> None:
    """Also while others are free: a key books once."""
    service = shop.offered(resourceIds=[world.provider().id, world.provider().id])
    first = book(customer, service, key="again")
    again = book(customer, service, key="again")
    assert (again.get_json(), again.headers["Idempotent-Replayed"]) == (first.get_json(), "true")
    problem(book(customer, service, 12, key="again"), 422, "idempotency-key-reused")


@pytest.mark.parametrize("capacity", [1, 5])
def test_a_statement_that_ran_twice_books_once(shop: Shop, world: World, customer: Person, capacity: int) -> None:
    """The connection breaks after the commit, the statement is sent again: the booking that is there is the answer;
    under a key what was kept, with the reason why somebody was chosen."""
    rooms = [world.resource(capacity=capacity) for _ in range(2)]
    service = shop.offered(resourceIds=rooms, capacity=capacity)
    with mock.patch("bookings.booking.wishes.new_id", return_value=uuid4()):
        first = booked(customer, service)
        second = booked(customer, service)
    with mock.patch("bookings.booking.wishes.new_id", return_value=uuid4()):
        kept = [booked(customer, service, 12, key=f"lost {capacity}") for _ in range(2)]
    assert first == second | {"assignment": first["assignment"]}
    assert kept[0] == kept[1]
    assert len(claims(world, first)) == 1


def test_lists_and_history_know_nothing_of_services(shop: Shop, world: World, customer: Person) -> None:
    """A booking of a service is a booking: it is listed, confirmed, cancelled as any other."""
    service = shop.offered(resourceIds=[world.provider().id], requiresConfirmation=True)
    booking = booked(customer, service)
    assert customer.get("/bookings").get_json()["items"] == [booking]
    assert shop.admin.act(booking, "confirm").get_json()["status"] == "confirmed"
    assert customer.act(booking, "cancel").get_json()["status"] == "cancelled"
    assert claims(world, booking) == []
    booked(customer, service)
