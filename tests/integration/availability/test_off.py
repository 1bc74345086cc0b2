"""A resource without the limits of its business: `off` goes through slots, explanations and bookings."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories import World
from tests.integration.availability.counter import at, book, booked, says, starts
from tests.integration.booking.api import Person, problem
from tests.integration.catalogue.shop import Shop

LIMITS = {"bookingWindow": {"kind": "rolling", "days": 1}, "resourceCaps": {"day": 1}}


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    """The business stands in Berlin, as its resources do."""
    return {"business_time_zone": "Europe/Berlin"}


def test_a_resource_has_no_limits_where_the_service_has_some(shop: Shop, world: World, customer: Person) -> None:
    one, other = world.provider().id, world.provider().id
    service = shop.offered(resourceIds=[one, other])
    says(shop, f"services/{service['id']}", rules=LIMITS)
    assert starts(shop, service) == []
    assert problem(book(customer, service, at(9)), 409, "not-bookable")["rules"] == ["bookingWindow"]
    says(shop, f"resources/{one}", rules={"off": ["bookingWindow", "resourceCaps"]})
    assert booked(customer, service, at(9))["resourceIds"] == [str(one)]
    assert at(10) in starts(shop, service)
    assert booked(customer, service, at(10))["resourceIds"] == [str(one)]
    query = {"serviceId": service["id"], "at": at(11)}
    told = customer.get("/availability/explain", query).get_json() or {}
    said = [
        {rule["rule"]: (rule["allowed"], rule["value"], rule["layer"]) for rule in resource["rules"]}
        for resource in told["groups"][0]["resources"]
    ]
    assert [rules["bookingWindow"] for rules in said] == [
        (True, None, "resource"),
        (False, LIMITS["bookingWindow"], "service"),
    ]
    assert [rules["resourceCaps"][::2] for rules in said] == [(True, "resource"), (True, "service")]
    # One that is off alone leaves the other.
    says(shop, f"resources/{one}", rules={"off": ["bookingWindow"]})
    assert problem(book(customer, service, at(11)), 409, "not-bookable")["rules"] == ["resourceCaps", "bookingWindow"]


def test_what_is_off_is_not_agreed_with_a_booking(shop: Shop, world: World, customer: Person) -> None:
    """Of the cancellation policy the resource's word counts before the service's own."""
    one, other = world.provider().id, world.provider().id
    tiers = {"tiers": [{"beforeMinutes": 60, "refundPercent": 50}]}
    service = shop.offered(resourceIds=[one, other], cancellationPolicy=tiers)
    rules = {"maxReschedules": 1, "releaseAfterMinutes": 10}
    says(shop, f"services/{service['id']}", rules=rules)
    says(shop, f"resources/{one}", rules={"off": ["cancellationPolicy", "maxReschedules"]})
    free = booked(customer, service, at(9), resourceId=one)
    bound = booked(customer, service, at(9), resourceId=other)
    assert (free["policy"], free["cancellationPolicy"]) == ({"releaseAfterMinutes": 10}, None)
    assert (bound["policy"], bound["cancellationPolicy"] is None) == (rules, False)
