"""Closures over HTTP, and when a resource is free or busy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, g

from bookings import http
from bookings.answer import Answer
from bookings.availability import closures
from bookings.availability import free_busy as times
from bookings.availability.closure_schemas import (
    Closed,
    Closure,
    ClosurePage,
    ClosureQuery,
    FreeBusy,
    FreeBusyQuery,
    NewClosure,
)
from bookings.availability.errors import BookingsInTheWay, ClosureOfCalendar
from bookings.errors import Forbidden, Invalid, NotFound
from bookings.http import caller, database, endpoint

blueprint = Blueprint("closure", __name__)


@blueprint.post("/closures")
@endpoint(body=NewClosure, answers={201: Closed}, problems=(Forbidden, Invalid, BookingsInTheWay))
def create(body: dict[str, Any]) -> Answer:
    """Close resources, or the whole business, for a time. For owners of all of them, and admins."""
    return http.run(lambda tx: closures.create(tx, caller=caller(), body=body))


@blueprint.get("/closures")
@endpoint(query=ClosureQuery, answers={200: ClosurePage}, problems=(Forbidden,))
def list_(query: Mapping[str, Any]) -> Answer:
    """Closures by their beginning: an admin's view of all, an owner's of theirs and of the whole business."""
    return Answer(closures.listing(database(), actor=g.actor, query=query))


@blueprint.get("/closures/<uuid:closure_id>")
@endpoint(answers={200: Closure}, problems=(NotFound, Forbidden))
def get(closure_id: UUID) -> Answer:
    """One closure."""
    return Answer(closures.get(database(), actor=g.actor, closure_id=closure_id))


@blueprint.delete("/closures/<uuid:closure_id>")
@endpoint(answers={204: None}, problems=(NotFound, Forbidden, ClosureOfCalendar))
def delete(closure_id: UUID) -> Answer:
    """Open again what a closure closed."""
    return http.run(lambda tx: closures.delete(tx, caller=caller(), closure_id=closure_id))


@blueprint.get("/resources/<uuid:resource_id>/free-busy")
@endpoint(query=FreeBusyQuery, answers={200: FreeBusy}, problems=(NotFound,))
def free_busy(resource_id: UUID, query: Mapping[str, Any]) -> Answer:
    """When nothing is left of a resource, and when it is not open; nothing about whom it is busy with."""
    return Answer(times.free_busy(database(), resource_id=resource_id, query=query))
