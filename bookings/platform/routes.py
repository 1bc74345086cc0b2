"""What is seen from outside, as routes."""

from __future__ import annotations

import re
from typing import Any, cast

from flask import Blueprint, Flask, Response, current_app, request
from flask.blueprints import BlueprintSetupState

from bookings.answer import Answer
from bookings.errors import NotFound
from bookings.http import described, dump, endpoint
from bookings.platform import collectors, health, openapi, pages, schemas

blueprint = Blueprint("platform", __name__)
_PREFIX = re.compile(r"(/[A-Za-z0-9_-]{1,40}){1,4}")


@blueprint.record_once
def _prepare(state: BlueprintSetupState) -> None:
    extensions = state.app.extensions
    probe = health.probe_database(extensions["settings"])
    extensions["health"] = health.Health(probe, extensions["redis"])
    collectors.register(cast(Flask, state.app), probe)


@blueprint.get("/health")
@endpoint(answers={200: schemas.Health})
def alive() -> Answer:
    """Whether this process answers. It looks at nothing else, so that a silent database restarts no process."""
    return Answer(b'{"status":"ok"}')


@blueprint.get("/ready")
@endpoint(answers={200: schemas.Readiness, 503: schemas.Readiness})
def ready() -> Answer:
    """Whether requests should be sent here.

    PostgreSQL must answer, its schema must be at least as new as this code, and the process must not be about to stop.
    Redis is told but not required.
    """
    is_ready, document = current_app.extensions["health"].readiness()
    return Answer(dump(document), 200 if is_ready else 503)


@blueprint.get("/metrics")
@described({200: "text/plain"}, problems=(NotFound,))
def metrics() -> Response:
    """Metrics in the text format of Prometheus, or OpenMetrics if asked for, when ENABLE_METRICS is true."""
    found = current_app.extensions["metrics"]
    if found is None:
        raise NotFound("Metrics are off; the operator turns them on with ENABLE_METRICS=true.")
    current_app.extensions["pool_gauges"].sample()
    text, media_type = found.generate_metrics(request.headers.get("Accept"), request.args.getlist("name[]"))
    return Response(text, content_type=media_type)


@blueprint.get("/openapi.json")
@described({200: "application/json"})
def document() -> Response:
    """This API as OpenAPI 3.1."""
    return pages.fixed(openapi.document(_app(), _prefix()), "application/json")


@blueprint.get("/docs")
@described({200: "text/html"})
def swagger() -> Response:
    """This API in Swagger UI, to try out."""
    return pages.page("swagger.html")


@blueprint.get("/redoc")
@described({200: "text/html"})
def redoc() -> Response:
    """This API in ReDoc, to read."""
    return pages.page("redoc.html")


@blueprint.get("/docs/<name>")
@described({200: "*/*"}, problems=(NotFound,))
def asset(name: str) -> Response:
    """Scripts and styles of the two pages."""
    return pages.asset(name)


def _prefix() -> str:
    """What a trusted proxy says it has in front of our paths; nothing, or something like /api."""
    given = request.headers.get("X-Forwarded-Prefix", "") if current_app.extensions["settings"].trusted_proxies else ""
    return given if _PREFIX.fullmatch(given) else ""


def _app() -> Flask:
    """The app itself, not flask's stand-in for it."""
    proxy: Any = current_app
    app: Flask = proxy._get_current_object()
    return app
