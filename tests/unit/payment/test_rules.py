"""What is given back, and what becomes of a payment, by the rules alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings.payment import rules
from bookings.payment.rules import NOT_OWED, PAID_TWICE, Step, called_off, unwanted

AMOUNTS = st.integers(1, 10**12)


def payment(status: str = "paid", **changes: Any) -> dict[str, Any]:
    """A payment of 100.01."""
    base = {"status": status, "amount": 10001, "captured": 0, "refunded": 0, "refunding": 0, "is_current": True}
    if status in ("paid", "partially_refunded", "refunded"):
        base["captured"] = 10001
    return base | changes


@pytest.mark.parametrize(
    "given_payment,fee,step",
    [
        (payment("unpaid"), 10001, Step("cancel", 10001)),
        (payment("requires_action"), 0, Step("cancel", 10001)),
        (payment("authorized"), 0, Step("cancel", 10001)),
        (payment("authorized"), 5000, Step("capture", 5000)),
        (payment("authorized"), 20000, Step("capture", 10001)),
        (payment("paid"), 0, Step("refund", 10001)),
        (payment("paid"), 5000, Step("refund", 5001)),
        (payment("paid"), 10001, None),
        (payment("paid", refunding=5001), 5000, None),
        (payment("partially_refunded", refunded=3000), 5000, Step("refund", 2001)),
        (payment("partially_refunded", refunded=6000), 5000, None),
        (payment("refunded", refunded=10001), 0, None),
        (payment("failed"), 0, None),
        (payment("expired"), 0, None),
    ],
)
def test_what_becomes_of_a_payment_whose_booking_is_called_off(
    given_payment: dict[str, Any], fee: int, step: Step | None
) -> None:
    """The fee is kept, of taken and of reserved money alike, as far as it goes; what was given back before counts."""
    assert called_off(given_payment, fee) == step


@given(AMOUNTS, AMOUNTS, st.data())
def test_nobody_gets_back_more_than_was_taken(amount: int, fee: int, data: st.DataObject) -> None:
    refunded = data.draw(st.integers(0, amount))
    refunding = data.draw(st.integers(0, amount - refunded))
    step = called_off(payment(amount=amount, captured=amount, refunded=refunded, refunding=refunding), fee)
    assert step is None or 0 < step.amount <= amount - refunded - refunding


@given(AMOUNTS, AMOUNTS)
def test_taking_what_we_keep_equals_taking_all_and_giving_back(amount: int, fee: int) -> None:
    """It makes no difference to the payer whether the money was only reserved."""
    reserved = called_off(payment("authorized", amount=amount), fee)
    taken = called_off(payment("paid", amount=amount, captured=amount), fee)
    assert reserved is not None
    kept = reserved.amount if reserved.kind == "capture" else 0
    assert amount - (taken.amount if taken else 0) == kept


@pytest.mark.parametrize(
    "state,captured,refunded,status",
    [
        ("processing", 0, 0, "unpaid"),
        ("requires_action", 0, 0, "requires_action"),
        ("authorized", 0, 0, "authorized"),
        ("captured", 5, 0, "paid"),
        ("captured", 5, 4, "partially_refunded"),
        ("captured", 5, 5, "refunded"),
        ("cancelled", 5, 0, "paid"),
        ("failed", 0, 0, "failed"),
        ("cancelled", 0, 0, "cancelled"),
    ],
)
def test_money_goes_before_words(state: str, captured: int, refunded: int, status: str) -> None:
    assert rules.status_of(state, captured=captured, refunded=refunded) == status
    assert rules.on_booking(status) == ("unpaid" if status == "cancelled" else status)


@pytest.mark.parametrize(
    "given_payment,before,booking,why",
    [
        (payment("paid"), "unpaid", "pending", None),
        (payment("paid"), "expired", "cancelled", NOT_OWED),
        (payment("authorized"), "requires_action", "declined", NOT_OWED),
        (payment("paid"), "failed", "confirmed", None),
        (payment("paid", is_current=False), "failed", "confirmed", PAID_TWICE),
        (payment("paid"), "authorized", "cancelled", None),
        (payment("partially_refunded"), "paid", "cancelled", None),
        (payment("failed"), "unpaid", "cancelled", None),
    ],
)
def test_money_that_nobody_owes_is_noticed(
    given_payment: dict[str, Any], before: str, booking: str, why: str | None
) -> None:
    """Only when it has just come: what was paid in time is the policy's business."""
    assert unwanted(given_payment, before, booking) == why


def test_what_is_left_to_give_back_and_when_we_give_up() -> None:
    assert rules.refundable(payment(refunded=1, refunding=2)) == 9998
    made = datetime(2027, 3, 1, tzinfo=UTC)
    assert rules.gives_up(made, timedelta(minutes=30), required=True) == made + timedelta(minutes=30)
    assert rules.gives_up(made, timedelta(minutes=30), required=False) is None
