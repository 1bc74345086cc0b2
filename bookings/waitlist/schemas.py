"""The shapes of the waitlist, in and out."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from bookings.booking.schemas import several_errors, several_providers
from bookings.fields import Input, Instant, Text, TimeZone
from bookings.money import Money
from bookings.paging import CursorPage, CursorQuery
from bookings.waitlist.rules import LONGEST, STATES


class _TimeOfDay(fields.String):
    """A wall-clock time such as 09:30."""

    def __init__(self, **kwargs: Any) -> None:
        pattern = validate.Regexp(r"^([01][0-9]|2[0-3]):[0-5][0-9]$", error="Must be a time of day such as 09:30.")
        super().__init__(validate=pattern, **kwargs)


class NewEntry(Input):
    """What somebody waits for: a service whose whole time lies between `from` and `to`."""

    userId = fields.UUID(metadata={"description": "The customer; the caller when left out."})
    serviceId = fields.UUID(required=True)
    resourceId = fields.UUID(
        allow_none=True, load_default=None, metadata={"description": "Who or what it must be; any when left out."}
    )
    providerIds = several_providers()
    from_ = Instant(required=True, data_key="from")
    to = Instant(required=True)
    duration = fields.Integer(
        strict=True, validate=validate.Range(1, 525_600), metadata={"description": "Minutes; the service's first."}
    )
    partySize = fields.Integer(strict=True, validate=validate.Range(1, 100_000))
    weekdays = fields.List(
        fields.Integer(strict=True, validate=validate.Range(1, 7)),
        allow_none=True,
        load_default=None,
        validate=validate.Length(1, 7),
        metadata={"description": "On which it may start; 1 is Monday. Any when left out."},
    )
    dayFrom = _TimeOfDay(allow_none=True, load_default=None, metadata={"description": "Not before this time of day."})
    dayTo = _TimeOfDay(allow_none=True, load_default=None, metadata={"description": "Over by this time of day."})
    timeZone = TimeZone(metadata={"description": "Of weekdays and times of day; BUSINESS_TIME_ZONE when left out."})

    @validates_schema
    def _makes_sense(self, data: dict[str, Any], **_: Any) -> None:
        if wrong := several_errors(data, {}):
            raise ValidationError({name: [message] for name, message in wrong.items()})
        if data["to"] <= data["from_"]:
            raise ValidationError("Must be after from.", "to")
        if data["to"] - data["from_"] > LONGEST:
            raise ValidationError(f"Must be within {LONGEST.days} days of from.", "to")
        if data["dayFrom"] and data["dayTo"] and data["dayTo"] <= data["dayFrom"]:
            raise ValidationError("Must be after dayFrom.", "dayTo")


class _Answered(Input):
    holdId = fields.UUID(
        metadata={
            "description": "The offer that is meant, as in `offer.holdId`; one that was made since is left alone."
        }
    )


class Accepted(_Answered):
    """Which offer, and what the booking is to say."""

    title = Text(longest=200, load_default=None, allow_none=True)
    description = Text(longest=4000, load_default=None, allow_none=True)
    location = Text(longest=500, load_default=None, allow_none=True)
    notes = Text(longest=4000, load_default=None, allow_none=True)


class Declined(_Answered):
    """Which offer."""


class EntryQuery(CursorQuery):
    """Which entries, in the order of the line: a customer's own, a provider's, everybody's for an admin."""

    rows = "entries"

    state = fields.String(
        validate=validate.OneOf(("waiting", "booked", "left", "ended", "any")),
        load_default="waiting",
        metadata={"description": "waiting: those who have an offer, too."},
    )
    userId = fields.UUID(metadata={"description": "For admins."})
    serviceId = fields.UUID()
    resourceId = fields.UUID()
    cursor = fields.Integer(
        validate=validate.Range(0, 2**62), metadata={"description": "nextCursor of the last page; instead of page."}
    )


class Offer(Schema):
    """A time that is kept for whoever waits, until `expiresAt`."""

    holdId = fields.UUID(required=True)
    startAt = Instant(required=True)
    endAt = Instant(required=True)
    resourceIds = fields.List(fields.UUID(), required=True)
    price = fields.Nested(Money, required=True, allow_none=True)
    expiresAt = Instant(required=True)


class Entry(Schema):
    """Somebody's place in line. SQL writes it (sql/queries/waitlist.sql, `document`)."""

    id = fields.UUID(required=True)
    userId = fields.UUID(required=True)
    serviceId = fields.UUID(required=True)
    resourceId = fields.UUID(required=True, allow_none=True)
    providerIds = fields.List(fields.UUID(), required=True)
    from_ = Instant(required=True, data_key="from")
    to = Instant(required=True)
    duration = fields.Integer(required=True, strict=True)
    partySize = fields.Integer(required=True, strict=True)
    weekdays = fields.List(fields.Integer(), required=True, allow_none=True)
    dayFrom = fields.String(required=True, allow_none=True)
    dayTo = fields.String(required=True, allow_none=True)
    timeZone = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    position = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "1 is next, among those who want some of the same; null when it is over."},
    )
    offer = fields.Nested(Offer, required=True, allow_none=True)
    bookingId = fields.UUID(required=True, allow_none=True)
    version = fields.Integer(required=True, strict=True)
    createdBy = fields.UUID(required=True)
    createdAt = Instant(required=True)
    updatedAt = Instant(required=True)


class EntryPage(CursorPage):
    """One page of the line."""

    items = fields.List(fields.Nested(Entry), required=True)
    nextCursor = fields.Integer(required=True, allow_none=True)
