"""Series of the customer of the role matrix, group sessions, and who comes along."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.acceptance.platform.keeping import Keeping
from tests.factories import World

Json = dict[str, Any]


class Joining(Keeping):
    """What the people of the matrix come to, made anew for each request."""

    world: World

    def made(self, path: str, body: Json | None) -> str:
        """The id of something that an admin has just made."""
        raise NotImplementedError

    def series_wish(self) -> Json:
        """The same, once and only once a day."""
        wish = self.wish()
        begins = datetime.fromisoformat(wish["startAt"]).replace(second=0)
        ends = begins + timedelta(minutes=30)
        return wish | {"startAt": begins.isoformat(), "endAt": ends.isoformat(), "rrule": "FREQ=DAILY;COUNT=1"}

    def series(self) -> str:
        """The id of a new series of the customer."""
        made = self.client.call("POST", "/bookings/series", self.series_wish(), token=self.token("customer"))
        assert made.status_code == 201, made.text
        id: str = made.get_json()["series"]["id"]
        return id

    def session(self) -> Json:
        """A new group session in a hall of the provider's, to which the customer comes."""
        hall = self.world.resource(capacity=9, owner=self.provider)
        wish = self.wish()
        service = {"name": "Course", "slug": f"course-{hall.hex}", "currency": "EUR", "capacity": 5}
        service |= {"durations": [{"minutes": 30, "price": 100}], "resourceIds": [str(hall)]}
        id = self.made("/services", service)
        start = datetime.fromisoformat(wish["startAt"]).replace(minute=0, second=0)
        body = {"serviceId": id, "startAt": start.isoformat()}
        made = self.client.call("POST", "/bookings", body, token=self.token("customer"))
        assert made.status_code == 201, made.text
        return {"serviceId": id, "startAt": made.get_json()["startAt"]}

    def attendee(self, booking: str) -> str:
        """The id of somebody new who comes along to a booking."""
        body = self.body("attendee", "customer")
        made = self.client.call("POST", f"/bookings/{booking}/attendees", body, token=self.token("customer"))
        assert made.status_code == 201, made.text
        id: str = made.get_json()["id"]
        return id
