"""Each data check of the dashboard's counts can see: they are damaged on purpose, and exactly the check that should
notice does. What the consumer has not heard of yet is no damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookings import queries
from bookings.admin import overview
from bookings.event import service as events
from bookings.event.consumer import Follower
from tests.factories import World, terms
from tests.integration.booking.api import Api
from tests.support import damages

SEEN_BY = {
    "booking_counted_twice": {"overview.bookings_miscounted"},
    "minutes_forgotten": {"overview.bookings_miscounted"},
    "quarter_lost": {"overview.bookings_miscounted"},
    "counted_where_nothing_is": {"overview.bookings_miscounted"},
    "claim_that_went_uncounted": {"overview.bookings_miscounted", "booking.claim_disagrees"},
    "money_counted_twice": {"overview.money_miscounted"},
    "refund_forgotten": {"overview.money_miscounted"},
    "money_of_another_currency": {"overview.money_miscounted"},
}
DAMAGES = queries.load("damages", Path(__file__).parent)


def follow(api: Api) -> None:
    """Publish what waits, and let the consumer hear of it."""
    database = api.app.extensions["database"]
    events.place(database, 1000)
    follower = Follower(database, overview.consumer())
    while follower.turn():
        pass


@pytest.fixture(scope="module")
def url(api: Api, world: World) -> str:
    """A booking that was paid and got some back, one that was called off, one that moved."""
    world.sell()
    room, admin, customer = world.resource(capacity=4), api.as_(world.admin()), api.as_(world.user())
    paid = customer.booked(9, 11, workspaceId=room, units=2, notes=terms(5000))
    assert admin.act(paid, "confirm").status_code == 200
    path = f"/bookings/{paid['id']}/payments"
    payment = admin.call("POST", path, {"gateway": "manual"}).get_json()
    assert admin.call("POST", f"/payments/{payment['id']}/capture", {}).status_code == 200
    assert admin.call("POST", f"/payments/{payment['id']}/refund", {"amount": 1200}).status_code == 200
    gone = customer.booked(9, 10, workspaceId=room)
    assert customer.act(gone, "cancel").status_code == 200
    moved = customer.booked(12, 13, workspaceId=room)
    follow(api)  # it was counted where it was
    assert customer.change(moved, startAt=paid["endAt"]).status_code == 200
    follow(api)
    return world.address


def test_sound_counts_are_found_sound(url: str) -> None:
    assert damages.found(url) == set()


@pytest.mark.parametrize("name", DAMAGES.texts)
def test_damage_is_seen(url: str, name: str) -> None:
    assert damages.seen(url, DAMAGES, name) == SEEN_BY[name]


def test_every_check_has_a_damage() -> None:
    assert damages.each_has_its_damage("overview", DAMAGES, SEEN_BY)


@pytest.mark.slow
def test_what_the_consumer_has_not_heard_of_is_no_damage(url: str, api: Api, world: World) -> None:
    """Neither while its event waits to be published, nor while it waits for the consumer."""
    customer, admin = api.as_(world.user()), api.as_(world.admin())
    booking = customer.booked(15, 16, day=1, workspaceId=world.resource(), notes=terms(3000))
    payment = admin.call("POST", f"/bookings/{booking['id']}/payments", {"gateway": "manual"}).get_json()
    assert admin.call("POST", f"/payments/{payment['id']}/capture", {}).status_code == 200
    assert damages.found(url) == set()
    events.place(api.app.extensions["database"], 1000)
    assert damages.found(url) == set()
    follow(api)
    assert damages.found(url) == set()
    assert customer.act(booking, "cancel").status_code == 200
    assert damages.found(url) == set()
    follow(api)
