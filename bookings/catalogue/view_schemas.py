"""The shapes of workspaces and providers as customers see them."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from bookings.fields import Flag, Input, Text, TimeZone
from bookings.paging import Page, PageQuery
from bookings.resource.schemas import RatingSummary, amenities, photo_url


class ProviderListQuery(PageQuery):
    """Which ones. Defaults: all that can be booked, by name."""

    q = Text(longest=200, shortest=1, metadata={"description": "Part of the name, in any case."})
    location = Text(longest=200, shortest=1, metadata={"description": "Part of the location, in any case."})
    amenities = Text(
        longest=500, shortest=1, metadata={"description": "All of these, separated by commas, in any case."}
    )
    serviceId = fields.UUID(metadata={"description": "Who delivers this service."})
    minRating = fields.Float(validate=validate.Range(0, 5))
    sort = fields.String(load_default="name", validate=validate.OneOf(("name", "rating")))


class WorkspaceListQuery(ProviderListQuery):
    """Which ones. Defaults: all that can be booked, by name."""

    minCapacity = fields.Integer(
        validate=validate.Range(1, 100_000), metadata={"description": "At least so many units."}
    )


class ServiceName(Schema):
    """A service that somebody delivers."""

    id = fields.UUID(required=True)
    slug = fields.String(required=True)
    name = fields.String(required=True)


class View(Schema):
    """A workspace or provider as everybody may see it. SQL writes it (sql/queries/catalogue.sql, `view`)."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    location = fields.String(required=True, allow_none=True)
    timeZone = fields.String(required=True)
    capacity = fields.Integer(required=True)
    amenities = fields.List(fields.String(), required=True)
    photoUrl = fields.String(required=True, allow_none=True)
    rating = fields.Nested(RatingSummary, required=True)
    services = fields.List(fields.Nested(ServiceName), required=True)
    active = fields.Boolean(required=True)
    version = fields.Integer(required=True, strict=True)


class ViewPage(Page):
    """One page of workspaces or providers."""

    items = fields.List(fields.Nested(View), required=True)


def _capacity(**kwargs: Any) -> fields.Integer:
    text = "Units that can be claimed at one instant."
    return fields.Integer(strict=True, validate=validate.Range(1, 100_000), metadata={"description": text}, **kwargs)


class NewWorkspace(Input):
    """A room, a table, a hall."""

    name = Text(longest=200, shortest=1, required=True)
    timeZone = TimeZone(required=True)
    capacity = _capacity(load_default=1)
    description = Text(longest=4000, load_default=None, allow_none=True)
    location = Text(longest=500, load_default=None, allow_none=True)
    amenities = amenities(load_default=list)
    photoUrl = photo_url(load_default=None)
    ownerId = fields.UUID(load_default=None, allow_none=True)
    autoConfirm = Flag(load_default=False)


class ProviderChange(Input):
    """What providers may change about themselves, and admins about them."""

    name = Text(longest=200, shortest=1)
    timeZone = TimeZone()
    description = Text(longest=4000, allow_none=True)
    location = Text(longest=500, allow_none=True)
    amenities = amenities()
    photoUrl = photo_url()
    autoConfirm = Flag(metadata={"description": "Bookings without a service start confirmed instead of pending."})


class WorkspaceChange(ProviderChange):
    """What may be changed of a workspace. Whoever owns it may describe it; the rest is for admins."""

    capacity = _capacity()
    ownerId = fields.UUID(allow_none=True)
    active = Flag(metadata={"description": "Whether it takes bookings and is shown."})
