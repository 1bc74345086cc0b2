"""What the rules say is kept with new bookings, and what customers must do after not coming too often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from tests.factories import World
from tests.integration.booking.api import Api, Person, at, problem
from tests.integration.booking.test_overriding import say
from tests.integration.catalogue.shop import Shop

BUSINESS = "00000000-0000-0000-0000-000000000000"
TIERS = {"tiers": [{"beforeMinutes": 0, "refundPercent": 50}]}


@pytest.fixture(autouse=True)
def silent(world: World) -> None:
    """No test hears what another one's layers said."""
    world.query("DELETE FROM schedules")


def booked(person: Person, service: dict[str, Any], hour: float = 9) -> dict[str, Any]:
    answer = person.call("POST", "/bookings", {"serviceId": service["id"], "startAt": at(hour)})
    assert answer.status_code == 201, answer.text
    return dict(answer.json or {})


def test_the_most_specific_layer_is_kept_and_stays(api: Api, world: World, customer: Person) -> None:
    provider = world.provider()
    service = Shop(api, world).offered(resourceIds=[provider.id])
    say(world, "business", BUSINESS, {"maxReschedules": 5, "lateCancel": "fee", "cancelCutoffMinutes": 600})
    say(world, "service", service["id"], {"maxReschedules": 4, "cancelCutoffMinutes": 60})
    say(world, "resource", provider.id, {"maxReschedules": 0})
    agreed = {"maxReschedules": 0, "cancelCutoffMinutes": 60, "lateCancel": "fee"}
    booking = booked(customer, service)
    assert (booking["policy"], booking["canCancelUntil"]) == (agreed, at(8))
    world.query("UPDATE schedules SET rules = '{}'")
    world.query("UPDATE resources SET schedule_version = schedule_version + 1")
    assert (customer.get(f"/bookings/{booking['id']}").json or {})["policy"] == agreed
    assert booked(customer, service, 12)["policy"] is None


def test_plain_time_keeps_what_resource_and_business_say(world: World, customer: Person) -> None:
    provider = world.provider()
    say(world, "business", BUSINESS, {"releaseAfterMinutes": 15})
    say(world, "resource", provider.id, {"checkInOpensMinutes": 5})
    agreed = {"releaseAfterMinutes": 15, "checkInOpensMinutes": 5}
    assert customer.booked(providerId=provider.id)["policy"] == agreed
    hold = customer.call("POST", "/holds", {"providerId": str(provider.id), "startAt": at(11), "endAt": at(12)}).json
    booking = customer.call("POST", "/bookings", {"holdId": (hold or {})["id"]}).json or {}
    assert (booking["policy"], booking["startAt"]) == (agreed, at(11))


@pytest.mark.parametrize(
    "resource,service,business,kept",
    [(TIERS, {"tiers": []}, None, TIERS), (None, TIERS, {"tiers": []}, TIERS), (None, None, TIERS, TIERS)],
)
def test_one_cancellation_policy(
    api: Api, world: World, customer: Person, resource: Any, service: Any, business: Any, kept: Any
) -> None:
    """A resource's word counts before the service's own, the business's behind it."""
    provider = world.provider()
    offered = Shop(api, world).offered(
        resourceIds=[provider.id],
        cancellationPolicy=service and {"tiers": service["tiers"] or [{"beforeMinutes": 9, "refundPercent": 1}]},
    )
    say(world, "business", BUSINESS, {"cancellationPolicy": business} if business else {})
    say(world, "resource", provider.id, {"cancellationPolicy": resource} if resource else {})
    assert booked(customer, offered)["cancellationPolicy"] == kept


def not_come(api: Api, world: World, customer: Person, days: float) -> None:
    """A booking of so many days ago to which they did not come."""
    then = (datetime.now(UTC) - timedelta(days=days)).replace(microsecond=0)
    times = {"startAt": then.isoformat(), "endAt": (then + timedelta(hours=1)).isoformat()}
    with mock.patch("bookings.clock.now", return_value=then - timedelta(hours=1)):
        wish = {"workspaceId": str(world.resource(auto_confirm=True)), **times}
        booking = customer.call("POST", "/bookings", wish).json or {}
    assert api.as_(world.admin()).act(booking, "no-show").status_code == 200


@pytest.mark.parametrize(
    "then,price,outcome",
    [
        ("refuse", 4500, None),
        ("confirm", 4500, ("pending", False)),
        ("pay", 4500, ("pending", True)),
        ("pay", 0, ("pending", False)),
    ],
)
def test_who_did_not_come_twice(api: Api, world: World, customer: Person, then: str, price: int, outcome: Any) -> None:
    provider = world.provider()
    service = Shop(api, world).offered(resourceIds=[provider.id], durations=[{"minutes": 30, "price": price}])
    say(world, "service", service["id"], {"noShowRule": {"count": 2, "days": 30, "then": then}})
    not_come(api, world, customer, 29)
    not_come(api, world, customer, 31)
    assert booked(customer, service, 9)["status"] == "confirmed"
    not_come(api, world, customer, 1)
    answer = customer.call("POST", "/bookings", {"serviceId": service["id"], "startAt": at(10)})
    if outcome is None:
        assert problem(answer, 409, "too-many-no-shows")["noShows"] == 2
    else:
        now = answer.json or {}
        assert (now["status"], now["paymentRequired"]) == outcome
    assert booked(api.as_(world.user()), service, 12)["status"] == "confirmed"
    staff = Shop(api, world).admin
    wish = {"serviceId": service["id"], "startAt": at(14), "userId": str(customer.id)}
    assert (staff.call("POST", "/bookings", wish).json or {})["status"] == "confirmed"


def test_plain_time_after_no_shows(api: Api, world: World, customer: Person) -> None:
    provider = world.provider(auto_confirm=True)
    say(world, "resource", provider.id, {"noShowRule": {"count": 1, "days": 7, "then": "confirm"}})
    assert customer.booked(9, 10, providerId=provider.id)["status"] == "confirmed"
    not_come(api, world, customer, 6)
    assert customer.booked(11, 12, providerId=provider.id)["status"] == "pending"


def test_nothing_is_kept_for_who_is_refused(api: Api, world: World, customer: Person) -> None:
    """A hold is no way around the rule."""
    provider = world.provider()
    service = Shop(api, world).offered(resourceIds=[provider.id])
    say(world, "business", BUSINESS, {"noShowRule": {"count": 1, "days": 7, "then": "refuse"}})
    plain = {"providerId": str(provider.id), "startAt": at(9), "endAt": at(10)}
    assert customer.call("POST", "/holds", plain).status_code == 201
    not_come(api, world, customer, 6)
    problem(customer.call("POST", "/holds", plain | {"startAt": at(11), "endAt": at(12)}), 409, "too-many-no-shows")
    wish = {"serviceId": service["id"], "startAt": at(14)}
    problem(customer.call("POST", "/holds", wish), 409, "too-many-no-shows")
    series = wish | {"rrule": "FREQ=DAILY;COUNT=2", "timeZone": "UTC"}
    problem(customer.call("POST", "/bookings/series", series), 409, "too-many-no-shows")


@pytest.mark.parametrize(
    "then,outcome", [("refuse", None), ("confirm", ("pending", False)), ("pay", ("pending", True))]
)
def test_what_staff_keep_for_somebody(api: Api, world: World, customer: Person, then: str, outcome: Any) -> None:
    """Who books it for themselves is asked then; staff who book it are not."""
    service = Shop(api, world).offered(resourceIds=[world.provider().id])
    say(world, "service", service["id"], {"noShowRule": {"count": 1, "days": 7, "then": then}})
    not_come(api, world, customer, 1)
    staff = Shop(api, world).admin

    def kept(hour: float) -> dict[str, Any]:
        wish = {"serviceId": service["id"], "startAt": at(hour), "userId": str(customer.id)}
        answer = staff.call("POST", "/holds", wish)
        assert answer.status_code == 201, answer.text
        return {"holdId": (answer.json or {})["id"]}

    answer = customer.call("POST", "/bookings", kept(9))
    if outcome is None:
        assert problem(answer, 409, "too-many-no-shows")["noShows"] == 1
    else:
        now = answer.json or {}
        assert (now["status"], now["paymentRequired"]) == outcome
    assert (staff.call("POST", "/bookings", kept(12)).json or {})["status"] == "confirmed"


@pytest.mark.parametrize("kept_by_staff", [False, True])
def test_plain_time_that_is_kept(api: Api, world: World, customer: Person, kept_by_staff: bool) -> None:
    """A hold of plain time asks for the same as a booking."""
    provider = world.provider(auto_confirm=True)
    say(world, "resource", provider.id, {"noShowRule": {"count": 1, "days": 7, "then": "pay"}})
    not_come(api, world, customer, 6)
    whoever = api.as_(world.admin()) if kept_by_staff else customer
    wish = {"providerId": str(provider.id), "startAt": at(9), "endAt": at(10), "userId": str(customer.id)}
    hold = whoever.call("POST", "/holds", wish).json or {}
    assert (customer.call("POST", "/bookings", {"holdId": hold["id"]}).json or {})["status"] == "pending"
