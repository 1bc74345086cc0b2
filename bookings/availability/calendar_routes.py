"""Other calendars over HTTP. For the owner of the resource and admins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, g

from bookings import http
from bookings.answer import Answer
from bookings.availability import calendars
from bookings.availability.calendar_schemas import UPLOAD, Calendar, CalendarList, NewCalendar, UploadQuery
from bookings.availability.errors import CalendarOfAddress, TooManyCalendars
from bookings.errors import Forbidden, Invalid, NotFound
from bookings.http import caller, database, endpoint

blueprint = Blueprint("other-calendar", __name__)


@blueprint.post("/resources/<uuid:resource_id>/calendars")
@endpoint(body=NewCalendar, answers={201: Calendar}, problems=(NotFound, Forbidden, Invalid, TooManyCalendars))
def create(resource_id: UUID, body: dict[str, Any]) -> Answer:
    """Have the busy times of another calendar close this resource; they are read soon, and again and again."""
    settings = current_app.extensions["settings"]
    calendars.check(settings, body)
    return http.run(lambda tx: calendars.create(tx, caller=caller(), resource_id=resource_id, body=body))


@blueprint.put("/resources/<uuid:resource_id>/calendars/<uuid:calendar_id>")
@endpoint(
    body=UPLOAD,
    query=UploadQuery,
    answers={200: Calendar, 201: Calendar},
    problems=(NotFound, Forbidden, Invalid, TooManyCalendars, CalendarOfAddress),
)
def upload(resource_id: UUID, calendar_id: UUID, query: Mapping[str, Any], body: str) -> Answer:
    """Send a calendar as a file, under an id that you choose; again under the same id to put another in its place."""
    calendars.check_text(body, "body")
    return http.run(
        lambda tx: calendars.upload(
            tx, caller=caller(), resource_id=resource_id, calendar_id=calendar_id, name=query.get("name"), text=body
        )
    )


@blueprint.get("/resources/<uuid:resource_id>/calendars")
@endpoint(answers={200: CalendarList}, problems=(NotFound, Forbidden))
def list_(resource_id: UUID) -> Answer:
    """The other calendars of a resource, and how reading them goes."""
    return Answer(calendars.listing(database(), actor=g.actor, resource_id=resource_id))


@blueprint.get("/calendars/<uuid:calendar_id>")
@endpoint(answers={200: Calendar}, problems=(NotFound,))
def get(calendar_id: UUID) -> Answer:
    """One calendar."""
    return Answer(calendars.get(database(), actor=g.actor, calendar_id=calendar_id))


@blueprint.post("/calendars/<uuid:calendar_id>/refresh")
@endpoint(answers={202: Calendar}, problems=(NotFound,))
def refresh(calendar_id: UUID) -> Answer:
    """Have a calendar read now."""
    return http.run(lambda tx: calendars.hurry(tx, caller=caller(), calendar_id=calendar_id))


@blueprint.delete("/calendars/<uuid:calendar_id>")
@endpoint(answers={204: None}, problems=(NotFound,))
def delete(calendar_id: UUID) -> Answer:
    """Read a calendar no more; what it closed is open again."""
    return http.run(lambda tx: calendars.delete(tx, caller=caller(), calendar_id=calendar_id))
