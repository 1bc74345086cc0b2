"""The shapes of calendar feeds, in and out."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from bookings.feed.rules import KINDS
from bookings.fields import Input, Instant, Text

_KIND = "`full`: what, with whom and where; `busy`: times alone."


class NewFeed(Input):
    """Which calendar: one's own bookings, or those that claim a resource."""

    kind = fields.String(load_default="full", validate=validate.OneOf(KINDS), metadata={"description": _KIND})
    resourceId = fields.UUID(
        load_default=None, allow_none=True, metadata={"description": "A resource that one owns; admins may name any."}
    )
    name = Text(longest=100, shortest=1, load_default=None, allow_none=True)


class Feed(Schema):
    """A calendar feed. Its address is told once, when it is made."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS), metadata={"description": _KIND})
    name = fields.String(required=True, allow_none=True)
    resourceId = fields.UUID(required=True, allow_none=True, metadata={"description": "null: one's own bookings."})
    createdAt = Instant(required=True)
    lastReadAt = Instant(required=True, allow_none=True, metadata={"description": "Exact to the hour."})


class MadeFeed(Feed):
    """A new feed with its secret address, which is not kept: who loses it makes another."""

    url = fields.String(required=True)


class FeedList(Schema):
    """All feeds of a user."""

    items = fields.List(fields.Nested(Feed), required=True)
