"""The waitlist over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, g

from bookings import http
from bookings.answer import Answer
from bookings.booking.errors import NotForYou
from bookings.booking.schemas import Booking
from bookings.errors import Forbidden, NotFound
from bookings.http import caller, database, endpoint
from bookings.waitlist import service
from bookings.waitlist.errors import AlreadyWaiting, NothingOffered, NotWaiting, WaitsForTooMuch
from bookings.waitlist.schemas import Accepted, Declined, Entry, EntryPage, EntryQuery, NewEntry

blueprint = Blueprint("waitlist", __name__, url_prefix="/waitlist")


@blueprint.post("")
@endpoint(body=NewEntry, answers={201: Entry}, problems=(NotForYou, AlreadyWaiting, WaitsForTooMuch))
def join(body: dict[str, Any]) -> Answer:
    """Wait for a time of a service. Whoever is first in line is offered what becomes free, for a while exclusively."""
    settings = current_app.extensions["settings"]
    return http.run(lambda tx: service.join(tx, settings=settings, caller=caller(), body=body))


@blueprint.get("")
@endpoint(query=EntryQuery, answers={200: EntryPage}, problems=(Forbidden,))
def list_(query: Mapping[str, Any]) -> Answer:
    """List who waits, in the order of the line: oneself, those who wait for a provider, everybody for an admin."""
    return Answer(service.listing(database(), actor=g.actor, query=query))


@blueprint.get("/<uuid:entry_id>")
@endpoint(answers={200: Entry}, problems=(NotFound,))
def get(entry_id: UUID) -> Answer:
    """One entry, with its position and what is offered. Both follow the clock and others, so they are told anew."""
    return http.versioned(*service.get(database(), actor=g.actor, entry_id=entry_id))


@blueprint.delete("/<uuid:entry_id>")
@endpoint(answers={200: Entry}, problems=(NotFound, Forbidden, NotWaiting), conditional=True)
def leave(entry_id: UUID) -> Answer:
    """Wait no more. The entry stays readable."""
    versions = http.expected_versions()
    return http.run(lambda tx: service.leave(tx, caller=caller(), entry_id=entry_id, versions=versions))


@blueprint.post("/<uuid:entry_id>/accept")
@endpoint(
    body=Accepted, answers={201: Booking}, problems=(NotFound, Forbidden, NotWaiting, NothingOffered), conditional=True
)
def accept(entry_id: UUID, body: dict[str, Any]) -> Answer:
    """Book what is offered."""
    settings, versions = current_app.extensions["settings"], http.expected_versions()
    return http.run(
        lambda tx: service.accept(
            tx, settings=settings, caller=caller(), entry_id=entry_id, body=body, versions=versions
        )
    )


@blueprint.post("/<uuid:entry_id>/decline")
@endpoint(
    body=Declined, answers={200: Entry}, problems=(NotFound, Forbidden, NotWaiting, NothingOffered), conditional=True
)
def decline(entry_id: UUID, body: dict[str, Any]) -> Answer:
    """Say no to what is offered; the next in line is asked. One's own place stays, for other times."""
    versions = http.expected_versions()
    return http.run(lambda tx: service.decline(tx, caller=caller(), entry_id=entry_id, body=body, versions=versions))
