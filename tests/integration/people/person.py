"""Somebody with a life here, whose every word can be told from everybody else's."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg

from bookings.auth import Actor
from bookings.event import service as event
from tests.factories import World
from tests.support.people import Client

Json = dict[str, Any]
_hours = itertools.count(1)


class Person:
    """Somebody whose every word is marked: no two are alike, and all begin with `mark`."""

    def __init__(self, client: Client, world: World, boss: Actor, provider: Actor) -> None:
        self.client, self.world, self.boss, self.provider = client, world, boss, provider
        self.mark = f"zq{uuid4().hex[:10]}"
        self.phone = f"+{uuid4().int % 10**14}"
        self.session = client.register(email=f"{self.mark}@example.com", name=self.word("name"))
        self.id = UUID(self.session["user"]["id"])
        self.token = self.session["accessToken"]

    def word(self, what: str) -> str:
        """One of their words."""
        return f"{self.mark}-{what}"

    def call(self, method: str, path: str, body: Json | None = None, *, token: str | None = None, **rest: Any) -> Json:
        """A request of theirs, or of somebody else, that succeeds."""
        answer = self.client.call(method, path, body, token=token or self.token, **rest)
        assert answer.status_code < 300, answer.text
        found: Json = answer.get_json() or {}
        return found

    def as_(self, actor: Actor) -> str:
        """Somebody else's token."""
        return self.client.token(actor)

    def book(self, *, token: str | None = None, key: str | None = None, **more: Any) -> Json:
        """A booking with all its words."""
        start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=20, hours=next(_hours))
        body = {
            "userId": str(self.id),
            "providerId": str(self.provider.id),
            "startAt": start.isoformat(),
            "endAt": (start + timedelta(hours=1)).isoformat(),
            **{name: self.word(name) for name in ("title", "description", "location", "notes")},
            **more,
        }
        return self.call("POST", "/bookings", body, token=token, headers={"Idempotency-Key": key} if key else {})

    def live(self) -> None:
        """What can happen to somebody here."""
        boss, provider = self.as_(self.boss), self.as_(self.provider)
        home = {"street": self.word("street"), "city": self.word("city"), "country": "DE"}
        self.call("PATCH", "/me", {"phone": self.phone, "addresses": [home]})
        self.call("PATCH", f"/users/{self.id}", {"name": self.word("other-name")}, token=boss)
        self.call("POST", f"/users/{self.id}/invitation", {}, token=boss)
        done = self.book(key=self.word("key"))
        guest = {"name": self.word("guest"), "email": f"{self.word('guest')}@example.com"}
        self.call("POST", f"/bookings/{done['id']}/attendees", guest)
        reason = {"reason": self.word("reason"), "override": True}
        self.call("POST", f"/bookings/{done['id']}/confirm", {"reason": self.word("confirmed")}, token=provider)
        self.call("POST", f"/bookings/{done['id']}/complete", reason, token=boss)
        self.call("POST", "/reviews", {"bookingId": done["id"], "rating": 5, "text": self.word("review")})
        self.hold()
        self.call("POST", "/calendar-feeds", {"name": self.word("phone")})
        ahead = self.book(token=provider, key=f"{self.mark} for them")
        self.call("PATCH", f"/bookings/{ahead['id']}", {"notes": self.word("changed-notes")}, token=provider)
        gone = self.book()
        self.call("POST", f"/bookings/{gone['id']}/cancel", {"reason": self.word("cancelled")})
        event.place(self.client.app.extensions["database"], 1000)
        self.plant(done["id"])
        waiting = self.book()
        self.call("PATCH", f"/bookings/{waiting['id']}", {"title": self.word("waiting")})

    def hold(self) -> None:
        """Have a time kept, and wait for another."""
        offer: Json = {"name": "Service", "slug": f"service-{uuid4()}", "currency": "EUR"}
        offer |= {"resourceIds": [str(self.provider.id)], "durations": [{"minutes": 30, "price": 100}]}
        service = self.call("POST", "/services", offer, token=self.as_(self.boss))["id"]
        begins = datetime.now(UTC) + timedelta(days=40)
        window = {"from": begins.isoformat(), "to": (begins + timedelta(hours=1)).isoformat()}
        self.call("POST", "/waitlist", {"serviceId": service, **window})
        start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=10, hours=next(_hours))
        body = {"providerId": str(self.provider.id), "startAt": start.isoformat(), "duration": 30}
        self.call("POST", "/holds", body)

    def plant(self, booking_id: str) -> None:
        """Words where no route of this test puts any."""
        with psycopg.connect(self.world.address) as connection:
            connection.execute("SET session_replication_role = replica")  # no version for this
            connection.execute(
                "UPDATE bookings SET price_amount = 4500, currency = 'EUR', payment_status = 'failed' WHERE id = %s",
                [booking_id],
            )
            connection.execute(
                """WITH paid AS (
                       INSERT INTO payments (id, booking_id, user_id, gateway, gateway_ref, status, amount, currency,
                                             error, created_by, created_at, updated_at)
                       VALUES (gen_random_uuid(), %(booking)s, %(user)s, 'stripe', %(ref)s, 'failed', 4500, 'EUR',
                               %(error)s, %(user)s, now(), now()) RETURNING id
                   ), asked AS (
                       INSERT INTO payment_operations (id, payment_id, kind, amount, state, reason, error, created_at,
                                                       finished_at)
                       SELECT gen_random_uuid(), id, 'pay', 4500, 'failed', %(reason)s, %(error)s, now(), now()
                         FROM paid
                   )
                   INSERT INTO webhook_inbox (gateway, event_id, type, ref, body, processed_at)
                   VALUES ('stripe', %(ref)s, 'payment_intent.payment_failed', %(ref)s, %(body)s, now())""",
                {
                    "booking": booking_id,
                    "user": self.id,
                    "ref": f"pi_{booking_id}",
                    "error": self.word("declined"),
                    "reason": self.word("wants-it-back"),
                    "body": self.word("billing").encode(),
                },
            )
        self.world.query(
            """INSERT INTO notifications (id, recipient_id, booking_id, cause, channel, audience, subject, status,
                                          attempts, last_error, data)
               VALUES (gen_random_uuid(), %s, %s, 'booking_created', 'email', 'customer', gen_random_uuid(), 'dead',
                       3, %s, json_build_object('booking', json_build_object('title', %s::text)))""",
            self.id,
            booking_id,
            self.word("bounced"),
            self.word("told"),
        )
        self.world.query(
            """INSERT INTO report_schedules (id, requester_id, name, kind, filters, format, every, at, next_at,
                                             created_at, updated_at)
               VALUES (gen_random_uuid(), %s, %s, 'bookings', '{}', 'json', 'daily', '08:00', now(), now(), now())""",
            self.id,
            self.word("schedule"),
        )
