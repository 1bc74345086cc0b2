"""Bookings over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, g

from bookings import http
from bookings.answer import Answer
from bookings.booking import listing, quick, reading, service
from bookings.booking.errors import (
    BookingClosed,
    HoldEnded,
    MovedTooOften,
    NotBookable,
    NotForYou,
    ResourceChanged,
    SlotTaken,
    StaffOnly,
    TooEarly,
    TooLate,
    TooManyNoShows,
    TransitionRefused,
)
from bookings.booking.rules import BY_TARGET
from bookings.booking.schemas import (
    ActionBody,
    Booking,
    BookingChange,
    BookingMade,
    BookingPage,
    History,
    ListQuery,
    NewBooking,
    Reassignment,
    StatusChange,
)
from bookings.errors import Conflict, Forbidden, NotFound
from bookings.http import caller, database, endpoint

blueprint = Blueprint("booking", __name__, url_prefix="/bookings")
_STEP = (NotFound, StaffOnly, TransitionRefused, TooEarly, TooLate, Forbidden, Conflict)


@blueprint.post("")
@endpoint(
    body=NewBooking,
    quick=quick.new_booking,
    answers={201: BookingMade},
    problems=(SlotTaken, NotBookable, ResourceChanged, NotForYou, HoldEnded, TooManyNoShows),
)
def create(body: dict[str, Any]) -> Answer:
    """Book a provider, a workspace or any resource, several together, a service, or what a hold keeps.

    Claims all that is named, or nothing. Starts pending, or confirmed when all resources confirm by themselves.
    """
    return http.make(service.create, body)


@blueprint.get("")
@endpoint(query=ListQuery, answers={200: BookingPage}, problems=(Forbidden,))
def list_(query: Mapping[str, Any]) -> Answer:
    """List bookings: a customer's own, a provider's calendar, everything for an admin."""
    return listing.listing(database(), actor=g.actor, query=query)


@blueprint.get("/<uuid:booking_id>")
@endpoint(answers={200: Booking, 304: None}, problems=(NotFound,))
def get(booking_id: UUID) -> Answer:
    """One booking, with its version as ETag. While its `cancellationFeeNow` may change, it is always sent anew."""
    document, version = service.get(database(), actor=g.actor, booking_id=booking_id)
    if http.not_modified(version) and not reading.ticks(document):
        return http.versioned("", version, 304)
    return http.versioned(document, version)


@blueprint.get("/<uuid:booking_id>/history")
@endpoint(answers={200: History}, problems=(NotFound,))
def history(booking_id: UUID) -> Answer:
    """Everything that was done to a booking, oldest first."""
    entries = service.history(database(), actor=g.actor, booking_id=booking_id)
    return Answer(http.dump(History().dump({"items": entries})))


@blueprint.patch("/<uuid:booking_id>")
@endpoint(
    body=BookingChange,
    answers={200: Booking},
    problems=(
        NotFound,
        SlotTaken,
        NotBookable,
        ResourceChanged,
        BookingClosed,
        TooLate,
        MovedTooOften,
        Forbidden,
        Conflict,
    ),
    conditional=True,
)
def change(booking_id: UUID, body: dict[str, Any]) -> Answer:
    """Change the details, or move it to another time."""
    settings, versions = current_app.extensions["settings"], http.expected_versions()
    return http.run(
        lambda tx: service.change(
            tx, settings=settings, caller=caller(), booking_id=booking_id, body=body, versions=versions
        )
    )


def _act(booking_id: UUID, action: str, body: dict[str, Any]) -> Answer:
    settings, versions = current_app.extensions["settings"], http.expected_versions()
    return http.run(
        lambda tx: service.act(
            tx,
            settings=settings,
            caller=caller(),
            booking_id=booking_id,
            action=action,
            reason=body["reason"],
            override=body["override"],
            versions=versions,
        )
    )


@blueprint.post("/<uuid:booking_id>/confirm")
@endpoint(body=ActionBody, answers={200: Booking}, problems=_STEP, conditional=True)
def confirm(booking_id: UUID, body: dict[str, Any]) -> Answer:
    """Accept a pending booking."""
    return _act(booking_id, "confirm", body)


@blueprint.post("/<uuid:booking_id>/decline")
@endpoint(body=ActionBody, answers={200: Booking}, problems=_STEP, conditional=True)
def decline(booking_id: UUID, body: dict[str, Any]) -> Answer:
    """Refuse a pending booking and free its time."""
    return _act(booking_id, "decline", body)


@blueprint.post("/<uuid:booking_id>/cancel")
@endpoint(body=ActionBody, answers={200: Booking}, problems=_STEP, conditional=True)
def cancel(booking_id: UUID, body: dict[str, Any]) -> Answer:
    """Call a booking off and free its time."""
    return _act(booking_id, "cancel", body)


@blueprint.post("/<uuid:booking_id>/check-in")
@endpoint(body=ActionBody, answers={200: Booking}, problems=_STEP, conditional=True)
def check_in(booking_id: UUID, body: dict[str, Any]) -> Answer:
    """The customer is there; they say so themselves where nobody owns anything of what is booked, until it ends."""
    return _act(booking_id, "check-in", body)


@blueprint.post("/<uuid:booking_id>/complete")
@endpoint(body=ActionBody, answers={200: Booking}, problems=_STEP, conditional=True)
def complete(booking_id: UUID, body: dict[str, Any]) -> Answer:
    """It took place."""
    return _act(booking_id, "complete", body)


@blueprint.post("/<uuid:booking_id>/no-show")
@endpoint(body=ActionBody, answers={200: Booking}, problems=_STEP, conditional=True)
def no_show(booking_id: UUID, body: dict[str, Any]) -> Answer:
    """The customer did not come."""
    return _act(booking_id, "no-show", body)


@blueprint.post("/<uuid:booking_id>/reassign")
@endpoint(
    body=Reassignment,
    answers={200: Booking},
    problems=(
        NotFound,
        StaffOnly,
        NotForYou,
        SlotTaken,
        NotBookable,
        ResourceChanged,
        BookingClosed,
        Forbidden,
        Conflict,
    ),
    conditional=True,
)
def reassign(booking_id: UUID, body: dict[str, Any]) -> Answer:
    """Have another resource do it: of the same kind, delivering the same, free at that time."""
    settings, versions = current_app.extensions["settings"], http.expected_versions()
    return http.run(
        lambda tx: service.reassign(
            tx, settings=settings, caller=caller(), booking_id=booking_id, body=body, versions=versions
        )
    )


@blueprint.patch("/<uuid:booking_id>/status")
@endpoint(body=StatusChange, answers={200: Booking}, problems=_STEP, conditional=True)
def set_status(booking_id: UUID, body: dict[str, Any]) -> Answer:
    """The same as the action that leads to the status."""
    return _act(booking_id, BY_TARGET[body["status"]].name, body)


@blueprint.delete("/<uuid:booking_id>")
@endpoint(answers={200: Booking}, problems=_STEP, conditional=True)
def delete(booking_id: UUID) -> Answer:
    """The same as cancel, without a reason. The booking stays readable."""
    return _act(booking_id, "cancel", {"reason": None, "override": False})
