"""The shapes of other calendars."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from bookings.availability import fetching
from bookings.fields import CONTROL, Input, Instant, Text
from bookings.http import Media

#: what fits into a JSON body
LONGEST_UPLOAD = 60_000
#: a calendar as a body of its own: as much as is read from an address
UPLOAD = Media("text/calendar", fetching.Limits().size)


def _printable(text: str) -> None:
    if CONTROL.search(text):
        raise ValidationError("Must not contain control characters.")


class UploadQuery(Input):
    """What it is called."""

    name = Text(shortest=1, longest=200)


class NewCalendar(Input):
    """A calendar elsewhere: its address, or its text."""

    name = Text(longest=200, load_default=None, allow_none=True)
    url = fields.String(
        validate=validate.Length(1, fetching.LONGEST_URL),
        metadata={"description": "https, on a public address; read again and again. Shown to nobody afterwards."},
    )
    ics = fields.String(
        validate=[validate.Length(1, LONGEST_UPLOAD), _printable],
        metadata={"description": "Instead of url: the calendar itself (RFC 5545)."},
    )

    @validates_schema
    def _one_of_both(self, data: dict[str, Any], **_: Any) -> None:
        if ("url" in data) == ("ics" in data):
            raise ValidationError("Give url or ics, but not both.", "url")


class Calendar(Schema):
    """A calendar elsewhere. SQL writes it (sql/queries/availability.calendars.sql, `calendar_document`)."""

    id = fields.UUID(required=True)
    resourceId = fields.UUID(required=True)
    name = fields.String(required=True, allow_none=True)
    source = fields.String(required=True, validate=validate.OneOf(("url", "upload")))
    server = fields.String(required=True, allow_none=True, metadata={"description": "The server of its address."})
    busyTimes = fields.Integer(required=True, metadata={"description": "Closures that come from it."})
    readUntil = Instant(required=True, allow_none=True, metadata={"description": "How far ahead it was read."})
    lastRefreshedAt = Instant(required=True, allow_none=True)
    lastError = fields.String(required=True, allow_none=True, metadata={"description": "Why reading it failed."})
    failures = fields.Integer(required=True, metadata={"description": "In a row; each makes the next pause longer."})
    nextRefreshAt = Instant(required=True, allow_none=True)
    createdAt = Instant(required=True)


class CalendarList(Schema):
    """All calendars of a resource, the oldest first."""

    items = fields.List(fields.Nested(Calendar), required=True)
