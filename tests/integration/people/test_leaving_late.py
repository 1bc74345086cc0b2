"""Whoever leaves calls off what lies ahead on the terms that were agreed, and is never too late for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.factories import World
from tests.integration.people.person import Person
from tests.support.people import PASSWORD, Client

Json = dict[str, Any]
#: 90 days: every booking of a Person lies behind it
CUTOFF = {"cancelCutoffMinutes": 129_600}
HALF = {"tiers": [{"beforeMinutes": 0, "refundPercent": 50}]}


def booked(client: Client, world: World, policy: Json, tiers: Json | None, *, confirmed: bool = True) -> Person:
    """Somebody with a booking of 50 EUR ahead, on these terms."""
    world.sell()
    person = Person(client, world, world.admin(), world.provider(auto_confirm=confirmed))
    agreed = {"price_amount": 5000, "currency": "EUR", "cancellation_policy": tiers, "policy": policy}
    booking = person.book(notes=json.dumps(agreed))
    assert booking["status"] == ("confirmed" if confirmed else "pending")
    return person


def erase(person: Person, by: str) -> Json:
    """The answer to leaving, or to being erased by an admin."""
    if by == "person":
        return person.call("DELETE", "/me", {"password": PASSWORD})
    return person.call("POST", f"/users/{person.id}/erase", {"reason": "asked"}, token=person.as_(person.boss))


def left(person: Person) -> list[Json]:
    """What became of their bookings."""
    return person.world.query(
        """SELECT b.status, b.fee_amount, b.released_at IS NOT NULL AS released,
                  EXISTS (SELECT FROM allocations WHERE booking_id = b.id AND released_at IS NULL) AS claims
             FROM bookings AS b WHERE b.user_id = %s""",
        person.id,
    )


@pytest.mark.parametrize("by", ["person", "admin"])
@pytest.mark.parametrize(
    "late,tiers,status,fee",
    [
        ("refuse", None, "cancelled", 5000),
        ("refuse", HALF, "cancelled", 2500),
        ("fee", None, "cancelled", 5000),
        ("fee", HALF, "cancelled", 2500),
        ("noShow", HALF, "no_show", 5000),
    ],
)
def test_behind_the_cutoff(
    client: Client, world: World, by: str, late: str, tiers: Json | None, status: str, fee: int
) -> None:
    person = booked(client, world, CUTOFF | {"lateCancel": late}, tiers)
    assert erase(person, by) == {"userId": str(person.id), "cancelledBookings": 1}
    assert left(person) == [{"status": status, "fee_amount": fee, "released": status == "no_show", "claims": False}]


@pytest.mark.parametrize("by", ["person", "admin"])
def test_in_time_and_by_default(client: Client, world: World, by: str) -> None:
    """What the tiers keep in time is kept, too; a cut-off alone refuses."""
    for policy in ({"cancelCutoffMinutes": 60}, CUTOFF):
        person = booked(client, world, policy, HALF)
        assert erase(person, by)["cancelledBookings"] == 1
        assert [(one["status"], one["fee_amount"]) for one in left(person)] == [("cancelled", 2500)]


def test_what_waits_to_be_confirmed_is_cancelled(client: Client, world: World) -> None:
    person = booked(client, world, CUTOFF | {"lateCancel": "noShow"}, None, confirmed=False)
    erase(person, "admin")
    assert [(one["status"], one["fee_amount"]) for one in left(person)] == [("cancelled", 5000)]


def test_calling_off_alone_is_refused_as_ever(client: Client, world: World) -> None:
    """By the customer, and by an admin who does not override."""
    person = booked(client, world, CUTOFF | {"lateCancel": "refuse"}, HALF)
    (booking,) = person.call("GET", "/bookings")["items"]
    for token in (person.token, person.as_(person.boss)):
        refused = client.call("POST", f"/bookings/{booking['id']}/cancel", {}, token=token)
        assert (refused.status_code, refused.get_json()["code"]) == (409, "too-late")
