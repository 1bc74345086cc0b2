"""The Flask class of this service: Flask, without three costs that a synchronous JSON service need not pay.

Two are paid several times in every request, one at each start; docs/performance.md has the figures.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import date
from typing import Any

from flask import Blueprint, Flask, Response
from werkzeug.datastructures import Headers
from werkzeug.routing import BaseConverter, Rule, ValidationError


class JsonResponse(Response):
    """A response whose headers are right as they are: bytes of known length, a Location that is a plain path."""

    autocorrect_location_header = False

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        """The headers as they were set, with the length of the body (none for 204 and 304: RFC 9110, section 8.6)."""
        if self.status_code not in (204, 304) and "Content-Length" not in self.headers:
            self.headers["Content-Length"] = str(sum(map(len, self.response)))
        return self.headers


class Address(Rule):
    """A pattern of addresses, from which addresses can be built (`url_for`), too. Nobody here asks for that, and making
    ready for it is most of what making the application costs, so it is left until somebody asks."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compiled = functools.cache(super()._compile_builder)

        def build(self: Rule, **values: Any) -> tuple[str, str]:
            return compiled(append_unknown)(self, **values)

        return build


class Service(Flask):
    """The application class."""

    url_rule_class = Address

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Every view and hook here is synchronous, so there is nothing to look for in them."""
        return func


class DateConverter(BaseConverter):
    """A date in an address, such as 2027-12-24. Anything else is no address of ours."""

    regex = r"2[01]\d\d-\d\d-\d\d"
    #: how the OpenAPI document describes it
    schema: dict[str, Any] = {"type": "string", "format": "date"}  # noqa: RUF012 -- never changed

    def to_python(self, value: str) -> date:
        """The date. Raises ValidationError for one that no calendar has."""
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValidationError from None

    def to_url(self, value: Any) -> str:
        """The date as it stands in an address."""
        return str(value)


def with_dates(blueprint: Blueprint) -> None:
    """Let the routes of a blueprint say `<date:…>`."""

    def register(state: Any) -> None:
        state.app.url_map.converters["date"] = DateConverter

    blueprint.record(register)
