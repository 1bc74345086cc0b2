"""The OpenAPI 3.1 document, generated from what validates: routes, guards, contracts, schemas.

operations.py describes one route, responses.py its answers, schema_mapping.py fields, links.py what leads where,
prose.py what no schema can say.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

import orjson
from apispec import APISpec
from flask import Flask
from werkzeug.routing import Rule

from bookings.auth import public
from bookings.http import Contract
from bookings.platform import examples, links, prose, responses, schema_mapping
from bookings.platform.operations import Operation, camel

VERSION = "0.1.0"
_ORDINARY = {"HEAD", "OPTIONS"}


def document(app: Flask, prefix: str = "") -> bytes:
    """The document of an app, made at the first request for it. `prefix` is what a proxy has in front of our paths."""
    made: dict[str, bytes] = app.extensions.setdefault("openapi", {})
    if prefix not in made:
        made[prefix] = orjson.dumps(build(app, prefix))
    return made[prefix]


def build(app: Flask, prefix: str = "") -> dict[str, Any]:
    """The document as a dictionary. Raises AttributeError for a route without a contract."""
    plugin = schema_mapping.Plugin()
    spec = APISpec(
        title="Bookings",
        version=VERSION,
        openapi_version="3.1.0",
        plugins=[plugin],
        info={"description": prose.ABOUT},
        servers=[{"url": prefix or "/"}],
        tags=_tags(app),
    )
    spec.components.security_scheme(
        "accessToken", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": prose.SECURITY}
    )
    spec.components.schema("Problem", responses.PROBLEM)
    for name, header in responses.HEADERS.items():
        spec.components.header(name, header)
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, sorted(rule.methods or ()))):
        for method in sorted((rule.methods or set()) - _ORDINARY):
            operation = Operation(rule, method, contract_of(app, rule), guarded(app, rule), plugin)
            spec.path(path_of(rule), operations={method.lower(): operation.describe(_view(app, rule).__doc__ or "")})
    made: dict[str, Any] = spec.to_dict()
    links.add(made)
    schema_mapping.explain(plugin, made)
    examples.add(made)
    return made


def path_of(rule: Rule) -> str:
    """A route's path as OpenAPI writes it: `/bookings/{bookingId}`."""
    return re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", lambda match: "{" + camel(match[1]) + "}", rule.rule)


def contract_of(app: Flask, rule: Rule) -> Contract:
    """What a route takes and gives."""
    contract: Contract = _view(app, rule).contract
    return contract


def guarded(app: Flask, rule: Rule) -> bool:
    """Whether the guard of a route's blueprint wants an access token."""
    blueprint = rule.endpoint.rpartition(".")[0]
    return public not in app.before_request_funcs.get(blueprint, ())


def _view(app: Flask, rule: Rule) -> Any:
    return app.view_functions[rule.endpoint]


def _tags(app: Flask) -> list[dict[str, str]]:
    """One a domain, described by the first sentence of its package."""
    return [{"name": name, "description": _about(blueprint.import_name)} for name, blueprint in app.blueprints.items()]


def _about(module: str) -> str:
    package = importlib.import_module(module.removesuffix(".routes"))
    return " ".join((package.__doc__ or "").split("\n\n")[0].split())
