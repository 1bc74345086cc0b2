"""The answers of an operation: what is asked for, and every problem that may come instead."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from marshmallow import Schema

from bookings import errors
from bookings.errors import DomainError
from bookings.problems import MEDIA_TYPE, status_of

_REQUEST_ID = "0190f3b49c7b7d5e8a1b2c3d4e5f6a7b"

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457). `code` never changes its meaning; some codes bring further members.",
    "required": ["type", "title", "status", "detail", "code", "requestId"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Where this kind is explained."},
        "title": {"type": "string", "description": "The kind, in a sentence."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "This case, in a sentence."},
        "code": {"type": "string", "description": "The kind, for programs."},
        "requestId": {"type": ["string", "null"], "description": "Names the request in the operator's log."},
        "errors": {
            "type": "array",
            "description": "With code `invalid`: every wrong field.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}

_TEXT = {"type": "string"}
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {"required": True, "schema": _TEXT, "description": "Yours if you sent one, else a new one."},
    "ETag": {"required": True, "schema": _TEXT, "description": "The object's version, for If-Match.", "example": '"3"'},
    "Location": {
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
        "description": "Of the new object.",
    },
    "Idempotent-Replayed": {
        "schema": {"enum": ["true"]},
        "description": "This was done before; the answer is that of then.",
    },
    "Retry-After": {"required": True, "schema": _TEXT, "description": "Seconds to wait."},
    "WWW-Authenticate": {"required": True, "schema": _TEXT, "description": "What is needed: Bearer."},
    "RateLimit": {"schema": _TEXT, "description": 'What is left, and until when: `"default";r=998;t=1`.'},
    "RateLimit-Policy": {"schema": _TEXT, "description": 'The limit: `"default";q=1000;w=1`.'},
}
_ALWAYS = ("X-Request-Id",)
_LIMITED = ("RateLimit-Policy", "RateLimit")

#: what HTTP itself refuses: a code and a title for each status, as problems.py answers them
_BODY_TOO_LARGE = (413, "body-too-large", "Request Entity Too Large")
#: what gunicorn refuses before it reaches the app, as a small page: an address over 4,094 bytes, a header over 8,190
_REFUSED_BY_SERVER = {414: "The address is too long.", 431: "The headers are too large."}
_INTERNAL = (500, "internal", "The service made a mistake")


def describe(
    answers: dict[int, Any],
    problems: list[type[DomainError]],
    *,
    replayable: bool = False,
    body: bool = False,
    long_address: bool = False,
) -> dict[str, Any]:
    """The `responses` of an operation. `long_address`: it has parameters in its address that may be of any length."""
    limited = errors.TooManyRequests in problems
    found = {str(status): _answer(status, shape, replayable, limited) for status, shape in answers.items()}
    ordered = sorted(problems, key=status_of_kind)
    for status, kinds in groupby(ordered, status_of_kind):
        response = _problem(status, [(kind.code, kind.title()) for kind in kinds], limited)
        found[str(status)] = _both(found[str(status)], response) if str(status) in found else response
    for status, code, title in (_BODY_TOO_LARGE, _INTERNAL):
        if status != 413 or body:
            found[str(status)] = _problem(status, [(code, title)], limited)
    for status, sentence in _REFUSED_BY_SERVER.items():
        if status != 414 or long_address:
            found[str(status)] = {"description": sentence, "content": {"text/html": {"schema": {"type": "string"}}}}
    return dict(sorted(found.items()))


def status_of_kind(kind: type[DomainError]) -> int:
    """The HTTP status of a kind of error."""
    return status_of(kind.__new__(kind))


def _both(answer: dict[str, Any], problem: dict[str, Any]) -> dict[str, Any]:
    """A status that is an answer of the route's own as well as a problem (503 of /ready)."""
    return {**answer, "content": {**answer.get("content", {}), **problem["content"]}}


def _answer(status: int, shape: Any, replayable: bool, limited: bool) -> dict[str, Any]:
    if status == 101:
        return {"description": "The connection is a WebSocket from here on."}
    headers = list(_ALWAYS)
    if status == 304 or _versioned(shape):
        headers.append("ETag")
    if status == 201 and _versioned(shape):
        headers.append("Location")
    if replayable:
        headers.append("Idempotent-Replayed")
    response: dict[str, Any] = {"description": _summary(status, shape), "headers": _pick(headers, limited)}
    if isinstance(shape, str | tuple):
        response["content"] = {
            one: {"schema": {"type": "object"} if one == "application/json" else {"type": "string"}}
            for one in ((shape,) if isinstance(shape, str) else shape)
        }
    elif shape is not None:
        response["content"] = {"application/json": {"schema": shape}}
    return response


def _versioned(shape: Any) -> bool:
    """An object with a version of its own is answered with it as ETag."""
    return isinstance(shape, type) and issubclass(shape, Schema) and "version" in shape().fields


def _summary(status: int, shape: Any) -> str:
    if isinstance(shape, type) and shape.__doc__:
        return shape.__doc__.strip().splitlines()[0].partition(". ")[0].rstrip(".") + "."
    return {204: "Done.", 304: "You have the present version already."}.get(status, "As described.")


def _problem(status: int, kinds: list[tuple[str, str]], limited: bool) -> dict[str, Any]:
    headers = list(_ALWAYS)
    headers += {401: ["WWW-Authenticate"], 412: ["ETag"], 429: ["Retry-After"], 503: ["Retry-After"]}.get(status, [])
    schema = {
        "allOf": [
            {"$ref": "#/components/schemas/Problem"},
            {"properties": {"code": {"enum": [code for code, _ in kinds]}}},
        ]
    }
    return {
        "description": "\n".join(f"- `{code}`: {title}" for code, title in kinds),
        "headers": _pick(headers, limited),
        "content": {MEDIA_TYPE: {"schema": schema, "examples": dict(_example(status, *kind) for kind in kinds)}},
    }


def _example(status: int, code: str, title: str) -> tuple[str, dict[str, Any]]:
    value: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": title,
        "code": code,
        "requestId": _REQUEST_ID,
    }
    if code == errors.Invalid.code:
        value["errors"] = [{"field": "endAt", "message": "Must be after startAt."}]
    return code, {"value": value}


def _pick(names: list[str], limited: bool) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*names, *(_LIMITED if limited else ()))}
