"""A database with bookings whose reminders a test makes due when it wants."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from bookings import create_app
from bookings.auth import Actor, Caller
from bookings.booking import service
from bookings.config import Settings
from bookings.db import Database
from bookings.notification import service as notification
from tests.factories import World
from tests.integration.notification.post import Post
from tests.support.mail import MailServer
from tests.support.people import NO_REDIS, settings_for


class Remindable:
    """Makes bookings, brings their reminders near, and tells what became of them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.world = World(settings.database_url)
        self.database = Database(settings, name="test notification")

    def close(self) -> None:
        """Let go of the connections."""
        self.database.close()
        self.world.close()

    def booking(self, customer: Actor | None = None) -> dict[str, Any]:
        """A booking in a month's time with one reminder: its id, version, customer and reminder's id."""
        customer = customer or self.world.user()
        start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
        provider = self.world.provider()
        wish = {"providerId": provider.id, "startAt": start, "endAt": start + timedelta(hours=1), "units": 1}
        details = dict.fromkeys(("title", "description", "location", "notes"))
        answer = service.create(self.database, settings=self.settings, caller=Caller(customer), body=wish | details)
        id = UUID(answer.headers["Location"].rsplit("/", 1)[1])
        (row,) = self.world.query("SELECT id FROM reminders WHERE booking_id = %s", id)
        return {"id": id, "customer": customer, "provider": provider, "start": start, "reminder": row["id"]}

    def bring_near(self, booking: dict[str, Any], seconds: float) -> None:
        """Move the booking's start, behind everybody's back, so that its reminder is due in so many seconds."""
        self.world.query("SET session_replication_role = replica")
        self.world.query(
            """WITH moved AS (
                   UPDATE bookings SET start_at = now() + make_interval(secs => %s) + interval '10 minutes',
                                       end_at = now() + interval '2 hours' WHERE id = %s RETURNING *
               ), history AS (
                   UPDATE booking_history AS h SET start_at = moved.start_at, end_at = moved.end_at
                     FROM moved WHERE h.booking_id = moved.id AND h.version = moved.version
               ), claims AS (
                   UPDATE allocations AS a
                      SET start_at = moved.start_at, during = tstzrange(moved.start_at, moved.end_at)
                     FROM moved WHERE a.booking_id = moved.id
               ), told AS (
                   UPDATE outbox AS o SET data = jsonb_set(jsonb_set(o.data::jsonb,
                          ARRAY['startAt'], to_jsonb(moved.start_at)), ARRAY['endAt'], to_jsonb(moved.end_at))
                     FROM moved WHERE o.booking_id = moved.id AND (o.data ->> 'version')::integer = moved.version
               )
               UPDATE reminders SET due_at = moved.start_at - lead FROM moved WHERE booking_id = moved.id""",
            seconds,
            booking["id"],
        )
        self.world.query("SET session_replication_role = DEFAULT")

    def deliver(self, reminder_id: UUID | None = None) -> int:
        """Deliver one reminder, or all that are overdue."""
        return notification.deliver(self.database, self.settings, reminder_id)

    def act(self, booking: dict[str, Any], action: str) -> None:
        """Take the booking one step, as an admin."""
        caller = Caller(self.world.admin())
        self.database.run(
            lambda tx: service.act(
                tx,
                settings=self.settings,
                caller=caller,
                booking_id=booking["id"],
                action=action,
                reason="test",
                override=True,
            )
        )

    def change(self, booking: dict[str, Any], **body: Any) -> None:
        """Change the booking, as its customer."""
        caller = Caller(booking["customer"])
        self.database.run(
            lambda tx: service.change(tx, settings=self.settings, caller=caller, booking_id=booking["id"], body=body)
        )

    def told(self, booking: dict[str, Any]) -> tuple[int, int, int]:
        """How many reminders of it are sent, how many notifications and how many events there are."""
        (row,) = self.world.query(
            """SELECT (SELECT count(*) FROM reminders WHERE booking_id = %s AND sent_at IS NOT NULL) AS sent,
                      (SELECT count(*) FROM notifications
                        WHERE booking_id = %s AND cause = 'reminder' AND channel = 'log') AS noted,
                      (SELECT count(*) FROM outbox WHERE booking_id = %s AND type = 'booking.reminder')
                    + (SELECT count(*) FROM events WHERE booking_id = %s AND type = 'booking.reminder') AS told""",
            *[booking["id"]] * 4,
        )
        return row["sent"], row["noted"], row["told"]


@pytest.fixture(scope="module")
def remindable(module_database_url: str) -> Iterator[Remindable]:
    """Bookings and reminders in this module's database."""
    settings = settings_for(module_database_url, NO_REDIS)
    create_app(settings)  # registers the errors that constraints become
    remindable = Remindable(settings)
    yield remindable
    remindable.close()


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    """The mail server of this module."""
    server = MailServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def post(module_database_url: str, server: MailServer) -> Iterator[Post]:
    """Bookings and what follows from them."""
    post = Post(module_database_url, server)
    yield post
    post.close()


@pytest.fixture
def fresh(post: Post, server: MailServer) -> None:
    """A test that begins with nothing under way, an empty mailbox and a friendly server."""
    post.publish()
    post.world.query("UPDATE jobs SET state = 'discarded', finished_at = now() WHERE state IN ('waiting', 'failed')")
    post.world.query(
        "UPDATE notifications SET status = 'dead', last_error = 'test' WHERE status IN ('queued', 'sending', 'failed')"
    )
    server.mood()
    server.empty()
