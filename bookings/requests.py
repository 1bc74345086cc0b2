"""What happens around every request: its id, its log line, its headers."""

from __future__ import annotations

import logging
import re
import time

from flask import Flask, Response, g, request

from bookings.ids import new_id

access_log = logging.getLogger("bookings.access")
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def register(app: Flask) -> None:
    """Give each request an id (a caller's X-Request-Id, or a new one), and log it when it is answered."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    given = request.environ.get("HTTP_X_REQUEST_ID", "")
    g.request_id = given if _ACCEPTABLE_ID.fullmatch(given) else new_id().hex
    g.began = time.perf_counter()


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    if access_log.isEnabledFor(logging.INFO):
        actor = g.get("actor")
        access_log.info(
            "request",
            extra={
                "request_id": g.request_id,
                "method": request.method,
                "path": request.path,
                "status": response.status_code,
                "ms": round((time.perf_counter() - g.began) * 1000, 2),
                "user_id": str(actor.id) if actor else None,
            },
        )
    return response
