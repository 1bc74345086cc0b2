"""Money is whole minor units, and nothing else gets in."""

from __future__ import annotations

import pytest
from marshmallow import ValidationError

from bookings.money import CURRENCIES, HIGHEST, NewMoney, percent_of


@pytest.mark.parametrize(
    "units,percent,result",
    [(100, 50, 50), (101, 50, 51), (99, 50, 50), (-101, 50, -51), (1, 49, 0), (10**15 + 1, 100, 10**15 + 1), (7, 0, 0)],
)
def test_a_percentage_is_rounded_half_up(units: int, percent: int, result: int) -> None:
    """No float on the way: the largest amounts stay exact."""
    assert percent_of(units, percent) == result


def test_amount_and_currency_load() -> None:
    """The plain case."""
    assert NewMoney().load({"amount": 4500, "currency": "EUR"}) == {"amount": 4500, "currency": "EUR"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 45.5, "currency": "EUR"},
        {"amount": "4500", "currency": "EUR"},
        {"amount": -1, "currency": "EUR"},
        {"amount": HIGHEST + 1, "currency": "EUR"},
        {"amount": True, "currency": "EUR"},
        {"amount": 1, "currency": "eur"},
        {"amount": 1, "currency": "XXX"},
        {"amount": 1},
    ],
)
def test_anything_else_is_refused(wrong: dict[str, object]) -> None:
    """Fractions, text, negative and monstrous amounts, unknown currencies."""
    with pytest.raises(ValidationError):
        NewMoney().load(wrong)


def test_the_currencies_are_the_worlds() -> None:
    """With the ones of whole regions, without gold and test codes."""
    assert {"EUR", "USD", "JPY", "XOF"} <= CURRENCIES
    assert not {"XAU", "XTS", "XXX"} & CURRENCIES
