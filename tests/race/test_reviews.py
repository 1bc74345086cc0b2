"""Reviews written, changed, hidden and deleted by many at once: one a booking, and the average is always right."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from bookings.auth import Actor
from tests.factories import World
from tests.race.conftest import SIZE
from tests.race.crowd import ROUNDS, Crowd, Request, create, statuses
from tests.support.service import ServiceOptions

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("undisturbed")]
SERVICE = ServiceOptions(processes=("web",), env={"RATE_LIMIT": "off"}, shared=True)
#: each customer asks twice at once
CUSTOMERS = SIZE // 2


def completed(crowd: Crowd, world: World, admin: Actor, provider: Actor, customers: list[Actor]) -> list[str]:
    """Ids of bookings that took place, one for each customer."""
    wishes = [
        create(customer, number / 2, number / 2 + 0.5, providerId=provider.id)
        for number, customer in enumerate(customers)
    ]
    booked = [reply.body["id"] for reply in crowd.together(wishes)]
    done = {"override": True, "reason": "test"}
    replies = crowd.together([Request("POST", f"/bookings/{id}/complete", done, admin) for id in booked])
    assert statuses(replies) == {200: CUSTOMERS}
    return booked


def rated(crowd: Crowd, provider: Actor, anybody: Actor) -> tuple[dict[str, Any], Counter[str]]:
    """The rating as told, and the stars counted from the list."""
    body = crowd.one(Request("GET", f"/reviews/providers/{provider.id}?limit=100", {}, anybody)).body
    return body["rating"], Counter(str(item["rating"]) for item in body["items"])


def agree(rating: dict[str, Any], stars: Counter[str]) -> bool:
    """Whether the counters are a recount of the list."""
    return {number: count for number, count in rating["distribution"].items() if count} == stars


@pytest.mark.slow
def test_many_at_once(crowd: Crowd, world: World) -> None:
    """Every customer reviews twice at once; then authors and admins change, hide, show and delete at once."""
    dice, admin = random.Random(7), world.admin()
    for _ in range(max(1, ROUNDS // 5)):
        provider, customers = world.provider(auto_confirm=True), [world.user() for _ in range(CUSTOMERS)]
        bookings = completed(crowd, world, admin, provider, customers)
        twice = [
            Request("POST", "/reviews", {"bookingId": booking, "rating": dice.randint(1, 5)}, customer)
            for booking, customer in zip(bookings, customers, strict=True)
            for _ in range(2)
        ]
        replies = crowd.together(twice)
        assert statuses(replies) == {201: CUSTOMERS, 409: CUSTOMERS}
        rating, stars = rated(crowd, provider, admin)
        assert rating["count"] == CUSTOMERS
        assert agree(rating, stars)
        reviews = [
            (reply.body["id"], request.actor)
            for reply, request in zip(replies, twice, strict=True)
            if reply.status == 201
        ]
        for _ in range(3):
            storm = [any_change(dice, admin, *dice.choice(reviews)) for _ in range(SIZE)]
            assert set(statuses(crowd.together(storm))) <= {200, 204, 404}
            assert agree(*rated(crowd, provider, admin))


def any_change(dice: random.Random, admin: Actor, id: str, author: Actor) -> Request:
    """One of the things that move an average."""
    path = f"/reviews/{id}"
    return dice.choice(
        [
            Request("PATCH", path, {"rating": dice.randint(1, 5)}, author),
            Request("PATCH", path, {"rating": dice.randint(1, 5)}, author),
            Request("POST", f"{path}/hide", {"reason": f"test {dice.random()}"}, admin),
            Request("POST", f"{path}/unhide", {}, admin),
            Request("DELETE", path, {}, author),
        ]
    )
