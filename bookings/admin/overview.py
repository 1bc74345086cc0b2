"""The numbers of a dashboard, and the consumer that keeps what they are counted from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from flask import Blueprint, current_app
from marshmallow import Schema, fields

from bookings import clock, queries
from bookings.answer import Answer
from bookings.availability import opening
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import Forbidden
from bookings.event.consumer import Consumer, Event
from bookings.fields import Instant, instant_text
from bookings.http import database, endpoint
from bookings.money import Money

_sql = queries.load("admin")
#: backlogs are counted up to here
BOUND = 1_000
_BOOKING_EVENTS = (
    "booking.created",
    "booking.confirmed",
    "booking.declined",
    "booking.cancelled",
    "booking.rescheduled",
    "booking.reassigned",
    "booking.attendees-changed",
    "booking.checked-in",
    "booking.completed",
    "booking.no-show",
    "booking.released",
)
_PAYMENT_EVENTS = ("payment.received", "payment.refunded")

blueprint = Blueprint("overview", __name__, url_prefix="/admin")


class Period(Schema):
    """A day or a week of the business."""

    from_ = Instant(data_key="from", required=True)
    to = Instant(required=True)
    byStatus = fields.Dict(
        keys=fields.String(), values=fields.Integer(), required=True, metadata={"description": "Of what starts in it."}
    )
    revenue = fields.List(
        fields.Nested(Money), required=True, metadata={"description": "Received in it, less what was given back in it."}
    )


class Occupancy(Schema):
    """How much of today is claimed: unit-hours of each resource, buffers included, of bookings that start today; and of
    those for how long resources are open."""

    bookedHours = fields.Float(required=True)
    openHours = fields.Float(required=True)
    share = fields.Float(required=True, allow_none=True, metadata={"description": "null: closed, or nothing to book."})


class JobBacklog(Schema):
    """Jobs that are not done."""

    waiting = fields.Integer(required=True)
    failed = fields.Integer(required=True)
    dead = fields.Integer(required=True)


class NotificationBacklog(Schema):
    """Mails that wait, and those that failed; not those that were skipped."""

    queued = fields.Integer(required=True)
    failed = fields.Integer(required=True)
    dead = fields.Integer(required=True)


class Backlog(Schema):
    """What waits; each is counted up to 1,000."""

    outbox = fields.Integer(required=True)
    oldestOutboxSeconds = fields.Integer(required=True, allow_none=True)
    jobs = fields.Nested(JobBacklog, required=True)
    notifications = fields.Nested(NotificationBacklog, required=True)


class Overview(Schema):
    """A dashboard. Days and weeks (from Monday) are those of BUSINESS_TIME_ZONE; counts follow within seconds."""

    at = Instant(required=True)
    timeZone = fields.String(required=True)
    today = fields.Nested(Period, required=True)
    week = fields.Nested(Period, required=True)
    occupancy = fields.Nested(Occupancy, required=True)
    backlog = fields.Nested(Backlog, required=True)
    oldestDueReminderSeconds = fields.Integer(
        required=True, allow_none=True, metadata={"description": "null: none is due."}
    )


@blueprint.get("/overview")
@endpoint(answers={200: Overview}, problems=(Forbidden,))
def overview() -> Answer:
    """The numbers of a dashboard: today, this week, occupancy, revenue, what waits. For admins."""
    return Answer(numbers(database(), current_app.extensions["settings"]))


def numbers(database: Database, settings: Settings) -> bytes:
    """The overview as JSON."""
    now, zone = clock.now(), ZoneInfo(settings.business_time_zone)
    today, tomorrow, monday, next_monday = periods(now, zone)
    row = database.row(
        _sql.overview,
        {"today": today, "tomorrow": tomorrow, "monday": monday, "next_monday": next_monday, "bound": BOUND},
    )
    assert row is not None
    found, booked_minutes, backlog, oldest_reminder = row
    open_hours = database.run(lambda tx: opening.unit_seconds(tx, today, tomorrow)) / 3600
    booked_hours = booked_minutes / 60
    return orjson.dumps(
        {
            "at": instant_text(now),
            "timeZone": settings.business_time_zone,
            **found,
            "occupancy": {
                "bookedHours": round(booked_hours, 2),
                "openHours": round(open_hours, 2),
                "share": round(booked_hours / open_hours, 4) if open_hours else None,
            },
            "backlog": backlog,
            "oldestDueReminderSeconds": oldest_reminder,
        }
    )


def periods(now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime, datetime, datetime]:
    """When today began and ends, and the week, in a zone. Days are 23 or 25 hours long when clocks change."""
    local = now.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    monday = midnight - timedelta(days=midnight.weekday())  # wall-clock arithmetic: the zone is kept
    return midnight, midnight + timedelta(days=1), monday, monday + timedelta(days=7)


def consumer() -> Consumer:
    """Keeps the counts: recounts the quarter of an hour that an event is about."""
    return Consumer("overview", (*_BOOKING_EVENTS, *_PAYMENT_EVENTS), handle_all=_recount)


def _recount(tx: Tx, events: Sequence[Event]) -> None:
    """Bookings made together often start together: each quarter is counted once for all of them."""
    tx.execute(_sql.lock)
    told = [event for event in events if event.type in _BOOKING_EVENTS]
    if told:
        params = {"ids": [event.booking_id for event in told], "versions": [event.data["version"] for event in told]}
        tx.execute(_sql.recount_bookings, params)
    paid = [UUID(event.data["id"]) for event in events if event.type in _PAYMENT_EVENTS]
    if paid:
        tx.execute(_sql.recount_payments, {"ids": paid})
