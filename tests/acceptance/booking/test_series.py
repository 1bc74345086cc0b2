"""A series and a group session from HTTP to the socket, through the service's real processes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import check_data
from tests.acceptance.booking.test_life import Person, of_bookings, received
from tests.acceptance.realtime.client import Client
from tests.factories import World
from tests.support.patience import patient
from tests.support.service import Service, ServiceOptions

SERVICE = ServiceOptions(processes=("web", "sockets", "relay"), env={"SIGN_IN_RATE_LIMIT": "100/minute"})
WEEKS = 26
DAY = (datetime.now(UTC) + timedelta(days=40)).replace(hour=9, minute=0, second=0, microsecond=0)


def at(days: int = 0, hours: int = 0) -> str:
    """So many days and hours after nine o'clock of the test day."""
    return (DAY + timedelta(days=days, hours=hours)).isoformat().replace("+00:00", "Z")


@pytest.fixture(scope="module")
def world(service: Service) -> Any:
    world = World(service.database_url)
    yield world
    world.close()


def test_a_course_of_half_a_year(service: Service, world: World) -> None:
    """Booked, moved and called off, with everyone told of each of its bookings, in order and once."""
    anna, trainer = Person(service, "course-anna"), world.provider(auto_confirm=True)
    with Client(service.socket_url, anna.token) as socket:
        socket.ask("subscribe")
        wish = {"providerId": str(trainer.id), "startAt": at(), "endAt": at(hours=1), "timeZone": "Europe/Berlin"}
        wish["rrule"] = f"FREQ=WEEKLY;COUNT={WEEKS}"
        status, preview = anna.call("POST", "/bookings/series/preview", wish)
        assert (status, preview["free"]) == (200, WEEKS)
        status, made = anna.call("POST", "/bookings/series", wish, Idempotency_Key="course")
        assert (status, made["booked"]) == (201, WEEKS)
        assert anna.call("POST", "/bookings/series", wish, Idempotency_Key="course") == (201, made)
        ids = [one["bookingId"] for one in made["occurrences"]]
        told = received(socket, WEEKS)
        assert [(one["event"], one["data"]["id"]) for one in told] == [("booking.created", id) for id in ids]

        path = f"/bookings/series/{made['series']['id']}"
        tenth = made["occurrences"][9]
        later = (datetime.fromisoformat(tenth["startAt"]) + timedelta(hours=2)).isoformat()
        status, rest = anna.call("PATCH", path, {"scope": "following", "bookingId": ids[9], "startAt": later})
        assert (status, rest["splitFrom"], len(rest["occurrences"])) == (200, made["series"]["id"], WEEKS - 9)
        status, gone = anna.call("POST", f"/bookings/series/{rest['id']}/cancel", {"scope": "all"})
        assert status == 200
        assert {one["status"] for one in gone["occurrences"]} == {"cancelled"}
        told = received(socket, WEEKS + 2 * (WEEKS - 9))[WEEKS:]
        moved, cancelled = told[: WEEKS - 9], told[WEEKS - 9 :]
        assert [(one["event"], one["data"]["id"]) for one in moved] == [("booking.rescheduled", id) for id in ids[9:]]
        assert [(one["event"], one["data"]["id"]) for one in cancelled] == [("booking.cancelled", id) for id in ids[9:]]
    assert not [finding for finding in check_data.findings(service.database_url) if finding.rows]


def test_places_of_a_session_are_told_to_whoever_watches(service: Service, world: World) -> None:
    anna, ben = Person(service, "session-anna"), Person(service, "session-ben")
    office = service.token(str(world.admin().id))
    boss = Person.__new__(Person)
    boss._base, boss.token = service.base_url, office
    hall = world.resource(capacity=20)
    terms = {"durations": [{"minutes": 60, "price": 1000}], "perPersonPrice": 500, "currency": "EUR", "capacity": 6}
    status, course = boss.call("POST", "/services", {"name": "Yoga", "resourceIds": [str(hall)], **terms})
    assert status == 201
    with Client(service.socket_url, ben.token) as socket:
        socket.ask("subscribe", {"topics": [f"availability:{course['id']}"]})
        wish = {"serviceId": course["id"], "startAt": at(1), "partySize": 4}
        status, booking = anna.call("POST", "/bookings", wish)
        assert status == 201
        assert places(socket, 2) == at(1)
        assert anna.call("POST", f"/bookings/{booking['id']}/attendees/cancel", {"count": 3})[0] == 200
        assert places(socket, 5) == at(1)
        assert of_bookings(socket.events) == []
    query = f"/sessions?serviceId={course['id']}&from={at()}&to={at(2)}"
    status, shown = ben.call("GET", query)
    assert [(one["taken"], one["remaining"], one["bookingIds"]) for one in shown["items"]] == [(1, 5, [])]


def places(socket: Client, left: int) -> str:
    """The start of a session of which the socket says that so many places are left."""
    while True:
        frame = socket.receive(patient(15))
        for one in frame.get("data", {}).get("sessions", []):
            if one["remainingPlaces"] == left:
                return str(one["startAt"])
