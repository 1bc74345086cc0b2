"""The shapes of payments, in and out."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from bookings import money
from bookings.fields import Input, Instant, Text, Words
from bookings.paging import CursorPage, CursorQuery
from bookings.payment.rules import STATUSES

GATEWAYS = ("manual", "stripe", "test")


class NewPayment(Input):
    """How to pay. The amount is the booking's price."""

    gateway = fields.String(
        validate=validate.OneOf(GATEWAYS),
        metadata={"description": "The configured one when left out. Staff may always take a payment by hand (manual)."},
    )


class Capture(Input):
    """How much, in minor units of the payment's currency; all that is owed when left out."""

    amount = money.amount(lowest=1, load_default=None, allow_none=True)


class RefundWish(Capture):
    """How much to give back, in minor units; all that is left when left out."""

    reason = Text(longest=500, load_default=None, allow_none=True)


class GivingUp(Input):
    """Why."""

    reason = Text(longest=500, load_default=None, allow_none=True)


class Confirmation(Input):
    """An empty object."""


class ListQuery(CursorQuery):
    """Which payments, newest first. Defaults: all that the caller has to do with."""

    rows = "payments"

    status = Words(STATUSES, metadata={"description": "Comma-separated."})
    bookingId = fields.UUID()
    gateway = fields.String(validate=validate.OneOf(GATEWAYS))
    userId = fields.UUID(metadata={"description": "Who pays: for admins anybody, for others themselves."})
    from_ = Instant(data_key="from", metadata={"description": "Begun at or after."})
    to = Instant(metadata={"description": "Begun before."})


class PaymentOperation(Schema):
    """Something the gateway was told or did: the ledger of a payment."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(("pay", "confirm", "capture", "refund", "cancel")))
    amount = fields.Integer(required=True, strict=True)
    state = fields.String(required=True, validate=validate.OneOf(("pending", "done", "failed")))
    reason = fields.String(required=True, allow_none=True)
    error = fields.String(required=True, allow_none=True, metadata={"description": "The gateway's word for why not."})
    createdAt = Instant(required=True)
    finishedAt = Instant(required=True, allow_none=True)


class Payment(Schema):
    """A payment. Amounts are whole minor units of its currency. SQL writes it (sql/queries/payment.sql, `document`)."""

    id = fields.UUID(required=True)
    bookingId = fields.UUID(required=True)
    userId = fields.UUID(required=True, metadata={"description": "Who pays."})
    gateway = fields.String(required=True)
    gatewayRef = fields.String(required=True, allow_none=True, metadata={"description": "The gateway's name for it."})
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    amount = fields.Integer(required=True, strict=True)
    currency = fields.String(required=True)
    captured = fields.Integer(required=True, strict=True, metadata={"description": "Taken so far."})
    refunded = fields.Integer(required=True, strict=True, metadata={"description": "Given back so far."})
    refunding = fields.Integer(required=True, strict=True, metadata={"description": "On its way back."})
    captureLater = fields.Boolean(
        required=True, metadata={"description": "The money is reserved first, and taken by staff."}
    )
    isCurrent = fields.Boolean(
        required=True, metadata={"description": "The booking shows this one; an older one failed or was given back."}
    )
    error = fields.String(required=True, allow_none=True, metadata={"description": "What went wrong last."})
    expiresAt = Instant(required=True, allow_none=True, metadata={"description": "When it is given up if not paid."})
    operations = fields.List(fields.Nested(PaymentOperation), required=True)
    version = fields.Integer(required=True, strict=True)
    createdBy = fields.UUID(required=True)
    createdAt = Instant(required=True)
    updatedAt = Instant(required=True)


class BegunPayment(Payment):
    """A payment just begun."""

    clientSecret = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "For its payer alone, who finishes the payment with the gateway; null when done."},
    )


class PaymentPage(CursorPage):
    """One page of payments."""

    items = fields.List(fields.Nested(Payment), required=True)
