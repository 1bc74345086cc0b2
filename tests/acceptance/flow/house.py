"""The whole house, and one booking's walk through it: every step over HTTP, every effect seen from outside.

`Walk` does what a customer and a provider do, one named step after the other, so that a test can break something before
any of them. What follows by itself (confirming, mails, reminder) is waited for.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.factories import World
from tests.support.mail import MailServer
from tests.support.service import Service
from tests.support.web import send

#: how long before its start a booking is reminded of, and how long before its start it is made at least
LEAD, AHEAD = timedelta(seconds=10), timedelta(seconds=24)
#: how long anything that follows by itself may take, with the minute until the next start; waiting ends early
PATIENCE = 150
STEPS = ("book", "pay", "confirmed", "reminded", "complete", "review", "report")
#: in this order a booking that goes well makes its events
STORY = (
    "booking.created",
    "payment.received",
    "booking.payment-changed",
    "booking.confirmed",
    "booking.reminder",
    "booking.completed",
    "review.created",
)

Json = dict[str, Any]


class Person:
    """Somebody with a token, over HTTP."""

    def __init__(self, service: Service, id: str) -> None:
        self.id, self._base = id, service.base_url
        self._token = service.token(id)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """One request: status and JSON (None for an empty body)."""
        status, raw = send(self._base + path, method, body, token=self._token, **headers)
        return status, json.loads(raw) if raw else None

    def get(self, path: str) -> Any:
        """What a GET answers, which must be 200."""
        status, answer = self.ask("GET", path)
        assert status == 200, answer
        return answer

    def do(self, method: str, path: str, body: Any = None, *, status: int = 200, **headers: str) -> Any:
        """A command and its answer, which must have this status."""
        got, answer = self.ask(method, path, body, **headers)
        assert got == status, (got, answer)
        return answer


def start_in(ahead: timedelta) -> str:
    """The next start after so long; services start on whole minutes."""
    at = datetime.now(UTC) + ahead
    return (at.replace(second=0, microsecond=0) + timedelta(minutes=1)).isoformat()


def until(look: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Look until there is something, ever less often: a walk is mostly waiting. Raises AssertionError naming `what`."""
    began = time.monotonic()
    while not (found := look()):
        waited = time.monotonic() - began
        assert waited < seconds, f"no {what} after {seconds:.0f} s"
        time.sleep(min(0.2 + waited / 10, 2))
    return found


class House:
    """A running service with its mail server, its people, and the services that it sells."""

    def __init__(self, service: Service, mails: MailServer) -> None:
        self.service, self.mails, self.world = service, mails, World(service.database_url)
        self.admin = Person(service, str(self.world.admin().id))
        self._services: dict[int, tuple[str, Person]] = {}

    def close(self) -> None:
        """Let go of the database."""
        self.world.close()

    def customer(self) -> Person:
        """Somebody new."""
        return Person(self.service, str(self.world.user().id))

    def offer(self, price: int) -> tuple[str, Person]:
        """A service at this price (cents), paid when booked, with a provider of its own: its id and the provider."""
        provider = Person(self.service, str(self.world.provider(auto_confirm=True).id))
        wish = {
            "name": f"Massage {provider.id}",
            "durations": [{"minutes": 30, "price": price}],
            "currency": "EUR",
            "requiresPayment": True,
            "cancellationPolicy": {"tiers": [{"beforeMinutes": 1440, "refundPercent": 100}]},
            "resourceIds": [provider.id],
        }
        service_id = self.admin.do("POST", "/services", wish, status=201)["id"]
        self.admin.do("PUT", f"/schedules/services/{service_id}", {"rules": {"slotIntervalMinutes": 1}})
        return service_id, provider

    def rows(self, query: str, *params: Any) -> list[Json]:
        """What the database holds."""
        with psycopg.connect(self.service.database_url, row_factory=dict_row) as connection:
            return connection.execute(query.encode(), params).fetchall()

    def mails_to(self, person: Person) -> list[EmailMessage]:
        """What the mail server has kept for somebody."""
        return [mail for mail in self.mails.mails() if mail["To"] and person.id in mail["To"]]


class Walk:
    """One booking on its way through the house. `before(step)` is called before each of STEPS."""

    def __init__(self, house: House, price: int = 4500, before: Callable[[str], None] = lambda step: None) -> None:
        self.house, self.price, self._before = house, price, before
        self.service_id, self.provider = house.offer(price)
        self.customer = house.customer()
        self.booking: Json = {}

    def all(self) -> Walk:
        """Every step, in order."""
        for step in STEPS:
            self._before(step)
            getattr(self, step)()
        return self

    def now(self) -> Json:
        """The booking as it stands."""
        found: Json = self.customer.get(f"/bookings/{self.booking['id']}")
        return found

    def book(self) -> None:
        """The customer takes a time of the service; it is theirs, and waits to be paid."""
        wish = {"serviceId": self.service_id, "startAt": start_in(AHEAD)}
        self.booking = self.customer.do(
            "POST", "/bookings", wish, status=201, Idempotency_Key=f"book {self.customer.id}"
        )
        assert self.booking["price"] == {"amount": self.price, "currency": "EUR"}
        assert (self.booking["status"], self.booking["paymentStatus"]) == ("pending", "unpaid")

    def begin_payment(self) -> Json:
        """The customer begins to pay, again under the same key while the gateway (or its breaker) says not now."""
        path, key = f"/bookings/{self.booking['id']}/payments", f"pay {self.customer.id}"

        def begun() -> Json | None:
            status, answer = self.customer.ask("POST", path, {}, Idempotency_Key=key)
            assert status in (200, 201, 503), answer
            return None if status == 503 else answer

        payment: Json = until(begun, "payment begun")
        return payment

    def pay(self) -> None:
        """The customer pays."""
        self.begin_payment()
        until(lambda: self.now()["paymentStatus"] == "paid", "payment")

    def confirmed(self) -> None:
        """Payment confirms; customer and provider are told."""
        until(lambda: self.now()["status"] == "confirmed", "confirmation")

    def reminded(self) -> None:
        """Just before it begins the customer is reminded."""
        until(lambda: self._notifications("reminder"), "reminder")

    def complete(self) -> None:
        """It took place."""
        begins = datetime.fromisoformat(self.booking["startAt"])
        time.sleep(max(0.0, (begins - datetime.now(UTC)).total_seconds()) + 0.1)
        self.provider.do("POST", f"/bookings/{self.booking['id']}/complete", {})
        assert self.now()["status"] == "completed"
        until(lambda: self._notifications("review_request"), "request for a review")

    def review(self) -> None:
        """The customer says how it was."""
        self.customer.do(
            "POST", "/reviews", {"bookingId": self.booking["id"], "rating": 5, "text": "Good."}, status=201
        )
        assert self.customer.get(f"/reviews/services/{self.service_id}")["rating"]["count"] == 1

    def report(self) -> None:
        """The office counts it."""
        day = datetime.fromisoformat(self.booking["startAt"]).date()
        wish = {
            "kind": "revenue",
            "from": (day - timedelta(days=1)).isoformat(),
            "to": (day + timedelta(days=2)).isoformat(),
            "groupBy": "service",
            "format": "json",
        }
        made = self.house.admin.do("POST", "/reports", wish, status=202)
        path = f"/reports/{made['id']}"
        until(lambda: self.house.admin.get(path)["status"] == "finished", "report")
        self.figures = self.house.admin.get(f"{path}/download")

    def _notifications(self, cause: str) -> list[Json]:
        items: list[Json] = self.customer.get("/notifications?limit=100")["items"]
        return [one for one in items if one["cause"] == cause]

    def story(self) -> list[str]:
        """The types of the events of this booking, in order, as published."""
        rows = self.house.rows(
            "SELECT type FROM events WHERE booking_id = %s OR data ->> 'bookingId' = %s ORDER BY position",
            self.booking["id"],
            self.booking["id"],
        )
        return [row["type"] for row in rows if not row["type"].startswith("notification.")]

    def charged(self) -> list[tuple[str, int]]:
        """What the test gateway did with money for this booking."""
        rows = self.house.rows(
            """SELECT e.kind, e.amount FROM test_gateway_effects AS e JOIN payments AS p ON p.gateway_ref = e.ref
                WHERE p.booking_id = %s ORDER BY e.at""",
            self.booking["id"],
        )
        return [(row["kind"], row["amount"]) for row in rows]
