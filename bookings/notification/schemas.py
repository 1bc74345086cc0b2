"""The shapes of notifications, in and out."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from bookings.fields import Input, Instant, Text
from bookings.notification.rules import CAUSES, CHANNELS, STATUSES
from bookings.paging import DEEPEST, LIMIT, CursorPage, size

_AUDIENCES = ("customer", "provider")


class _Paged(Input):
    """Which page: by number, or behind the nextCursor of the one before."""

    page = fields.Integer(load_default=1, validate=validate.Range(1, DEEPEST // LIMIT))
    limit = size(20)
    cursor = fields.String(validate=validate.Length(1, 200))


class InboxQuery(_Paged):
    """Which notifications, newest first."""

    unread = fields.Boolean(load_default=False, truthy={"true"}, falsy={"false"})


class RowsQuery(_Paged):
    """Which notifications of all, newest first."""

    status = fields.String(
        validate=validate.OneOf(STATUSES),
        metadata={"description": "dead: failed for good. skipped: of no use any more when its turn came."},
    )
    channel = fields.String(validate=validate.OneOf(CHANNELS))
    cause = fields.String(validate=validate.OneOf(tuple(CAUSES)))
    recipientId = fields.UUID()
    bookingId = fields.UUID()


class RetryAll(Input):
    """Which dead letters: all, or those of one cause; the oldest thousand at a time."""

    cause = fields.String(validate=validate.OneOf(tuple(CAUSES)))


class Failure(Input):
    """Why a mail did not arrive."""

    error = Text(longest=500, shortest=1, required=True)


class Labelled(Schema):
    """A fact in the reader's language, such as When: Monday, …"""

    label = fields.String(required=True)
    value = fields.String(required=True)


class Notification(Schema):
    """Something somebody was told in the app, in words of their language and times of their zone."""

    id = fields.UUID(required=True)
    cause = fields.String(required=True, validate=validate.OneOf(tuple(CAUSES)))
    audience = fields.String(required=True, validate=validate.OneOf(_AUDIENCES))
    bookingId = fields.UUID(required=True, allow_none=True)
    title = fields.String(required=True)
    text = fields.String(required=True)
    facts = fields.List(fields.Nested(Labelled), required=True)
    link = fields.String(required=True, metadata={"description": "Where to see more; below PUBLIC_URL."})
    data = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={"description": "The facts for programs: `booking` and more."},
    )
    readAt = Instant(required=True, allow_none=True)
    createdAt = Instant(required=True)


class NotificationPage(CursorPage):
    """One page of somebody's notifications."""

    items = fields.List(fields.Nested(Notification), required=True)


class Unread(Schema):
    """How many have not been read."""

    unread = fields.Integer(required=True, metadata={"description": "Exact up to 1,000."})
    unreadIsExact = fields.Boolean(required=True)


class Read(Schema):
    """How many were marked."""

    read = fields.Integer(required=True)


class Retried(Schema):
    """How many are to be sent again."""

    retried = fields.Integer(required=True)


class NotificationRow(Schema):
    """A notification for admins: to whom, on which channel, and what became of it."""

    id = fields.UUID(required=True)
    recipientId = fields.UUID(required=True)
    audience = fields.String(required=True, validate=validate.OneOf(_AUDIENCES))
    cause = fields.String(required=True, validate=validate.OneOf(tuple(CAUSES)))
    subject = fields.String(required=True, metadata={"description": "What it is of, such as booking:<id>:<version>."})
    channel = fields.String(required=True, validate=validate.OneOf(CHANNELS))
    bookingId = fields.UUID(required=True, allow_none=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    attempts = fields.Integer(required=True)
    lastError = fields.String(required=True, allow_none=True)
    createdAt = Instant(required=True)
    updatedAt = Instant(required=True)
    sentAt = Instant(required=True, allow_none=True)
    deliveredAt = Instant(required=True, allow_none=True)


class NotificationRowPage(CursorPage):
    """One page of all notifications."""

    items = fields.List(fields.Nested(NotificationRow), required=True)
