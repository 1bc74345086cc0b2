"""The shapes of closures, and of when a resource is free or busy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from bookings.availability import rules
from bookings.availability.schedule_schemas import TimeSpan
from bookings.fields import Flag, Input, Instant, Text
from bookings.paging import Page, PageQuery, size

MOST_RESOURCES = 100
_LONGEST = timedelta(days=5 * 366)
KINDS = ("time_off", "blackout", "busy")


def check_years(data: dict[str, Any], *names: str) -> None:
    """Refuse instants that no calendar needs. Raises ValidationError naming them."""
    wrong = {name: data[name] for name in names if data.get(name) and not 2000 <= data[name].year < 2200}
    if wrong:
        raise ValidationError({name.rstrip("_"): ["Must be in the years 2000 to 2199."] for name in wrong})


class NewClosure(Input):
    """A time in which nothing new can be booked, of some resources or of the whole business."""

    resourceIds = fields.List(fields.UUID(), validate=validate.Length(1, MOST_RESOURCES))
    wholeBusiness = Flag(load_default=False, metadata={"description": "Everything; then leave resourceIds out."})
    startAt = Instant(required=True)
    endAt = Instant(required=True)
    kind = fields.String(load_default="time_off", validate=validate.OneOf(("time_off", "blackout")))
    reason = Text(
        longest=500,
        load_default=None,
        allow_none=True,
        metadata={"description": "For the owner and admins; customers never see it."},
    )
    keepBookings = Flag(
        load_default=False,
        metadata={
            "description": "Close although there are bookings; they stay. Otherwise they are a reason to refuse."
        },
    )

    @validates_schema
    def _fits_together(self, data: dict[str, Any], **_: Any) -> None:
        check_years(data, "startAt", "endAt")
        if data["endAt"] <= data["startAt"]:
            raise ValidationError("Must be after startAt.", "endAt")
        if data["endAt"] - data["startAt"] > _LONGEST:
            raise ValidationError("Must not be more than five years after startAt.", "endAt")
        if ("resourceIds" in data) == data["wholeBusiness"]:
            raise ValidationError("Name resources, or say wholeBusiness, but not both.", "resourceIds")


class ClosureQuery(PageQuery):
    """Which closures, by their beginning."""

    rows = "closures"
    instead = "narrow the list with from and to"

    resourceId = fields.UUID(metadata={"description": "Of this resource, with those of the whole business."})
    kind = fields.String(validate=validate.OneOf(KINDS))
    from_ = Instant(data_key="from", metadata={"description": "Those that end after it."})
    to = Instant(metadata={"description": "Those that begin before it."})
    limit = size(20)

    @validates_schema
    def _fits_the_calendar(self, data: dict[str, Any], **_: Any) -> None:
        check_years(data, "from_", "to")
        if "from_" in data and "to" in data and data["to"] <= data["from_"]:
            raise ValidationError("Must be after from.", "to")


class Closure(Schema):
    """A closure. SQL writes it (sql/queries/availability.closures.sql, `closure_document`)."""

    id = fields.UUID(required=True)
    resourceId = fields.UUID(required=True, allow_none=True, metadata={"description": "null: the whole business."})
    startAt = Instant(required=True)
    endAt = Instant(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    reason = fields.String(required=True, allow_none=True)
    calendarId = fields.UUID(required=True, allow_none=True, metadata={"description": "The calendar it was read from."})
    createdAt = Instant(required=True)


class BookingInTheWay(Schema):
    """A booking that a closure meets."""

    id = fields.UUID(required=True)
    resourceId = fields.UUID(required=True)
    startAt = Instant(required=True)
    endAt = Instant(required=True)
    status = fields.String(required=True)


class Closed(Schema):
    """The closures that were made, one for each resource, and the bookings that stay in them."""

    items = fields.List(fields.Nested(Closure), required=True)
    bookings = fields.List(fields.Nested(BookingInTheWay), required=True, metadata={"description": "The first 100."})


class ClosurePage(Page):
    """One page of closures."""

    items = fields.List(fields.Nested(Closure), required=True)


class FreeBusyQuery(Input):
    """Between which instants, at most 62 days apart."""

    from_ = Instant(data_key="from", metadata={"description": "Now, when left out."})
    to = Instant(metadata={"description": "A week after from, when left out."})

    @validates_schema
    def _not_too_long(self, data: dict[str, Any], **_: Any) -> None:
        check_years(data, "from_", "to")
        if "to" not in data:
            return
        if "from_" not in data:
            raise ValidationError("Say from when, too.", "from")
        if data["to"] <= data["from_"]:
            raise ValidationError("Must be after from.", "to")
        if data["to"] - data["from_"] > timedelta(days=rules.LONGEST_RANGE):
            raise ValidationError(f"Ask for at most {rules.LONGEST_RANGE} days at once.", "to")


class FreeBusy(Schema):
    """When a resource has nothing left, without a word about why."""

    resourceId = fields.UUID(required=True)
    timeZone = fields.String(required=True)
    from_ = Instant(data_key="from", required=True)
    to = Instant(required=True)
    busy = fields.List(
        fields.Nested(TimeSpan),
        required=True,
        metadata={"description": "All units are claimed, or it is closed; merged, in order."},
    )
    outsideHours = fields.List(
        fields.Nested(TimeSpan), required=True, metadata={"description": "Not open, whether busy or not."}
    )
