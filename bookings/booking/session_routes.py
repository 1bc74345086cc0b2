"""Group sessions and who comes along over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, g

from bookings import http
from bookings.answer import Answer
from bookings.booking import sessions
from bookings.booking.errors import BookingClosed, PartyComplete, StaffOnly, TooEarly, TooLate, TransitionRefused
from bookings.booking.schemas import Booking
from bookings.booking.session_schemas import (
    Attendee,
    Attendees,
    CalledOff,
    DropOut,
    GroupSessionPage,
    NewAttendee,
    Parties,
    SessionCancel,
    SessionQuery,
    SessionsQuery,
)
from bookings.errors import Conflict, Forbidden, NotFound
from bookings.http import caller, database, endpoint

blueprint = Blueprint("session", __name__, url_prefix="/sessions")
of_bookings = Blueprint("attendee", __name__, url_prefix="/bookings/<uuid:booking_id>/attendees")


@blueprint.get("")
@endpoint(query=SessionsQuery, answers={200: GroupSessionPage})
def list_(query: Mapping[str, Any]) -> Answer:
    """The group sessions of a service that somebody comes to: their places, and how many are left."""
    return database().run(lambda tx: sessions.listing(tx, actor=g.actor, query=query))


@blueprint.get("/attendees")
@endpoint(query=SessionQuery, answers={200: Parties}, problems=(NotFound,))
def attendees(query: Mapping[str, Any]) -> Answer:
    """Everybody who comes to a session; for whoever provides what it claims, and for admins."""
    return database().run(lambda tx: sessions.attendees(tx, actor=g.actor, query=query))


@blueprint.post("/cancel")
@endpoint(
    body=SessionCancel,
    answers={200: CalledOff},
    problems=(NotFound, StaffOnly, TransitionRefused, TooEarly, TooLate, Forbidden, BookingClosed, Conflict),
)
def cancel(body: dict[str, Any]) -> Answer:
    """Call a whole session off: all its bookings or none. Whoever paid gets everything back."""
    settings = current_app.extensions["settings"]
    return http.run(lambda tx: sessions.cancel(tx, settings=settings, caller=caller(), body=body))


@of_bookings.get("")
@endpoint(answers={200: Attendees}, problems=(NotFound,))
def party(booking_id: UUID) -> Answer:
    """Who comes along to a booking, as far as somebody said."""
    return database().run(lambda tx: sessions.party(tx, actor=g.actor, booking_id=booking_id))


@of_bookings.post("")
@endpoint(body=NewAttendee, answers={201: Attendee}, problems=(NotFound, BookingClosed, PartyComplete))
def name(booking_id: UUID, body: dict[str, Any]) -> Answer:
    """Say who one of the party is. Others of the session never learn it."""
    return http.run(lambda tx: sessions.name(tx, caller=caller(), booking_id=booking_id, body=body))


@of_bookings.delete("/<uuid:attendee_id>")
@endpoint(answers={204: None}, problems=(NotFound,))
def unname(booking_id: UUID, attendee_id: UUID) -> Answer:
    """Take a name off. The place stays: to give it up, use …/attendees/cancel."""
    return http.run(lambda tx: sessions.unname(tx, caller=caller(), booking_id=booking_id, attendee_id=attendee_id))


@of_bookings.post("/cancel")
@endpoint(
    body=DropOut,
    answers={200: Booking},
    problems=(NotFound, BookingClosed, TooLate, Forbidden, Conflict),
    conditional=True,
)
def drop_out(booking_id: UUID, body: dict[str, Any]) -> Answer:
    """Some of the party do not come: their places are free at once, the price falls by the booking's own policy."""
    versions = http.expected_versions()
    return http.run(
        lambda tx: sessions.drop_out(tx, caller=caller(), booking_id=booking_id, body=body, versions=versions)
    )
