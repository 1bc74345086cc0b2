"""One booking, from HTTP to WebSocket to reminder, through the service's real processes and nothing else: everybody is
registered, everything is made, and everything is seen from outside."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import check_data
from tests.acceptance.realtime.client import Client
from tests.support.patience import patient, soon
from tests.support.service import Service, ServiceOptions
from tests.support.web import send

LEAD, AHEAD = timedelta(seconds=8), timedelta(seconds=14)
SERVICE = ServiceOptions(env={"REMINDER_LEAD": "8s", "SIGN_IN_RATE_LIMIT": "100/minute"})


class Person:
    """Somebody with an account, over HTTP."""

    def __init__(self, service: Service, name: str) -> None:
        self._base = service.base_url
        self.token = ""
        account = {"email": f"{name}@example.com", "password": "correct horse battery staple", "name": name}
        _, session = self.call("POST", "/auth/register", account)
        self._credentials = {key: account[key] for key in ("email", "password")}
        self.id, self.token = session["user"]["id"], session["accessToken"]

    def sign_in(self) -> None:
        """A new token, which carries the present role."""
        _, session = self.call("POST", "/auth/login", self._credentials)
        self.token = session["accessToken"]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        """One request: status and JSON."""
        status, raw = send(self._base + path, method, body, token=self.token, **headers)
        return status, json.loads(raw)


@pytest.fixture(scope="module")
def cast(service: Service) -> tuple[Person, Person, str]:
    """A customer, a provider whom the demo admin has made one, and an admin's token."""
    admin = service.token(json.loads(service.run("scripts/seed.py"))["users"]["admin"])
    anna, doctor = Person(service, "anna"), Person(service, "doctor")
    office = Person(service, "office")
    office.token = admin
    assert office.call("PATCH", f"/users/{doctor.id}/role", {"role": "provider"})[0] == 200
    doctor.sign_in()
    body = {"kind": "provider", "userId": doctor.id}
    assert office.call("POST", "/resources", body)[0] == 201
    return anna, doctor, admin


def of_bookings(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that tell of bookings. In between people are told of their notifications."""
    return [event for event in events if event["event"].startswith("booking.")]


def received(socket: Client, count: int, seconds: float = patient(15)) -> list[dict[str, Any]]:
    """The events of bookings, once there are so many."""
    return of_bookings(socket.receive_until(lambda events: len(of_bookings(events)) >= count, seconds))


def settled(socket: Client, seconds: float) -> list[dict[str, Any]]:
    """The events of bookings after nothing has come for a while."""
    while not socket.quiet(seconds):
        continue
    return of_bookings(socket.events)


def kinds(events: list[dict[str, Any]]) -> list[str]:
    """What happened, in the order in which it was told."""
    return [event["event"] for event in events]


def test_one_booking(service: Service, cast: tuple[Person, Person, str]) -> None:
    anna, doctor, _ = cast
    with Client(service.socket_url, anna.token) as hers, Client(service.socket_url, doctor.token) as theirs:
        assert hers.ask("subscribe")["event"] == "subscribe:result"
        assert theirs.ask("subscribe", {"topics": [f"resource:{doctor.id}"]})["event"] == "subscribe:result"
        booking = _booked(anna, doctor)
        path = f"/bookings/{booking['id']}"
        assert doctor.call("POST", f"{path}/confirm", {})[0] == 200
        status, after = anna.call("PATCH", path, {"notes": "Bring the papers."}, If_Match='"2"')
        assert (status, after["version"]) == (200, 3)
        reminder_of = [*("booking.created", "booking.confirmed", "booking.updated"), "booking.reminder"]
        for socket in (hers, theirs):
            assert kinds(received(socket, 4)) == reminder_of
        assert [event["id"] for event in of_bookings(hers.events)] == [
            event["id"] for event in of_bookings(theirs.events)
        ]
        _check_events(of_bookings(hers.events), booking, after)
        assert doctor.call("POST", f"{path}/check-in", {})[0] == 200
        time.sleep(max(0, (datetime.fromisoformat(booking["startAt"]) - datetime.now(UTC)).total_seconds()))
        assert doctor.call("POST", f"{path}/complete", {})[0] == 200
        assert kinds(received(hers, 6))[4:] == ["booking.checked-in", "booking.completed"]
        assert len(settled(hers, 1)) == 6
        _check_notifications(hers.events, anna)
    _check_the_rest(service, anna, path)


def _booked(anna: Person, doctor: Person) -> dict[str, Any]:
    """Book, send it again, and try to take the same time a second time."""
    start = datetime.now(UTC) + AHEAD
    wish = {
        "userId": anna.id,
        "providerId": doctor.id,
        "startAt": start.isoformat(),
        "endAt": (start + timedelta(seconds=10)).isoformat(),
    }
    status, booking = anna.call("POST", "/bookings", wish, Idempotency_Key="one")
    assert (status, booking["status"]) == (201, "pending")
    assert anna.call("POST", "/bookings", wish, Idempotency_Key="one") == (201, booking)
    status, problem = anna.call("POST", "/bookings", wish, Idempotency_Key="two")
    assert (status, problem["code"], problem["nextFree"]) == (409, "slot-taken", [booking["endAt"]])
    return booking


def _check_events(events: list[dict[str, Any]], booking: dict[str, Any], after: dict[str, Any]) -> None:
    """Events carry the booking as REST shows it; the reminder comes at its time, not before, and soon after."""
    assert events[0]["data"] == booking
    assert events[2]["data"] == after
    reminder = events[3]["data"]
    assert reminder["reminder"]["leadSeconds"] == LEAD.total_seconds()
    assert {name: value for name, value in reminder.items() if name != "reminder"} == after
    due = datetime.fromisoformat(booking["startAt"]) - LEAD
    assert datetime.fromisoformat(reminder["reminder"]["dueAt"]) == due
    late = datetime.fromisoformat(events[3]["timestamp"]) - due
    assert timedelta(0) <= late < timedelta(seconds=soon(6))


def _check_notifications(events: list[dict[str, Any]], anna: Person) -> None:
    """The customer found in the app what they were told on their socket, in the same order."""
    told = [event["data"] for event in events if event["event"] == "notification.created"]
    assert [one["cause"] for one in told] == ["booking_created", "booking_confirmed", "reminder"]
    _, page = anna.call("GET", "/notifications")
    assert [item["id"] for item in reversed(page["items"])] == [one["id"] for one in told]
    assert anna.call("GET", "/notifications/unread-count")[1]["unread"] == 3


def _check_the_rest(service: Service, anna: Person, path: str) -> None:
    """History, list and log say the same; the data is sound."""
    _, history = anna.call("GET", f"{path}/history")
    assert [entry["action"] for entry in history["items"]] == ["create", "confirm", "update", "check-in", "complete"]
    _, page = anna.call("GET", "/bookings?status=completed")
    assert [f"/bookings/{item['id']}" for item in page["items"]] == [path]
    lines = [json.loads(line) for line in service.log_text("worker").splitlines() if line.startswith("{")]
    reminded = [line for line in lines if line["message"] == "reminder"]
    # At some times of the day people of the town are reminded, too.
    assert [f"/bookings/{line['booking_id']}" for line in reminded].count(path) == 1
    assert [finding for finding in check_data.findings(service.database_url) if finding.rows] == []


def test_a_cancelled_booking_is_told_and_not_reminded_of(service: Service, cast: tuple[Person, Person, str]) -> None:
    anna, doctor, _ = cast
    start = datetime.now(UTC) + timedelta(hours=2)
    with Client(service.socket_url, anna.token) as hers:
        hers.ask("subscribe")
        wish = {
            "providerId": doctor.id,
            "startAt": start.isoformat(),
            "endAt": (start + timedelta(hours=1)).isoformat(),
        }
        _, booking = anna.call("POST", "/bookings", wish)
        soon = datetime.now(UTC) + LEAD + timedelta(seconds=3)
        status, moved = anna.call("PATCH", f"/bookings/{booking['id']}", {"startAt": soon.isoformat()})
        assert status == 200, moved
        assert anna.call("DELETE", f"/bookings/{booking['id']}")[0] == 200
        assert kinds(received(hers, 3)) == ["booking.created", "booking.rescheduled", "booking.cancelled"]
        assert len(settled(hers, 7)) == 3
