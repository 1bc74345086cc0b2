"""Examples of bodies and answers, put together from their schemas, so that they cannot grow old."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
_BY_FORMAT = {
    "uuid": "0190f3b4-9c7b-7d5e-8a1b-2c3d4e5f6a7b",
    "date-time": "2027-03-01T09:00:00Z",
    "email": "person@example.org",
    "password": "correct horse battery staple",
    "uri-reference": "/bookings/0190f3b4-9c7b-7d5e-8a1b-2c3d4e5f6a7b",
}
_BY_NAME: dict[str, Any] = {
    "endAt": "2027-03-01T10:00:00Z",
    "title": "Check-up",
    "kind": "workspace",
    "name": "Somebody",
    "email": "person@example.org",
    "timeZone": "Europe/Berlin",
    "locale": "en",
    "currency": "EUR",
    "slug": "check-up",
    "rrule": "FREQ=WEEKLY;BYDAY=MO;COUNT=10",
    "phone": "+49 30 123456",
    "page": 1,
    "limit": 10,
    "version": 1,
    "url": "https://calendar.example.org/busy.ics",
}
#: what a brief example says besides what is needed
_TOLD = {"title", "name", "timeZone", "providerId", "resourceIds", "bookingId", "startAt", "endAt", "reason", "url"}


def add(document: Schema) -> None:
    """Give every JSON body and answer of a document an example."""
    schemas = document["components"]["schemas"]
    for path in document["paths"].values():
        for operation in path.values():
            for holder in (operation.get("requestBody", {}), *operation["responses"].values()):
                content = holder.get("content", {}).get("application/json")
                if content and "$ref" in content["schema"]:
                    content["example"] = of(
                        content["schema"],
                        schemas,
                        brief="requestBody" in operation and holder is operation["requestBody"],
                    )


def of(schema: Schema, schemas: dict[str, Schema], name: str = "", *, brief: bool = False) -> Any:
    """An example of a schema. A brief one has only what is needed, and a title where there is one."""
    if "$ref" in schema:
        return of(schemas[schema["$ref"].rpartition("/")[2]], schemas, name, brief=brief)
    for key in ("example", "const"):
        if key in schema:
            return schema[key]
    if "enum" in schema:
        known = _BY_NAME.get(name)
        return known if known in schema["enum"] else schema["enum"][0]
    for key in ("anyOf", "allOf", "oneOf"):
        if key in schema:
            return of(schema[key][0], schemas, name, brief=brief)
    types = schema.get("type", "string")
    if "null" in types and name not in _BY_NAME and not name.endswith("Id"):
        return None
    kind = types if isinstance(types, str) else next(word for word in types if word != "null")
    return _of_type(kind, schema, schemas, name, brief)


def _of_type(kind: str, schema: Schema, schemas: dict[str, Schema], name: str, brief: bool) -> Any:
    if kind == "object":
        return _object(schema, schemas, brief)
    if kind == "array":
        return [of(schema.get("items", {}), schemas, name)]
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name == "to" and schema.get("format") == "date-time":
        return _BY_NAME["endAt"]
    if kind in ("integer", "number"):
        return max(1, schema.get("minimum", 1))
    if kind == "boolean":
        return False
    return _BY_FORMAT.get(schema.get("format", ""), "text")


def _object(schema: Schema, schemas: dict[str, Schema], brief: bool) -> dict[str, Any]:
    properties = schema.get("properties", {})
    if not properties and isinstance(schema.get("additionalProperties"), dict):
        return {"postgres": of(schema["additionalProperties"], schemas)}
    required = set(schema.get("required", ()))
    named = _TOLD if brief else set()
    wanted = [name for name in properties if not brief or name in required | named] or list(properties)[:1]
    return {name: of(properties[name], schemas, name, brief=brief) for name in wanted}
