"""Speaking to the service as those whose calendar it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from werkzeug.test import TestResponse

from bookings.auth import Actor
from tests.factories import World
from tests.support.people import Client

Json = dict[str, Any]
NINE_TO_FIVE = {"from": "09:00", "to": "17:00"}
WORKDAYS = {name: [NINE_TO_FIVE] for name in ("monday", "tuesday", "wednesday", "thursday", "friday")}
#: a Monday, in summer where the resources are (Europe/Berlin: two hours before UTC)
MONDAY = datetime(2027, 7, 5, tzinfo=UTC)


class Office:
    """People and a resource of theirs, all new."""

    def __init__(self, client: Client, world: World) -> None:
        self.client, self.world = client, world
        self.admin, self.owner, self.customer = world.admin(), world.provider(auto_confirm=True), world.user()
        self.stranger = world.provider()
        self.id = self.owner.id
        #: what concerned every resource before counts for new ones, too
        self.began = self.version()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        by: Actor | None = None,
        match: int | None = None,
        **rest: Any,
    ) -> TestResponse:
        """A request, by the admin unless said otherwise; `match` is the version for If-Match."""
        headers = dict(rest.pop("headers", {})) | ({"If-Match": f'"{match}"'} if match is not None else {})
        return self.client.call(method, path, body, token=self.client.token(by or self.admin), headers=headers, **rest)

    def done(self, method: str, path: str, body: Any = None, **rest: Any) -> Json:
        """A request that succeeds: its answer."""
        answer = self.call(method, path, body, **rest)
        assert answer.status_code < 300, answer.text
        found: Json = answer.get_json() or {}
        return found

    @property
    def path(self) -> str:
        """The schedule of the resource."""
        return f"/schedules/resources/{self.id}"

    @property
    def changes(self) -> int:
        """How often what concerns the resource has changed since it was made."""
        return self.version() - self.began

    def version(self, id: UUID | None = None) -> int:
        """How often what concerns a resource has changed."""
        row = self.world.query("SELECT schedule_version FROM resources WHERE id = %s", id or self.id)[0]
        number: int = row["schedule_version"]
        return number

    def book(self, start: datetime, minutes: int = 60, *, by: Actor | None = None, **more: Any) -> TestResponse:
        """Book the resource's plain time."""
        times = {"startAt": start.isoformat(), "endAt": (start + timedelta(minutes=minutes)).isoformat()}
        return self.call("POST", "/bookings", {"providerId": str(self.id), **times, **more}, by=by or self.customer)

    def booked(self, start: datetime, minutes: int = 60, **more: Any) -> Json:
        """The same, which succeeds."""
        answer = self.book(start, minutes, **more)
        assert answer.status_code == 201, answer.text
        found: Json = answer.get_json()
        return found
