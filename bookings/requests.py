"""What happens around every request: its id, its log line, its place in the metrics, its headers.

Each request pays for every microsecond here (docs/performance.md): the context is looked up once and the headers are
set in one go.
"""

from __future__ import annotations

import logging
import re
import time

from flask import Flask, Response, g, request

from bookings import log
from bookings.ids import new_id
from bookings.metrics import UNTIMED, Metrics

access_log = logging.getLogger(log.ACCESS)
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def register(app: Flask) -> None:
    """Give each request an id (a caller's X-Request-Id, or a new one); when it is answered, log and time it."""
    metrics = Metrics() if app.extensions["settings"].enable_metrics else None
    app.extensions["metrics"] = metrics

    def end(response: Response) -> Response:
        context, asked = g._get_current_object(), request._get_current_object()  # type: ignore[attr-defined]
        seconds = time.perf_counter() - context.began
        rule = asked.url_rule.rule if asked.url_rule else None
        if metrics is not None:
            metrics.observe(rule, asked.method, response.status_code, seconds)
        # Probes and scrapes come every few seconds and would bury the rest.
        if access_log.isEnabledFor(logging.DEBUG if rule in UNTIMED else logging.INFO):
            actor = context.get("actor")
            log.access(
                {
                    "request_id": context.request_id,
                    "method": asked.method,
                    "path": log.redacted(asked.path),
                    "status": response.status_code,
                    "ms": round(seconds * 1000, 2),
                    "user_id": actor.id if actor else None,
                }
            )
        _complete(response, context.request_id)
        return response

    app.before_request(_begin)
    app.after_request(end)


def _begin() -> None:
    context = g._get_current_object()
    given = request.environ.get("HTTP_X_REQUEST_ID")
    context.request_id = given if given and _ACCEPTABLE_ID.fullmatch(given) else new_id().hex
    context.began = time.perf_counter()


def _complete(response: Response, request_id: str) -> None:
    """Add the headers that every answer has.

    Answers are somebody's own: a browser may keep one that has a version but must ask whether it still holds (RFC
    9111, section 5.2.2.4), and keeps no other. Views that know better set Cache-Control themselves.
    """
    present = {name for name, _ in response.headers}
    more = [("X-Request-Id", request_id), ("X-Content-Type-Options", "nosniff")]
    if "Cache-Control" not in present:
        more.append(("Cache-Control", "private, no-cache" if "ETag" in present else "no-store"))
    response.headers.extend(more)
