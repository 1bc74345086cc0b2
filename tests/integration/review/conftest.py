"""Bookings that took place, ready to be reviewed."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from bookings.auth import Actor
from tests.factories import World
from tests.integration.booking.api import Api, Person


class Reviewable:
    """Makes bookings that took place."""

    def __init__(self, api: Api, world: World) -> None:
        self.api, self.world = api, world
        self.admin = api.as_(world.admin())
        self._hours = itertools.count()

    def provider(self) -> Actor:
        """Somebody who provides."""
        return self.world.provider(auto_confirm=True)

    def customer(self, name: str | None = None) -> Person:
        """Somebody who books."""
        actor = self.world.user()
        if name is not None:
            self.world.query("UPDATE users SET name = %s WHERE id = %s", name, actor.id)
        return self.api.as_(actor)

    def booking(self, customer: Person, provider: Actor, *, complete: bool = True) -> dict[str, Any]:
        """A booking, which took place unless told otherwise."""
        hour = next(self._hours)
        booking = customer.booked(hour % 24, hour % 24 + 1, day=hour // 24, providerId=provider.id)
        if complete:
            self.act(booking, "complete")
        return booking

    def act(self, booking: dict[str, Any], action: str) -> None:
        """Take a booking a step, as an admin who need not wait for it to begin."""
        answer = self.admin.act(booking, action, override=True, reason="test")
        assert answer.status_code == 200, answer.text

    def review(self, customer: Person, provider: Actor, rating: int = 4, text: str | None = None) -> dict[str, Any]:
        """A review of a new booking."""
        answer = customer.call(
            "POST", "/reviews", {"bookingId": self.booking(customer, provider)["id"], "rating": rating, "text": text}
        )
        assert answer.status_code == 201, answer.text
        return dict(answer.json or {})

    def rating(self, provider: Actor) -> dict[str, Any]:
        """How a provider is rated, as anybody reads it."""
        answer = self.api.app.test_client().get(f"/reviews/providers/{provider.id}")
        assert answer.status_code == 200, answer.text
        return dict((answer.json or {})["rating"])

    def events(self, review: dict[str, Any]) -> list[str]:
        """The types of what was told of a review."""
        rows = self.world.query(
            "SELECT type FROM outbox WHERE type LIKE 'review.%%' AND data ->> 'id' = %s ORDER BY seq", review["id"]
        )
        return [row["type"] for row in rows]

    def audited(self, review: dict[str, Any]) -> list[dict[str, Any]]:
        """The audit entries about a review."""
        return self.world.query(
            "SELECT action, actor_id, before, after FROM audit_entries"
            " WHERE subject_type = 'review' AND subject_id = %s ORDER BY id",
            review["id"],
        )


@pytest.fixture(scope="module")
def reviewable(api: Api, world: World) -> Reviewable:
    """The app, with bookings to review."""
    return Reviewable(api, world)
