"""The shapes of slots and of what explains them, in and out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, validate

from bookings.availability.schedule_schemas import sane
from bookings.availability.schemas import AssignmentTold
from bookings.availability.slots import NAMED
from bookings.fields import Ids, Input, Instant, TimeZone

#: a search covers so many days at most
MOST_DAYS = 62
#: on so many starts of the grid at most: 62 days at nine minutes, not quite seven at one
MOST_STARTS = 10_000
ANY = "any"


class Bound(fields.Field[date | datetime]):
    """A date in the query's time zone, or an instant."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> date | datetime:
        try:
            day = date.fromisoformat(value) if len(value) == len("2027-03-01") else None
        except ValueError:
            raise ValidationError("Must be a date such as 2027-03-01, or an instant (RFC 3339).") from None
        bound = day or Instant().deserialize(value)
        sane(bound.date() if isinstance(bound, datetime) else bound)
        return bound


class Wanted(fields.Field[UUID | None]):
    """The id of a resource, or `any`."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> UUID | None:
        return None if value == ANY else fields.UUID().deserialize(value)


class _Wish(Input):
    """What somebody would book."""

    serviceId = fields.UUID(required=True)
    duration = fields.Integer(
        validate=validate.Range(1, 525_600),
        metadata={"description": "Minutes; one of the service's durations. The first when left out."},
    )
    resourceId = Wanted(
        metadata={"description": "Who or what must be booked; `any`, as when left out: whoever is free."}
    )
    providerIds = Ids(
        most=10, metadata={"description": "Who must deliver it together; of a collective service everybody, anyway."}
    )
    partySize = fields.Integer(
        validate=validate.Range(1, 100_000),
        metadata={"description": "How many come; the service's smallest party when left out."},
    )
    userId = fields.UUID(
        metadata={
            "description": "For whom, so that their caps count; the caller when left out. Providers and admins may "
            "name others: then only what they may book for them is shown."
        }
    )
    rescheduleBookingId = fields.UUID(
        metadata={
            "description": "A booking that the caller may see: where it could move. Its own claims do not count, it "
            "keeps its resources, length and party."
        }
    )


class SlotQuery(_Wish):
    """Which starts. With a token the caps of the customer count, too."""

    from_ = Bound(data_key="from", metadata={"description": "A date of `timeZone`, or an instant; now when left out."})
    to = Bound(
        metadata={
            "description": "A date, which belongs to the answer, or an instant, which does not; a week when left out. "
            f"At most {MOST_DAYS} days, and {MOST_STARTS:,} starts of the grid."
        }
    )
    timeZone = TimeZone(metadata={"description": "Dates are those of this zone; BUSINESS_TIME_ZONE when left out."})
    format = fields.String(
        load_default="time",
        validate=validate.OneOf(("time", "range")),
        metadata={"description": "time: every start by itself; range: neighbouring starts joined."},
    )


class ExplainQuery(_Wish):
    """Which start."""

    at = Instant(required=True)


class Slot(Schema):
    """A start that can be booked."""

    startAt = Instant(required=True)
    endAt = Instant(required=True, metadata={"description": "Exclusive; without buffers."})
    places = fields.Integer(
        required=True,
        metadata={
            "description": "Of a group session: the largest party that still fits. Else how many such bookings still "
            "fit at that time; where two of its needs may take the same resource, at most."
        },
    )
    resourceCount = fields.Integer(
        required=True, metadata={"description": "How many of those who deliver it are free."}
    )
    resourceIds = fields.List(
        fields.UUID(),
        required=True,
        metadata={
            "description": f"The first {NAMED} of them in the order of the service. Who gets it: see assignment."
        },
    )


class SlotRange(Schema):
    """Neighbouring starts that can be booked."""

    startAt = Instant(required=True)
    lastStartAt = Instant(required=True)
    endAt = Instant(required=True, metadata={"description": "The end of the last one."})
    starts = fields.Integer(required=True)
    places = fields.Integer(required=True, metadata={"description": "At the start that has the fewest."})


class SlotDay(Schema):
    """The starts of one date: `slots`, or `ranges` where those were asked for."""

    date = fields.Date(required=True)
    slots = fields.List(fields.Nested(Slot))
    ranges = fields.List(fields.Nested(SlotRange))


class SlotAnswer(Schema):
    """When something can be booked, by local date. Dates without any start are left out."""

    serviceId = fields.UUID(required=True)
    timeZone = fields.String(required=True)
    from_ = Instant(required=True, data_key="from", attribute="from")
    to = Instant(required=True)
    duration = fields.Integer(required=True, metadata={"description": "Minutes."})
    days = fields.List(fields.Nested(SlotDay), required=True)


class RuleVerdict(Schema):
    """What one rule says."""

    rule = fields.String(
        required=True,
        metadata={
            "description": "Its owner and admins are told `closures` and `claims`; all others `taken`, which is both."
        },
    )
    allowed = fields.Boolean(required=True)
    message = fields.String(required=True, metadata={"description": "What the rule demands."})
    value = fields.Raw(
        required=True,
        allow_none=True,
        metadata={
            "description": "How much it demands, as the schedules say it (minutes, a window, caps, the hours of that "
            "local date); of `customerCaps` by layer. null: nothing, or the caller is not signed in."
        },
    )
    layer = fields.String(
        required=True,
        allow_none=True,
        validate=validate.OneOf(("resource", "service", "business", "default")),
        metadata={"description": "Which layer says so; null: none, or the caller is not signed in."},
    )


class ResourceVerdict(Schema):
    """What every rule says of one resource, in the order in which they are asked."""

    resourceId = fields.UUID(required=True)
    allowed = fields.Boolean(required=True)
    rules = fields.List(fields.Nested(RuleVerdict), required=True)


class GroupVerdict(Schema):
    """So many of these are needed."""

    needed = fields.Integer(required=True)
    delivers = fields.Boolean(required=True, metadata={"description": "Who delivers the service, or what it needs."})
    free = fields.Integer(required=True)
    candidates = fields.Integer(required=True)
    resources = fields.List(fields.Nested(ResourceVerdict), required=True, metadata={"description": "The first 50."})


class Explanation(Schema):
    """Whether a start can be booked, and every rule that was asked."""

    serviceId = fields.UUID(required=True)
    startAt = Instant(required=True)
    endAt = Instant(required=True)
    bookable = fields.Boolean(required=True)
    nextStartAt = Instant(
        required=True,
        allow_none=True,
        metadata={
            "description": "Where it is not bookable: the next start that is, as `GET /slots` shows it, within a week "
            "of when notice and booking window let it be booked. null: there is none."
        },
    )
    rules = fields.List(
        fields.Nested(RuleVerdict), required=True, metadata={"description": "Those that concern no resource."}
    )
    groups = fields.List(fields.Nested(GroupVerdict), required=True)
    assignment = fields.Nested(AssignmentTold, required=True, allow_none=True)
