"""The shapes of services and categories, in and out."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from bookings import money
from bookings.catalogue import rules
from bookings.fields import Flag, Input, Instant, Text
from bookings.paging import CursorPage, CursorQuery, size
from bookings.resource.schemas import RatingSummary

LONGEST_MINUTES = 90 * 24 * 60
#: who delivers a service, or serves a requirement: their ids fill two thirds of what a body may hold
MOST_RESOURCES = 1000
SORTS = ("relevance", "name", "price", "-price", "rating", "popular")
_CURRENCY_TEXT = "ISO 4217; of all prices of the service."


class Slug(fields.String):
    """The name of something in addresses: lower-case words joined by hyphens."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=[validate.Length(1, 80), _check_slug], **kwargs)


def _check_slug(slug: str) -> None:
    if wrong := rules.slug_error(slug):
        raise ValidationError(wrong)


def _minutes(lowest: int, highest: int = LONGEST_MINUTES, **kwargs: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(lowest, highest), **kwargs)


def _people(**kwargs: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(1, 100_000), **kwargs)


class NewDuration(Input):
    """A length in which the service can be booked, and its price in minor units."""

    minutes = _minutes(1, required=True)
    price = money.amount(required=True)


class NewPriceRule(Input):
    """Changes the price when all its conditions hold. The first rule of the list that matches is the only one."""

    weekdays = fields.List(
        fields.Integer(strict=True, validate=validate.Range(1, 7)),
        validate=validate.Length(max=7),
        metadata={"description": "1 is Monday."},
    )
    from_ = fields.Date(data_key="from", metadata={"description": "First day."})
    to = fields.Date(metadata={"description": "Last day, inclusive."})
    minutes = fields.List(
        _minutes(1), validate=validate.Length(max=60), metadata={"description": "Only these lengths."}
    )
    minPartySize = _people()
    price = money.amount(metadata={"description": "Instead of the sum."})
    percent = fields.Integer(
        strict=True, validate=validate.Range(0, 1000), metadata={"description": "Of the sum: 80 is a fifth less."}
    )
    add = money.amount(lowest=-money.HIGHEST, metadata={"description": "To the sum, which never falls below 0."})

    @validates_schema
    def _does_one_thing(self, data: dict[str, Any], **_: Any) -> None:
        if len({"price", "percent", "add"} & data.keys()) != 1:
            raise ValidationError("Give exactly one of price, percent and add.", "price")
        if "from_" in data and "to" in data and data["from_"] > data["to"]:
            raise ValidationError("Is before from.", "to")

    @post_load
    def _as_json(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        first = {"from": data.pop("from_").isoformat()} if "from_" in data else {}
        last = {"to": data.pop("to").isoformat()} if "to" in data else {}
        return data | first | last


class NewTier(Input):
    """Called off at least so many minutes before the start, so much of the price is given back: a percentage, or all
    but a fee."""

    beforeMinutes = _minutes(0, 10 * LONGEST_MINUTES, required=True)
    refundPercent = fields.Integer(strict=True, validate=validate.Range(0, 100))
    feeAmount = money.amount(metadata={"description": "In minor units of the currency; at most the price."})

    @validates_schema
    def _one_of_both(self, data: dict[str, Any], **_: Any) -> None:
        if ("refundPercent" in data) == ("feeAmount" in data):
            raise ValidationError("Give refundPercent or feeAmount.", "refundPercent")


class NewCancellationPolicy(Input):
    """What a customer who calls off gets back: the first tier that still applies; nothing when none does."""

    tiers = fields.List(fields.Nested(NewTier), required=True, validate=validate.Length(1, 10))


class NewRequirement(Input):
    """What a service needs besides who delivers it."""

    kind = fields.String(required=True, validate=validate.OneOf(rules.REQUIRED_KINDS))
    count = fields.Integer(load_default=1, strict=True, validate=validate.Range(1, 10))
    resourceIds = fields.List(
        fields.UUID(),
        load_default=list,
        validate=validate.Length(max=MOST_RESOURCES),
        metadata={"description": "Of these; of any active one when left out."},
    )


def _durations(**kwargs: Any) -> fields.List[Any]:
    text = "The default first."
    return fields.List(
        fields.Nested(NewDuration), validate=validate.Length(1, 60), metadata={"description": text}, **kwargs
    )


def _price_rules(**kwargs: Any) -> fields.List[Any]:
    return fields.List(fields.Nested(NewPriceRule), validate=validate.Length(max=50), **kwargs)


def _policy(**kwargs: Any) -> fields.Nested:
    text = "null: everything is given back, always."
    return fields.Nested(NewCancellationPolicy, allow_none=True, metadata={"description": text}, **kwargs)


def _leads(**kwargs: Any) -> fields.List[Any]:
    text = "Minutes before the start at which to remind; null: as the service is set up; empty: never."
    return fields.List(
        _minutes(1), allow_none=True, validate=validate.Length(max=10), metadata={"description": text}, **kwargs
    )


def _deliverers(**kwargs: Any) -> fields.List[Any]:
    text = "Who delivers it, in the order of preference: one of them is booked."
    bound = validate.Length(max=MOST_RESOURCES)
    return fields.List(fields.UUID(), validate=bound, metadata={"description": text}, **kwargs)


def _collective(**kwargs: Any) -> Flag:
    text = f"All of resourceIds, at most {rules.MOST_TOGETHER}, deliver it together, claimed together or not."
    return Flag(metadata={"description": text}, **kwargs)


def _requirements(**kwargs: Any) -> fields.List[Any]:
    return fields.List(fields.Nested(NewRequirement), validate=validate.Length(max=10), **kwargs)


def _capacity(**kwargs: Any) -> fields.Integer:
    text = "Places in one session, of which a booking takes one for each person; 1: each booking is a session."
    return _people(metadata={"description": text}, **kwargs)


def _confirmation(**kwargs: Any) -> Flag:
    return Flag(metadata={"description": "Its bookings wait until somebody confirms them."}, **kwargs)


def _payment(**kwargs: Any) -> Flag:
    return Flag(metadata={"description": "Its bookings wait until they are paid."}, **kwargs)


class NewService(Input):
    """Something to sell."""

    name = Text(longest=200, shortest=1, required=True)
    slug = Slug(metadata={"description": "Made from the name when left out."})
    description = Text(longest=4000, load_default=None, allow_none=True)
    categoryId = fields.UUID(load_default=None, allow_none=True)
    durations = _durations(required=True)
    currency = money.Currency(required=True, metadata={"description": _CURRENCY_TEXT})
    perPersonPrice = money.amount(
        load_default=None, allow_none=True, metadata={"description": "Added to the price for each person."}
    )
    priceRules = _price_rules(load_default=list)
    bufferBeforeMinutes = _minutes(0, 1440, load_default=0)
    bufferAfterMinutes = _minutes(0, 1440, load_default=0)
    capacity = _capacity(load_default=1)
    minPartySize = _people(load_default=1)
    maxPartySize = _people(metadata={"description": "As many as there are places when left out."})
    requiresConfirmation = _confirmation(load_default=False)
    requiresPayment = _payment(load_default=False)
    cancellationPolicy = _policy(load_default=None)
    reminderLeadMinutes = _leads(load_default=None)
    featured = Flag(load_default=False)
    resourceIds = _deliverers(load_default=list)
    collective = _collective(load_default=False)
    requirements = _requirements(load_default=list)


class ServiceChange(Input):
    """What PATCH may change: everything. Bookings keep what was agreed when they were made."""

    name = Text(longest=200, shortest=1)
    slug = Slug()
    description = Text(longest=4000, allow_none=True)
    categoryId = fields.UUID(allow_none=True)
    durations = _durations()
    currency = money.Currency(metadata={"description": _CURRENCY_TEXT})
    perPersonPrice = money.amount(allow_none=True)
    priceRules = _price_rules()
    bufferBeforeMinutes = _minutes(0, 1440)
    bufferAfterMinutes = _minutes(0, 1440)
    capacity = _capacity()
    minPartySize = _people()
    maxPartySize = _people()
    requiresConfirmation = _confirmation()
    requiresPayment = _payment()
    cancellationPolicy = _policy()
    reminderLeadMinutes = _leads()
    featured = Flag()
    resourceIds = _deliverers()
    collective = _collective()
    requirements = _requirements()
    archived = Flag(metadata={"description": "Whether it is withdrawn; false offers it again."})


def _price_bound() -> fields.Integer:
    text = "In minor units, compared with priceFrom."
    return fields.Integer(validate=validate.Range(0, money.HIGHEST), metadata={"description": text})


class ServiceListQuery(CursorQuery):
    """Which services. Defaults: all that are offered, by name; with q, the best match first."""

    rows = "services"

    q = Text(
        longest=200,
        shortest=1,
        metadata={
            "description": "Words of the name, the category or the description; typing errors in names are forgiven."
        },
    )
    category = Text(longest=80, shortest=1, metadata={"description": "Slug or id."})
    minPrice = _price_bound()
    maxPrice = _price_bound()
    resourceId = fields.UUID(metadata={"description": "Delivered by this provider or other resource."})
    minRating = fields.Float(validate=validate.Range(0, 5))
    archived = fields.Boolean(load_default=False, truthy={"true"}, falsy={"false"})
    sort = fields.String(validate=validate.OneOf(SORTS))
    cursor = fields.String(
        validate=validate.Length(max=500), metadata={"description": "nextCursor of the last page, with the same sort."}
    )

    @validates_schema
    def _fits(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("sort") == "relevance" and "q" not in data:
            raise ValidationError("Needs q.", "sort")


class FewQuery(Input):
    """How many."""

    limit = size()


class PricingQuery(Input):
    """For which length, day and party. Defaults: the first duration, today, the smallest party."""

    duration = fields.Integer(validate=validate.Range(1, LONGEST_MINUTES), metadata={"description": "Minutes."})
    date = fields.Date(metadata={"description": "In the business's time zone."})
    partySize = fields.Integer(validate=validate.Range(1, 100_000))


class Pricing(Schema):
    """What a booking would cost if it were made now."""

    serviceId = fields.UUID(required=True)
    duration = fields.Integer(required=True, metadata={"description": "Minutes."})
    date = fields.Date(required=True)
    partySize = fields.Integer(required=True)
    price = fields.Nested(money.Money, required=True)
    rule = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Which of priceRules applied, from 0."}
    )


class CategoryName(Schema):
    """The category of a service."""

    id = fields.UUID(required=True)
    slug = fields.String(required=True)
    name = fields.String(required=True)


class Duration(Schema):
    """A length in which the service can be booked, and its price in minor units."""

    minutes = fields.Integer(required=True)
    price = fields.Integer(required=True)


class PriceRule(Schema):
    """Changes the price when all its conditions hold."""

    weekdays = fields.List(fields.Integer())
    from_ = fields.Date(data_key="from")
    to = fields.Date()
    minutes = fields.List(fields.Integer())
    minPartySize = fields.Integer()
    price = fields.Integer()
    percent = fields.Integer()
    add = fields.Integer()


class Requirement(Schema):
    """What a service needs besides who delivers it."""

    kind = fields.String(required=True)
    count = fields.Integer(required=True)
    resourceIds = fields.List(fields.UUID(), required=True)


class Tier(Schema):
    """Called off at least so many minutes before the start, so much of the price is given back, or all but a fee."""

    beforeMinutes = fields.Integer(required=True)
    refundPercent = fields.Integer()
    feeAmount = fields.Integer()


class Policy(Schema):
    """What a customer who calls off gets back: the first tier that still applies; nothing when none does."""

    tiers = fields.List(fields.Nested(Tier), required=True)


class Service(Schema):
    """A service. SQL writes it (sql/queries/catalogue.sql, `document`)."""

    id = fields.UUID(required=True)
    slug = fields.String(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    category = fields.Nested(CategoryName, required=True, allow_none=True)
    durations = fields.List(fields.Nested(Duration), required=True)
    currency = fields.String(required=True)
    perPersonPrice = fields.Integer(required=True, allow_none=True)
    priceRules = fields.List(fields.Nested(PriceRule), required=True)
    priceFrom = fields.Nested(money.Money, required=True)
    bufferBeforeMinutes = fields.Integer(required=True)
    bufferAfterMinutes = fields.Integer(required=True)
    capacity = fields.Integer(required=True)
    minPartySize = fields.Integer(required=True)
    maxPartySize = fields.Integer(required=True)
    collective = fields.Boolean(required=True)
    requiresConfirmation = fields.Boolean(required=True)
    requiresPayment = fields.Boolean(required=True)
    cancellationPolicy = fields.Nested(Policy, required=True, allow_none=True)
    reminderLeadMinutes = fields.List(fields.Integer(), required=True, allow_none=True)
    featured = fields.Boolean(required=True)
    resourceIds = fields.List(fields.UUID(), required=True)
    requirements = fields.List(fields.Nested(Requirement), required=True)
    rating = fields.Nested(RatingSummary, required=True)
    archivedAt = Instant(required=True, allow_none=True)
    version = fields.Integer(required=True, strict=True)
    createdAt = Instant(required=True)
    updatedAt = Instant(required=True)


class ServicePage(CursorPage):
    """One page of services."""

    items = fields.List(fields.Nested(Service), required=True)


class ServiceList(Schema):
    """A few services."""

    items = fields.List(fields.Nested(Service), required=True)
