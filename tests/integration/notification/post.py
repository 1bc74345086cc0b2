"""Everything between a booking and its mails, in this process: relay, consumer, jobs; and a real mail server."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from bookings import create_app
from bookings.auth import Actor, Caller
from bookings.booking import service as booking_service
from bookings.config import Settings
from bookings.db import Database
from bookings.event import service as events
from bookings.event.consumer import Consumers, Follower
from bookings.job.runner import Runner
from bookings.job.service import Registry
from bookings.notification import jobs
from bookings.notification.follow_up import FollowUp
from bookings.payment import jobs as payment_jobs
from tests.factories import World, terms
from tests.support.mail import MailServer
from tests.support.people import NO_REDIS, settings_for


class Post:
    """Makes bookings, lets what follows from them happen, and tells what people got."""

    def __init__(self, database_url: str, server: MailServer) -> None:
        self.server = server
        self.settings = settings_for(
            database_url,
            NO_REDIS,
            public_url="https://book.example.com",
            smtp_host="127.0.0.1",
            smtp_port=server.port,
            smtp_tls="none",
            smtp_timeout=timedelta(seconds=1),
            mail_from="bookings@example.com",
            payment_gateway="test",
        )
        self.app = create_app(self.settings)
        self.world = World(database_url)
        self.world.sell()
        self.database = Database(self.settings, name="test post")
        self._runner = Runner(self.database, self.registry(self.settings), self.settings, lambda: None)
        self._follower = Follower(self.database, FollowUp(self.database, self.settings).consumer)
        self._hours = 0
        self._follower.turn()

    def registry(self, settings: Settings) -> Registry:
        """The jobs of this domain, and those of payments."""
        registry = Registry()
        payment_jobs.register(registry, self.database, settings)
        jobs.offer(registry, Consumers(settings), self.database, settings)
        return registry

    def close(self) -> None:
        """Let go of the connections."""
        self.database.close()
        self.app.extensions["database"].close()
        self.world.close()

    def booking(self, customer: Actor, provider: Actor, **more: Any) -> UUID:
        """A new booking."""
        self._hours += 1
        start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30, hours=self._hours)
        wish = {"providerId": provider.id, "startAt": start, "endAt": start + timedelta(hours=1), "units": 1}
        details = {**dict.fromkeys(("title", "description", "location", "notes")), **more}
        answer = booking_service.create(
            self.database, settings=self.settings, caller=Caller(customer), body=wish | details
        )
        return UUID(answer.headers["Location"].rsplit("/", 1)[1])

    def priced(self, customer: Actor, provider: Actor, amount: int) -> UUID:
        """A new booking that costs something."""
        return self.booking(customer, provider, notes=terms(amount))

    def pay(self, customer: Actor, booking_id: UUID) -> Any:
        """Pay for a booking at the test gateway."""
        return self._call(customer, f"/bookings/{booking_id}/payments", {})

    def refund(self, payment_id: UUID, amount: int) -> None:
        """Give some of it back."""
        answer = self._call(self.world.admin(), f"/payments/{payment_id}/refund", {"amount": amount})
        assert answer.status_code in (200, 202), answer.text

    def _call(self, actor: Actor, path: str, body: dict[str, Any]) -> Any:
        headers = {"Authorization": f"Bearer {self.app.extensions['tokens'].issue(actor)}"}
        return self.app.test_client().post(path, json=body, headers=headers)

    def act(self, booking_id: UUID, action: str, reason: str = "test") -> None:
        """Take a booking one step, as an admin."""
        caller = Caller(self.world.admin())
        given: dict[str, Any] = {"booking_id": booking_id, "action": action, "reason": reason, "override": True}
        self.database.run(lambda tx: booking_service.act(tx, settings=self.settings, caller=caller, **given))

    def change(self, booking_id: UUID, caller: Actor, **body: Any) -> None:
        """Change a booking."""
        given: dict[str, Any] = {"booking_id": booking_id, "body": body, "caller": Caller(caller)}
        self.database.run(lambda tx: booking_service.change(tx, settings=self.settings, **given))

    def publish(self) -> None:
        """Let events take their places, and let the consumer hear of them."""
        while True:
            events.place(self.database, 500)
            if not self._follower.turn() and events.lag(self.database).waiting == 0:
                return

    def work(self, *, patience: int = 1, newest_first: bool = False) -> None:
        """Run every job that waits, whenever it is meant to run, `patience` times."""
        for _ in range(patience):
            open_jobs = self.world.query(
                """UPDATE jobs SET run_at = now() - interval '1 second' WHERE state IN ('waiting', 'failed')
                   RETURNING id, created_at"""
            )
            for job in sorted(open_jobs, key=lambda job: job["created_at"], reverse=newest_first):
                self._runner.run(job["id"])

    def everything(self) -> None:
        """Publish and work."""
        self.publish()
        self.work()

    def rows(self, booking_id: UUID, channel: str = "email") -> list[dict[str, Any]]:
        """The notifications of a booking on a channel, in the order in which they were written."""
        return self.world.query(
            "SELECT * FROM notifications WHERE booking_id = %s AND channel = %s ORDER BY created_at, id",
            booking_id,
            channel,
        )

    def told(self, booking_id: UUID, channel: str = "email") -> list[tuple[str, str, str]]:
        """(cause, audience, status) of each."""
        return [(row["cause"], row["audience"], row["status"]) for row in self.rows(booking_id, channel)]

    def jobs(self, booking_id: UUID) -> set[str]:
        """The states of the jobs that are to send the mails of a booking."""
        rows = self.world.query(
            """SELECT j.state FROM jobs AS j JOIN notifications AS n ON n.id::text = j.key
                WHERE j.kind = 'notification.deliver' AND n.booking_id = %s""",
            booking_id,
        )
        return {row["state"] for row in rows}

    def without_mail(self) -> Settings:
        """The settings of somebody who has no mail server."""
        return replace(self.settings, smtp_host="")


def subjects(server: MailServer) -> list[tuple[str, str]]:
    """To whom what was written, in order of arrival."""
    return [(mail["X-Envelope-To"], str(mail["Subject"])) for mail in server.mails()]
