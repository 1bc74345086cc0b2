"""The shapes of holds, in and out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from bookings.booking.schemas import CancellationPolicy, assigned, several_errors, several_providers
from bookings.fields import Input, Instant
from bookings.money import Money
from bookings.paging import CursorPage, CursorQuery

STATES = ("active", "released", "booked", "lapsed")
_NAMES = ("providerId", "providerIds", "resourceId", "workspaceId")


def _ttl() -> fields.Integer:
    return fields.Integer(
        strict=True,
        allow_none=True,
        validate=validate.Range(1, 86_400),
        metadata={"description": "How long from now; HOLD_TTL when left out, HOLD_MAX at most."},
    )


class NewHold(Input):
    """What is to be kept: as a new booking, without its details. A length says the same as an end."""

    userId = fields.UUID(metadata={"description": "The customer; the caller when left out."})
    providerId = fields.UUID(allow_none=True)
    providerIds = several_providers()
    resourceId = fields.UUID(allow_none=True)
    workspaceId = fields.UUID(allow_none=True)
    serviceId = fields.UUID(allow_none=True)
    startAt = Instant(required=True)
    endAt = Instant()
    duration = fields.Integer(
        strict=True, validate=validate.Range(1, 525_600), metadata={"description": "Minutes; instead of endAt."}
    )
    units = fields.Integer(load_default=1, strict=True, validate=validate.Range(1, 100_000))
    partySize = fields.Integer(strict=True, validate=validate.Range(1, 100_000))
    ttlSeconds = _ttl()

    @validates_schema(skip_on_field_errors=False, pass_original=True)
    def _is_complete(self, data: dict[str, Any], sent: dict[str, Any], **_: Any) -> None:
        errors = dict(_errors(sent)) | several_errors(data, sent)
        if errors:
            raise ValidationError({name: [message] for name, message in errors.items()})


def _errors(sent: dict[str, Any]) -> Iterable[tuple[str, str]]:
    if "endAt" in sent and "duration" in sent:
        yield "duration", "Give this or endAt."
    if sent.get("serviceId"):
        if sent.get("units", 1) != 1:
            yield "units", "Follows from partySize."
        return
    if not any(sent.get(name) for name in _NAMES):
        yield "providerId", "Give serviceId, providerId, resourceId or workspaceId."
    if "endAt" not in sent and "duration" not in sent:
        yield "endAt", "Give this or duration."
    if "partySize" in sent:
        yield "partySize", "Only with serviceId."


class Extension(Input):
    """How long it is to last from now."""

    ttlSeconds = _ttl()


class HoldQuery(CursorQuery):
    """Which holds, newest first: a customer's own, a provider's, everybody's for an admin."""

    rows = "holds"

    state = fields.String(
        validate=validate.OneOf((*STATES, "any")),
        load_default="active",
        metadata={"description": "active: those that keep something now."},
    )
    userId = fields.UUID(metadata={"description": "For admins."})
    serviceId = fields.UUID()
    resourceId = fields.UUID()


class Hold(Schema):
    """A hold. SQL writes it (sql/queries/booking.holds.sql, `hold_document`)."""

    id = fields.UUID(required=True)
    userId = fields.UUID(required=True)
    serviceId = fields.UUID(required=True, allow_none=True)
    providerId = fields.UUID(required=True, allow_none=True)
    workspaceId = fields.UUID(required=True, allow_none=True)
    resourceIds = fields.List(fields.UUID(), required=True)
    startAt = Instant(required=True)
    endAt = Instant(required=True)
    units = fields.Integer(required=True, strict=True)
    partySize = fields.Integer(required=True, strict=True)
    price = fields.Nested(Money, required=True, allow_none=True, metadata={"description": "What it will cost."})
    paymentRequired = fields.Boolean(required=True)
    cancellationPolicy = fields.Nested(CancellationPolicy, required=True, allow_none=True)
    offered = fields.Boolean(required=True, metadata={"description": "Made by the waitlist."})
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    expiresAt = Instant(required=True, metadata={"description": "From then on it keeps nothing."})
    extendableUntil = Instant(required=True)
    bookingId = fields.UUID(required=True, allow_none=True)
    version = fields.Integer(required=True, strict=True)
    createdBy = fields.UUID(required=True)
    createdAt = Instant(required=True)
    updatedAt = Instant(required=True)


class HoldMade(Hold):
    """A hold, and why they were chosen whom it keeps."""

    assignment = assigned()


class HoldPage(CursorPage):
    """One page of holds."""

    items = fields.List(fields.Nested(Hold), required=True)
