"""The one place where an error becomes HTTP: problem documents (RFC 9457), the same shape everywhere."""

from __future__ import annotations

import logging
from typing import Any

import orjson
from flask import Blueprint, Flask, Response, g
from werkzeug.exceptions import HTTPException

from bookings import errors
from bookings.errors import DomainError
from bookings.http import described

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"

_STATUS: dict[type[DomainError], int] = {
    errors.BadRequest: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.PreconditionFailed: 412,
    errors.UnsupportedMediaType: 415,
    errors.TooManyRequests: 429,
    errors.Unavailable: 503,
    errors.DomainError: 422,
}
_HTTP_CODES = {400: "bad-request", 404: "not-found", 405: "method-not-allowed", 413: "body-too-large"}
#: problems that no DomainError stands for, because Flask finds them or nobody expected them
_OTHERS = {
    "method-not-allowed": "HTTP 405\n\nThe resource does not take this method; Allow names those it takes.\n",
    "body-too-large": "HTTP 413\n\nThe body is larger than the route takes: 64 KiB unless it says otherwise.\n",
    "internal": "HTTP 500\n\nThe service made a mistake. The operators find it in the log under the requestId.\n",
}

blueprint = Blueprint("problems", __name__, url_prefix="/problems")


def status_of(error: DomainError) -> int:
    """The HTTP status of an error: that of the nearest of its kinds."""
    return next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)


def document(error: DomainError) -> dict[str, Any]:
    """The problem document of an error, without what only HTTP knows."""
    return {
        "type": f"/problems/{error.code}",
        "title": error.title(),
        "status": status_of(error),
        "detail": error.detail,
        "code": error.code,
        **error.extra,
    }


def register(app: Flask) -> None:
    """Answer every error of the app with a problem document."""
    app.register_error_handler(DomainError, _domain_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)


def _answer(body: dict[str, Any]) -> Response:
    body["requestId"] = g.get("request_id")
    return Response(orjson.dumps(body), status=body["status"], mimetype=MEDIA_TYPE)


def _domain_error(error: DomainError) -> Response:
    answer = _answer(document(error))
    if isinstance(error, errors.PreconditionFailed):
        answer.headers["ETag"] = f'"{error.version}"'
    if isinstance(error, errors.Unauthorized):
        answer.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, errors.TooManyRequests | errors.Unavailable):
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    code = _HTTP_CODES.get(status, error.name.lower().replace(" ", "-"))
    answer = _answer(
        {
            "type": f"/problems/{code}",
            "title": error.name,
            "status": status,
            "detail": error.description or error.name,
            "code": code,
        }
    )
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            answer.headers[name] = value
    return answer


def _unexpected(error: Exception) -> Response:
    log.error("unexpected error", exc_info=error)
    return _answer(
        {
            "type": "/problems/internal",
            "title": "The service made a mistake",
            "status": 500,
            "detail": "The operators can find it in the log under this requestId.",
            "code": "internal",
        }
    )


@blueprint.get("/<code>")
@described({200: "text/plain"}, problems=(errors.NotFound,))
def explain(code: str) -> Response:
    """What a problem type means, in plain text."""
    kind = DomainError.by_code.get(code)
    if kind is None:
        if code not in _OTHERS:
            raise errors.NotFound
        return Response(f"{code}, {_OTHERS[code]}", mimetype="text/plain")
    lines = [line.strip() for line in (kind.__doc__ or "").strip().splitlines()]
    return Response(
        "\n".join([f"{code} (HTTP {status_of(kind.__new__(kind))})", "", *lines, ""]), mimetype="text/plain"
    )
