"""How marshmallow's schemas and our own fields become JSON Schema."""

from __future__ import annotations

import inspect
from typing import Any, cast

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_cls
from marshmallow import Schema, fields

from bookings.fields import Instant, Text, TimeZone, Words
from bookings.paging import CursorQuery

#: printable, and not only space around nothing: what Text accepts
_NO_CONTROL = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_NOT_BLANK = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"

_PAGE = frozenset(CursorQuery().fields)


class Plugin(MarshmallowPlugin):
    """MarshmallowPlugin that knows bookings/fields.py and remembers which class each schema came from."""

    def __init__(self) -> None:
        self.classes: dict[str, type[Schema]] = {}
        super().__init__(schema_name_resolver=self._name)

    def init_spec(self, spec: APISpec) -> None:
        """Teach the converter our fields."""
        super().init_spec(spec)
        assert self.converter is not None
        self.map_to_openapi_type(Instant, "string", "date-time")  # type: ignore[no-untyped-call]
        self.map_to_openapi_type(Words, "array", None)  # type: ignore[no-untyped-call]
        self.converter.add_attribute_function(_own_attributes)  # type: ignore[no-untyped-call]

    def query_parameters(self, schema: type[Schema]) -> list[dict[str, Any]]:
        """The parameters of a query schema. Lists are written `status=pending,confirmed`."""
        assert self.converter is not None
        found: list[dict[str, Any]] = self.converter.schema2parameters(schema(), location="query")
        for parameter in found:
            # What is said about the field belongs to the parameter, where readers look for it.
            for name in ("description", "example"):
                if name in parameter["schema"]:
                    parameter[name] = parameter["schema"].pop(name)
            if parameter["schema"].get("type") == "array":
                parameter |= {"style": "form", "explode": False}
        # A list's own filters first, then which page of it.
        return sorted(found, key=lambda parameter: parameter["name"] in _PAGE)

    def _name(self, schema: Any) -> str:
        cls = cast("type[Schema]", resolve_schema_cls(schema))
        partial = bool(getattr(schema, "partial", False))
        name = cls.__name__ + ("Part" if partial else "")
        if self.classes.setdefault(name, cls) is not cls:
            raise ValueError(f"two schemas are called {name}: {cls.__module__} and {self.classes[name].__module__}")
        return name


def _own_attributes(self: Any, field: fields.Field[Any], ret: dict[str, Any], **_: Any) -> dict[str, Any]:
    if isinstance(field, Words):
        return {"items": {"type": "string", "enum": list(field.known)}, "minItems": 1}
    if isinstance(field, TimeZone):
        return {"format": "iana-time-zone", "example": "Europe/Berlin"}
    if ret.get("format") == "email" and "pattern" in ret:
        ret.pop("format")  # the pattern is the whole rule; what JSON Schema calls an e-mail address is another set
    if isinstance(field, Text):
        return {"pattern": _NOT_BLANK if ret.get("minLength") else _NO_CONTROL}
    return {}


def explain(plugin: Plugin, document: dict[str, Any]) -> None:
    """Describe each schema with its class's docstring."""
    for name, schema in document["components"]["schemas"].items():
        cls = plugin.classes.get(name)
        if cls is not None and cls.__doc__:
            schema["description"] = " ".join(inspect.cleandoc(cls.__doc__).split())
