"""The shapes of what clients send over a socket, and of tickets."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from bookings.booking.schemas import ActionBody, BookingChange
from bookings.fields import Input


class Position(fields.Field[int]):
    """The id of an event as text, as events carry it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str) or not (value.isascii() and value.isdigit() and len(value) <= 18):
            raise ValidationError('Must be the id of an event, such as "42".')
        return int(value)


def is_ref(value: Any) -> bool:
    """Whether a value may be a reference: short text or a whole number."""
    return isinstance(value, int) or (isinstance(value, str) and len(value) <= 100)


class Reference(fields.Field[Any]):
    """Comes back with the answer, as it was."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not is_ref(value):
            raise ValidationError("Must be text of up to 100 characters or a whole number.")
        return value


class Frame(Input):
    """One message: what is asked, with what; `ref` comes back with the answer."""

    event = fields.String(required=True, validate=validate.Length(1, 50))
    data = fields.Dict(load_default=dict)
    ref = Reference(load_default=None, allow_none=True)
    idempotencyKey = fields.String(load_default=None)


class Nothing(Input):
    """No data."""


class Subscribe(Input):
    """Which topics; without them, oneself and the resources one owns."""

    topics = fields.List(fields.String(validate=validate.Length(1, 60)), validate=validate.Length(1, 100))
    after = Position()


class Unsubscribe(Input):
    """Which topics; without them, all."""

    topics = fields.List(fields.String(validate=validate.Length(1, 60)), validate=validate.Length(1, 100))


class Room(Input):
    """A user's room is the topic user:<id>."""

    userId = fields.UUID(required=True)


class Authenticate(Input):
    """A newer access token of the same user."""

    token = fields.String(required=True, validate=validate.Length(1, 4096))


class UpdateBooking(BookingChange):
    """The same as PATCH /bookings/{id}; `version` is its If-Match."""

    id = fields.UUID(required=True)
    version = fields.Integer(strict=True)


class DeleteBooking(ActionBody):
    """The same as POST /bookings/{id}/cancel."""

    id = fields.UUID(required=True)
    version = fields.Integer(strict=True)


class Ticket(Schema):
    """Opens one socket: /ws?ticket=…"""

    ticket = fields.String(required=True)
    expiresIn = fields.Integer(required=True, metadata={"description": "Seconds."})
