"""The OpenAPI document: true to the app, and true to itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from flask.testing import FlaskClient

from bookings import create_app
from bookings.http import Media
from bookings.platform import openapi
from tests.guards.app import make_app
from tests.support.people import settings_for

Json = dict[str, Any]


@pytest.fixture(scope="module")
def app() -> Flask:
    """The app; nothing here needs what stands behind it."""
    return make_app()


@pytest.fixture(scope="module")
def document(app: Flask) -> Json:
    """Its document."""
    return openapi.build(app)


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    """All operations by name."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


class Validators:
    """Whether values fit schemas of the document. Each is compiled once: that takes all components along."""

    def __init__(self, document: Json) -> None:
        self._components = document["components"]
        self._known: dict[str, Any] = {}

    def valid(self, schema: Json, value: Any) -> bool:
        """Whether a value fits a schema."""
        key = repr(schema)
        if key not in self._known:
            self._known[key] = jsonschema_rs.validator_for({**schema, "components": self._components})
        return bool(self._known[key].is_valid(value))


def test_schemas_are_json_schemas(document: Json) -> None:
    """Each of them, by the rules of JSON Schema 2020-12, which OpenAPI 3.1 takes over."""
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


@pytest.mark.slow
def test_examples_fit_their_schemas(document: Json) -> None:
    """Bodies, answers and problems: what a reader copies is right."""
    seen, validators = 0, Validators(document)
    for name, operation in operations(document):
        for holder in (operation.get("requestBody", {}), *operation["responses"].values()):
            for content in holder.get("content", {}).values():
                examples = [one["value"] for one in content.get("examples", {}).values()]
                for example in [*examples, *([content["example"]] if "example" in content else [])]:
                    assert validators.valid(content["schema"], example), f"{name}: {example}"
                    seen += 1
    assert seen > 200


def test_examples_are_accepted(app: Flask, document: Json) -> None:
    """The example of a body passes the schema that validates requests."""
    for rule in app.url_map.iter_rules():
        contract = openapi.contract_of(app, rule)
        if contract.body is not None and not isinstance(contract.body, Media):
            (method,) = (rule.methods or set()) - {"HEAD", "OPTIONS"}
            body = document["paths"][openapi.path_of(rule)][method.lower()]["requestBody"]
            contract.body().load(body["content"]["application/json"]["example"])


def test_operations_are_complete(document: Json) -> None:
    """A summary that fits on a line, a tag that is described, an id of its own."""
    tags = {tag["name"] for tag in document["tags"] if tag["description"]}
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    for name, operation in operations(document):
        assert 5 < len(operation["summary"]) < 120, name
        assert set(operation["tags"]) <= tags, name


def test_guards_are_told(document: Json) -> None:
    """Whatever needs a token says so, and documents 401."""
    for name, operation in operations(document):
        guarded = operation["security"] == [{"accessToken": []}]
        method, _, path = name.partition(" ")
        assert guarded == (not path.startswith(PUBLIC) and not (method == "GET" and path.startswith(SHOWN))), name
        assert not guarded or "401" in operation["responses"], name


PUBLIC = (
    "/unsubscribe",
    "/calendar/",
    "/webhooks/",
    *("/auth/", "/health", "/ready", "/metrics", "/openapi.json", "/docs", "/redoc", "/problems"),
    *("/reviews/services", "/reviews/providers"),
)
#: everybody may look
SHOWN = ("/services", "/categories", "/workspaces", "/providers", "/slots", "/availability/explain")


def test_headers_are_told(document: Json) -> None:
    """What clients rely on: versions, places, replays, limits."""
    create = document["paths"]["/bookings"]["post"]
    assert create["responses"]["201"]["headers"].keys() >= {"ETag", "Location", "Idempotent-Replayed", "RateLimit"}
    assert [one["name"] for one in create["parameters"]] == ["Idempotency-Key"]
    change = document["paths"]["/bookings/{bookingId}"]["patch"]
    assert "If-Match" in [one["name"] for one in change["parameters"]]
    assert "ETag" in change["responses"]["412"]["headers"]
    ticket = document["paths"]["/ws/tickets"]["post"]
    assert "parameters" not in ticket, "an Idempotency-Key means nothing to it"


def test_codes_are_told(document: Json) -> None:
    """A client knows from the document which codes a status may come with."""
    conflict = document["paths"]["/bookings"]["post"]["responses"]["409"]["content"]["application/problem+json"]
    codes = conflict["schema"]["allOf"][1]["properties"]["code"]["enum"]
    assert "slot-taken" in codes
    assert set(codes) == set(conflict["examples"])


def test_instants_and_lists_are_what_clients_can_generate(document: Json) -> None:
    """date-time, and comma-separated lists."""
    booking = document["components"]["schemas"]["NewBooking"]
    assert booking["properties"]["startAt"]["format"] == "date-time"
    parameters = {one["name"]: one for one in document["paths"]["/bookings"]["get"]["parameters"]}
    assert (parameters["status"]["style"], parameters["status"]["explode"]) == ("form", False)
    assert "confirmed" in parameters["status"]["schema"]["items"]["enum"]
    assert booking["additionalProperties"] is False


def test_a_new_object_leads_to_what_can_be_done_with_it(document: Json) -> None:
    """Links of the 201, to operations that are there."""
    ids = {operation["operationId"] for _, operation in operations(document)}
    links = document["paths"]["/bookings"]["post"]["responses"]["201"]["links"]
    assert links["booking_confirm"]["parameters"] == {"bookingId": "$response.body#/id"}
    assert {link["operationId"] for link in links.values()} <= ids


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """An HTTP client."""
    return app.test_client()


def test_the_document_is_made_once(client: FlaskClient) -> None:
    """And not sent again to who has it."""
    first = client.get("/openapi.json")
    assert first.mimetype == "application/json"
    assert first.get_json()["openapi"] == "3.1.0"
    again = client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.slow
@pytest.mark.parametrize(
    "proxies,given,server",
    [(1, "/api", "/api"), (0, "/api", "/"), (1, "//evil.example", "/"), (1, "/x?y", "/"), (1, "", "/")],
)
def test_a_trusted_proxys_prefix_is_where_the_service_is(proxies: int, given: str, server: str) -> None:
    """So that Swagger UI asks through the proxy; nobody else can move the servers."""
    app = create_app(settings_for("postgresql://x@127.0.0.1:1/x", "redis://127.0.0.1:1/0", trusted_proxies=proxies))
    answer = app.test_client().get("/openapi.json", headers={"X-Forwarded-Prefix": given} if given else {})
    assert answer.get_json()["servers"] == [{"url": server}]


@pytest.mark.parametrize("name", ["swagger-ui.css", "swagger-ui.js", "redoc.js", "start.js", "page.css"])
def test_scripts_and_styles_are_served(client: FlaskClient, name: str) -> None:
    """From installed files, to be kept for an hour."""
    with client.get(f"/docs/{name}") as answer:
        assert answer.status_code == 200
        assert answer.mimetype == ("text/css" if name.endswith("css") else "text/javascript")
        assert answer.headers["Cache-Control"] == "public, max-age=3600"
        assert int(answer.headers["Content-Length"]) == len(answer.data) > 10


@pytest.mark.parametrize("name", ["scalar.js", "__init__.py", "..%2Froutes.py", "..", "swagger.html", "%00"])
def test_nothing_else_is_served(client: FlaskClient, name: str) -> None:
    """No other file of the package, none of ours."""
    assert client.get(f"/docs/{name}").status_code == 404
