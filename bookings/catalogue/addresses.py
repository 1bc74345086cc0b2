"""What stands for a service in an address: its id or its slug, but no word that means something else there."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from werkzeug.routing import BaseConverter

from bookings.catalogue.rules import RESERVED


class Named(BaseConverter):
    """An id or a slug. Without the exception /services/featured would say that it can be changed and deleted."""

    regex = rf"(?!(?:{'|'.join(RESERVED)})$)[^/]+"


def teach(blueprint: Blueprint) -> None:
    """Let the routes of a blueprint say `<named:…>`."""

    def register(state: Any) -> None:
        state.app.url_map.converters["named"] = Named

    blueprint.record(register)
