"""The shapes of categories, in and out."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from bookings.catalogue.schemas import Slug
from bookings.fields import Input, Instant, Text


class NewCategory(Input):
    """A heading for services."""

    name = Text(longest=200, shortest=1, required=True)
    slug = Slug(metadata={"description": "Made from the name when left out."})
    description = Text(longest=4000, load_default=None, allow_none=True)
    position = fields.Integer(
        load_default=0,
        strict=True,
        validate=validate.Range(0, 10_000),
        metadata={"description": "Lower ones come first."},
    )


class CategoryChange(Input):
    """What PATCH may change."""

    name = Text(longest=200, shortest=1)
    slug = Slug()
    description = Text(longest=4000, allow_none=True)
    position = fields.Integer(strict=True, validate=validate.Range(0, 10_000))


class Category(Schema):
    """A heading for services, with the number of those that are offered."""

    id = fields.UUID(required=True)
    slug = fields.String(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    position = fields.Integer(required=True)
    serviceCount = fields.Integer(required=True)
    version = fields.Integer(required=True)
    createdAt = Instant(required=True)
    updatedAt = Instant(required=True)


class CategoryList(Schema):
    """All categories."""

    items = fields.List(fields.Nested(Category), required=True)
