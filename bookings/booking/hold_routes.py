"""Holds over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, g

from bookings import http
from bookings.answer import Answer
from bookings.booking import hold_listing, holds
from bookings.booking.errors import (
    HoldAtLimit,
    HoldEnded,
    NotBookable,
    NotForYou,
    ResourceChanged,
    SlotTaken,
    TooManyHolds,
)
from bookings.booking.hold_schemas import Extension, Hold, HoldMade, HoldPage, HoldQuery, NewHold
from bookings.errors import Forbidden, NotFound
from bookings.http import caller, database, endpoint

blueprint = Blueprint("hold", __name__, url_prefix="/holds")


@blueprint.post("")
@endpoint(
    body=NewHold, answers={201: HoldMade}, problems=(SlotTaken, NotBookable, ResourceChanged, NotForYou, TooManyHolds)
)
def create(body: dict[str, Any]) -> Answer:
    """Keep a time for a few minutes, for oneself or as staff for a customer. Book it with `POST /bookings {holdId}`."""
    return http.make(holds.make, body)


@blueprint.get("")
@endpoint(query=HoldQuery, answers={200: HoldPage}, problems=(Forbidden,))
def list_(query: Mapping[str, Any]) -> Answer:
    """List holds, newest first: a customer's own, those that concern a provider, everybody's for an admin."""
    return Answer(hold_listing.listing(database(), actor=g.actor, query=query))


@blueprint.get("/<uuid:hold_id>")
@endpoint(answers={200: Hold}, problems=(NotFound,))
def get(hold_id: UUID) -> Answer:
    """One hold. Its state follows the clock, so it is always told anew."""
    return http.versioned(*holds.get(database(), actor=g.actor, hold_id=hold_id))


@blueprint.post("/<uuid:hold_id>/extend")
@endpoint(
    body=Extension,
    answers={200: Hold},
    problems=(NotFound, HoldEnded, HoldAtLimit),
    conditional=True,
)
def extend(hold_id: UUID, body: dict[str, Any]) -> Answer:
    """Keep it a little longer; all together no longer than HOLD_MAX."""
    settings, versions = current_app.extensions["settings"], http.expected_versions()
    return http.run(
        lambda tx: holds.extend(tx, settings=settings, caller=caller(), hold_id=hold_id, body=body, versions=versions)
    )


@blueprint.delete("/<uuid:hold_id>")
@endpoint(answers={200: Hold}, problems=(NotFound, HoldEnded), conditional=True)
def release(hold_id: UUID) -> Answer:
    """Give the time back. The hold stays readable."""
    versions = http.expected_versions()
    return http.run(lambda tx: holds.release(tx, caller=caller(), hold_id=hold_id, versions=versions))
