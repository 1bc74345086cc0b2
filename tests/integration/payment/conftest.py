"""Bookings with a price, the app in this process, and a worker that does its jobs when a test wants."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from bookings import create_app
from bookings.auth import Actor
from bookings.config import Settings
from bookings.db import Database
from bookings.event import service as events
from bookings.event.consumer import Follower
from bookings.job.runner import Runner
from bookings.job.service import Registry
from bookings.payment import jobs
from bookings.payment.cashier import Cashier
from bookings.payment.gateways import sandbox
from tests.factories import World, terms
from tests.integration.booking.api import Api, Person
from tests.support.people import NO_REDIS, settings_for

_hours = itertools.count()


class Till:
    """Where people pay. `settings` may differ from one till to the other; they share the database."""

    def __init__(self, settings: Settings, world: World) -> None:
        self.settings, self.world = settings, world
        self.app = create_app(settings)
        self.api = Api(self.app, world)
        self.database = Database(settings, name="test payments")
        self.provider = world.provider()
        self.staff, self.admin = self.api.as_(self.provider), self.api.as_(world.admin())
        registry = Registry()
        jobs.register(registry, self.database, settings)
        self._runner = Runner(self.database, registry, settings, lambda: None)
        self._follower = Follower(self.database, jobs.consumer(settings))
        self._follower.turn()

    def close(self) -> None:
        """Let go of the connections."""
        self.app.extensions["database"].close()
        self.database.close()

    @property
    def cashier(self) -> Cashier:
        """A process's own way to the gateways."""
        return Cashier(self.database, self.settings)

    def customer(self) -> Person:
        """Somebody new who books."""
        return self.api.as_(self.world.user())

    def book(self, customer: Person, amount: int = 5000, *, day: int = 0, **more: Any) -> dict[str, Any]:
        """A booking that costs something, at an hour of its own (of test day `day` and after)."""
        hour = next(_hours)
        wish = {"providerId": self.provider.id, "notes": terms(amount, **more)}
        return customer.booked(hour % 24, hour % 24 + 1, day=day + hour // 24, **wish)

    def pay(self, person: Person, booking: dict[str, Any], *, key: str | None = None, **body: Any) -> TestResponse:
        """POST /bookings/{id}/payments."""
        return person.call("POST", f"/bookings/{booking['id']}/payments", body, Idempotency_Key=key)

    def paid(self, person: Person, booking: dict[str, Any], **body: Any) -> dict[str, Any]:
        """The same, for a test that is about what comes after."""
        answer = self.pay(person, booking, **body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json or {})

    def order(
        self, person: Person, payment: dict[str, Any], command: str, *, key: str | None = None, **body: Any
    ) -> TestResponse:
        """POST /payments/{id}/{command}."""
        return person.call("POST", f"/payments/{payment['id']}/{command}", body, Idempotency_Key=key)

    def payment(self, payment: dict[str, Any]) -> dict[str, Any]:
        """A payment as it is now."""
        return dict(self.admin.get(f"/payments/{payment['id']}").json or {})

    def booking(self, booking: dict[str, Any]) -> dict[str, Any]:
        """A booking as it is now."""
        return dict(self.admin.get(f"/bookings/{booking['id']}").json or {})

    def status(self, booking: dict[str, Any]) -> tuple[str, str]:
        """The status of a booking and of its payment."""
        now = self.booking(booking)
        return now["status"], now["paymentStatus"]

    def effects(self, payment: dict[str, Any]) -> list[tuple[str, int]]:
        """What the test gateway did to the money of a payment."""
        rows = self.world.query(
            """SELECT kind, e.amount FROM test_gateway_effects AS e JOIN payments AS p ON p.gateway_ref = e.ref
                WHERE p.id = %s ORDER BY at""",
            payment["id"],
        )
        return [(row["kind"], row["amount"]) for row in rows]

    def told(self, booking: dict[str, Any]) -> list[str]:
        """The types of what was told of a booking's payments, oldest first."""
        rows = self.world.query(
            """SELECT type FROM (SELECT 0 AS n, position AS at, type, booking_id FROM events
                   UNION ALL SELECT 1, seq, type, booking_id FROM outbox) AS told
                WHERE booking_id = %s AND type LIKE 'payment.%%' ORDER BY n, at""",
            booking["id"],
        )
        return [row["type"] for row in rows]

    def follow(self) -> None:
        """Publish what has happened, and let the consumer hear of it."""
        while events.place(self.database, 500)[0]:
            pass
        while self._follower.turn():
            pass

    def work(self, kind: str = "payment.%", *, rounds: int = 5) -> None:
        """A worker's turn: hear of events and do every job there is, as if its time had come."""
        for _ in range(rounds):
            self.follow()
            self.world.query(
                """UPDATE jobs SET run_at = now() - interval '1 second', queued_until = NULL
                    WHERE kind LIKE %s AND state IN ('waiting', 'failed')""",
                kind,
            )
            waiting = self.world.query(
                "SELECT id FROM jobs WHERE kind LIKE %s AND state IN ('waiting', 'failed') ORDER BY created_at", kind
            )
            if not waiting:
                return
            for row in waiting:
                self._runner.run(row["id"])

    def do(self, kind: str) -> None:
        """Do the jobs of one kind once."""
        self.work(kind, rounds=1)

    def jobs(self, kind: str) -> list[dict[str, Any]]:
        """The jobs of one kind that are to be done."""
        return self.world.query(
            "SELECT * FROM jobs WHERE kind = %s AND state IN ('waiting', 'failed', 'running', 'dead')", kind
        )


@pytest.fixture(scope="module")
def world(world: World) -> World:
    """People of this module, whose bookings may cost something."""
    world.sell()
    return world


def till_for(world: World, **changes: Any) -> Till:
    """A till of the module's database with settings of its own."""
    base = settings_for(world.address, NO_REDIS, payment_gateway="test", payment_timeout=timedelta(seconds=1))
    return Till(replace(base, **changes), world)


@pytest.fixture(scope="module")
def till(world: World, run: object) -> Iterator[Till]:
    """The test gateway, which takes the money at once."""
    till = till_for(world)
    yield till
    till.close()


@pytest.fixture(scope="module")
def reserving(world: World, run: object) -> Iterator[Till]:
    """The test gateway, which reserves the money first."""
    till = till_for(world, payment_capture="manual")
    yield till
    till.close()


def later(world: World) -> None:
    """Half a minute on, at the test gateway: what was late has come. (However slow the machine, not earlier.)"""
    world.query("UPDATE test_gateway_charges SET created_at = created_at - interval '30 seconds'")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is slow is slow by a moment; what is late waits for `later`."""
    monkeypatch.setattr(sandbox, "LATE", 25.0)
    monkeypatch.setattr(sandbox, "SLOW", 0.05)


def somebody(till: Till, role: str) -> Person:
    """Another person of a role."""
    actor: Actor = till.world.provider() if role == "provider" else till.world.user(role)
    return till.api.as_(actor)
