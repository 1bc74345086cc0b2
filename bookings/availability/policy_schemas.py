"""The rules about calling off, moving and coming, as clients send them. They are rules as any other: the most specific
layer that says one counts. A booking keeps them as they were when it was made (bookings/booking/policies.py)."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from bookings import money
from bookings.catalogue.schemas import NewCancellationPolicy
from bookings.fields import Input

#: a year
_LONGEST = 366 * 24 * 60


def _minutes(text: str, longest: int = _LONGEST) -> fields.Integer:
    return fields.Integer(
        strict=True, allow_none=True, validate=validate.Range(0, longest), metadata={"description": text}
    )


class NewRescheduleTier(Input):
    """Moved at least so many minutes before the start, it costs so much: a percentage of the price or an amount."""

    beforeMinutes = fields.Integer(required=True, strict=True, validate=validate.Range(0, _LONGEST))
    feePercent = fields.Integer(strict=True, validate=validate.Range(0, 100))
    feeAmount = money.amount(metadata={"description": "In minor units of the booking's currency; at most the price."})

    @validates_schema
    def _one_fee(self, data: dict[str, Any], **_: Any) -> None:
        if ("feePercent" in data) == ("feeAmount" in data):
            raise ValidationError("Give feePercent or feeAmount.", "feePercent")


class NewReschedulePolicy(Input):
    """What a customer pays for moving: the first tier, the longest notice first, whose notice is kept. The last one,
    with beforeMinutes 0, is for everything that comes later."""

    tiers = fields.List(fields.Nested(NewRescheduleTier), required=True, validate=validate.Length(1, 10))

    @validates_schema
    def _complete(self, data: dict[str, Any], **_: Any) -> None:
        notices = [tier["beforeMinutes"] for tier in data["tiers"]]
        if len(set(notices)) < len(notices):
            raise ValidationError("Names the same beforeMinutes twice.", "tiers")
        if 0 not in notices:
            raise ValidationError("One tier must have beforeMinutes 0.", "tiers")


class NewNoShowRule(Input):
    """From `count` no-shows within the last `days` days on, a customer's next booking must be confirmed by staff
    (`confirm`), paid before it is confirmed (`pay`), or is refused (`refuse`)."""

    count = fields.Integer(required=True, strict=True, validate=validate.Range(1, 100))
    days = fields.Integer(required=True, strict=True, validate=validate.Range(1, 3660))
    then = fields.String(required=True, validate=validate.OneOf(("confirm", "pay", "refuse")))


class MovingTier(Schema):
    """Moved at least so many minutes before the start, it costs so much."""

    beforeMinutes = fields.Integer(required=True)
    feePercent = fields.Integer()
    feeAmount = fields.Integer()


class MovingPolicy(Schema):
    """What a customer pays for moving."""

    tiers = fields.List(fields.Nested(MovingTier), required=True)


class NoShows(Schema):
    """What follows from not coming too often."""

    count = fields.Integer(required=True)
    days = fields.Integer(required=True)
    then = fields.String(required=True)


class PolicyRules(Input):
    """The part of a layer's rules that is about calling off, moving and coming."""

    cancelCutoffMinutes = _minutes("Until so long before the start a customer may call off on ordinary terms.")
    lateCancel = fields.String(
        allow_none=True,
        validate=validate.OneOf(("fee", "refuse", "noShow")),
        metadata={
            "description": "Called off after that: it costs what the tiers of cancellationPolicy keep, without tiers "
            "the whole price (`fee`); it is refused (`refuse`, the default); it counts as not come (`noShow`)."
        },
    )
    cancellationPolicy = fields.Nested(
        NewCancellationPolicy,
        allow_none=True,
        metadata={"description": "Of a resource before the service's own, of the business behind it."},
    )
    rescheduleCutoffMinutes = _minutes("Until so long before the start a customer may move it.")
    reschedulePolicy = fields.Nested(NewReschedulePolicy, allow_none=True)
    maxReschedules = fields.Integer(
        strict=True,
        allow_none=True,
        validate=validate.Range(0, 1000),
        metadata={"description": "So often a customer may move one booking."},
    )
    checkInOpensMinutes = _minutes("How long before the start check-in becomes possible, instead of CHECK_IN_OPENS.")
    releaseAfterMinutes = _minutes("When nobody has checked in so long after the start, its time is free again.", 1440)
    noShowRule = fields.Nested(NewNoShowRule, allow_none=True)
