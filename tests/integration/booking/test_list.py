"""GET /bookings: whose, which, in what order, page by page."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any
from unittest import mock
from uuid import UUID

import pytest

from bookings.booking import listing
from tests.factories import World
from tests.integration.booking.api import DAY, OUT_OF_TIME, Api, Person, at, problem, wrong_fields


class Town:
    """Two customers, two providers, a shared room; bookings on several days in several states."""

    def __init__(self, api: Api, world: World) -> None:
        self.api, self.world = api, world
        doctor, coach = world.provider(auto_confirm=True), world.provider(auto_confirm=True)
        self.anna, self.ben = api.as_(world.user()), api.as_(world.user())
        self.doctor, self.coach, self.admin = api.as_(doctor), api.as_(coach), api.as_(world.admin())
        self.room = world.resource(capacity=10, owner=doctor, auto_confirm=True)
        self.bookings = {
            "a0": self.anna.booked(9, 10, day=0, providerId=doctor.id),
            "b0": self.ben.booked(9, 10, day=0, providerId=coach.id),
            "a1": self.anna.booked(9, 10, day=1, providerId=doctor.id, resourceId=self.room),
            "b1": self.ben.booked(10, 11, day=1, providerId=doctor.id),
            "a2": self.anna.booked(9, 10, day=2, providerId=coach.id, resourceId=self.room),
            "a3": self.anna.booked(9, 10, day=3, resourceId=self.room),
        }
        assert self.anna.act(self.bookings["a1"], "cancel").status_code == 200
        assert self.admin.act(self.bookings["a0"], "complete", override=True, reason="x").status_code == 200

    def names(self, page: dict[str, Any]) -> str:
        """The bookings of a page by the names above."""
        by_id = {booking["id"]: name for name, booking in self.bookings.items()}
        return " ".join(by_id.get(item["id"], "?") for item in page["items"])


@pytest.fixture(scope="module")
def town(api: Api, world: World) -> Town:
    """One town for all tests here: they only look."""
    return Town(api, world)


def listed(person: Person, **query: Any) -> dict[str, Any]:
    answer = person.get("/bookings", query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json or {})


def test_a_customer_sees_their_own(town: Town) -> None:
    page = listed(town.anna)
    assert town.names(page) == "a0 a1 a2 a3"
    assert page == page | {"page": 1, "limit": 10, "total": 4, "totalIsExact": True, "nextCursor": None}
    assert town.names(listed(town.ben)) == "b0 b1"


def test_a_provider_sees_their_calendar(town: Town) -> None:
    """All that claims something of theirs, each booking once, also when it claims two things of theirs."""
    assert town.names(listed(town.doctor)) == "a0 a1 b1 a2 a3"
    assert listed(town.doctor)["total"] == 5
    assert town.names(listed(town.coach)) == "b0 a2"


def test_a_provider_who_is_somebodys_customer_asks_with_their_own_id(api: Api, world: World) -> None:
    provider, other = api.as_(world.provider()), world.provider()
    booking = provider.booked(providerId=other.id)
    assert listed(provider)["items"] == []
    assert listed(provider, userId=provider.id)["items"] == [booking]


def test_an_admin_sees_all(town: Town) -> None:
    page = listed(town.admin, **{"from": at(0), "to": at(24 * 5), "limit": 100})
    assert {item["id"] for item in page["items"]} >= {booking["id"] for booking in town.bookings.values()}


def test_items_are_the_bookings_themselves(town: Town) -> None:
    for item in listed(town.anna)["items"]:
        assert item == town.anna.get(f"/bookings/{item['id']}").json


@pytest.mark.parametrize(
    "who, query, expected",
    [
        ("anna", {"status": "confirmed"}, "a2 a3"),
        ("anna", {"status": "completed,cancelled"}, "a0 a1"),
        ("anna", {"resourceId": "room"}, "a1 a2 a3"),
        ("anna", {"resourceId": "doctor"}, "a0 a1"),
        ("anna", {"resourceId": "room", "status": "confirmed"}, "a2 a3"),
        ("anna", {"from": at(9, 1)}, "a1 a2 a3"),
        ("anna", {"to": at(9, 1)}, "a0"),
        ("anna", {"from": at(10, 0), "to": at(9.5, 2)}, "a1 a2"),
        ("anna", {"sort": "-startAt"}, "a3 a2 a1 a0"),
        ("anna", {"userId": "anna"}, "a0 a1 a2 a3"),
        ("doctor", {"userId": "anna"}, "a0 a1 a2 a3"),
        ("doctor", {"userId": "ben"}, "b1"),
        ("doctor", {"resourceId": "room"}, "a1 a2 a3"),
        ("doctor", {"resourceId": "coach"}, "a2"),
        ("doctor", {"status": "confirmed", "sort": "-startAt"}, "a3 a2 b1"),
        ("coach", {"userId": "anna"}, "a2"),
        ("admin", {"userId": "ben"}, "b0 b1"),
        ("admin", {"userId": "anna", "resourceId": "coach"}, "a2"),
        ("admin", {"resourceId": "room"}, "a1 a2 a3"),
        ("admin", {"resourceId": "room", "sort": "-startAt"}, "a3 a2 a1"),
    ],
)
def test_filters_and_order(town: Town, who: str, query: dict[str, str], expected: str) -> None:
    ids = {name: str(getattr(town, name).id) for name in ("anna", "ben", "doctor", "coach")} | {"room": str(town.room)}
    page = listed(getattr(town, who), **{name: ids.get(value, value) for name, value in query.items()})
    assert town.names(page) == expected
    assert page["total"] == len(expected.split())


def test_upcoming_is_soonest_first_and_past_latest_first(town: Town) -> None:
    with mock.patch("bookings.clock.now", return_value=DAY + timedelta(days=1, hours=9, minutes=30)):
        assert town.names(listed(town.anna, when="upcoming")) == "a2 a3"
        assert town.names(listed(town.anna, when="past")) == "a1 a0"
        assert town.names(listed(town.doctor, when="past")) == "a1 a0"
        assert town.names(listed(town.anna, when="past", sort="startAt")) == "a0 a1"
        assert town.names(listed(town.anna, when="upcoming", to=at(0, 3))) == "a2"


@pytest.mark.parametrize("who, everything", [("anna", "a0 a1 a2 a3"), ("doctor", "a0 a1 b1 a2 a3")])
@pytest.mark.parametrize("sort", ["startAt", "-startAt"])
@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_and_cursors_give_everything_once(town: Town, who: str, everything: str, sort: str, limit: int) -> None:
    person: Person = getattr(town, who)
    expected = everything.split() if sort == "startAt" else everything.split()[::-1]
    by_page = " ".join(
        town.names(listed(person, sort=sort, limit=limit, page=page)) for page in range(1, len(expected) // limit + 2)
    )
    assert by_page.split() == expected
    page, by_cursor = listed(person, sort=sort, limit=limit), ""
    while True:
        by_cursor += f" {town.names(page)}"
        assert page["total"] == len(expected)
        if page["nextCursor"] is None:
            break
        page = listed(person, sort=sort, limit=limit, cursor=page["nextCursor"])
        assert page["page"] is None
    assert by_cursor.split() == expected


def test_cursors_split_bookings_that_start_together(api: Api, world: World) -> None:
    customer, room = api.as_(world.user()), world.resource(capacity=9)
    made = {customer.booked(resourceId=room)["id"] for _ in range(7)}
    seen: list[str] = []
    page = listed(customer, limit=2)
    while True:
        seen += [item["id"] for item in page["items"]]
        if page["nextCursor"] is None:
            break
        page = listed(customer, limit=2, cursor=page["nextCursor"])
    assert len(seen) == 7
    assert set(seen) == made


def test_a_cursor_does_not_skip_what_follows_when_something_before_it_vanishes(api: Api, world: World) -> None:
    customer, provider = api.as_(world.user()), world.provider()
    rows = [customer.booked(hour, hour + 1, providerId=provider.id) for hour in range(8, 14)]
    page = listed(customer, limit=2, status="pending")
    customer.act(rows[0], "cancel")
    after = listed(customer, limit=2, status="pending", cursor=page["nextCursor"])
    assert [item["id"] for item in after["items"]] == [row["id"] for row in rows[2:4]]


@pytest.mark.parametrize("cursor", ["x", "", "fHw", "MjAyNi0wMS0wMXwx", "ÄÖ", "=" * 200, "x" * 201, *OUT_OF_TIME])
def test_a_cursor_that_is_none(town: Town, cursor: str) -> None:
    assert wrong_fields(town.anna.get("/bookings", {"cursor": cursor})) == ["cursor"]


def test_only_the_wished_fields(town: Town) -> None:
    items = listed(town.anna, fields="id,startAt")["items"]
    assert [sorted(item) for item in items] == [["id", "startAt"]] * 4
    assert wrong_fields(town.anna.get("/bookings", {"fields": "id,secret"})) == ["fields"]


def test_the_total_is_bounded(api: Api, world: World) -> None:
    customer, room = api.as_(world.user()), world.resource(capacity=9)
    for _ in range(4):
        customer.booked(resourceId=room)
    with mock.patch.object(listing, "TOTAL_BOUND", 3):
        page = listed(customer)
    assert (len(page["items"]), page["total"], page["totalIsExact"]) == (4, 3, False)


def test_every_wrong_parameter_is_named(town: Town) -> None:
    query = {
        "when": "now",
        "userId": "me",
        "resourceId": "1",
        "status": "pending,lost",
        "from": "2030-01-01",
        "to": "x",
        "sort": "title",
        "page": "0",
        "limit": "101",
        "colour": "red",
    }
    assert wrong_fields(town.anna.get("/bookings", query)) == sorted(query)


def test_a_parameter_given_twice(town: Town) -> None:
    assert wrong_fields(town.anna.get("/bookings?limit=1&limit=2")) == ["limit"]


def test_no_deeper_than_ten_thousand_by_page(town: Town) -> None:
    assert listed(town.anna, page=100, limit=100)["items"] == []
    assert wrong_fields(town.anna.get("/bookings", {"page": "101", "limit": "100"})) == ["page"]


def test_somebody_elses_list(town: Town) -> None:
    problem(town.anna.get("/bookings", {"userId": str(town.ben.id)}), 403, "forbidden")
    assert town.names(listed(town.anna, resourceId=uuid.uuid4())) == ""
    unknown: UUID = uuid.uuid4()
    assert listed(town.doctor, userId=unknown)["items"] == []
