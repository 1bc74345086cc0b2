"""An admin who offers services, and passers-by who look at them."""

from __future__ import annotations

import itertools
from typing import Any
from uuid import UUID

from werkzeug.test import TestResponse

from bookings.catalogue.schemas import Service
from tests.factories import World
from tests.integration.booking.api import Api

_numbers = itertools.count(1)
Json = dict[str, Any]


class Shop:
    """Offers services through the API."""

    def __init__(self, api: Api, world: World) -> None:
        self.admin = api.as_(world.admin())
        self._visitor = api.app.test_client()

    def get(self, path: str, **query: Any) -> TestResponse:
        """GET without a token."""
        return self._visitor.get(path, query_string={name: str(value) for name, value in query.items()})

    def offer(self, **wish: Any) -> TestResponse:
        """POST /services: a massage of 30 minutes for 45 EUR unless told otherwise."""
        body = {
            "name": f"Service {next(_numbers)}",
            "durations": [{"minutes": 30, "price": 4500}],
            "currency": "EUR",
        } | wish
        return self.admin.call("POST", "/services", plain(body))

    def offered(self, **wish: Any) -> Json:
        """The same, for a test that is about what comes after."""
        answer = self.offer(**wish)
        assert answer.status_code == 201, answer.text
        document: Json = answer.get_json()
        assert document.keys() == Service().fields.keys()
        return document

    def change(self, service: Json, *, if_match: str | None = None, **body: Any) -> TestResponse:
        """PATCH /services/{id}."""
        return self.admin.call("PATCH", f"/services/{service['id']}", plain(body), If_Match=if_match)

    def names(self, **query: Any) -> list[str]:
        """The names in a list of services."""
        answer = self.get("/services", **query)
        assert answer.status_code == 200, answer.text
        return [item["name"] for item in answer.get_json()["items"]]


def plain(value: Any) -> Any:
    """UUIDs as text, everywhere."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return str(value) if isinstance(value, UUID) else value
