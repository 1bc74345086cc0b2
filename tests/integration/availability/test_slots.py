"""What GET /slots shows can be booked, and nothing else can; explain says why. The summer of Berlin: UTC is two hours
behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock
from uuid import uuid4

import psycopg
import pytest

from bookings.availability import service as availability
from bookings.db import Database
from bookings.prepared import Prepared
from tests.factories import World
from tests.integration.availability.counter import (
    DAY,
    NINE_TO_TWELVE,
    at,
    book,
    booked,
    closed,
    found,
    says,
    starts,
)
from tests.integration.booking.api import Api, Person, problem, wrong_fields
from tests.integration.catalogue.shop import Shop

_SOMEBODY = str(uuid4())


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    """The business stands in Berlin, as its resources do."""
    return {"business_time_zone": "Europe/Berlin"}


@pytest.mark.slow
def test_what_is_shown_can_be_booked_and_nothing_else(shop: Shop, world: World, customer: Person) -> None:
    """Every five minutes of a day: hours, lunch, buffers, somebody's booking; each asked alone."""
    provider = world.provider().id
    service = shop.offered(resourceIds=[provider], bufferAfterMinutes=10)
    says(
        shop,
        f"resources/{provider}",
        weekly={"monday": [{"from": "09:00", "to": "12:00"}, {"from": "13:00", "to": "15:00"}]},
    )
    closed(world, provider, at(14.5), at(14.75))
    booked(customer, service, at(10))
    shown = starts(shop, service)
    assert shown == [at(hour) for hour in (9, 9.25, 10.75, 11, 11.25, 11.5, 13, 13.25, 13.5, 13.75)]
    for minutes in range(8 * 60, 16 * 60, 5):
        answer = book(customer, service, at(minutes / 60))
        assert (answer.status_code == 201) == (at(minutes / 60) in shown), (minutes, answer.text)
        if answer.status_code == 201:
            customer.act(answer.get_json(), "cancel")


def test_by_local_date(shop: Shop, world: World) -> None:
    """The same instants belong to other dates elsewhere; dates are read there, too."""
    service = shop.offered(resourceIds=[world.provider().id], durations=[{"minutes": 60, "price": 0}])
    says(shop, f"services/{service['id']}", rules={"slotIntervalMinutes": 720})
    here = found(shop, service, to=DAY + timedelta(days=1))
    assert [(day["date"], [slot["startAt"] for slot in day["slots"]]) for day in here["days"]] == [
        ("2027-07-05", [at(0), at(12)]),
        ("2027-07-06", [at(24), at(36)]),
    ]
    there = found(shop, service, timeZone="Pacific/Apia")
    assert [(day["date"], [slot["startAt"] for slot in day["slots"]]) for day in there["days"]] == [
        ("2027-07-05", [at(0), at(12)])
    ]
    assert there["from"] == "2027-07-04T11:00:00Z"
    assert starts(shop, service, from_=at(12), to=at(24)) == [at(12)]


def test_ranges(shop: Shop, world: World, customer: Person) -> None:
    """Neighbouring starts joined."""
    provider = world.provider().id
    service = shop.offered(resourceIds=[provider])
    says(shop, f"resources/{provider}", **NINE_TO_TWELVE)
    booked(customer, service, at(10))
    (day,) = found(shop, service, format="range")["days"]
    assert day["ranges"] == [
        {"startAt": at(9), "lastStartAt": at(9.5), "endAt": at(10), "starts": 3, "places": 1},
        {"startAt": at(10.5), "lastStartAt": at(11.5), "endAt": at(12), "starts": 5, "places": 1},
    ]


@pytest.mark.parametrize(
    "query,field",
    [
        ({"from": "2027-07-01", "to": "2027-09-01"}, "to"),
        ({"from": "2027-07-02", "to": "2027-07-01"}, "to"),
        ({"from": "2027-07-01T00:00:00Z", "to": "2027-07-01T00:00:00Z"}, "to"),
        ({"from": "2027-07-32"}, "from"),
        ({"from": "20270701"}, "from"),
        ({"timeZone": "Mars"}, "timeZone"),
        ({"duration": "31"}, "duration"),
        ({"partySize": "9"}, "partySize"),
        ({"resourceId": "somebody"}, "resourceId"),
        ({"resourceId": str(uuid4())}, "resourceId"),
        ({"providerIds": str(uuid4())}, "providerIds"),
        ({"providerIds": f"{_SOMEBODY},{_SOMEBODY}"}, "providerIds"),
        ({"serviceId": str(uuid4())}, "serviceId"),
        ({"format": "week"}, "format"),
    ],
)
def test_what_cannot_be_asked(shop: Shop, world: World, query: dict[str, str], field: str) -> None:
    service = shop.offered(resourceIds=[world.provider().id])
    answer = shop.get("/slots", **{"serviceId": service["id"], "from": "2027-07-01", "to": "2027-07-02"} | query)
    assert wrong_fields(answer) == [field]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "9999-12-31T23:00:00Z"])
def test_the_ends_of_the_calendar_are_no_times(shop: Shop, world: World, customer: Person, at: str) -> None:
    service = shop.offered(resourceIds=[world.provider().id])
    assert wrong_fields(shop.get("/availability/explain", serviceId=service["id"], at=at)) == ["at"]
    assert wrong_fields(book(customer, service, at)) == ["startAt"]


@pytest.mark.parametrize("at", ["0010-01-01T00:00:00Z", "9990-12-31T23:00:00Z"])
def test_times_that_nobody_means_can_be_explained(shop: Shop, world: World, customer: Person, at: str) -> None:
    """Nothing on the way runs out of the calendar."""
    service = shop.offered(resourceIds=[world.provider().id], bufferBeforeMinutes=60, bufferAfterMinutes=60)
    says(shop, f"services/{service['id']}", rules={"bookingWindow": {"kind": "businessDays", "days": 5}})
    answer = shop.get("/availability/explain", serviceId=service["id"], at=at)
    assert answer.status_code == 200, answer.text
    assert not answer.get_json()["bookable"]
    assert book(customer, service, at).status_code in (409, 422)


def test_62_days_may_be_asked(shop: Shop, world: World) -> None:
    """Across the end of summer time, too."""
    service = shop.offered(resourceIds=[world.provider().id])
    assert len(found(shop, service, from_="2027-09-20", to="2027-11-20")["days"]) == 62


def test_so_many_starts_may_be_asked(shop: Shop, world: World) -> None:
    """Everybody may ask: an answer of tens of megabytes would be a lever. What a message says can be had."""
    service = shop.offered(resourceIds=[world.provider().id])
    path = f"services/{service['id']}"
    says(shop, path, rules={"slotIntervalMinutes": 9})
    assert len(starts(shop, service, from_="2027-07-01", to="2027-08-31")) == 62 * 160
    says(shop, path, rules={"slotIntervalMinutes": 1})
    query = {"serviceId": service["id"], "from": "2027-07-01", "to": "2027-08-31"}
    for format in ("time", "range"):
        refused = problem(shop.get("/slots", **query, format=format), 422, "invalid")
        assert refused["errors"] == [
            {"field": "to", "message": "More than 10,000 starts lie in that time; ask for 6 days at a time."}
        ]
    assert len(starts(shop, service, from_="2027-07-01", to="2027-07-06")) == 6 * 1440
    assert shop.get("/slots", **query | {"to": "2027-07-07"}).status_code == 422


def test_who_could_take_it(shop: Shop, world: World, customer: Person) -> None:
    """In the order of the service; one by name, or any."""
    one, two = world.provider().id, world.provider().id
    service = shop.offered(resourceIds=[two, one])
    booked(customer, service, at(9), providerId=two)
    by_start = {slot["startAt"]: slot for slot in found(shop, service)["days"][0]["slots"]}
    assert (by_start[at(9)]["resourceCount"], by_start[at(9)]["resourceIds"]) == (1, [str(one)])
    assert by_start[at(12)]["resourceIds"] == [str(two), str(one)]
    assert (by_start[at(12)]["places"], by_start[at(9)]["places"]) == (2, 1)
    assert at(9) not in starts(shop, service, resourceId=two)
    assert at(9) in starts(shop, service, resourceId="any")


def test_of_many_only_some_are_named(shop: Shop, world: World) -> None:
    people = [world.provider().id for _ in range(23)]
    service = shop.offered(resourceIds=people)
    slot = found(shop, service)["days"][0]["slots"][0]
    assert (slot["resourceCount"], slot["places"]) == (23, 23)
    assert slot["resourceIds"] == [str(one) for one in people[:20]]


def test_places_of_a_group(shop: Shop, world: World, customer: Person) -> None:
    """The largest party that still fits; a larger one sees no such start."""
    hall = world.resource(capacity=12)
    service = shop.offered(capacity=8, resourceIds=[hall], durations=[{"minutes": 60, "price": 0}])
    booked(customer, service, at(9), partySize=5)
    places = {slot["startAt"]: slot["places"] for slot in found(shop, service)["days"][0]["slots"]}
    assert (places[at(9)], places[at(9.75)], places[at(10)], places[at(8)]) == (3, 3, 8, 8)
    assert at(9) in starts(shop, service, partySize=3)
    assert at(9) not in starts(shop, service, partySize=4)
    booked(customer, service, at(9), partySize=3)


def test_a_provider_and_a_room_and_a_device(shop: Shop, world: World, customer: Person) -> None:
    """All must be free, and different where two needs could be served by the same."""
    provider, rooms = world.provider().id, [world.resource() for _ in range(3)]
    needs = [{"kind": "workspace", "resourceIds": rooms[:2]}, {"kind": "workspace", "resourceIds": rooms[1:2]}]
    service = shop.offered(resourceIds=[provider], requirements=needs)
    assert at(9) in starts(shop, service)
    booking = booked(customer, service, at(9))
    assert booking["resourceIds"] == [str(provider), str(rooms[0]), str(rooms[1])]
    other = shop.offered(resourceIds=[world.provider().id], requirements=needs)
    assert at(9) not in starts(shop, other)
    assert starts(shop, other, from_=at(9.5), to=at(9.75)) == [at(9.5)]
    problem(book(customer, other, at(9)), 409, "slot-taken")
    says(shop, f"resources/{rooms[0]}", weekly={"monday": [{"from": "13:00", "to": "14:00"}]})
    assert starts(shop, other) == [at(13), at(13.25), at(13.5)]
    assert problem(book(customer, other, at(12)), 409, "not-bookable")["rules"] == ["openingHours"]


def test_notice_and_window(shop: Shop, world: World, customer: Person) -> None:
    service = shop.offered(resourceIds=[world.provider().id])
    says(
        shop,
        f"services/{service['id']}",
        rules={"bookingWindow": {"kind": "range", "from": "2027-07-05", "to": "2027-07-05"}},
    )
    assert len(starts(shop, service, from_="2027-07-04", to="2027-07-06")) == 96
    refused = problem(book(customer, service, at(-1)), 409, "not-bookable")
    assert (refused["rules"], refused["nextFree"]) == (["bookingWindow"], [at(0), at(0.25), at(0.5)])
    now = datetime(2027, 7, 5, 6, 0, 0, 1, tzinfo=UTC)
    says(shop, f"services/{service['id']}", rules={"minimumNoticeMinutes": 120})
    with mock.patch("bookings.clock.now", return_value=now):
        assert starts(shop, service)[0] == at(10.25)
        assert problem(book(customer, service, at(10)), 409, "not-bookable")["rules"] == ["minimumNotice"]
        booked(customer, service, at(10.25))


def test_caps_of_resources(shop: Shop, world: World, customer: Person) -> None:
    """Two a day, then the day is full; one that was called off does not count."""
    provider = world.provider().id
    service = shop.offered(resourceIds=[provider])
    says(shop, f"resources/{provider}", rules={"resourceCaps": {"day": 2, "week": 3}})
    first = booked(customer, service, at(9))
    booked(customer, service, at(23.75))
    assert starts(shop, service) == []
    assert problem(book(customer, service, at(12)), 409, "not-bookable")["rules"] == ["resourceCaps"]
    third = booked(customer, service, at(33))
    assert starts(shop, service, from_="2027-07-05", to="2027-07-11") == []
    assert starts(shop, service, from_="2027-07-12", to="2027-07-12") != []
    # A move within the day does not count against itself.
    assert customer.change(third, startAt=at(34)).status_code == 200
    customer.act(first, "cancel")
    assert at(9) in starts(shop, service)


def test_caps_of_customers(shop: Shop, world: World, customer: Person, api: Api) -> None:
    """Who is known sees their own caps; others see theirs."""
    one, two = world.provider().id, world.provider().id
    service, other = shop.offered(resourceIds=[one, two]), shop.offered(resourceIds=[one, two])
    says(shop, f"services/{service['id']}", rules={"customerCaps": {"day": 1}})
    says(shop, f"resources/{two}", rules={"customerCaps": {"month": 1}})
    booked(customer, service, at(9), providerId=two)
    assert starts(shop, service, customer) == []
    assert starts(shop, service, api.as_(world.user())) != []
    assert starts(shop, service) != []
    assert problem(book(customer, service, at(12)), 409, "not-bookable")["rules"] == [
        "customerCaps",
        "resourceCustomerCaps",
    ]
    assert {slot["resourceCount"] for slot in found(shop, other, customer)["days"][0]["slots"]} == {1}
    assert booked(customer, other, at(12))["providerId"] == str(one)


def test_where_a_booking_could_move(shop: Shop, world: World, customer: Person, api: Api) -> None:
    """Over itself, with its own resource and length; only for who may see it."""
    one, two = world.provider().id, world.provider().id
    service = shop.offered(resourceIds=[one, two], durations=[{"minutes": 30, "price": 0}, {"minutes": 60, "price": 0}])
    says(shop, f"resources/{one}", **NINE_TO_TWELVE)
    booking = booked(customer, service, at(10), endAt=at(11), providerId=one)
    move = {"rescheduleBookingId": booking["id"]}
    shown = starts(shop, service, customer, **move)
    assert shown == [at(9 + quarter / 4) for quarter in range(9)]
    for start_at in (at(9.75), at(12), at(9)):
        assert (customer.change(booking, startAt=start_at).status_code == 200) == (start_at in shown)
    refused = problem(customer.change(booking, startAt=at(11.5)), 409, "not-bookable")
    assert refused["rules"] == ["openingHours"]
    query = {"serviceId": service["id"], **move}
    assert wrong_fields(api.as_(world.user()).get("/slots", query)) == ["rescheduleBookingId"]
    assert wrong_fields(customer.get("/slots", query | {"duration": 30})) == ["duration"]
    assert shop.get("/slots", **query).status_code == 401


def test_plain_time_keeps_the_hours_too(world: World, shop: Shop, customer: Person) -> None:
    """A room that says when it is open cannot be booked at night, with or without a service; without, at any minute."""
    room = world.resource()
    says(shop, f"resources/{room}", **NINE_TO_TWELVE)
    body = {"workspaceId": str(room)}
    refused = customer.call("POST", "/bookings", body | {"startAt": at(8), "endAt": at(10)})
    document = problem(refused, 409, "not-bookable")
    assert (document["rules"], document["nextFree"]) == (["openingHours"], [at(9), at(7 * 24 + 9)])
    made = customer.call("POST", "/bookings", body | {"startAt": at(9 + 7 / 60), "endAt": at(11)})
    assert made.status_code == 201, made.text
    taken = problem(customer.call("POST", "/bookings", body | {"startAt": at(9), "endAt": at(10)}), 409, "slot-taken")
    assert taken["nextFree"] == [at(11), at(7 * 24 + 9)]
    assert customer.change(made.get_json(), startAt=at(10), endAt=at(13)).status_code == 409


def test_a_search_takes_three_statements_at_most(shop: Shop, world: World, customer: Person) -> None:
    """However many resources, with caps and needs."""
    people = [world.provider().id for _ in range(5)]
    service = shop.offered(resourceIds=people, requirements=[{"kind": "workspace", "count": 2}])
    world.resource(), world.resource()
    says(shop, f"resources/{people[0]}", rules={"resourceCaps": {"month": 9}})
    says(shop, f"services/{service['id']}", rules={"customerCaps": {"month": 9}})
    asked: list[str] = []
    real = Database.hot_rows

    def counting(database: Database, statement: Prepared, params: Any) -> Any:
        asked.append(statement.name.decode())
        return real(database, statement, params)

    with mock.patch.object(Database, "hot_rows", counting):
        assert starts(shop, service, customer) != []
    assert asked == ["availability.who", "availability.taken", "availability.counted"]


def test_claims_that_reach_into_the_time_that_is_asked_for(shop: Shop, world: World, customer: Person) -> None:
    """One that began before it, and one whose booking begins behind it but whose buffer does not."""
    provider = world.provider().id
    service = shop.offered(resourceIds=[provider])
    prepared = shop.offered(resourceIds=[provider], bufferBeforeMinutes=120)
    booked(customer, prepared, at(9))
    booked(customer, prepared, at(14))
    shown = starts(shop, service, from_=at(9 + 1 / 12), to=at(12.75))
    length = service["durations"][0]["minutes"] / 60
    assert (shown[0], shown[-1]) == (at(9 + prepared["durations"][0]["minutes"] / 60), at(12 - length))


def test_claims_of_people_are_read_from_the_index_alone(world: World) -> None:
    """What the search asks of a claim is all in allocations_by_start: full calendars are many rows."""
    start = datetime(2030, 3, 1, tzinfo=UTC)
    params = {"alone": [world.provider().id], "shared": [], "lower": start, "upper": start + timedelta(days=7)}
    params |= {"ignored_booking": uuid4(), "ignored_hold": uuid4(), "answered": []}
    with psycopg.connect(world.address) as connection:
        connection.execute("SET enable_seqscan = off")  # of so few, reading all would be as quick
        connection.execute("SET enable_bitmapscan = off")
        explained = connection.execute(f"EXPLAIN (FORMAT JSON) {availability._TAKEN.text}".encode(), params)
        (plan,) = explained.fetchone() or ()
    read = sorted(scans(plan[0]["Plan"]))
    assert read == [("Index Only Scan", "allocations_by_start")] * 2 + [("Index Scan", "allocations_shared")]


def scans(node: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    """How the table of claims is read."""
    if node.get("Relation Name") == "allocations":
        yield node["Node Type"], node.get("Index Name")
    for part in node.get("Plans", ()):
        yield from scans(part)


def test_a_closure_that_comes_in_between_is_seen(shop: Shop, world: World, customer: Person) -> None:
    """After the judgement and before the claim: the statement finds that the calendar has changed."""
    provider = world.provider().id
    service = shop.offered(resourceIds=[provider])
    real = availability.read
    seen: list[bool] = []

    def slow(*arguments: Any, **named: Any) -> Any:
        picture = real(*arguments, **named)
        if not seen:
            seen.append(True)
            closed(world, provider, at(9), at(10))
        return picture

    with mock.patch("bookings.availability.service.read", slow):
        problem(book(customer, service, at(9)), 409, "slot-taken")
    assert world.query("SELECT FROM allocations WHERE resource_id = %s", provider) == []
