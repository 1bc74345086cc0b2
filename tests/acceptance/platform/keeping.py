"""Times that are kept for the customer of the role matrix: holds, and places on the waitlist."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bookings.auth import Actor
from bookings.waitlist import asking
from tests.support.people import Client

Json = dict[str, Any]


class Keeping:
    """What the people of the matrix hold and wait for, made anew for each request."""

    client: Client
    provider: Actor

    def token(self, role: str) -> str | None:
        """An access token for a role."""
        raise NotImplementedError

    def wish(self) -> Json:
        """A booking of the customer with the provider."""
        raise NotImplementedError

    def body(self, name: str, role: str) -> Json | None:
        """The body of a row."""
        raise NotImplementedError

    def waiting(self) -> Json:
        """The customer waits for a new service of the provider's."""
        service = self.body("service", "admin") or {}
        made = self.client.call(
            "POST", "/services", service | {"resourceIds": [str(self.provider.id)]}, token=self.token("admin")
        )
        wish = self.wish()
        begins = datetime.fromisoformat(wish["startAt"])
        window = {"from": wish["startAt"], "to": (begins + timedelta(days=1)).isoformat()}
        return {"serviceId": made.get_json()["id"], "userId": wish["userId"], **window}

    def entry(self, given: str) -> str:
        """The id of a new place in line of the customer's; one with an offer has it from the worker."""
        made = self.client.call("POST", "/waitlist", self.waiting(), token=self.token("customer"))
        assert made.status_code == 201, made.text
        id: str = made.get_json()["id"]
        if given == "offered":
            extensions = self.client.app.extensions
            assert asking.ask(extensions["database"], extensions["settings"], everything=True)
        return id

    def hold(self) -> str:
        """The id of a new hold of the customer's."""
        made = self.client.call("POST", "/holds", {**self.wish(), "ttlSeconds": 30}, token=self.token("customer"))
        assert made.status_code == 201, made.text
        id: str = made.get_json()["id"]
        return id
