"""Between HTTP and the services: bodies, queries, preconditions, keys."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import fields
from werkzeug.exceptions import RequestEntityTooLarge

from bookings import http
from bookings.answer import Answer
from bookings.errors import BadRequest, Invalid
from bookings.fields import Input
from bookings.idempotency import Key

APP = Flask(__name__)
APP.config["MAX_CONTENT_LENGTH"] = http.BODY_LIMIT


class Inner(Input):
    """Something inside."""

    size = fields.Integer(strict=True, required=True)


class Outer(Input):
    """Something with something inside."""

    name = fields.String(required=True)
    parts = fields.List(fields.Nested(Inner))


def wrong(error: pytest.ExceptionInfo[Invalid]) -> set[str]:
    """The fields an Invalid names."""
    return {one["field"] for one in error.value.extra["errors"]}


def test_every_wrong_field_is_named() -> None:
    """Nested ones by their path, all at once."""
    with pytest.raises(Invalid) as caught:
        http.load(Outer(), {"nam": "x", "parts": [{"size": 1}, {"size": "two"}, 3]})
    assert wrong(caught) == {"name", "nam", "parts.1.size", "parts.2"}


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"x"', b"null", b"\xff", b'{"a": NaN}', b"[" * 10_000])
def test_a_body_that_is_no_object_cannot_be_read(body: bytes) -> None:
    """400: there is nothing to say about its fields."""
    with APP.test_request_context(method="POST", data=body, content_type="application/json"), pytest.raises(BadRequest):
        http.read_json()


def test_a_body_of_another_type_cannot_be_read() -> None:
    """A form that happens to look like JSON is a form: browsers send those across sites without asking."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", None):
        with APP.test_request_context(method="POST", data=b"{}", content_type=kind), pytest.raises(BadRequest):
            http.read_json()


def test_no_body_is_an_empty_one() -> None:
    """So that a confirm needs none."""
    with APP.test_request_context(method="POST"):
        assert http.read_json() == {}


def test_a_body_may_have_64_kib_and_no_more() -> None:
    """Whatever its Content-Length says."""
    fitting = b'{"a":"' + b"x" * (http.BODY_LIMIT - 8) + b'"}'
    with APP.test_request_context(method="POST", data=fitting, content_type="application/json"):
        assert len(http.read_json()["a"]) == http.BODY_LIMIT - 8
    with (
        APP.test_request_context(method="POST", data=fitting + b" ", content_type="application/json"),
        pytest.raises(RequestEntityTooLarge),
    ):
        http.read_json()


@pytest.mark.parametrize(
    "header,versions",
    [
        (None, None),
        ("*", None),
        (' "3" ', (3,)),
        ('"3", "4"', (3, 4)),
        ('W/"3"', (0,)),
        ("3", (0,)),
        ('"x"', (0,)),
        ('"' + "9" * 30 + '"', (0,)),
        ("", (0,)),
        ('"٣"', (0,)),
    ],
)
def test_if_match(header: str | None, versions: tuple[int, ...] | None) -> None:
    """Our tags are versions; any other matches nothing, and a weak one never matches (RFC 9110, section 13.1.1)."""
    with APP.test_request_context(environ_overrides={"HTTP_IF_MATCH": header} if header is not None else {}):
        assert http.expected_versions() == versions


@pytest.mark.parametrize(
    "header,known",
    [(None, False), ('"3"', True), ('W/"3"', True), ('"2", "3"', True), ('"2"', False), ("3", False), ("", False)],
)
def test_if_none_match(header: str | None, known: bool) -> None:
    """Compared weakly (RFC 9110, section 13.1.2)."""
    with APP.test_request_context(environ_overrides={"HTTP_IF_NONE_MATCH": header} if header is not None else {}):
        assert http.not_modified(3) is known


@pytest.fixture
def seen() -> list[dict[str, Any]]:
    """What the view below was given."""
    seen_by_view.clear()
    return seen_by_view


seen_by_view: list[dict[str, Any]] = []


class Query(Input):
    """One number."""

    page = fields.Integer(load_default=1)


@http.endpoint(query=Query, answers={204: None})
def view(query: dict[str, Any]) -> Answer:
    """A view."""
    seen_by_view.append(query)
    return Answer("", 204)


def test_a_query_is_loaded(seen: list[dict[str, Any]]) -> None:
    """By the schema, with its defaults."""
    with APP.test_request_context("/?page=7"):
        assert view().status_code == 204
    with APP.test_request_context("/"):
        view()
    assert seen == [{"page": 7}, {"page": 1}]


@pytest.mark.parametrize("address,field", [("/?page=x", "page"), ("/?pages=2", "pages"), ("/?page=1&page=2", "page")])
def test_a_wrong_query_is_refused(address: str, field: str) -> None:
    """Unreadable, unknown, given twice."""
    with APP.test_request_context(address), pytest.raises(Invalid) as caught:
        view()
    assert wrong(caught) == {field}


ACTOR = uuid4()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")),
    lambda children: st.lists(children) | st.dictionaries(st.text(st.characters(codec="utf-8")), children),
    max_leaves=10,
)


@pytest.mark.slow
@given(st.dictionaries(st.text(st.characters(codec="utf-8")), JSON))
def test_a_key_knows_a_body_by_its_value(body: dict[str, Any]) -> None:
    """Spaces and the order of members are spelling: a client library may change them between two tries."""
    import json

    turned = json.dumps(dict(reversed(body.items())), indent=3).encode()
    first = Key.of(ACTOR, "k", "POST", "/bookings", json.dumps(body).encode())
    assert first.fingerprint == Key.of(ACTOR, "k", "POST", "/bookings", turned).fingerprint


def test_a_key_tells_requests_apart() -> None:
    """Method, path and value count."""
    requests = [
        ("POST", "/a", b'{"x":1}'),
        ("POST", "/a", b'{"x":2}'),
        ("POST", "/b", b'{"x":1}'),
        ("PUT", "/a", b'{"x":1}'),
        ("POST", "/a", b""),
        ("POST", "/a", b"{"),
    ]
    assert len({Key.of(ACTOR, "k", *request).fingerprint for request in requests}) == len(requests)


@pytest.mark.parametrize("text", ["", "x" * 256, "a\nb", "a\x00b"])
def test_what_is_no_key_is_refused(text: str) -> None:
    """1 to 255 printable characters."""
    with pytest.raises(Invalid):
        Key.of(ACTOR, text, "POST", "/", b"")
