"""A series that moves is asked about caps: as if its old dates were free, and each new one counts for the next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.factories import World
from tests.integration.booking.api import Api, Person, at, problem

Json = dict[str, Any]


def capped(api: Api, world: World, room: UUID, **rules: Json) -> None:
    answer = api.as_(world.admin()).call("PUT", f"/schedules/resources/{room}", {"rules": rules})
    assert answer.status_code == 200, answer.text


def series(person: Person, room: UUID, start_at: str = at(9), count: int = 3) -> Json:
    end_at = (datetime.fromisoformat(start_at) + timedelta(hours=1)).isoformat()
    wish = {"workspaceId": str(room), "startAt": start_at, "endAt": end_at, "rrule": f"FREQ=DAILY;COUNT={count}"}
    answer = person.call("POST", "/bookings/series", wish)
    assert answer.status_code == 201, answer.text
    return dict(answer.json or {})


def move(person: Person, made: Json, start_at: str, **more: Any) -> Any:
    """The first of it, and all others as far."""
    body = {"scope": "all", "bookingId": made["occurrences"][0]["bookingId"], "startAt": start_at} | more
    return person.call("PATCH", f"/bookings/series/{made['series']['id']}", body)


def refused(answer: Any) -> list[tuple[str, str]]:
    told = problem(answer, 409, "series-refused")["occurrences"]
    return [(one["startAt"], one["rule"]) for one in told]


def starts(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["startAt"] for one in answer.json["occurrences"]]


def test_of_a_resource(api: Api, world: World, customer: Person, room: UUID) -> None:
    """One a day: its old dates do not count, but somebody else's booking does."""
    capped(api, world, room, resourceCaps={"day": 1})
    made = series(customer, room)
    other = api.as_(world.user())
    theirs = other.booked(14, 15, day=3, workspaceId=room)
    assert refused(move(customer, made, at(9, 1))) == [(at(9, 3), "resourceCaps")]
    assert starts(move(customer, made, at(11))) == [at(11, day) for day in range(3)]
    other.act(theirs, "cancel")
    assert starts(move(customer, made, at(9, 1))) == [at(9, day) for day in (1, 2, 3)]


def test_of_a_customer(api: Api, world: World, customer: Person, room: UUID) -> None:
    """One a day of each customer: others do not count, nor what the customer does elsewhere."""
    capped(api, world, room, customerCaps={"day": 1})
    made = series(customer, room)
    own = customer.booked(14, 15, day=3, workspaceId=room)
    customer.booked(14, 15, day=3, workspaceId=world.resource())
    api.as_(world.user()).booked(16, 17, day=3, workspaceId=room)
    assert refused(move(customer, made, at(9, 1))) == [(at(9, 3), "resourceCustomerCaps")]
    assert starts(move(customer, made, at(11))) == [at(11, day) for day in range(3)]
    customer.act(own, "cancel")
    assert starts(move(customer, made, at(9, 1))) == [at(9, day) for day in (1, 2, 3)]


def first_of_a_month() -> datetime:
    """Of the month after the test days begin; noon, so that every zone agrees."""
    day = datetime.fromisoformat(at(9))
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1, hour=12, tzinfo=UTC)


@pytest.mark.parametrize("whose", ["resourceCaps", "customerCaps"])
def test_new_dates_count_for_each_other(api: Api, world: World, customer: Person, room: UUID, whose: str) -> None:
    """Two a month: the last day of one and the first two of the next become three of one."""
    capped(api, world, room, **{whose: {"month": 2}})
    first = first_of_a_month()
    made = series(customer, room, (first - timedelta(days=1)).isoformat())
    rules = {"resourceCaps": "resourceCaps", "customerCaps": "resourceCustomerCaps"}
    later = (first + timedelta(days=2)).isoformat().replace("+00:00", "Z")
    assert refused(move(customer, made, first.isoformat())) == [(later, rules[whose])]


def test_staff_override_caps_but_not_claims(api: Api, world: World, customer: Person, room: UUID) -> None:
    capped(api, world, room, resourceCaps={"day": 1})
    made = series(customer, room)
    other = api.as_(world.user()).booked(14, 15, day=3, workspaceId=room)
    admin = api.as_(world.admin())
    assert refused(move(admin, made, at(9, 1))) == [(at(9, 3), "resourceCaps")]
    overriding = {"override": True, "reason": "Agreed by telephone"}
    assert problem(move(admin, made, at(14, 1), **overriding), 409, "series-refused")["occurrences"][0]["rule"] is None
    assert starts(move(admin, made, at(9, 1), **overriding)) == [at(9, day) for day in (1, 2, 3)]
    assert api.as_(world.admin()).get(f"/bookings/{other['id']}").status_code == 200
