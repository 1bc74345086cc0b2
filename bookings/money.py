"""Money: whole minor units (cents, yen) of an ISO 4217 currency. Never a float, never a sum of two currencies."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from babel.numbers import list_currencies
from marshmallow import Schema, ValidationError, fields, validate

from bookings.fields import Input

#: far above any price, far below what a bigint can sum
HIGHEST = 1_000_000_000_000
#: what CLDR knows, codes that are no money (XAU, XTS, XXX …) left out
CURRENCIES = frozenset(
    code for code in list_currencies() if not code.startswith("X") or code in {"XAF", "XCD", "XCG", "XOF", "XPF"}
)


class Currency(fields.String):
    """An ISO 4217 code in capitals, such as EUR."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        code = super()._deserialize(value, attr, data, **kwargs)
        if code not in CURRENCIES:
            raise ValidationError("Must be a currency code such as EUR (ISO 4217).")
        return code


def amount(*, lowest: int = 0, **kwargs: Any) -> fields.Integer:
    """An input field for an amount in minor units, at least `lowest`."""
    return fields.Integer(strict=True, validate=validate.Range(lowest, HIGHEST), **kwargs)


class NewMoney(Input):
    """An amount of money as clients send it."""

    amount = amount(required=True, metadata={"description": "In minor units: 4500 for 45.00 EUR."})
    currency = Currency(required=True)


class Money(Schema):
    """An amount of money: whole minor units of an ISO 4217 currency."""

    amount = fields.Integer(required=True, strict=True)
    currency = fields.String(required=True)


def percent_of(minor_units: int, percent: int) -> int:
    """A whole percentage of an amount, half a unit rounded up (away from zero)."""
    return int((Decimal(minor_units) * percent / 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))
