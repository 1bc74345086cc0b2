"""A service with people who wait for it, and a worker that is called when the test wants it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from bookings.booking import expiry
from bookings.event import service as event
from bookings.event.consumer import Follower
from bookings.waitlist import asking, jobs
from tests.integration.booking.api import Api, Person, at

Json = dict[str, Any]


class Line:
    """One provider, one service of an hour, and whoever waits for it."""

    def __init__(self, api: Api, **terms: Any) -> None:
        self.api, self.world = api, api.world
        self.database, self.settings = api.app.extensions["database"], api.app.extensions["settings"]
        self.admin = api.as_(api.world.admin())
        self.provider = api.as_(api.world.provider())
        self.service = self.offer(resourceIds=[str(self.provider.id)], **terms)
        self._follower = Follower(self.database, jobs.consumer(lambda: None))
        self.work()

    def offer(self, **terms: Any) -> str:
        """The id of a new service."""
        body = {"name": "Massage", "slug": f"massage-{uuid4()}", "currency": "EUR"} | terms
        body.setdefault("durations", [{"minutes": 60, "price": 4500}])
        answer = self.admin.call("POST", "/services", body)
        assert answer.status_code == 201, answer.text
        return str((answer.json or {})["id"])

    def person(self) -> Person:
        """Somebody new."""
        return self.api.as_(self.world.user())

    def book(self, person: Person, start: float = 9, **wish: Any) -> Json:
        """Take the service at that hour."""
        body = {"serviceId": self.service, "startAt": at(start), **wish}
        answer = person.call("POST", "/bookings", body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json or {})

    def join(self, person: Person, begins: float = 9, ends: float = 10, **wish: Any) -> Json:
        """Wait for it between these hours."""
        body = {"serviceId": self.service, "from": at(begins), "to": at(ends), **wish}
        answer = person.call("POST", "/waitlist", body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json or {})

    def entry(self, entry: Json) -> Json:
        """How it stands now."""
        return dict(self.admin.get(f"/waitlist/{entry['id']}").json or {})

    def states(self, *entries: Json) -> list[str]:
        """How they stand now."""
        return [self.entry(entry)["state"] for entry in entries]

    def work(self) -> None:
        """What relay and worker do, until there is nothing left."""
        for _ in range(30):
            placed, _ = event.place(self.database, 1000)
            done = [placed, self._follower.turn(), expiry.sweep(self.database)]
            done.append(asking.turn(self.database, self.settings))
            if not any(done) and not self.world.query("SELECT FROM waitlist_openings"):
                return
        raise AssertionError("the worker does not come to an end")

    def expire(self, hold_id: str) -> None:
        """A hold ends, as if time had passed, and the offer that it is with it."""
        self.world.query("UPDATE holds SET expires_at = clock_timestamp() - interval '1 ms' WHERE id = %s", hold_id)
        self.world.query(
            """UPDATE allocations AS a SET expires_at = h.expires_at FROM holds AS h
                WHERE a.hold_id = h.id AND h.id = %s""",
            hold_id,
        )
        self.world.query(
            """UPDATE waitlist_offers AS o SET expires_at = h.expires_at FROM holds AS h
                WHERE o.hold_id = h.id AND h.id = %s""",
            hold_id,
        )

    def let_lapse(self, entry: Json) -> None:
        """Its offer ends, as if time had passed."""
        self.expire(self.entry(entry)["offer"]["holdId"])

    def told(self, entry: Json) -> list[str]:
        """The events of an entry."""
        rows = self.world.query(
            """SELECT type FROM (SELECT position AS n, type, data FROM events
                    UNION ALL SELECT 1000000 + seq, type, data FROM outbox) AS told
                WHERE type LIKE 'waitlist.%%' AND data ->> 'id' = %s ORDER BY n""",
            entry["id"],
        )
        return [row["type"].removeprefix("waitlist.") for row in rows]
