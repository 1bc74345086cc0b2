"""The people of the role matrix, and what they act on, made anew for each request."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from psycopg.types.json import Json as JsonValue

from bookings.auth import Actor
from bookings.availability.layers import WEEKDAYS
from bookings.notification import unsubscribe
from tests.acceptance.platform.joining import Joining
from tests.acceptance.platform.role_matrix import ROLES, Row
from tests.factories import World, terms
from tests.support.people import PASSWORD, Client, new_email, settings_for
from tests.support.run import Run

_hours = itertools.count(1)
_numbers = itertools.count(1)
Json = dict[str, Any]
#: as open as can be: the rows of bookings stay what they are
CALENDAR = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nEND:VCALENDAR\n"
ALL_DAY = {"from": "00:00", "to": "24:00"}


class Cast(Joining):
    """The people of the matrix, and what they act on, made anew for each request."""

    def __init__(self, client: Client, world: World) -> None:
        self.client, self.world = client, world
        customer, stranger = client.register(), client.register()
        self.customer = Actor(_id(customer), "customer")
        provider, other_provider = world.provider(), world.provider()
        self.provider = provider
        known = dict(zip(ROLES[1:], (self.customer, None, provider, other_provider, world.admin()), strict=True))
        known["other customer"] = Actor(_id(stranger), "customer")
        self.actors: dict[str, Actor | None] = {"anonymous": None, **known}

    def token(self, role: str) -> str | None:
        """An access token for a role; none for anonymous."""
        actor = self.actors[role]
        return self.client.token(actor) if actor else None

    def invitation(self) -> str:
        """An invitation for somebody new."""
        body = {"email": new_email(), "name": "Invited"}
        token: str = self.client.call("POST", "/users", body, token=self.token("admin")).get_json()["invitation"][
            "token"
        ]
        return token

    def wish(self) -> Json:
        """A booking of the customer with the provider, at a time nobody has had yet."""
        start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30, hours=next(_hours))
        times = {"startAt": start.isoformat(), "endAt": (start + timedelta(minutes=30)).isoformat()}
        return {"userId": str(self.customer.id), "providerId": str(self.provider.id), **times}

    def booking(self, given: str) -> str:
        """The id of a new booking; one that has begun is confirmed and started an hour ago."""
        wish = self.wish()
        if given in ("priced", "asking"):
            wish["notes"] = terms(10003 if given == "asking" else 5000)
        made = self.client.call("POST", "/bookings", wish, token=self.token("customer"))
        assert made.status_code == 201, made.text
        id: str = made.get_json()["id"]
        if given == "begun":
            self.world.query(
                """UPDATE bookings SET status = 'confirmed', version = version + 1,
                          start_at = now() - interval '1 hour', end_at = now() + interval '1 hour' WHERE id = %s""",
                id,
            )
        return id

    def made(self, path: str, body: Json | None) -> str:
        """The id of something that an admin has just made."""
        answer = self.client.call("POST", path, body, token=self.token("admin"))
        assert answer.status_code == 201, answer.text
        told = answer.get_json()
        id: str = told["id"] if "id" in told else told["items"][0]["id"]
        return id

    def path(self, row: Row) -> str:
        """The row's path with an object of its own in it."""
        path = row.path.replace("{resourceId}", str(self.provider.id)).replace("{code}", "slot-taken")
        if row.given == "a service":
            offered = {**(self.body("service", "admin") or {}), "resourceIds": [str(self.provider.id)]}
            path += f"?serviceId={self.made('/services', offered)}"
            path += "&at=2027-07-05T09:00:00Z" if "explain" in path else ""
        path = path.replace("{name}", "start.js").replace("{userId}", str(self.world.user().id))
        path = path.replace("{providerId}", str(self.provider.id))
        path = path.replace("{jobId}", self.dead_job()) if "{jobId}" in path else path
        path = path.replace("{reviewId}", self.review()) if "{reviewId}" in path else path
        path = path.replace("{reportId}", self.report(row.given)) if "{reportId}" in path else path
        path = path.replace("{scheduleId}", self.schedule()) if "{scheduleId}" in path else path
        path = path.replace("{gateway}", "test")
        path = path.replace("{calendarId}", str(uuid4())) if row.send == "calendar file" else path
        path = path.replace("{entryId}", self.entry(row.given)) if "{entryId}" in path else path
        if path == "/sessions":
            path += f"?serviceId={uuid4()}&from=2027-01-01T00:00:00Z&to=2027-02-01T00:00:00Z"
        if path == "/sessions/attendees":
            path += "?" + urlencode(self.session())
        if "{attendeeId}" in path:
            booking = self.booking(row.given)
            path = path.replace("{bookingId}", booking).replace("{attendeeId}", self.attendee(booking))
        path = path.replace("{holdId}", self.hold()) if "{holdId}" in path else path
        path = path.replace("{seriesId}", self.series()) if "{seriesId}" in path else path
        path = path.replace("{paymentId}", self.payment(row.given)) if "{paymentId}" in path else path
        for word, folder, name in (
            ("{serviceId}", "/services", "service"),
            ("{categoryId}", "/categories", "category"),
            ("{closureId}", "/closures", "closure"),
            ("{calendarId}", f"/resources/{self.world.resource(owner=self.provider)}/calendars", "other calendar"),
            ("{workspaceId}", "/workspaces", "new workspace"),
        ):
            if word in path:
                path = path.replace(word, self.made(folder, self.body(name, "admin")))
        if "{notificationId}" in path:
            path = path.replace(
                "{notificationId}", self.notification("email" if row.given == "dead mail" else "in_app")
            )
        if "{feedId}" in path:
            path = path.replace("{feedId}", self.feed()["id"])
        if path.startswith("/calendar/"):
            return "/calendar/" + str(self.feed()["url"]).rpartition("/")[2]
        link = unsubscribe.link(self.client.app.extensions["settings"], self.customer.id, "reminder")
        path = path.replace("{token}", link.rpartition("/")[2])
        path = self.with_day(path, row.given) if "{day}" in path else path
        return path.replace("{bookingId}", self.booking(row.given)) if "{bookingId}" in path else path

    def closing(self) -> Json:
        """An hour in which the provider takes no bookings, long ago: no other row is about it."""
        start = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=next(_hours))
        times = {"startAt": start.isoformat(), "endAt": (start + timedelta(hours=1)).isoformat()}
        return {"resourceIds": [str(self.provider.id)], **times}

    def with_day(self, path: str, given: str) -> str:
        """A path with a date in it, which has hours of its own when they are given."""
        path = path.replace("{day}", f"{2030 + next(_numbers) % 100}-03-01")
        if given == "day":
            made = self.client.call("PUT", path, self.body("day", "admin"), token=self.token("admin"))
            assert made.status_code == 200, made.text
        return path

    def feed(self) -> Json:
        """A new calendar feed of the customer."""
        made = self.client.call("POST", "/calendar-feeds", {}, token=self.token("customer"))
        assert made.status_code == 201, made.text
        found: Json = made.get_json()
        self.world.query("DELETE FROM calendar_feeds WHERE user_id = %s AND id <> %s", self.customer.id, found["id"])
        return found

    def dead_job(self) -> str:
        """The id of a new job that is dead."""
        made = self.world.query(
            """INSERT INTO jobs
                   (id, kind, payload, state, attempts, run, max_attempts, last_error, started_at, finished_at)
               VALUES (gen_random_uuid(), 'mail', '{}', 'dead', 8, 8, 8, 'broken', now(), now()) RETURNING id"""
        )
        return str(made[0]["id"])

    def notification(self, channel: str) -> str:
        """The id of a notification to the customer; an e-mail is a dead letter."""
        booking = self.client.call("GET", f"/bookings/{self.booking('pending')}", token=self.token("customer"))
        (row,) = self.world.query(
            """INSERT INTO notifications (id, recipient_id, audience, booking_id, cause, subject, channel, data, status,
                                          sent_at, last_error)
               VALUES (gen_random_uuid(), %s, 'customer', %s, 'booking_created', 'test:' || gen_random_uuid(), %s, %s,
                       CASE %s WHEN 'email' THEN 'dead' ELSE 'sent' END, now(), '550 No such mailbox') RETURNING id""",
            self.customer.id,
            booking.get_json()["id"],
            channel,
            JsonValue({"booking": booking.get_json()}),
            channel,
        )
        return str(row["id"])

    def payment(self, given: str) -> str:
        """The id of a new payment of the customer: paid, taken by hand, or one whose payer is asked for something."""
        booking, role = self.booking("priced" if given != "asked" else "asking"), "customer"
        body = {}
        if given == "by hand":
            body, role = {"gateway": "manual"}, "admin"
        made = self.client.call("POST", f"/bookings/{booking}/payments", body, token=self.token(role))
        assert made.status_code == 201, made.text
        id: str = made.get_json()["id"]
        return id

    def completed(self) -> str:
        """The id of a new booking that took place."""
        id = self.booking("begun")
        made = self.client.call("POST", f"/bookings/{id}/complete", {}, token=self.token("provider"))
        assert made.status_code == 200, made.text
        return id

    def review(self) -> str:
        """The id of a new review by the customer."""
        made = self.client.call(
            "POST", "/reviews", {"bookingId": self.completed(), "rating": 4}, token=self.token("customer")
        )
        assert made.status_code == 201, made.text
        id: str = made.get_json()["id"]
        return id

    def report(self, given: str) -> str:
        """The id of a new report that the provider asked for; one that is made has a file."""
        asked = self.client.call("POST", "/reports", self.body("report", "provider"), token=self.token("provider"))
        assert asked.status_code == 202, asked.text
        id: str = asked.get_json()["id"]
        if given == "made":
            folder = Path(self.client.app.extensions["settings"].report_dir)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{id}.json").write_text("{}")
            self.world.query(
                """UPDATE reports SET status = 'finished', file = %s, rows = 0, bytes = 2, snapshot_at = now(),
                          finished_at = now(), progress = 100 WHERE id = %s""",
                f"{id}.json",
                id,
            )
        return id

    def schedule(self) -> str:
        """The id of a new schedule of the provider's."""
        made = self.client.call(
            "POST", "/reports/schedules", self.body("schedule", "provider"), token=self.token("provider")
        )
        assert made.status_code == 201, made.text
        id: str = made.get_json()["id"]
        return id

    def body(self, name: str, role: str) -> Json | None:
        """The body of a row."""
        makers: dict[str, Callable[[], Json]] = {
            "registration": lambda: {"email": new_email(), "password": PASSWORD, "name": "Somebody"},
            "credentials": lambda: {"email": self.client.register()["user"]["email"], "password": PASSWORD},
            "refresh token": lambda: {"refreshToken": self.client.register()["refreshToken"]},
            "locale": lambda: {"locale": "de"},
            "attendee": lambda: {"name": "Guest", "email": "guest@example.com"},
            "one drops out": lambda: {"count": 1},
            "session": self.session,
            "series for the customer": lambda: self.series_wish() | {"onConflict": "fail"},
            "series to look at": self.series_wish,
            "all titles": lambda: {"scope": "all", "title": f"by {role}"},
            "all": lambda: {"scope": "all"},
            "passwords": lambda: {"currentPassword": PASSWORD, "newPassword": PASSWORD},
            "invitation": lambda: {"token": self.invitation(), "newPassword": PASSWORD},
            "new user": lambda: {"email": new_email(), "name": "Somebody"},
            "wrong password": lambda: {"password": "not this one"},
            "name": lambda: {"name": f"Named by {role}"},
            "role": lambda: {"role": "provider"},
            "feed": lambda: {"resourceId": str(self.provider.id)},
            "workspace": lambda: {"kind": "workspace", "name": "Room", "timeZone": "Europe/Berlin"},
            "new workspace": lambda: {"name": "Room", "timeZone": "Europe/Berlin"},
            "service": lambda: {
                "name": "Service",
                "slug": f"service-{next(_numbers)}",
                "durations": [{"minutes": 30, "price": 4500}],
                "currency": "EUR",
            },
            "category": lambda: {"name": "Category", "slug": f"category-{next(_numbers)}"},
            "description": lambda: {"description": f"Changed by {role}"},
            "booking for the customer": self.wish,
            "hold for the customer": self.wish,
            "wait for the customer": self.waiting,
            "a minute more": lambda: {"ttlSeconds": 90},
            "title": lambda: {"title": f"Changed by {role}"},
            "status": lambda: {"status": "confirmed"},
            "review": lambda: {"bookingId": self.completed(), "rating": 5, "text": "Good."},
            "rating": lambda: {"rating": 3},
            "reply": lambda: {"text": f"Thanks, says {role}."},
            "reason": lambda: {"reason": "Names somebody."},
            "report": lambda: {"kind": "bookings", "from": "2027-03-01", "to": "2027-04-01"},
            "schedule": lambda: {"kind": "bookings", "every": "daily", "at": "06:30"},
            "hours": lambda: {"weekly": {name: [ALL_DAY] for name in WEEKDAYS}, "rules": {"slotIntervalMinutes": 5}},
            "closure": self.closing,
            "calendar file": dict,
            "other calendar": lambda: {"ics": CALENDAR},
            "day": lambda: {"hours": [ALL_DAY], "note": f"By {role}"},
            "pause": lambda: {"active": False},
            "failure": lambda: {"error": "Mailbox is full"},
            "another provider": lambda: {"resourceId": str(self.world.provider().id)},
            "nothing": dict,
        }
        return makers[name]() if name else None


def _id(session: Json) -> Any:
    from uuid import UUID

    return UUID(session["user"]["id"])


@contextmanager
def gathered(url: str, run: Run) -> Iterator[Cast]:
    """The people, in this database."""
    world = World(url)
    world.sell()
    folder = str(run.folder / "matrix-reports")
    changes = {"report_dir": folder, "payment_gateway": "test", "hold_limit": 1000, "waitlist_limit": 1000}
    client = Client(settings_for(url, run.shared().redis_server, **changes))
    cast = Cast(client, world)
    _give_password(cast)
    yield cast
    client.close()
    world.close()


def _give_password(cast: Cast) -> None:
    """Those whom the factory made can change a password, too, because they have one."""
    hashed = cast.world.query("SELECT password_hash FROM users WHERE id = %s", cast.customer.id)[0]["password_hash"]
    cast.world.query("UPDATE users SET password_hash = %s WHERE password_hash IS NULL", hashed)


def sent(row: Row, body: Json | None) -> dict[str, Any]:
    """How a row's body travels."""
    return {"data": CALENDAR, "content_type": "text/calendar"} if row.send == "calendar file" else {"json": body}
