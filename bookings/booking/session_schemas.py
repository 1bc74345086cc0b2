"""The shapes of group sessions and of who comes along, in and out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from bookings.booking.rules import STATUSES
from bookings.booking.schemas import ActionBody
from bookings.fields import Input, Instant, Text
from bookings.paging import CountedPage, size

#: as far as one question may look
LONGEST = timedelta(days=62)
_MOST = 1000


class SessionsQuery(Input):
    """Which sessions: those of a service that start in a time of at most 62 days."""

    serviceId = fields.UUID(required=True)
    from_ = Instant(required=True, data_key="from", metadata={"description": "Starts at or after."})
    to = Instant(required=True, metadata={"description": "Starts before."})
    page = fields.Integer(load_default=1, validate=validate.Range(1, 1000))
    limit = size(20)

    @validates_schema
    def _not_too_long(self, data: dict[str, Any], **_: Any) -> None:
        if "from_" in data and "to" in data and not timedelta() < data["to"] - data["from_"] <= LONGEST:
            raise ValidationError("Must lie after from, at most 62 days.", "to")


class SessionQuery(Input):
    """Which session."""

    serviceId = fields.UUID(required=True)
    startAt = Instant(required=True)
    resourceId = fields.UUID(metadata={"description": "One of what it claims, when several start together."})


class SessionCancel(ActionBody):
    """Which session is called off, and why."""

    serviceId = fields.UUID(required=True)
    startAt = Instant(required=True)
    resourceId = fields.UUID(metadata={"description": "One of what it claims, when several start together."})


class GroupSession(Schema):
    """A session that somebody comes to, without saying who."""

    serviceId = fields.UUID(required=True)
    startAt = Instant(required=True)
    endAt = Instant(required=True)
    resourceIds = fields.List(fields.UUID(), required=True)
    capacity = fields.Integer(required=True, strict=True, metadata={"description": "Its places."})
    taken = fields.Integer(required=True, strict=True)
    remaining = fields.Integer(
        required=True, strict=True, metadata={"description": "Places left, also in what it claims."}
    )
    bookingIds = fields.List(fields.UUID(), required=True, metadata={"description": "The caller's own bookings."})


class GroupSessionPage(CountedPage):
    """One page of sessions, earliest first."""

    items = fields.List(fields.Nested(GroupSession), required=True)


class NamedAttendee(Schema):
    """Somebody who comes along."""

    id = fields.UUID(required=True)
    name = fields.String(required=True, allow_none=True)
    email = fields.String(required=True, allow_none=True)


class Party(Schema):
    """One booking of a session: who booked, how many come, who they are as far as somebody said."""

    bookingId = fields.UUID(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    partySize = fields.Integer(required=True, strict=True)
    userId = fields.UUID(required=True)
    name = fields.String(required=True, allow_none=True)
    email = fields.String(required=True, allow_none=True)
    resourceIds = fields.List(fields.UUID(), required=True)
    attendees = fields.List(fields.Nested(NamedAttendee), required=True)


class Parties(Schema):
    """Everybody who comes to a session."""

    items = fields.List(fields.Nested(Party), required=True)


class CalledOff(Schema):
    """The bookings of a session that were called off."""

    bookingIds = fields.List(fields.UUID(), required=True)


class NewAttendee(Input):
    """Somebody who comes along, as whoever booked says."""

    name = Text(required=True, shortest=1, longest=200)
    email = fields.Email(load_default=None, allow_none=True, validate=validate.Length(max=254))


class Attendee(NamedAttendee):
    """Somebody who comes along."""

    createdAt = Instant(required=True, attribute="created_at")


class Attendees(Schema):
    """Who comes along, as far as somebody said, and how many come."""

    items = fields.List(fields.Nested(Attendee), required=True)
    partySize = fields.Integer(required=True, strict=True)


class DropOut(ActionBody):
    """Who does not come after all: named ones, or so many; one, when nothing is said."""

    attendeeIds = fields.List(fields.UUID(), validate=validate.Length(1, _MOST))
    count = fields.Integer(strict=True, validate=validate.Range(1, 100_000))

    @validates_schema(skip_on_field_errors=False, pass_original=True)
    def _says_who(self, data: dict[str, Any], sent: dict[str, Any], **_: Any) -> None:
        if "attendeeIds" in sent and "count" in sent:
            raise ValidationError("Give attendeeIds or count.", "count")
