"""A policy from the admin's rules to the customer's refusal, an overbooking, a hand-over, and a room that nobody comes
to: through the service's real processes, seen from outside."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

import check_data
from bookings.auth import Actor
from tests.factories import World
from tests.support.patience import patient
from tests.support.service import Service, ServiceOptions
from tests.support.web import send

SERVICE = ServiceOptions(processes=("web", "worker"))
NOW = datetime.now(UTC).replace(microsecond=0)


class Web:
    """The service over HTTP, as anybody."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._tokens: dict[Actor, str] = {}

    def call(self, person: Actor, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        """One request: status and JSON."""
        if person not in self._tokens:
            self._tokens[person] = self._service.token(str(person.id))
        status, raw = send(self._service.base_url + path, method, body, token=self._tokens[person])
        return status, json.loads(raw)

    def made(self, person: Actor, path: str, body: Any) -> dict[str, Any]:
        """POST something that must come into being."""
        status, document = self.call(person, "POST", path, body)
        assert status == 201, document
        return document


@pytest.mark.slow
def test_policies_from_rules_to_release(service: Service) -> None:
    world = World(service.database_url)
    doctor, locum, admin, anna, berta = world.provider(), world.provider(), world.admin(), world.user(), world.user()
    web = Web(service)
    offer = {
        "name": "Check-up",
        "durations": [{"minutes": 30, "price": 4000}],
        "currency": "EUR",
        "resourceIds": [str(doctor.id), str(locum.id)],
        "cancellationPolicy": {
            "tiers": [{"beforeMinutes": 1440, "feeAmount": 0}, {"beforeMinutes": 0, "feeAmount": 900}]
        },
    }
    check_up = web.made(admin, "/services", offer)
    rules = {"cancelCutoffMinutes": 60, "lateCancel": "refuse", "maxReschedules": 1, "slotIntervalMinutes": 1}
    schedule = {"rules": rules}
    status, _ = web.call(admin, "PUT", f"/schedules/services/{check_up['id']}", schedule)
    assert status == 200
    soon = NOW.replace(second=0) + timedelta(minutes=30)
    wish = {"serviceId": check_up["id"], "startAt": soon.isoformat(), "providerId": str(doctor.id)}
    booking = web.made(anna, "/bookings", wish)
    assert booking["policy"] == {name: rules[name] for name in ("cancelCutoffMinutes", "lateCancel", "maxReschedules")}
    path = f"/bookings/{booking['id']}"
    assert web.call(anna, "GET", path)[1]["cancellationFeeNow"] is None
    assert web.call(anna, "POST", f"{path}/cancel", {})[1]["code"] == "too-late"
    beside = {**wish, "userId": str(berta.id), "override": True, "overbook": True, "reason": "an emergency"}
    begging = {**wish, "override": True, "reason": "please"}
    assert web.call(anna, "POST", "/bookings", begging)[1]["code"] == "not-for-you"
    second = web.made(admin, "/bookings", beside)
    assert second["overbooked"] is True
    status, passed = web.call(admin, "POST", f"{path}/reassign", {"resourceId": str(locum.id)})
    assert (status, passed["providerId"]) == (200, str(locum.id))
    later = {"startAt": (soon + timedelta(days=2)).isoformat()}
    status, moved = web.call(anna, "PATCH", path, later)
    assert (status, moved["reschedulesLeft"]) == (200, 0)
    assert web.call(anna, "PATCH", path, {"startAt": soon.isoformat()})[1]["code"] == "moved-too-often"
    assert web.call(anna, "GET", path)[1]["cancellationFeeNow"] == {"amount": 0, "currency": "EUR"}
    status, gone = web.call(anna, "POST", f"{path}/cancel", {})
    assert (status, gone["status"], gone["fees"]) == (200, "cancelled", None)
    _nobody_comes(web, world, admin, anna)
    assert [finding for finding in check_data.findings(service.database_url) if finding.rows] == []
    world.close()


def _nobody_comes(web: Web, world: World, admin: Actor, customer: Actor) -> None:
    """A room is given back by the worker within the minute."""
    room: UUID = world.resource(auto_confirm=True)
    assert web.call(admin, "PUT", f"/schedules/resources/{room}", {"rules": {"releaseAfterMinutes": 0}})[0] == 200
    start = datetime.now(UTC) + timedelta(seconds=5)
    times = {"startAt": start.isoformat(), "endAt": (start + timedelta(hours=1)).isoformat()}
    booking = web.made(customer, "/bookings", {"workspaceId": str(room), **times})
    deadline = time.monotonic() + patient(90)
    now: dict[str, Any] = booking
    while now["status"] == "confirmed" and time.monotonic() < deadline:
        time.sleep(0.5)
        now = web.call(customer, "GET", f"/bookings/{booking['id']}")[1]
    assert (now["status"], now["statusReason"]) == ("no_show", "Nobody came.")
    assert datetime.fromisoformat(now["releasedAt"]) >= start
