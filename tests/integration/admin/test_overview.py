"""The dashboard's numbers: they are what a recount says, follow what happens, and do not grow with the tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from bookings.admin import overview
from bookings.admin.overview import Overview
from bookings.availability.layers import WEEKDAYS
from bookings.event import service as event
from bookings.event.consumer import Follower
from tests.factories import World
from tests.support.people import NO_REDIS, Client, settings_for

Json = dict[str, Any]
ZONE = ZoneInfo("Asia/Kathmandu")  # 5:45 ahead: its days are no whole hours of UTC


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    """People and resources of one test."""
    world = World(database_url)
    yield world
    world.close()


@pytest.fixture
def client(database_url: str) -> Iterator[Client]:
    """The app of a business in Kathmandu."""
    client = Client(settings_for(database_url, NO_REDIS, business_time_zone=ZONE.key))
    yield client
    client.close()


def at(days: float, hour: int = 12) -> datetime:
    """An hour of the day so many days from today, there."""
    local = datetime.now(ZONE).replace(hour=hour, minute=0, second=0, microsecond=0)
    return (local + timedelta(days=days)).astimezone(UTC)


def insert(world: World, resource: Any, start: datetime, status: str = "confirmed", hours: float = 1) -> Any:
    """A booking with its claim and history rows, as the seed writes it."""
    id = uuid4()
    world.query(
        """INSERT INTO bookings (id, user_id, resource_ids, start_at, end_at, status, version, created_by, created_at,
                                 updated_at) VALUES (%s, %s, ARRAY[%s], %s, %s, %s, 2, %s, now(), now())""",
        id,
        uuid4(),
        resource,
        start,
        start + timedelta(hours=hours),
        status,
        uuid4(),
    )
    world.query(
        """INSERT INTO allocations (resource_id, exclusive, during, booking_id, start_at, released_at)
           SELECT id, exclusive, tstzrange(%s, %s), %s, %s, CASE WHEN %s THEN now() END FROM resources WHERE id = %s""",
        start,
        start + timedelta(hours=hours),
        id,
        start,
        status == "cancelled",
        resource,
    )
    for version in (1, 2):
        world.query(
            "INSERT INTO booking_history VALUES (%s, %s, 'create', %s, %s, %s, NULL, %s, NULL, now())",
            id,
            version,
            status,
            start,
            start + timedelta(hours=hours),
            uuid4(),
        )
    return id


def recount(world: World) -> None:
    """Count everything anew, as a migration or the seed does."""
    world.query("SELECT overview_recount_bookings('2000-01-01Z', '9000-01-01Z')")
    world.query("SELECT overview_recount_money('2000-01-01Z', '9000-01-01Z')")


def follow(client: Client) -> None:
    """Publish what waits, and let the consumer hear of it."""
    database = client.app.extensions["database"]
    event.place(database, 1000)
    follower = Follower(database, overview.consumer())
    while follower.turn():
        pass


def read(client: Client, world: World) -> Json:
    """GET /admin/overview, checked against the schema."""
    answer = client.call("GET", "/admin/overview", token=client.token(world.admin()))
    assert answer.status_code == 200, answer.text
    found: Json = answer.get_json()
    assert Overview().validate(found) == {}
    return found


def test_an_empty_house(client: Client, world: World) -> None:
    found = read(client, world)
    assert found["today"]["byStatus"] == found["week"]["byStatus"] == {}
    assert found["occupancy"] == {"bookedHours": 0.0, "openHours": 0.0, "share": None}
    assert found["backlog"] == {
        "outbox": 0,
        "oldestOutboxSeconds": None,
        "jobs": {"waiting": 0, "failed": 0, "dead": 0},
        "notifications": {"queued": 0, "failed": 0, "dead": 0},
    }
    assert found["oldestDueReminderSeconds"] is None


def test_days_and_weeks_are_those_of_the_business(client: Client, world: World) -> None:
    found = read(client, world)
    start, end = (datetime.fromisoformat(found["today"][name]).astimezone(ZONE) for name in ("from", "to"))
    assert (start.hour, start.minute, end - start) == (0, 0, timedelta(days=1))
    assert start.date() == datetime.now(ZONE).date()
    monday = datetime.fromisoformat(found["week"]["from"]).astimezone(ZONE)
    assert (monday.weekday(), monday.hour, monday.minute) == (0, 0, 0)
    room = world.resource(capacity=4)
    hours = {"weekly": {name: [{"from": "08:00", "to": "18:00"}] for name in WEEKDAYS}}
    opened = client.call("PUT", "/schedules/business", hours, token=client.token(world.admin()))
    assert opened.status_code == 200
    insert(world, room, start)
    insert(world, room, end - timedelta(minutes=1), "cancelled")
    insert(world, room, start - timedelta(minutes=1))
    insert(world, room, end, "completed")
    recount(world)
    again = read(client, world)
    assert again["today"]["byStatus"] == {"confirmed": 1, "cancelled": 1}
    assert again["occupancy"] == {"bookedHours": 1.0, "openHours": 40.0, "share": 0.025}
    # Not from midnight on: in the day's first hour what was booked above would still be in the way.
    off = {"resourceIds": [str(room)], "startAt": (start + timedelta(hours=2)).isoformat(), "endAt": end.isoformat()}
    made = client.call("POST", "/closures", off, token=client.token(world.admin()))
    assert made.status_code == 201, made.text
    assert read(client, world)["occupancy"] == {"bookedHours": 1.0, "openHours": 0.0, "share": None}
    assert sum(again["week"]["byStatus"].values()) == 4 - (start.weekday() == 0) - (start.weekday() == 6)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def test_days_on_which_clocks_change(zone: str) -> None:
    place, lengths = ZoneInfo(zone), set()
    for day in range(365):
        noon = datetime(2027, 1, 1, 12, tzinfo=place) + timedelta(days=day)
        today, tomorrow, monday, next_monday = overview.periods(noon.astimezone(UTC), place)
        assert today <= noon < tomorrow
        assert monday <= noon < next_monday
        lengths.add(tomorrow.astimezone(UTC) - today.astimezone(UTC))
        assert today.astimezone(UTC).minute % 15 == 0
    assert len(lengths) == 3


def test_the_numbers_follow_what_happens(client: Client, world: World) -> None:
    provider, customer = world.provider(), world.user()
    tokens = {who.role: client.token(who) for who in (provider, customer)}
    start = (datetime.now(UTC) + timedelta(minutes=1)).replace(microsecond=0)
    body = {"providerId": str(provider.id), "startAt": start.isoformat()}
    body["endAt"] = (start + timedelta(minutes=30)).isoformat()
    made = client.call("POST", "/bookings", body, token=tokens["customer"]).get_json()
    assert read(client, world)["backlog"]["outbox"] == 1

    def counted() -> dict[str, int]:
        follow(client)
        rows = world.query("SELECT status, sum(bookings) AS n FROM overview_bookings GROUP BY status")
        return {row["status"]: int(row["n"]) for row in rows}

    assert counted() == {"pending": 1}
    assert read(client, world)["backlog"]["outbox"] == 0
    path = f"/bookings/{made['id']}"
    assert client.call("POST", f"{path}/confirm", {}, token=tokens["provider"]).status_code == 200
    assert counted() == {"confirmed": 1}
    later = {"startAt": (start + timedelta(days=2)).isoformat()}
    assert client.call("PATCH", path, later, token=tokens["customer"]).status_code == 200
    assert counted() == {"confirmed": 1}, "it is counted where it is, and not where it was"
    [row] = world.query("SELECT quarter, unit_minutes FROM overview_bookings")
    assert row["quarter"] <= start + timedelta(days=2) < row["quarter"] + timedelta(minutes=15)
    assert row["unit_minutes"] == 30
    assert client.call("POST", f"{path}/cancel", {}, token=tokens["customer"]).status_code == 200
    assert counted() == {"cancelled": 1}
    assert world.query("SELECT sum(unit_minutes) AS n FROM overview_bookings") == [{"n": 0}]
    before = world.query("SELECT * FROM overview_bookings ORDER BY 1, 2")
    recount(world)
    assert world.query("SELECT * FROM overview_bookings ORDER BY 1, 2") == before


def test_occupancy_is_of_all_that_is_claimed(client: Client, world: World) -> None:
    """As the report on utilisation counts: each resource, with buffers, and less when some of a party stay away."""
    stylist, chair, customer = world.provider(auto_confirm=True), world.resource(kind="equipment"), world.user()
    admin = client.token(world.admin())
    room = world.resource(capacity=8)

    def offered(name: str, **wish: Any) -> str:
        body = {"name": name, "durations": [{"minutes": 30, "price": 0}], "currency": "EUR", **wish}
        made = client.call("POST", "/services", body, token=admin)
        assert made.status_code == 201, made.text
        return str(made.get_json()["id"])

    needed = [{"kind": "equipment", "count": 1, "resourceIds": [str(chair)]}]
    cut = offered("Cut", resourceIds=[str(stylist.id)], requirements=needed, bufferAfterMinutes=15)
    lesson = offered("Lesson", resourceIds=[str(room)], capacity=8, maxPartySize=8)
    start = (datetime.now(UTC) + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)

    def claimed(body: Json) -> Json:
        made = client.call("POST", "/bookings", body, token=client.token(customer))
        assert made.status_code == 201, made.text
        return dict(made.get_json())

    def minutes() -> int:
        follow(client)
        return int(world.query("SELECT sum(unit_minutes) AS n FROM overview_bookings")[0]["n"])

    claimed({"serviceId": cut, "startAt": start.isoformat()})
    assert minutes() == 2 * 45
    times = {"startAt": start.isoformat(), "endAt": (start + timedelta(minutes=30)).isoformat()}
    claimed({"workspaceId": str(room), "units": 3, **times})
    assert minutes() == 2 * 45 + 3 * 30
    later = start + timedelta(hours=2)
    party = claimed({"serviceId": lesson, "startAt": later.isoformat(), "partySize": 4})
    before = minutes()
    left = client.call("POST", f"/bookings/{party['id']}/attendees/cancel", {"count": 3}, token=client.token(customer))
    assert left.status_code == 200, left.text
    after = minutes()
    recount(world)
    assert (before, after) == (2 * 45 + 3 * 30 + 4 * 30, 2 * 45 + 3 * 30 + 30)
    assert after == minutes()


def test_revenue_is_what_came_in_less_what_went_back(client: Client, world: World) -> None:
    booking = insert(world, world.resource(), at(1))
    world.query(
        """WITH paid AS (
               INSERT INTO payments (id, booking_id, user_id, gateway, status, amount, currency, captured, refunded,
                                     created_by, created_at, updated_at)
               VALUES (gen_random_uuid(), %s, gen_random_uuid(), 'manual', 'partially_refunded', 5000, 'EUR', 5000,
                       1200, gen_random_uuid(), now(), now()) RETURNING id)
           INSERT INTO payment_operations (id, payment_id, kind, amount, state, created_at, finished_at)
           SELECT gen_random_uuid(), id, kind, amount, state, at, CASE state WHEN 'done' THEN at END
             FROM paid, (VALUES ('capture', 5000, 'done', %s::timestamptz), ('refund', 1000, 'done', %s),
                                ('refund', 200, 'done', %s), ('refund', 300, 'pending', %s))
               AS o (kind, amount, state, at)""",
        booking,
        at(0),
        at(0, 13),
        at(-40),
        at(0),
    )
    [payment] = world.query("SELECT id FROM payments")
    world.query(
        """INSERT INTO outbox (type, topics, data, occurred_at)
           VALUES ('payment.received', '{}', json_build_object('id', %s::uuid), now())""",
        payment["id"],
    )
    follow(client)
    found = read(client, world)
    assert found["today"]["revenue"] == found["week"]["revenue"] == [{"amount": 4000, "currency": "EUR"}]
    assert world.query("SELECT sum(captured) AS c, sum(refunded) AS r FROM overview_money") == [{"c": 5000, "r": 1200}]


def test_backlogs(client: Client, world: World) -> None:
    world.query(
        """INSERT INTO jobs (id, kind, payload, state, max_attempts, attempts, run_at, finished_at, last_error)
           SELECT gen_random_uuid(), 'x', '{}', state, 8, 1, at, finished, 'e'
             FROM (VALUES ('waiting', now(), NULL::timestamptz), ('waiting', now() + interval '1 day', NULL),
                          ('failed', now(), NULL), ('dead', now(), now()), ('dead', now(), now()))
               AS j (state, at, finished)"""
    )
    room = world.resource()
    world.query(
        """INSERT INTO reminders (booking_id, booking_version, recipient_id, lead, due_at)
           VALUES (%s, 1, gen_random_uuid(), '1 hour', now() - interval '90 seconds'),
                  (%s, 1, gen_random_uuid(), '1 hour', now() + interval '1 hour')""",
        insert(world, room, at(1)),
        insert(world, room, at(2)),
    )
    found = read(client, world)
    assert found["backlog"]["jobs"] == {"waiting": 1, "failed": 1, "dead": 2}
    assert 90 <= found["oldestDueReminderSeconds"] < 120
