"""The shapes of resources, in and out."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from bookings.fields import Flag, Input, Instant, Text, TimeZone
from bookings.paging import Page, PageQuery
from bookings.resource.rules import KINDS


def _capacity(**kwargs: Any) -> fields.Integer:
    text = "Units that can be claimed at one instant: 1 for a person, 12 for a class."
    return fields.Integer(strict=True, validate=validate.Range(1, 100_000), metadata={"description": text}, **kwargs)


def amenities(**kwargs: Any) -> fields.List[Any]:
    """What there is for those who come, in a few words each."""
    return fields.List(Text(longest=60, shortest=1), validate=validate.Length(max=50), **kwargs)


def photo_url(**kwargs: Any) -> fields.String:
    """Where a picture is; the service never fetches it."""
    address = validate.Regexp(r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[!-~]*)?$", error="Must be an https address.")
    return fields.String(allow_none=True, validate=[validate.Length(max=2000), address], **kwargs)


class NewResource(Input):
    """Something to be booked. A provider is named by `userId` and takes name and time zone from the user."""

    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    userId = fields.UUID(metadata={"description": "Kind provider: the user, whose id becomes the resource's."})
    ownerId = fields.UUID(
        allow_none=True, metadata={"description": "Whose calendar it is; for kind provider the same as userId."}
    )
    name = Text(longest=200, shortest=1, metadata={"description": "Required, except for kind provider."})
    timeZone = TimeZone(metadata={"description": "Required, except for kind provider."})
    capacity = _capacity(load_default=1)
    description = Text(longest=4000, load_default=None, allow_none=True)
    location = Text(longest=500, load_default=None, allow_none=True)
    autoConfirm = Flag(load_default=False, metadata={"description": "Its bookings start confirmed instead of pending."})

    amenities = amenities(load_default=list)
    photoUrl = photo_url(load_default=None)

    @validates_schema(skip_on_field_errors=False)
    def _fits_its_kind(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("kind") == "provider":
            _provider_names_one_user(data)
        elif data.get("kind"):
            _other_kinds_describe_themselves(data)


def _provider_names_one_user(data: dict[str, Any]) -> None:
    named = {data.get("userId"), data.get("ownerId")} - {None}
    if not named:
        raise ValidationError("A provider needs the id of a user.", "userId")
    if len(named) > 1:
        raise ValidationError("Must be the same as userId.", "ownerId")


def _other_kinds_describe_themselves(data: dict[str, Any]) -> None:
    errors = {name: ["Missing data for required field."] for name in ("name", "timeZone") if name not in data}
    if "userId" in data:
        errors["userId"] = ["Only for kind provider; use ownerId."]
    if errors:
        raise ValidationError(dict(errors))


class ResourceChange(Input):
    """What PATCH may change. Owners what describes it and autoConfirm; admins everything."""

    name = Text(longest=200, shortest=1)
    description = Text(longest=4000, allow_none=True)
    location = Text(longest=500, allow_none=True)
    timeZone = TimeZone()
    autoConfirm = Flag()
    capacity = _capacity()
    ownerId = fields.UUID(allow_none=True)
    active = Flag(metadata={"description": "An inactive resource takes no new bookings."})
    amenities = amenities()
    photoUrl = photo_url()


class ListQuery(PageQuery):
    """Which resources, by name."""

    rows = "resources"
    instead = "narrow the list with q"

    kind = fields.String(validate=validate.OneOf(KINDS))
    ownerId = fields.UUID()
    q = Text(longest=200, shortest=1, metadata={"description": "Part of the name, in any case."})
    active = fields.Boolean(load_default=True, truthy={"true"}, falsy={"false"})


class RatingSummary(Schema):
    """What customers thought of it, 1 to 5; null as long as nobody has said."""

    average = fields.Float(required=True, allow_none=True)
    count = fields.Integer(required=True)


class Resource(Schema):
    """A resource. SQL writes it (sql/queries/resource.sql, `document`)."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    name = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    location = fields.String(required=True, allow_none=True)
    timeZone = fields.String(required=True)
    capacity = fields.Integer(required=True, strict=True)
    ownerId = fields.UUID(required=True, allow_none=True)
    autoConfirm = fields.Boolean(required=True)
    active = fields.Boolean(required=True)
    amenities = fields.List(fields.String(), required=True)
    photoUrl = fields.String(required=True, allow_none=True)
    rating = fields.Nested(RatingSummary, required=True)
    version = fields.Integer(required=True, strict=True)
    createdAt = Instant(required=True)
    updatedAt = Instant(required=True)


class ResourcePage(Page):
    """One page of resources."""

    items = fields.List(fields.Nested(Resource), required=True)
