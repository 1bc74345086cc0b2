"""On which days something can be booked otherwise: told to whoever is signed in, at once, and of nobody."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from bookings.auth import Actor
from tests.acceptance.realtime.client import Client
from tests.acceptance.realtime.conftest import Connect
from tests.factories import World
from tests.support.patience import soon
from tests.support.service import Service, ServiceOptions

SERVICE = ServiceOptions(processes=("web", "sockets", "relay"), env={"STREAM_LENGTH": "2000"})
Json = dict[str, Any]
Call = Callable[..., Json]
#: ten o'clock in Berlin, where the test's resources are, so that nothing comes near midnight
DAY = (datetime.now(UTC) + timedelta(days=30)).replace(hour=9, minute=0, second=0, microsecond=0)
ZONE = "Europe/Berlin"


@pytest.fixture
def call(service: Service, token: Callable[[Actor], str]) -> Call:
    """One request to the web process; its JSON."""

    def ask(actor: Actor, method: str, path: str, body: Any = None) -> Json:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token(actor)}"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(service.base_url + path, content, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: Json = json.loads(answer.read())
            return found

    return ask


def date_of(start: datetime) -> str:
    """The date in the resources' zone, some hours from midnight."""
    return start.date().isoformat()


def booking(resource: UUID, start: datetime = DAY, **more: Any) -> Json:
    """One hour of a resource."""
    times = {"startAt": start.isoformat(), "endAt": (start + timedelta(hours=1)).isoformat()}
    return {"resourceId": str(resource), **times, **more}


def offered(call: Call, world: World, *resources: UUID, **more: Any) -> str:
    """A service of an hour that any of the resources delivers; its id."""
    body = {"name": f"Service {uuid4()}", "durations": [{"minutes": 60, "price": 100}], "currency": "EUR"}
    return str(call(world.admin(), "POST", "/services", body | {"resourceIds": list(map(str, resources))} | more)["id"])


def told(client: Client, count: int = 1) -> list[Json]:
    """What was told of days, once there are so many messages."""
    return [event["data"] for event in client.receive_count(count)]


def dates(client: Client, wanted: set[str]) -> None:
    """Receive until exactly these dates were told of."""
    found = client.receive_until(lambda events: wanted <= {date for event in events for date in event["data"]["dates"]})
    assert {date for event in found for date in event["data"]["dates"]} == wanted
    client.events.clear()


def test_a_booking_changes_a_day_of_its_resource_and_of_the_services(
    world: World, connect: Connect, call: Call
) -> None:
    owner, room, other = world.provider(), world.resource(), world.resource()
    mine, foreign = offered(call, world, room), offered(call, world, other)
    client, stranger = connect(world.user()), connect(world.user())
    answer = client.ask("subscribe", {"topics": [f"availability:{mine}", f"resource:{room}"]})
    assert answer["data"]["topics"] == sorted([f"availability:{mine}", f"availability:{room}"])
    stranger.ask("subscribe", {"topics": [f"availability:{foreign}", f"resource:{other}", f"resource:{owner.id}"]})
    call(world.admin(), "POST", "/bookings", booking(room))
    found = told(client, 2)
    expected = {"dates": [date_of(DAY)], "timeZone": ZONE}
    for one in (expected | {"serviceId": mine}, expected | {"resourceId": str(room)}):
        assert one in found
    event = client.events[0]
    assert set(event) == {"event", "data", "id", "timestamp"}
    assert event["event"] == "availability.changed"
    assert stranger.quiet(1)


def test_both_days_of_a_move_and_the_day_of_a_cancellation(world: World, connect: Connect, call: Call) -> None:
    me, room = world.user(), world.resource()
    client = connect(world.user())
    client.ask("subscribe", {"topics": [f"resource:{room}"]})
    made = call(me, "POST", "/bookings", booking(room))
    dates(client, {date_of(DAY)})
    later = DAY + timedelta(days=3)
    call(me, "PATCH", f"/bookings/{made['id']}", {"startAt": later.isoformat()})
    dates(client, {date_of(DAY), date_of(later)})
    call(me, "POST", f"/bookings/{made['id']}/cancel", {})
    dates(client, {date_of(later)})


def test_a_hold_is_told_when_it_is_made_and_when_it_ends_by_itself(world: World, connect: Connect, call: Call) -> None:
    room = world.resource()
    client = connect(world.user())
    client.ask("subscribe", {"topics": [f"availability:{offered(call, world, room)}"]})
    span = DAY, DAY + timedelta(hours=1)
    world.query(
        """INSERT INTO allocations (resource_id, exclusive, during, hold_id, start_at, expires_at)
           VALUES (%s, true, tstzrange(%s, %s), %s, %s, clock_timestamp() + interval '1.5 seconds')""",
        *(room, *span, uuid4(), DAY),
    )
    ends = time.monotonic() + 1.5
    dates(client, {date_of(DAY)})
    assert time.monotonic() < ends
    dates(client, {date_of(DAY)})
    assert ends - 0.1 < time.monotonic() < ends + soon(1)


def test_hours_closures_and_what_a_service_is_are_told_too(world: World, connect: Connect, call: Call) -> None:
    room = world.resource()
    service_id = offered(call, world, room)
    client = connect(world.user())
    client.ask("subscribe", {"topics": [f"availability:{service_id}"]})
    closure = """INSERT INTO closures (id, resource_id, during, kind, created_at)
                 VALUES (%s, %s, tstzrange(%s, %s), 'time_off', now())"""
    world.query(closure, uuid4(), room, DAY, DAY + timedelta(days=1))
    dates(client, {date_of(DAY), date_of(DAY + timedelta(days=1))})
    world.query(closure, uuid4(), None, DAY, DAY + timedelta(hours=1))
    dates(client, {date_of(DAY)})
    world.query("DELETE FROM closures WHERE resource_id IS NULL")  # or the other tests' bookings would be refused
    dates(client, {date_of(DAY)})
    for layer, subject in (("resource", room), ("service", UUID(service_id))):
        world.query(
            "INSERT INTO schedules (layer, subject_id, weekly, updated_at) VALUES (%s, %s, '{}', now())", layer, subject
        )
        assert told(client)[0] == {"serviceId": service_id, "dates": None, "timeZone": ZONE}
        client.events.clear()
        world.query(
            "INSERT INTO schedule_days (layer, subject_id, day, hours) VALUES (%s, %s, %s, '[]')",
            *(layer, subject, DAY.date()),
        )
        dates(client, {date_of(DAY), date_of(DAY + timedelta(days=1))})
    call(world.admin(), "PATCH", f"/services/{service_id}", {"bufferAfterMinutes": 30})
    assert told(client)[0]["dates"] is None
    client.events.clear()
    call(world.admin(), "PATCH", f"/services/{service_id}", {"description": "Other words."})
    assert client.quiet(1)


def test_a_claim_after_midnight_concerns_the_day_from_which_one_would_run_into_it(
    world: World, connect: Connect, call: Call
) -> None:
    room = world.resource()
    client = connect(world.user())
    long, short = offered(call, world, room, durations=[{"minutes": 180, "price": 1}]), offered(call, world, room)
    client.ask("subscribe", {"topics": [f"availability:{long}", f"availability:{short}"]})
    two_in_berlin = (DAY + timedelta(days=1)).replace(hour=1)
    call(world.user(), "POST", "/bookings", booking(room, two_in_berlin))
    found = {one["serviceId"]: one["dates"] for one in told(client, 2)}
    assert found == {
        long: [date_of(DAY), date_of(DAY + timedelta(days=1))],
        short: [date_of(DAY + timedelta(days=1))],
    }


def test_a_limit_of_the_month_concerns_all_of_it(world: World, connect: Connect, call: Call) -> None:
    room = world.resource()
    client = connect(world.user())
    client.ask("subscribe", {"topics": [f"resource:{room}"]})
    world.query(
        """INSERT INTO schedules (layer, subject_id, rules, updated_at)
           VALUES ('resource', %s, '{"resourceCaps": {"month": 10}}', now())""",
        room,
    )
    assert told(client)[0]["dates"] is None
    client.events.clear()
    call(world.user(), "POST", "/bookings", booking(room))
    found = told(client)[0]["dates"]
    assert found[0] == date_of(DAY.replace(day=1))
    assert len(found) >= 28


def test_the_places_left_of_a_session_come_along(world: World, connect: Connect, call: Call) -> None:
    room = world.resource(capacity=20)
    class_ = offered(call, world, room, capacity=8, maxPartySize=4)
    client = connect(world.user())
    client.ask("subscribe", {"topics": [f"availability:{class_}"]})
    me = world.user()
    made = call(me, "POST", "/bookings", {"serviceId": class_, "startAt": DAY.isoformat(), "partySize": 3})
    (session,) = told(client)[-1]["sessions"]
    start = DAY.isoformat().replace("+00:00", "Z")
    assert session == {"resourceId": str(room), "startAt": start, "remainingPlaces": 5}
    client.events.clear()
    call(me, "POST", f"/bookings/{made['id']}/cancel", {})
    assert told(client)[-1]["sessions"] == [session | {"remainingPlaces": 8}]


def test_nothing_of_a_person_is_told(service: Service, world: World, connect: Connect, call: Call) -> None:
    me, doctor = world.user(), world.provider()
    service_id = offered(call, world, doctor.id)
    client = connect(world.user())
    client.ask("subscribe", {"topics": [f"availability:{service_id}", f"resource:{doctor.id}"]})
    secret = {"title": "Sieglinde", "description": "Sieglinde", "notes": "Sieglinde", "location": "Sieglinde"}
    wish = {"serviceId": service_id, "startAt": DAY.isoformat(), **secret}
    made = call(me, "POST", "/bookings", wish)
    call(me, "PATCH", f"/bookings/{made['id']}", {"startAt": (DAY + timedelta(hours=2)).isoformat()})
    call(me, "POST", f"/bookings/{made['id']}/cancel", {"reason": "Sieglinde"})
    while not client.quiet(0.5):
        continue
    assert len(client.events) >= 2
    for event in client.events:
        assert event["event"] == "availability.changed"
        assert set(event["data"]) <= {"serviceId", "resourceId", "dates", "timeZone"}
    text = json.dumps(client.events)
    for word in ("Sieglinde", str(me.id), made["id"], "userId", "booking"):
        assert word not in text
    # Nor does it come to those who resume, who read events from the database.
    again = Client(service.socket_url, _token(service, world.user()))
    with again:
        again.ask("subscribe", {"topics": [f"availability:{service_id}"], "after": "0"})
        assert "Sieglinde" not in json.dumps([again.receive_count(1)])


def test_an_owner_hears_both(world: World, connect: Connect, call: Call) -> None:
    doctor = world.provider()
    client = connect(doctor)
    answer = client.ask("subscribe", {"topics": [f"resource:{doctor.id}"]})
    assert answer["data"]["topics"] == [f"availability:{doctor.id}", f"resource:{doctor.id}"]
    call(world.user(), "POST", "/bookings", booking(doctor.id))
    assert {event["event"] for event in client.receive_count(2)} == {"booking.created", "availability.changed"}
    usual = connect(doctor)
    assert usual.ask("subscribe")["data"]["topics"] == [f"resource:{doctor.id}", f"user:{doctor.id}"]


def test_who_comes_back_learns_which_days_changed_meanwhile(
    service: Service, world: World, connect: Connect, call: Call
) -> None:
    me, room = world.user(), world.resource()
    client = connect(world.user())
    client.ask("subscribe", {"topics": [f"resource:{room}"]})
    first = call(me, "POST", "/bookings", booking(room))
    last = client.receive_count(1)[-1]["id"]
    client.socket.close()
    time.sleep(2.5)
    later, much_later = DAY + timedelta(days=2), DAY + timedelta(days=5)
    call(me, "PATCH", f"/bookings/{first['id']}", {"startAt": later.isoformat()})
    call(me, "PATCH", f"/bookings/{first['id']}", {"startAt": much_later.isoformat()})
    world.query(
        """INSERT INTO allocations (resource_id, exclusive, during, hold_id, expires_at)
           VALUES (%s, true, tstzrange(%s, %s), gen_random_uuid(), clock_timestamp() + interval '0.2 seconds')""",
        *(room, DAY + timedelta(days=9), DAY + timedelta(days=9, hours=1)),
    )
    time.sleep(0.5)
    again = connect(world.user())
    answer = again.ask("subscribe", {"topics": [f"resource:{room}"], "after": last})
    assert answer["data"]["position"] == last
    dates(again, {date_of(DAY), date_of(later), date_of(much_later), date_of(DAY + timedelta(days=9))})
    call(me, "POST", f"/bookings/{first['id']}/cancel", {})
    dates(again, {date_of(much_later)})


def test_a_burst_is_a_few_messages(service: Service, world: World, connect: Connect) -> None:
    room = world.resource(capacity=1000)
    client = connect(world.user())
    client.ask("subscribe", {"topics": [f"resource:{room}"]})
    began = time.monotonic()
    with psycopg.connect(service.database_url, autocommit=True) as connection:
        for _ in range(1000):
            connection.execute(
                """INSERT INTO allocations (resource_id, exclusive, during, hold_id, expires_at)
                   VALUES (%s, false, tstzrange(%s, %s), gen_random_uuid(), now() + interval '1 hour')""",
                (room, DAY, DAY + timedelta(hours=1)),
            )
    while not client.quiet(1):
        continue
    took = time.monotonic() - began
    assert 1 <= len(client.events) <= 11 * took
    assert all(event["data"]["dates"] == [date_of(DAY)] for event in client.events)


def test_days_are_told_within_a_second(world: World, connect: Connect, call: Call) -> None:
    doctor = world.provider(auto_confirm=True)
    service_id = offered(call, world, doctor.id)
    client, me = connect(world.user()), world.user()
    client.ask("subscribe", {"topics": [f"availability:{service_id}"]})
    seen: list[float] = []
    stop = threading.Event()

    def listen() -> None:
        while not stop.is_set():
            if not client.quiet(0.2):
                seen.append(time.monotonic())

    listener = threading.Thread(target=listen)
    listener.start()
    delays = []
    try:
        for number in range(40):
            wish = {"serviceId": service_id, "startAt": (DAY + timedelta(days=number)).isoformat()}
            call(me, "POST", "/bookings", wish)
            committed, before = time.monotonic(), len(seen)
            while len(seen) == before and time.monotonic() - committed < 5:
                time.sleep(0.002)
            delays.append(seen[-1] - committed if seen else 5)
            time.sleep(0.15)
    finally:
        stop.set()
        listener.join()
    delays.sort()
    print(f"days told after p50 {delays[20] * 1000:.0f} ms, p99 {delays[-1] * 1000:.0f} ms")
    assert delays[20] < soon(0.2)
    assert delays[-1] < soon(1)


def _token(service: Service, actor: Actor) -> str:
    from bookings.auth import Tokens
    from bookings.config import Settings

    return Tokens(Settings.from_env(service.env)).issue(actor)
