"""Series over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, g

from bookings import http
from bookings.answer import Answer
from bookings.booking import series, series_changes
from bookings.booking.errors import (
    BookingClosed,
    MovedTooOften,
    NotBookable,
    NotForYou,
    ResourceChanged,
    SeriesRefused,
    SlotTaken,
    StaffOnly,
    TooEarly,
    TooLate,
    TransitionRefused,
)
from bookings.booking.series_schemas import (
    MadeSeries,
    NewSeries,
    Series,
    SeriesBookings,
    SeriesCancel,
    SeriesChange,
    SeriesPreview,
    SeriesQuery,
    SeriesWish,
)
from bookings.errors import Conflict, Forbidden, NotFound
from bookings.http import caller, database, endpoint

blueprint = Blueprint("series", __name__, url_prefix="/bookings/series")


@blueprint.post("/preview")
@endpoint(body=SeriesWish, answers={200: SeriesPreview}, problems=(NotForYou,), replayable=False)
def preview(body: dict[str, Any]) -> Answer:
    """Which times of a series can be had, and what is free near the others. Books nothing."""
    settings = current_app.extensions["settings"]
    return series.preview(database(), settings=settings, caller=caller(), body=body)


@blueprint.post("")
@endpoint(
    body=NewSeries,
    answers={201: MadeSeries},
    problems=(SeriesRefused, SlotTaken, NotBookable, ResourceChanged, NotForYou),
)
def create(body: dict[str, Any]) -> Answer:
    """Book a series: all of it, or what can be had of it, at once."""
    return http.make(series.create, body)


@blueprint.get("/<uuid:series_id>")
@endpoint(answers={200: Series}, problems=(NotFound,))
def get(series_id: UUID) -> Answer:
    """A series, and where each of its bookings stands."""
    return database().run(lambda tx: series_changes.get(tx, actor=g.actor, series_id=series_id))


@blueprint.get("/<uuid:series_id>/bookings")
@endpoint(query=SeriesQuery, answers={200: SeriesBookings}, problems=(NotFound,))
def bookings(series_id: UUID, query: Mapping[str, Any]) -> Answer:
    """The bookings of a series, in order."""
    return database().run(lambda tx: series_changes.listing(tx, actor=g.actor, series_id=series_id, query=query))


@blueprint.patch("/<uuid:series_id>")
@endpoint(
    body=SeriesChange,
    answers={200: Series},
    problems=(
        NotFound,
        SeriesRefused,
        SlotTaken,
        ResourceChanged,
        BookingClosed,
        TooLate,
        MovedTooOften,
        Forbidden,
        Conflict,
    ),
    conditional=True,
)
def change(series_id: UUID, body: dict[str, Any]) -> Answer:
    """Change or move one booking of a series, it and all that follow, or all that lie ahead: all of them or none.

    A change of all that follow makes them a series of their own, which is the answer.
    """
    settings, versions = current_app.extensions["settings"], http.expected_versions()
    return http.run(
        lambda tx: series_changes.change(
            tx, settings=settings, caller=caller(), series_id=series_id, body=body, versions=versions
        )
    )


@blueprint.post("/<uuid:series_id>/cancel")
@endpoint(
    body=SeriesCancel,
    answers={200: Series},
    problems=(NotFound, StaffOnly, TransitionRefused, TooEarly, TooLate, Forbidden, BookingClosed, Conflict),
    conditional=True,
)
def cancel(series_id: UUID, body: dict[str, Any]) -> Answer:
    """Call off one booking of a series, it and all that follow, or all that lie ahead: all of them or none."""
    settings, versions = current_app.extensions["settings"], http.expected_versions()
    return http.run(
        lambda tx: series_changes.cancel(
            tx, settings=settings, caller=caller(), series_id=series_id, body=body, versions=versions
        )
    )
