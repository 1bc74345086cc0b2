"""Asking for slots and booking them, as tests do. The summer of Berlin: UTC is two hours behind."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.factories import World
from tests.integration.booking.api import Person
from tests.integration.catalogue.shop import Shop

Json = dict[str, Any]
#: a Monday in Berlin's summer time
DAY = date(2027, 7, 5)
NINE_TO_TWELVE = {"weekly": {"monday": [{"from": "09:00", "to": "12:00"}]}}


def at(hour: float, day: date = DAY) -> str:
    """So many hours after midnight in Berlin."""
    instant = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour - 2)
    return instant.isoformat().replace("+00:00", "Z")


def found(shop: Shop, service: Json, by: Person | None = None, **query: Any) -> Json:
    """GET /slots of the Monday, or of what is asked."""
    query = {"serviceId": service["id"], "from": DAY, "to": DAY} | query
    wish = {name.rstrip("_"): str(value) for name, value in query.items()}
    answer = by.get("/slots", wish) if by else shop.get("/slots", **wish)
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def starts(shop: Shop, service: Json, by: Person | None = None, **query: Any) -> list[str]:
    """The starts of all days."""
    return [slot["startAt"] for day in found(shop, service, by, **query)["days"] for slot in day["slots"]]


def book(person: Person, service: Json, start_at: str, **wish: Any) -> Any:
    """POST /bookings of the service."""
    plain = {name: str(value) if isinstance(value, UUID) else value for name, value in wish.items()}
    return person.call("POST", "/bookings", {"serviceId": service["id"], "startAt": start_at} | plain)


def booked(person: Person, service: Json, start_at: str, **wish: Any) -> Json:
    """A booking that must succeed."""
    answer = book(person, service, start_at, **wish)
    assert answer.status_code == 201, answer.text
    return dict(answer.get_json())


def says(shop: Shop, path: str, **body: Any) -> None:
    """PUT a layer's hours and rules."""
    answer = shop.admin.call("PUT", f"/schedules/{path}", body)
    assert answer.status_code == 200, answer.text


def closed(world: World, resource: UUID, lower: str, upper: str) -> None:
    """Somebody is away."""
    world.query(
        """INSERT INTO closures (id, resource_id, during, kind, created_at)
           VALUES (gen_random_uuid(), %s, tstzrange(%s, %s), 'time_off', now())""",
        resource,
        lower,
        upper,
    )
    world.query("UPDATE resources SET schedule_version = schedule_version + 1 WHERE id = %s", resource)
