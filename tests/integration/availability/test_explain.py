"""GET /availability/explain says what every rule says of one start, and to others only what they may know."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories import World
from tests.integration.availability.counter import NINE_TO_TWELVE, at, booked, closed, says
from tests.integration.booking.api import Api, Person
from tests.integration.catalogue.shop import Shop


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    """The business stands in Berlin, as its resources do."""
    return {"business_time_zone": "Europe/Berlin"}


def test_explain(shop: Shop, world: World, customer: Person) -> None:
    """Every rule in order, for each resource; the same that book and show."""
    one, two = world.provider().id, world.provider().id
    service = shop.offered(resourceIds=[one, two])
    says(shop, f"resources/{one}", **NINE_TO_TWELVE)
    booked(customer, service, at(13), providerId=two)
    query = {"serviceId": service["id"], "at": at(13)}
    told = dict(shop.admin.get("/availability/explain", query).get_json())
    assert (told["bookable"], told["assignment"]) == (False, None)
    (group,) = told["groups"]
    refusing = {
        one["resourceId"]: [rule["rule"] for rule in one["rules"] if not rule["allowed"]] for one in group["resources"]
    }
    assert refusing == {str(one): ["openingHours"], str(two): ["claims"]}
    assert [rule["rule"] for rule in group["resources"][0]["rules"]] == [
        "past",
        "bookingAhead",
        "bookingLength",
        "slotGrid",
        "minimumNotice",
        "bookingWindow",
        "noShows",
        "openingHours",
        "closures",
        "resourceCaps",
        "resourceCustomerCaps",
        "claims",
    ]
    free = dict(shop.get("/availability/explain", **query | {"at": at(11)}).get_json())
    assert free["bookable"]
    assert free["assignment"] == {
        "strategy": "least_busy",
        "chosen": str(one),
        "because": "of 2 who are free, the fewest bookings that day (0)",
    }
    odd = dict(shop.get("/availability/explain", **query | {"at": "2027-07-05T09:00:00.5Z"}).get_json())
    assert {r["rule"] for one in odd["groups"][0]["resources"] for r in one["rules"] if not r["allowed"]} == {
        "slotGrid"
    }


def test_explain_tells_only_the_owner_why_somebody_is_taken(
    shop: Shop, world: World, customer: Person, api: Api
) -> None:
    """Time off and a booking look the same to others, whatever they sample; as in free-busy."""
    owner, other = world.provider(), world.provider()
    service = shop.offered(resourceIds=[owner.id])
    closed(world, owner.id, at(9), at(10))
    booked(customer, service, at(13))

    def said(hour: float, by: Person | None) -> dict[str, bool]:
        query = {"serviceId": service["id"], "at": at(hour)}
        path = "/availability/explain"
        told = (by.get(path, query) if by else shop.get(path, **query)).get_json() or {}
        return {rule["rule"]: rule["allowed"] for rule in told["groups"][0]["resources"][0]["rules"]}

    for by in (None, customer, api.as_(other)):
        away, busy, free = said(9, by), said(13, by), said(11, by)
        assert {"closures", "claims"}.isdisjoint(away)
        assert (away, free) == (busy, busy | {"taken": True})
        assert not away["taken"]
    for by in (api.as_(owner), shop.admin):
        away, busy = said(9, by), said(13, by)
        assert "taken" not in away
        assert (away["closures"], away["claims"], busy["closures"], busy["claims"]) == (False, True, True, False)
