"""What becomes of the money when a booking is called off: its own policy, once; money that comes too late goes back."""

from __future__ import annotations

from typing import Any

import pytest

from bookings.payment.rules import NOT_OWED
from tests.integration.payment.conftest import Till, later

#: all of it until a year before, half of it until the start
POLICY = {"tiers": [{"beforeMinutes": 525600, "refundPercent": 100}, {"beforeMinutes": 0, "refundPercent": 50}]}
NOTHING: dict[str, Any] = {"tiers": []}


@pytest.mark.slow
@pytest.mark.parametrize(
    "policy,day,by_staff,refunded,status",
    [
        (None, 0, False, 5001, "refunded"),
        (POLICY, 400, False, 5001, "refunded"),
        (POLICY, 0, False, 2501, "partially_refunded"),
        (NOTHING, 0, False, 0, "paid"),
        (NOTHING, 0, True, 5001, "refunded"),
    ],
)
def test_the_policy_of_the_booking_decides(
    till: Till, policy: Any, day: int, by_staff: bool, refunded: int, status: str
) -> None:
    """Half a cent goes to the payer; staff give everything back."""
    customer = till.customer()
    booking = till.book(customer, 5001, policy=policy, day=day)
    payment = till.paid(customer, booking)
    assert (till.staff if by_staff else customer).act(booking, "cancel").status_code == 200
    till.work()
    till.work()
    assert till.payment(payment)["refunded"] == refunded
    assert till.status(booking) == ("cancelled", status)
    assert till.effects(payment) == [("capture", 5001)] + ([("refund", refunded)] if refunded else [])


def test_declining_gives_everything_back(till: Till) -> None:
    customer = till.customer()
    booking = till.book(customer, policy=NOTHING)
    payment = till.paid(customer, booking)
    till.staff.act(booking, "decline")
    till.work()
    assert till.status(booking) == ("declined", "refunded")
    assert till.payment(payment)["operations"][-1]["reason"] == "Booking declined: everything is given back."


@pytest.mark.parametrize(
    "policy,status,effects",
    [
        (None, "cancelled", [("authorize", 5001)]),
        (POLICY, "paid", [("authorize", 5001), ("capture", 2500)]),
        (NOTHING, "paid", [("authorize", 5001), ("capture", 5001)]),
    ],
)
def test_of_reserved_money_only_what_is_kept_is_taken(
    reserving: Till, policy: Any, status: str, effects: list[tuple[str, int]]
) -> None:
    customer = reserving.customer()
    booking = reserving.book(customer, 5001, policy=policy)
    payment = reserving.paid(customer, booking)
    customer.act(booking, "cancel")
    reserving.work()
    assert reserving.payment(payment)["status"] == status
    assert reserving.effects(payment) == effects


def test_what_was_given_back_before_counts(till: Till) -> None:
    customer = till.customer()
    booking = till.book(customer, 5001, policy=POLICY)
    payment = till.paid(customer, booking)
    till.order(till.staff, payment, "refund", amount=1000)
    customer.act(booking, "cancel")
    till.work()
    assert till.effects(payment) == [("capture", 5001), ("refund", 1000), ("refund", 1501)]


def test_a_payment_under_way_is_given_up(till: Till) -> None:
    """The payer cannot pay any more for what does not take place."""
    customer = till.customer()
    booking = till.book(customer, 10003)
    payment = till.paid(customer, booking)
    customer.act(booking, "cancel")
    till.work()
    assert till.payment(payment)["status"] == "cancelled"
    assert till.order(customer, payment, "confirm").status_code == 409
    assert till.effects(payment) == []


def test_money_that_comes_too_late_goes_back(till: Till) -> None:
    """In full, whatever the policy says, and for all to see."""
    customer = till.customer()
    booking = till.book(customer, 10006, policy=NOTHING)
    payment = till.paid(customer, booking)
    customer.act(booking, "cancel")
    till.work()
    now = till.payment(payment)
    assert (now["status"], now["operations"][-1]["error"]) == ("unpaid", "not_cancellable")
    later(till.world)
    till.cashier.refresh(now["id"])
    assert till.payment(payment)["status"] == "paid"
    till.work()
    now = till.payment(payment)
    assert (now["status"], now["operations"][-1]["reason"]) == ("refunded", NOT_OWED)
    assert till.status(booking) == ("cancelled", "refunded")
    assert till.effects(payment) == [("capture", 10006), ("refund", 10006)]
    assert till.told(booking) == ["payment.received", "payment.refunded"]


def test_cash_goes_back_as_cash(till: Till) -> None:
    customer = till.customer()
    booking = till.book(customer)
    payment = till.paid(till.staff, booking, gateway="manual")
    till.order(till.staff, payment, "capture")
    customer.act(booking, "cancel")
    till.work()
    assert till.payment(payment)["status"] == "refunded"
