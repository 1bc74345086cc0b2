"""The API as a signed-in person sees it, in this process: the real app on a real PostgreSQL, without a network."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Flask
from werkzeug.test import TestResponse

from bookings.auth import Actor
from tests.factories import World

#: a Monday far enough ahead that no test comes near it, near enough for MAX_BOOKING_AHEAD
DAY = (datetime.now(UTC) + timedelta(days=60)).replace(hour=0, minute=0, second=0, microsecond=0)

#: cursors with an instant that is none in UTC, because its offset carries it out of the years 1 to 9999
OUT_OF_TIME = tuple(
    base64.urlsafe_b64encode(f"{instant}|{UUID(int=1)}".encode()).decode().rstrip("=")
    for instant in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59")
)


def at(hour: float, day: int = 0) -> str:
    """The instant this many hours into test day number `day`."""
    return (DAY + timedelta(days=day, hours=hour)).isoformat().replace("+00:00", "Z")


class Api:
    """Everybody's way in; `as_` gives one person's."""

    def __init__(self, app: Flask, world: World) -> None:
        self.app, self.world = app, world

    def as_(self, actor: Actor) -> Person:
        """The API with this person's token."""
        return Person(self, actor)


class Person:
    """One person's requests."""

    def __init__(self, api: Api, actor: Actor) -> None:
        self.actor, self.id = actor, actor.id
        self._client = api.app.test_client()
        token = api.app.extensions["tokens"].issue(actor)
        self._authorization = {"Authorization": f"Bearer {token}"}

    def call(
        self, method: str, path: str, body: Any = None, query: dict[str, Any] | None = None, **headers: Any
    ) -> TestResponse:
        """One request; headers as keywords with underscores (If_Match)."""
        named = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        return self._client.open(
            path, method=method, json=body, query_string=query, headers=self._authorization | named
        )

    def book(
        self, start: float = 9, end: float = 10, *, day: int = 0, key: str | None = None, **wish: Any
    ) -> TestResponse:
        """POST /bookings from `start` to `end` o'clock of a test day."""
        body = {"startAt": at(start, day), "endAt": at(end, day)} | {
            name: str(value) if isinstance(value, UUID) else value for name, value in wish.items()
        }
        return self.call("POST", "/bookings", body, Idempotency_Key=key)

    def booked(self, start: float = 9, end: float = 10, **wish: Any) -> dict[str, Any]:
        """The same, for a test that is about what comes after."""
        answer = self.book(start, end, **wish)
        assert answer.status_code == 201, answer.text
        return dict(answer.json or {})

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: Any) -> TestResponse:
        """GET."""
        return self.call("GET", path, None, query, **headers)

    def act(self, booking: dict[str, Any], action: str, **body: Any) -> TestResponse:
        """POST /bookings/{id}/{action}."""
        return self.call("POST", f"/bookings/{booking['id']}/{action}", body)

    def change(self, booking: dict[str, Any], *, if_match: str | None = None, **body: Any) -> TestResponse:
        """PATCH /bookings/{id}."""
        return self.call("PATCH", f"/bookings/{booking['id']}", body, If_Match=if_match)


def problem(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    """The problem document of a refusal, after checking that it is the expected one."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    document: dict[str, Any] = answer.json or {}
    assert document["code"] == code
    assert document["status"] == status
    assert document["type"] == f"/problems/{code}"
    assert document["requestId"] == answer.headers["X-Request-Id"]
    return document


def wrong_fields(answer: TestResponse) -> list[str]:
    """The fields that a 422 names, sorted."""
    return sorted(error["field"] for error in problem(answer, 422, "invalid")["errors"])
