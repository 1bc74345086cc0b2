"""When something can be booked, and why it can or cannot. For everybody; a token brings in the caller's own caps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, current_app

from bookings import auth, http
from bookings.answer import Answer
from bookings.availability import explaining, searching
from bookings.availability.slot_schemas import ExplainQuery, Explanation, SlotAnswer, SlotQuery
from bookings.errors import Forbidden, Invalid, Unauthorized
from bookings.http import database, endpoint

blueprint = Blueprint("slot", __name__)


@blueprint.get("/slots")
@endpoint(query=SlotQuery, answers={200: SlotAnswer}, problems=(Invalid, Unauthorized, Forbidden))
def find(query: Mapping[str, Any]) -> Answer:
    """When a service can be booked, by local date.

    Each start that is shown can be booked until somebody is quicker, and none is left out.
    """
    settings = current_app.extensions["settings"]
    return Answer(http.dump(searching.find(database(), settings=settings, actor=auth.if_signed_in(), query=query)))


@blueprint.get("/availability/explain")
@endpoint(query=ExplainQuery, answers={200: Explanation}, problems=(Invalid, Unauthorized, Forbidden))
def explain(query: Mapping[str, Any]) -> Answer:
    """Why a service can or cannot be booked at one time: every rule that is asked, in order.

    With a token it also says what the rules demand, and which layer says so.
    """
    settings = current_app.extensions["settings"]
    return Answer(http.dump(explaining.explain(database(), settings=settings, actor=auth.if_signed_in(), query=query)))
