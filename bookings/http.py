"""Between HTTP and the services: parsing bodies and queries, answering, idempotency, preconditions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, wraps
from types import MappingProxyType
from typing import Any
from uuid import UUID

import orjson
from flask import Response, current_app, g, request
from marshmallow import Schema, ValidationError

from bookings import idempotency
from bookings.answer import Answer
from bookings.auth import Caller
from bookings.db import Database, Tx
from bookings.errors import BadRequest, DomainError, Invalid, UnsupportedMediaType
from bookings.web import JsonResponse

JSON = "application/json"
BODY_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Media:
    """A body that is text of another media type than JSON, at most so many bytes of UTF-8."""

    media_type: str
    longest: int


@dataclass(frozen=True, slots=True)
class Contract:
    """What a route takes and gives; the OpenAPI document is generated from it."""

    body: type[Schema] | Media | None
    query: type[Schema] | None
    answers: dict[int, Any]
    problems: tuple[type[DomainError], ...]
    conditional: bool
    replayable: bool = True


def endpoint(
    *,
    answers: dict[int, Any],
    body: type[Schema] | Media | None = None,
    query: type[Schema] | None = None,
    problems: Iterable[type[DomainError]] = (),
    conditional: bool = False,
    replayable: bool = True,
    quick: Callable[[dict[str, Any]], dict[str, Any] | None] | None = None,
) -> Callable[[Callable[..., Answer]], Callable[..., Response]]:
    """Give a view its contract: `body` and `query` are validated and passed on under these names; a Media as a string.

    `answers` maps each successful status to its schema (None: no content); `problems` names the errors it may raise
    beyond those every route shares; `conditional` says that it honours If-Match; `replayable=False` that a POST
    answers with something that must not be kept, so that an Idempotency-Key means nothing to it; `quick` loads an
    ordinary body without the schema, or returns None. Raises Invalid naming every wrong field.
    """
    text = body if isinstance(body, Media) else None
    load_body = body() if body and not isinstance(body, Media) else None
    load_query = _remembering(query()) if query else None

    def decorate(view: Callable[..., Answer]) -> Callable[..., Response]:
        @wraps(view)
        def call(**kwargs: Any) -> Response:
            if load_query is not None:
                kwargs["query"] = load_query(request.query_string)
            if load_body is not None:
                sent = read_json()
                kwargs["body"] = (quick(sent) if quick else None) or load(load_body, sent)
            if text is not None:
                kwargs["body"] = read_text(text)
            return respond(view(**kwargs))

        call.contract = Contract(body, query, answers, tuple(problems), conditional, replayable)  # type: ignore[attr-defined]
        return call

    return decorate


def _remembering(schema: Schema) -> Callable[[bytes], Mapping[str, Any]]:
    """Load queries, and remember the latest good ones: most lists are asked for with the same few."""

    @lru_cache(maxsize=256)
    def loaded(query_string: bytes) -> Mapping[str, Any]:
        return MappingProxyType(load(schema, _single_values()))

    return loaded


def described(
    answers: dict[int, Any], problems: Iterable[type[DomainError]] = ()
) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Give a contract to a view that makes its own response. `answers` may name media types instead of a schema."""

    def decorate(view: Callable[..., Response]) -> Callable[..., Response]:
        view.contract = Contract(None, None, answers, tuple(problems), False)  # type: ignore[attr-defined]
        return view

    return decorate


def respond(answer: Answer) -> Response:
    """The HTTP response of an answer."""
    response = JsonResponse(answer.body or None, answer.status, content_type=JSON if answer.body else None)
    for name, value in answer.headers.items():
        response.headers.add(name, value)
    return response


def dump(value: Any) -> bytes:
    """Serialise what is not JSON yet."""
    return orjson.dumps(value)


def load(schema: Schema, data: Any) -> dict[str, Any]:
    """Validate input against a schema. Raises Invalid with one entry a wrong field, nested names joined by dots."""
    try:
        loaded: dict[str, Any] = schema.load(data)
        return loaded
    except ValidationError as error:
        raise Invalid(list(flatten(error.messages))) from None


def flatten(messages: Any, path: str = "") -> Iterable[tuple[str, str]]:
    """The (field, message) pairs of marshmallow's nested error messages."""
    if isinstance(messages, dict):
        for name, nested in messages.items():
            own = "" if name == "_schema" else str(name)
            yield from flatten(nested, ".".join(part for part in (path, own) if part))
    else:
        for message in messages if isinstance(messages, list) else [messages]:
            yield path or "body", str(message)


def read_json() -> dict[str, Any]:
    """The body as a JSON object; an absent body is an empty one. Raises BadRequest, or 413 and 415 as HTTP errors."""
    raw = request.get_data(cache=True)
    if not raw:
        return {}
    if not request.is_json:
        raise BadRequest("Send the body as application/json.")
    return parse_object(raw)


def read_text(kind: Media) -> str:
    """The body as text. Raises UnsupportedMediaType, Invalid, or 413 as an HTTP error."""
    if request.mimetype != kind.media_type:
        raise UnsupportedMediaType(f"Send the body as {kind.media_type}.")
    request.max_content_length = kind.longest
    try:
        return request.get_data(cache=False).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid([("body", "Is not UTF-8.")]) from None


def parse_object(raw: bytes | str) -> dict[str, Any]:
    """Parse a JSON object. Raises BadRequest."""
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"This is not JSON: {error}.") from None
    if not isinstance(parsed, dict):
        raise BadRequest("Send a JSON object.")
    return parsed


def _single_values() -> dict[str, str]:
    values = request.args.to_dict(flat=False)
    doubled = [name for name, given in values.items() if len(given) > 1]
    if doubled:
        raise Invalid([(name, "Give it once; separate several values by commas.") for name in doubled])
    return {name: given[0] for name, given in values.items()}


def database() -> Database:
    """The app's database."""
    found: Database = current_app.extensions["database"]
    return found


def caller() -> Caller:
    """Who makes this request, for the commands."""
    return Caller(g.actor, g.request_id)


def idempotency_key() -> idempotency.Key | None:
    """The key of this request with the fingerprint of what it asks. Raises Invalid."""
    text = request.headers.get("Idempotency-Key")
    if text is None or request.method != "POST":
        return None
    return idempotency.Key.of(g.actor.id, text, request.method, request.path, request.get_data(cache=True))


def run(work: Callable[[Tx], Answer]) -> Answer:
    """Run a command in one transaction; under an Idempotency-Key its answer is stored with its effect, or replayed."""
    key = idempotency_key()
    if key is None:
        answer = database().run(work)
    else:
        answer = replayable(key, lambda: database().run(lambda tx: idempotency.store(tx, key, work(tx))))
    nudge()
    return answer


def make(command: Callable[..., Answer], body: Mapping[str, Any]) -> Answer:
    """What is made by a command that opens its own transaction and stores its own answer; once for each
    Idempotency-Key."""
    key, settings = idempotency_key(), current_app.extensions["settings"]
    answer = replayable(key, lambda: command(database(), settings=settings, caller=caller(), body=body, key=key))
    nudge()
    return answer


def nudge() -> None:
    """Tell the relay that there may be news; costs a microsecond, and a lost nudge only a little latency."""
    bell = current_app.extensions.get("nudge")
    if bell is not None:
        bell.ring()


def replayable(key: idempotency.Key | None, command: Callable[[], Answer]) -> Answer:
    """Run a command that stores its own answer; when it is refused because it was done before, answer as then."""
    try:
        return command()
    except DomainError:
        stored = idempotency.find(database(), key) if key else None
        if stored is None:
            raise
        return stored


def expected_versions() -> tuple[int, ...] | None:
    """The versions named in If-Match; None when the caller does not care (no header, or `*`).

    A tag that is not one of ours matches nothing (RFC 9110, section 13.1.1), so it becomes version 0.
    """
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    return tuple(_version(tag.strip()) for tag in header.split(","))


def _version(tag: str) -> int:
    digits = tag[1:-1] if len(tag) > 2 and tag[0] == tag[-1] == '"' else ""
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0


def versioned(body: str | bytes, version: int, status: int = 200, *, location: str | None = None) -> Answer:
    """An answer that carries its version as a strong ETag."""
    headers = {"ETag": f'"{version}"'}
    if location:
        headers["Location"] = location
    return Answer(body, status, headers)


def not_modified(version: int) -> bool:
    """Whether the client already has this version (If-None-Match; RFC 9110, section 13.1.2)."""
    header = request.environ.get("HTTP_IF_NONE_MATCH")
    return header is not None and f'"{version}"' in [tag.strip().removeprefix("W/") for tag in header.split(",")]


def unless_known(body: str | bytes, version: int) -> Answer:
    """An answer that carries its version, or 304 for a client that already has it."""
    return versioned("", version, 304) if not_modified(version) else versioned(body, version)


def uuid_or_none(text: str | None) -> UUID | None:
    """Parse an identifier that came from outside a route; None when it is not one."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
