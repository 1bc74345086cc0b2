"""Speaking to the app in this process as somebody: registering, signing in, calling with a token."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bookings import create_app
from bookings.auth import Actor
from bookings.config import Settings
from tests.support.service import CHEAP_PASSWORDS

#: nobody listens there: most of the service needs no Redis
NO_REDIS = "redis://127.0.0.1:1/0"
PASSWORD = "correct horse battery staple"
_numbers = itertools.count(1)


def settings_for(database_url: str, redis_url: str, **changes: Any) -> Settings:
    """Settings for a test, without limits unless asked for."""
    base = Settings(
        app_env="test",
        database_url=database_url,
        redis_url=redis_url,
        jwt_secret="a secret for tests, of no use anywhere",
        sign_in_rate_limit="off",
        rate_limit="off",
        password_memory=CHEAP_PASSWORDS,
    )
    return replace(base, **changes)


def new_email() -> str:
    """An address nobody has yet in this process's databases."""
    return f"person{next(_numbers)}@example.com"


class Client:
    """An HTTP client of the app."""

    def __init__(self, settings: Settings) -> None:
        self.app: Flask = create_app(settings)
        self.http: FlaskClient = self.app.test_client()

    def close(self) -> None:
        """Close the app's connections."""
        self.app.extensions["database"].close()

    def call(self, method: str, path: str, json: Any = None, *, token: str | None = None, **rest: Any) -> TestResponse:
        """Make a request, with an access token if given."""
        headers = dict(rest.pop("headers", {}))
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return self.http.open(path, method=method, json=json, headers=headers, **rest)

    def token(self, actor: Actor) -> str:
        """An access token for somebody made by the factories."""
        issued: str = self.app.extensions["tokens"].issue(actor)
        return issued

    def register(self, **changes: Any) -> dict[str, Any]:
        """Register somebody new: the answered session."""
        body = {"email": new_email(), "password": PASSWORD, "name": "Somebody", **changes}
        answer = self.call("POST", "/auth/register", body)
        assert answer.status_code == 201, answer.text
        session: dict[str, Any] = answer.get_json()
        return session

    def login(self, email: str, password: str = PASSWORD, **rest: Any) -> TestResponse:
        """Try to sign in."""
        return self.call("POST", "/auth/login", {"email": email, "password": password}, **rest)

    def refresh(self, refresh_token: str) -> TestResponse:
        """Exchange a refresh token."""
        return self.call("POST", "/auth/refresh", {"refreshToken": refresh_token})


def wrong_fields(answer: TestResponse) -> set[str]:
    """The fields that a 422 names."""
    assert answer.status_code == 422, answer.text
    return {error["field"] for error in answer.get_json()["errors"]}
