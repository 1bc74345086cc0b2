"""One route and method as an OpenAPI operation."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema
from werkzeug.routing import IntegerConverter, Rule, UUIDConverter

from bookings import errors
from bookings.errors import DomainError
from bookings.http import Contract, Media
from bookings.platform import responses
from bookings.platform.schema_mapping import Plugin

_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes it safe to send the request again: it is answered as the first time, not done again. "
    "Kept for at least 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
    "example": "5e7a9f0c-move-to-friday",
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "Only if the object still has this version (its ETag); otherwise 412 with the present object.",
    "schema": {"type": "string"},
    "example": '"3"',
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The version one has (its ETag); 304 without a body when it is the present one.",
    "schema": {"type": "string"},
    "example": '"3"',
}


def camel(name: str) -> str:
    """`booking_id` as `bookingId`."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


class Operation:
    """Puts together what a route's rule, guard and contract say."""

    def __init__(self, rule: Rule, method: str, contract: Contract, guarded: bool, plugin: Plugin) -> None:
        self._rule = rule
        self._method = method
        self._contract = contract
        self._guarded = guarded
        self._plugin = plugin
        #: signed-in POSTs take an Idempotency-Key
        self._replayable = guarded and method == "POST" and contract.replayable

    def describe(self, docstring: str) -> dict[str, Any]:
        """The operation; its summary and description come from the view's docstring."""
        blueprint, _, name = self._rule.endpoint.rpartition(".")
        summary, _, rest = docstring.strip().partition("\n")
        described: dict[str, Any] = {
            "operationId": f"{blueprint}_{name.rstrip('_')}",
            "tags": [blueprint],
            "summary": summary.rstrip("."),
            "security": [{"accessToken": []}] if self._guarded else [],
            "responses": responses.describe(
                self._contract.answers,
                self.problems(),
                replayable=self._replayable,
                body=self._contract.body is not None,
                long_address=self._contract.query is not None or bool(self._rule.arguments),
            ),
        }
        text = "\n".join(line.strip() for line in rest.strip().splitlines())
        if text:
            described["description"] = text
        if parameters := self._parameters():
            described["parameters"] = parameters
        if isinstance(self._contract.body, Media):
            media = self._contract.body
            shape = {"type": "string", "description": f"At most {media.longest // 1024} KiB of UTF-8."}
            described["requestBody"] = {"required": True, "content": {media.media_type: {"schema": shape}}}
        elif self._contract.body is not None:
            content = {"application/json": {"schema": self._contract.body}}
            described["requestBody"] = {"required": self._needs_body(self._contract.body), "content": content}
        return described

    def problems(self) -> list[type[DomainError]]:
        """What this operation may answer instead, beyond what is wrong with HTTP itself."""
        contract = self._contract
        takes_text = isinstance(contract.body, Media)
        takes_input = contract.body is not None or contract.query is not None or self._replayable
        found: list[tuple[bool, type[DomainError]]] = [
            (contract.body is not None and not takes_text, errors.BadRequest),
            (takes_text, errors.UnsupportedMediaType),
            (self._guarded, errors.Unauthorized),
            (bool(self._rule.arguments), errors.NotFound),
            (contract.conditional, errors.PreconditionFailed),
            (takes_input, errors.Invalid),
            (self._replayable, errors.IdempotencyKeyReused),
            (self._rule.endpoint.partition(".")[0] != "platform", errors.TooManyRequests),
            (self._uses_database(), errors.DatabaseUnavailable),
        ]
        return list(dict.fromkeys([*(kind for applies, kind in found if applies), *contract.problems]))

    def _uses_database(self) -> bool:
        return self._rule.endpoint.partition(".")[0] not in ("platform", "problems")

    def _needs_body(self, body: type[Schema]) -> bool:
        return any(field.required for field in body().fields.values())

    def _parameters(self) -> list[Any]:
        found: list[Any] = [self._path_parameter(name) for name in sorted(self._rule.arguments)]
        if self._contract.query is not None:
            found += self._plugin.query_parameters(self._contract.query)
        if self._replayable:
            found.append(_KEY)
        if self._contract.conditional:
            found.append(_IF_MATCH)
        if 304 in self._contract.answers:
            found.append(_IF_NONE_MATCH)
        return found

    def _path_parameter(self, name: str) -> dict[str, Any]:
        converter = self._rule._converters[name]
        schema: dict[str, Any] = getattr(converter, "schema", {"type": "string", "minLength": 1})
        if isinstance(converter, UUIDConverter):
            schema = {"type": "string", "format": "uuid"}
        elif isinstance(converter, IntegerConverter):
            schema = {"type": "integer", "minimum": 0}
        return {"name": camel(name), "in": "path", "required": True, "schema": schema}
