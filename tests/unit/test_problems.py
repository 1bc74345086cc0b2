"""One shape for every error, whoever raised it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, Response, abort
from flask.testing import FlaskClient

from bookings import errors, problems, requests
from bookings.config import Settings
from bookings.errors import DomainError


class Gone(errors.Conflict):
    """It has left.

    Where to is not known.
    """

    code = "gone-for-test"


RAISED: dict[str, Callable[[], Any]] = {
    "domain": lambda: Gone("It has left for good.", since=1999),
    "invalid": lambda: errors.Invalid([("endAt", "Must be after startAt.")]),
    "precondition": lambda: errors.PreconditionFailed({"id": 1}, 7),
    "limit": lambda: errors.TooManyRequests(12),
    "busy": errors.DatabaseUnavailable,
    "who": errors.Unauthorized,
    "bug": lambda: ZeroDivisionError("password=hunter2"),
}
SHAPE = {"type", "title", "status", "detail", "code", "requestId"}


@pytest.fixture
def client() -> FlaskClient:
    """An app whose routes all fail."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 10
    app.extensions["settings"] = Settings()
    requests.register(app)
    problems.register(app)
    app.register_blueprint(problems.blueprint)

    @app.get("/raise/<name>")
    def raise_(name: str) -> Response:
        raise RAISED[name]()

    @app.get("/abort/<int:status>")
    def abort_(status: int) -> Response:
        abort(status)

    @app.post("/read")
    def read() -> Response:
        from flask import request

        return Response(request.get_data())

    return app.test_client()


@pytest.mark.parametrize(
    "path,status,code",
    [
        ("/raise/domain", 409, "gone-for-test"),
        ("/raise/invalid", 422, "invalid"),
        ("/raise/precondition", 412, "precondition-failed"),
        ("/raise/limit", 429, "too-many-requests"),
        ("/raise/busy", 503, "database-unavailable"),
        ("/raise/who", 401, "unauthorized"),
        ("/raise/bug", 500, "internal"),
        ("/nowhere", 404, "not-found"),
        ("/read", 405, "method-not-allowed"),
        ("/abort/418", 418, "i'm-a-teapot"),
    ],
)
def test_every_error_has_the_same_shape(client: FlaskClient, path: str, status: int, code: str) -> None:
    """RFC 9457, with code and requestId; the status stands in both places."""
    answer = client.get(path, headers={"X-Request-Id": "mine"})
    document = answer.get_json()
    assert answer.mimetype == "application/problem+json"
    assert document.keys() >= SHAPE
    assert (answer.status_code, document["status"], document["code"]) == (status, status, code)
    assert document["type"] == f"/problems/{code}"
    assert document["requestId"] == "mine" == answer.headers["X-Request-Id"]


def test_details_of_a_domain_error(client: FlaskClient) -> None:
    """Title from the docstring, detail and further members from whoever raised it."""
    document = client.get("/raise/domain").get_json()
    assert (document["title"], document["detail"], document["since"]) == ("It has left.", "It has left for good.", 1999)


@pytest.mark.parametrize(
    "path,header,value",
    [
        ("/raise/precondition", "ETag", '"7"'),
        ("/raise/who", "WWW-Authenticate", "Bearer"),
        ("/raise/limit", "Retry-After", "12"),
        ("/raise/busy", "Retry-After", "1"),
        ("/read", "Allow", "POST"),
    ],
)
def test_headers_that_belong_to_an_error(client: FlaskClient, path: str, header: str, value: str) -> None:
    """What HTTP asks for with these statuses."""
    assert value in client.get(path).headers[header]


def test_a_large_body_is_refused(client: FlaskClient) -> None:
    """413, in the same shape."""
    answer = client.post("/read", data=b"x" * 11)
    assert (answer.status_code, answer.get_json()["code"]) == (413, "body-too-large")


def test_a_mistake_of_ours_gives_nothing_away(client: FlaskClient) -> None:
    """The client gets a request id, the details stay in the log."""
    text = client.get("/raise/bug").text
    assert "hunter2" not in text
    assert "ZeroDivisionError" not in text


def test_a_problem_type_explains_itself(client: FlaskClient) -> None:
    """/problems/<code> is the docstring."""
    page = client.get("/problems/gone-for-test")
    assert page.text == "gone-for-test (HTTP 409)\n\nIt has left.\n\nWhere to is not known.\n"
    assert client.get("/problems/unheard-of").status_code == 404


def test_a_kind_gives_its_status_to_those_below_it() -> None:
    """The nearest kind decides."""
    assert problems.status_of(Gone()) == 409
    assert problems.status_of(errors.IdempotencyKeyReused()) == 422
    assert problems.status_of(DomainError("x")) == 422
