"""The shapes of series, in and out."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from bookings.booking.recurrence import LONGEST, LONGEST_TEXT
from bookings.booking.rules import STATUSES
from bookings.booking.schemas import ActionBody, Booking, BookingChange, NewBooking
from bookings.fields import Input, Instant, Text, TimeZone
from bookings.paging import CountedPage, size

SCOPES = ("all", "following", "this")


class SeriesWish(NewBooking):
    """A booking that recurs. startAt and endAt are the first occurrence's; wall-clock times are kept."""

    class Meta(Input.Meta):
        # A series keeps to the rules; what must break one is booked by itself.
        exclude = ("holdId", "override", "overbook", "reason")

    startAt = Instant(required=True)
    rrule = Text(
        required=True,
        shortest=1,
        longest=LONGEST_TEXT,
        metadata={
            "description": "A recurrence rule (RFC 5545) of whole days with COUNT or UNTIL, such as "
            f"FREQ=WEEKLY;BYDAY=MO;COUNT=10; at most {LONGEST} occurrences."
        },
    )
    timeZone = TimeZone(
        metadata={"description": "Whose wall-clock times are kept; that of the business when left out."}
    )
    exdates = fields.List(
        fields.Date(),
        load_default=list,
        validate=validate.Length(max=LONGEST),
        metadata={"description": "Dates of the rule to leave out."},
    )


class NewSeries(SeriesWish):
    """The same, and what to do when some of it cannot be had."""

    onConflict = fields.String(
        load_default="fail",
        validate=validate.OneOf(("fail", "skip", "nextFree")),
        metadata={
            "description": "fail: book nothing. skip: leave those times out. nextFree: take the next free start of the "
            "same day instead, with whoever delivers most of the series if they have one, and leave out what has none."
        },
    )


class PreviewedOccurrence(Schema):
    """One time of a series, and whether it can be had."""

    occurrence = fields.String(required=True, metadata={"description": "Wall-clock time, as 2027-03-01T09:00:00."})
    startAt = Instant(required=True, allow_none=True, metadata={"description": "null when clocks never show it."})
    endAt = Instant(required=True, allow_none=True)
    status = fields.String(required=True, validate=validate.OneOf(("free", "taken", "refused")))
    rule = fields.String(required=True, allow_none=True, metadata={"description": "What refuses it."})
    message = fields.String(required=True, allow_none=True)
    alternatives = fields.List(Instant(), required=True, metadata={"description": "Starts nearby that can be had."})


class SeriesPreview(Schema):
    """Each time of a series."""

    timeZone = fields.String(required=True)
    occurrences = fields.List(fields.Nested(PreviewedOccurrence), required=True)
    free = fields.Integer(required=True)
    taken = fields.Integer(required=True)
    refused = fields.Integer(required=True)


class SeriesHead(Schema):
    """A series without its bookings."""

    id = fields.UUID(required=True)
    userId = fields.UUID(required=True)
    serviceId = fields.UUID(required=True, allow_none=True)
    rrule = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "null when its bookings were moved so that no rule describes them."},
    )
    timeZone = fields.String(required=True)
    startsAt = fields.String(required=True, metadata={"description": "Wall-clock time of its first occurrence."})
    exdates = fields.List(
        fields.Date(),
        required=True,
        metadata={"description": "Dates of the rule without a booking: left out, taken then, or called off."},
    )
    splitFrom = fields.UUID(
        required=True, allow_none=True, metadata={"description": "The series that these were part of."}
    )
    version = fields.Integer(required=True, strict=True)
    createdBy = fields.UUID(required=True)
    createdAt = Instant(required=True)
    updatedAt = Instant(required=True)


class MadeOccurrence(Schema):
    """What became of one time of a series."""

    occurrence = fields.String(required=True)
    startAt = Instant(required=True, allow_none=True)
    endAt = Instant(required=True, allow_none=True)
    outcome = fields.String(required=True, validate=validate.OneOf(("booked", "moved", "skipped")))
    rule = fields.String(required=True, allow_none=True)
    message = fields.String(required=True, allow_none=True)
    bookingId = fields.UUID(required=True, allow_none=True)
    resourceIds = fields.List(fields.UUID(), required=True)


class MadeSeries(Schema):
    """A new series, and what became of each of its times."""

    series = fields.Nested(SeriesHead, required=True)
    occurrences = fields.List(fields.Nested(MadeOccurrence), required=True)
    booked = fields.Integer(required=True)
    moved = fields.Integer(required=True)
    skipped = fields.Integer(required=True)


class BookedOccurrence(Schema):
    """Where one booking of a series stands."""

    bookingId = fields.UUID(required=True)
    occurrence = fields.String(required=True)
    startAt = Instant(required=True)
    endAt = Instant(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    resourceIds = fields.List(fields.UUID(), required=True)


class Series(SeriesHead):
    """A series and where each of its bookings stands."""

    occurrences = fields.List(fields.Nested(BookedOccurrence), required=True)


class SeriesBookings(CountedPage):
    """One page of the bookings of a series, in order."""

    items = fields.List(fields.Nested(Booking), required=True)


class SeriesQuery(Input):
    """Which page."""

    page = fields.Integer(load_default=1, validate=validate.Range(1, LONGEST))
    limit = size(20)


class _Scoped(Input):
    """Which bookings of a series are meant: one, it and all that follow, or all that lie ahead."""

    scope = fields.String(required=True, validate=validate.OneOf(SCOPES))
    bookingId = fields.UUID(metadata={"description": "Which one; may be left out with scope all."})

    @validates_schema
    def _names_one(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("scope") != "all" and "bookingId" not in data:
            raise ValidationError("Say which booking.", "bookingId")


class SeriesChange(BookingChange, _Scoped):
    """What to change. startAt and endAt are the named booking's; the others move as far on the wall clock."""

    @validates_schema
    def _move_names_one(self, data: dict[str, Any], **_: Any) -> None:
        if "bookingId" not in data and not {"startAt", "endAt"}.isdisjoint(data):
            raise ValidationError("Say which booking starts then.", "bookingId")


class SeriesCancel(ActionBody, _Scoped):
    """Why; and which."""
