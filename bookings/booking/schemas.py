"""The shapes of bookings, in and out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from bookings.availability.schemas import AssignmentTold
from bookings.booking.policies import LATE
from bookings.booking.rules import PAYMENT_STATUSES, STATUSES
from bookings.fields import Flag, Input, Instant, Text, Words
from bookings.money import Money
from bookings.paging import CursorPage, CursorQuery

OVERRIDE = "Staff only, with a reason: whatever hours, rules, cut-offs and openings say."


class Overriding(Input):
    """What staff may add, to go against the rules."""

    reason = Text(longest=500, allow_none=True, metadata={"description": "Why; needed to override."})
    override = Flag(metadata={"description": OVERRIDE})
    overbook = Flag(metadata={"description": "With override: beside what is claimed already, if it is."})

    @validates_schema
    def _overbooking_overrides(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("overbook") and not data.get("override"):
            raise ValidationError("Only with override.", "overbook")


def several_providers() -> fields.List[Any]:
    """Who must come together."""
    text = "Several providers, claimed together or not at all."
    return fields.List(fields.UUID(), validate=validate.Length(1, 10), metadata={"description": text})


def several_errors(data: dict[str, Any], sent: dict[str, Any]) -> dict[str, str]:
    """What is wrong with several who are named, by field."""
    several = data.get("providerIds") or []
    if len(set(several)) < len(several):
        return {"providerIds": "Names somebody twice."}
    return {"providerIds": "Give providerId or providerIds."} if several and sent.get("providerId") else {}


class NewBooking(Overriding):
    """A wish: who, what, when. A service, or at least one of providerId, resourceId and workspaceId; all that is named
    is claimed together. With a service, what is not named is chosen. Or a hold, which says all of it."""

    userId = fields.UUID(metadata={"description": "The customer; the caller when left out."})
    providerId = fields.UUID(allow_none=True, metadata={"description": "A resource of kind provider."})
    providerIds = several_providers()
    resourceId = fields.UUID(allow_none=True, metadata={"description": "A resource of any kind."})
    workspaceId = fields.UUID(allow_none=True, metadata={"description": "A resource of kind workspace."})
    serviceId = fields.UUID(
        allow_none=True, metadata={"description": "Length, price, policy and resources follow from it."}
    )
    holdId = fields.UUID(
        allow_none=True,
        metadata={"description": "Book what this hold keeps; who, what and when follow from it."},
    )
    startAt = Instant(metadata={"description": "Required without a hold."})
    endAt = Instant(
        metadata={
            "description": "Exclusive: the next booking may start right then. Required without a service; with one, "
            "its first duration when left out."
        }
    )
    units = fields.Integer(
        load_default=1,
        strict=True,
        validate=validate.Range(1, 100_000),
        metadata={"description": "Units of each; with a service they follow from partySize."},
    )
    partySize = fields.Integer(
        strict=True,
        validate=validate.Range(1, 100_000),
        metadata={"description": "With a service: how many come; its smallest party when left out."},
    )
    title = Text(longest=200, load_default=None, allow_none=True)
    description = Text(longest=4000, load_default=None, allow_none=True)
    location = Text(longest=500, load_default=None, allow_none=True)
    notes = Text(longest=4000, load_default=None, allow_none=True)

    @validates_schema(skip_on_field_errors=False, pass_original=True)
    def _is_complete(self, data: dict[str, Any], sent: dict[str, Any], **_: Any) -> None:
        if sent.get("holdId"):
            errors = {name: "Follows from the hold." for name in _OF_HOLD if sent.get(name) is not None}
            errors |= {name: _NOTHING_TO_OVERRIDE for name in ("override", "overbook") if sent.get(name)}
        elif "startAt" not in sent:
            errors = {"startAt": "Missing data for required field."}
        elif sent.get("serviceId"):
            errors = {"units": "Follows from partySize."} if data.get("units", 1) != 1 else {}
        else:
            errors = dict(_plain_errors(sent))
        errors |= several_errors(data, sent)
        if errors:
            raise ValidationError({name: [message] for name, message in errors.items()})


_NOTHING_TO_OVERRIDE = "What a hold keeps is booked by the rules that it was made by."
#: what a hold says already
_OF_HOLD = (
    "userId",
    "providerId",
    "providerIds",
    "resourceId",
    "workspaceId",
    "serviceId",
    "startAt",
    "endAt",
    "units",
    "partySize",
)


def _plain_errors(sent: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """What a booking without a service lacks, or has too much."""
    if not any(sent.get(name) for name in ("providerId", "providerIds", "resourceId", "workspaceId")):
        yield "providerId", "Give serviceId, providerId, resourceId or workspaceId."
    if "endAt" not in sent:
        yield "endAt", "Missing data for required field."
    if "partySize" in sent:
        yield "partySize", "Only with serviceId."


class BookingChange(Overriding):
    """What PATCH may change. A new startAt alone keeps the length. `reason` and `override` are about this change."""

    startAt = Instant()
    endAt = Instant()
    title = Text(longest=200, allow_none=True)
    description = Text(longest=4000, allow_none=True)
    location = Text(longest=500, allow_none=True)
    notes = Text(longest=4000, allow_none=True)


class ActionBody(Input):
    """Why; and, for staff, whether to act although the rules say no."""

    reason = Text(longest=500, load_default=None, allow_none=True)
    override = Flag(load_default=False, metadata={"description": OVERRIDE})


class Reassignment(Overriding):
    """Who takes over, and from whom when several of the kind are booked."""

    resourceId = fields.UUID(required=True)
    fromResourceId = fields.UUID(allow_none=True)
    reason = Text(longest=500, load_default=None, allow_none=True)
    override = Flag(load_default=False, metadata={"description": OVERRIDE})


class StatusChange(ActionBody):
    """The same as the action that leads to the status."""

    status = fields.String(required=True, validate=validate.OneOf([s for s in STATUSES if s != "pending"]))


class ListQuery(CursorQuery):
    """Which bookings. Defaults: everything the caller may see, earliest first."""

    rows = "bookings"

    when = fields.String(
        validate=validate.OneOf(("upcoming", "past")),
        metadata={"description": "upcoming: starts now or later, earliest first. past: started before, latest first."},
    )
    userId = fields.UUID()
    resourceId = fields.UUID()
    status = Words(STATUSES, metadata={"description": "Comma-separated."})
    from_ = Instant(data_key="from", metadata={"description": "Starts at or after."})
    to = Instant(metadata={"description": "Starts before."})
    sort = fields.String(validate=validate.OneOf(("startAt", "-startAt")))
    fields_ = fields.String(data_key="fields", validate=validate.Length(max=500))


class CancellationTier(Schema):
    """Called off at least so many minutes before the start, so much of the price is given back, or all but a fee."""

    beforeMinutes = fields.Integer(required=True, strict=True)
    refundPercent = fields.Integer(strict=True)
    feeAmount = fields.Integer(strict=True)


class CancellationPolicy(Schema):
    """What a customer who calls off gets back: the first tier that still applies; nothing when none does."""

    tiers = fields.List(fields.Nested(CancellationTier), required=True)


class RescheduleTier(Schema):
    """Moved at least so many minutes before the start, it costs so much."""

    beforeMinutes = fields.Integer(required=True, strict=True)
    feePercent = fields.Integer(strict=True)
    feeAmount = fields.Integer(strict=True)


class ReschedulePolicy(Schema):
    """What a customer who moves a booking pays: the first tier that still applies."""

    tiers = fields.List(fields.Nested(RescheduleTier), required=True)


class AgreedPolicy(Schema):
    """What the rules said about calling off, moving and coming when the booking was made; what is missing is free."""

    cancelCutoffMinutes = fields.Integer(strict=True)
    lateCancel = fields.String(validate=validate.OneOf(LATE))
    rescheduleCutoffMinutes = fields.Integer(strict=True)
    reschedulePolicy = fields.Nested(ReschedulePolicy)
    maxReschedules = fields.Integer(strict=True)
    checkInOpensMinutes = fields.Integer(strict=True)
    releaseAfterMinutes = fields.Integer(strict=True)


class Booking(Schema):
    """A booking, the same in answers, events and sockets. SQL writes it (sql/queries/booking.sql, `document`)."""

    id = fields.UUID(required=True)
    userId = fields.UUID(required=True)
    providerId = fields.UUID(required=True, allow_none=True)
    workspaceId = fields.UUID(required=True, allow_none=True)
    resourceIds = fields.List(fields.UUID(), required=True)
    startAt = Instant(required=True)
    endAt = Instant(required=True)
    units = fields.Integer(required=True, strict=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    statusReason = fields.String(required=True, allow_none=True)
    serviceId = fields.UUID(required=True, allow_none=True)
    seriesId = fields.UUID(
        required=True,
        allow_none=True,
        metadata={"description": "The series it was made with (GET /bookings/series/{id})."},
    )
    occurrence = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The wall-clock time of the series that it stands for, such as 2027-03-01T09:00:00."},
    )
    partySize = fields.Integer(required=True, strict=True)
    price = fields.Nested(Money, required=True, allow_none=True)
    paymentRequired = fields.Boolean(required=True)
    paymentStatus = fields.String(
        required=True,
        allow_none=True,
        validate=validate.OneOf(PAYMENT_STATUSES),
        metadata={"description": "null when there is nothing to pay."},
    )
    cancellationPolicy = fields.Nested(
        CancellationPolicy, required=True, allow_none=True, metadata={"description": "null: everything is given back."}
    )
    policy = fields.Nested(AgreedPolicy, required=True, allow_none=True)
    canCancelUntil = Instant(
        required=True,
        allow_none=True,
        metadata={
            "description": "Until when its customer may call it off on ordinary terms; later: `lateCancel`. "
            "null: until it begins, or not any more."
        },
    )
    canRescheduleUntil = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "Until when its customer may move it. null: until it begins, or not any more."},
    )
    reschedulesLeft = fields.Integer(
        required=True,
        allow_none=True,
        strict=True,
        metadata={"description": "How often its customer may still move it; null: any number of times."},
    )
    cancellationFeeNow = fields.Nested(
        Money,
        required=True,
        allow_none=True,
        metadata={"description": "What calling it off would cost its customer now. Only GET says so; elsewhere null."},
    )
    fees = fields.Nested(
        Money, required=True, allow_none=True, metadata={"description": "Fees that became due; null: none."}
    )
    overbooked = fields.Boolean(
        required=True, metadata={"description": "Staff put it beside another booking on purpose."}
    )
    releasedAt = Instant(
        required=True, allow_none=True, metadata={"description": "Nobody came: since then its time is free."}
    )
    title = fields.String(required=True, allow_none=True)
    description = fields.String(required=True, allow_none=True)
    location = fields.String(required=True, allow_none=True)
    notes = fields.String(required=True, allow_none=True)
    version = fields.Integer(required=True, strict=True)
    createdBy = fields.UUID(required=True)
    createdAt = Instant(required=True)
    updatedAt = Instant(required=True)


def assigned() -> fields.Nested:
    """Why they were chosen, in an answer to whoever asked for a service."""
    text = "Only where a service chose who delivers it: not where they were named, or nobody else could."
    return fields.Nested(AssignmentTold, metadata={"description": text})


class BookingMade(Booking):
    """A new booking, and why they were chosen who deliver it. Only this answer says so, and the same sent again."""

    assignment = assigned()


class BookingPage(CursorPage):
    """One page of bookings. With `fields`, the items carry only those."""

    items = fields.List(fields.Nested(Booking(partial=True)), required=True)


class HistoryEntry(Schema):
    """One version of a booking: what was done to it, by whom."""

    version = fields.Integer(required=True)
    action = fields.String(required=True)
    status = fields.String(required=True)
    startAt = Instant(required=True, attribute="start_at")
    endAt = Instant(required=True, attribute="end_at")
    reason = fields.String(required=True, allow_none=True)
    actorId = fields.UUID(required=True, attribute="actor_id")
    requestId = fields.String(required=True, allow_none=True, attribute="request_id")
    at = Instant(required=True)


class History(Schema):
    """All versions of a booking, oldest first."""

    items = fields.List(fields.Nested(HistoryEntry), required=True)
