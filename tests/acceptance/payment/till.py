"""Customers, staff and the gateway, around the service's real processes: everything over HTTP, books read from SQL."""

from __future__ import annotations

import itertools
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from bookings.auth import Actor
from bookings.db import Database
from bookings.payment.gateways.sandbox import SandboxGateway
from tests.factories import World
from tests.integration.event.facts import wait_for
from tests.support.patience import REQUEST
from tests.support.service import Service

Json = dict[str, Any]
_START = (datetime.now(UTC) + timedelta(days=40)).replace(minute=0, second=0, microsecond=0)


@dataclass(frozen=True)
class Reply:
    """What the service answered."""

    status: int
    body: Json
    headers: dict[str, str]


class Till:
    """One business with one provider, who offers a service at any price."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.world = World(service.database_url)
        self.admin = service.token(str(self.world.admin().id))
        self.provider = self.world.provider(auto_confirm=True)
        self.staff = service.token(str(self.provider.id))
        self._customer = self.world.user()
        self.customer = service.token(str(self._customer.id))
        self._hours = itertools.count()
        #: plays the gateway that calls back; signing needs no books
        self._gateway = SandboxGateway(cast(Database, None), secret=service.env["JWT_SECRET"])

    @property
    def customer_actor(self) -> Actor:
        """Who books."""
        return self._customer

    def call(self, token: str | None, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """One request."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.service.base_url + path,
            content,
            {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {}), **named},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=REQUEST) as answer:
                return Reply(answer.status, json.loads(answer.read() or b"{}"), dict(answer.headers))
        except urllib.error.HTTPError as refusal:
            with refusal:
                return Reply(refusal.code, json.loads(refusal.read()), dict(refusal.headers))

    def book(self, price: int, *, required: bool = True, policy: Any = None, hour: int | None = None) -> Json:
        """A booking of a service of this price, which its payment confirms."""
        made = self.call(
            self.admin,
            "POST",
            "/services",
            {
                "name": f"For {price} {next(self._hours)}",
                "durations": [{"minutes": 60, "price": price}],
                "currency": "EUR",
                "requiresPayment": required,
                "cancellationPolicy": policy,
                "resourceIds": [str(self.provider.id)],
            },
        )
        assert made.status == 201, made.body
        start = _START + timedelta(hours=next(self._hours) if hour is None else hour)
        wish = {"serviceId": made.body["id"], "startAt": start.isoformat()}
        booked = self.call(self.customer, "POST", "/bookings", wish)
        assert booked.status == 201, booked.body
        return booked.body

    def pay(self, booking: Json, **headers: str) -> Reply:
        """The customer pays."""
        return self.call(self.customer, "POST", f"/bookings/{booking['id']}/payments", {}, **headers)

    def act(self, booking: Json, action: str) -> Reply:
        """The customer takes the booking a step."""
        return self.call(self.customer, "POST", f"/bookings/{booking['id']}/{action}", {})

    def order(self, token: str, payment: Json, command: str, **body: Any) -> Reply:
        """Somebody gives an order about a payment."""
        return self.call(token, "POST", f"/payments/{payment['id']}/{command}", body)

    def notify(self, payment: Json, id: str, type: str = "charge.changed", *, forged: bool = False) -> int:
        """The gateway calls back: the status it gets."""
        raw = json.dumps({"id": id, "type": type, "ref": payment["gatewayRef"]}).encode()
        signature = "t=1,v1=00" if forged else self._gateway.sign(raw, int(time.time()))
        return self.call(None, "POST", "/webhooks/payments/test", raw, Test_Signature=signature).status

    def status(self, booking: Json) -> tuple[str, str]:
        """Where a booking and its payment stand."""
        now = self.call(self.admin, "GET", f"/bookings/{booking['id']}").body
        return now["status"], now["paymentStatus"]

    def comes_to(self, booking: Json, *expected: str, seconds: float = 40) -> None:
        """Wait until booking and payment stand there."""
        wait_for(lambda: self.status(booking), lambda now: now == expected, seconds)

    def payments(self, booking: Json) -> list[Json]:
        """The payments of a booking, newest first."""
        items: list[Json] = self.call(self.admin, "GET", f"/payments?bookingId={booking['id']}").body["items"]
        return items

    def effects(self, booking: Json) -> list[tuple[str, int]]:
        """What the gateway did to the money of a booking, by its own books."""
        rows = self.world.query(
            """SELECT e.kind, e.amount FROM test_gateway_effects AS e
                 JOIN payment_operations AS o ON e.ref = 'test_' || o.id JOIN payments AS p ON p.id = o.payment_id
                WHERE p.booking_id = %s ORDER BY e.at""",
            booking["id"],
        )
        return [(row["kind"], row["amount"]) for row in rows]

    def told(self, booking: Json) -> list[str]:
        """What was published of a booking's payments, in order."""
        rows = self.world.query(
            "SELECT type FROM events WHERE booking_id = %s AND type LIKE 'payment.%%' ORDER BY position", booking["id"]
        )
        return [row["type"] for row in rows]

    def errand(self, booking: Json, kind: str) -> Json:
        """The operation of a kind, with how often its effect is in the gateway's books."""
        rows = self.world.query(
            """SELECT o.*, (SELECT count(*) FROM test_gateway_effects AS e WHERE e.key = o.id::text) AS effects
                 FROM payment_operations AS o JOIN payments AS p ON p.id = o.payment_id
                WHERE p.booking_id = %s AND o.kind = %s""",
            booking["id"],
            kind,
        )
        return rows[0] if rows else {"attempts": 0, "effects": 0, "state": "none"}

    def wait_for_errand(self, booking: Json, kind: str, enough: Callable[[Json], bool]) -> None:
        """Wait until an operation has come so far."""
        wait_for(lambda: self.errand(booking, kind), enough, 40)
