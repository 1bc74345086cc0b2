"""A booking that must be paid and is not gives its time back, but only after asking the gateway once more."""

from __future__ import annotations

import pytest

from bookings.payment import jobs
from bookings.payment.gateways import sandbox
from bookings.payment.rules import NOT_IN_TIME
from tests.integration.payment.conftest import Till, later, till_for


def free(till: Till, booking: dict[str, object]) -> bool:
    """Whether a booking's time can be had by somebody else."""
    held = "SELECT resource_id FROM allocations WHERE booking_id = %s AND released_at IS NULL"
    return not till.world.query(held, booking["id"])


def test_nobody_paid(till: Till) -> None:
    customer = till.customer()
    booking = till.book(customer)
    till.follow()
    (job,) = [one for one in till.jobs("payment.expire") if one["payload"]["bookingId"] == booking["id"]]
    assert 29 * 60 < (job["run_at"] - job["created_at"]).total_seconds() < 31 * 60
    till.work("payment.expire")
    now = till.booking(booking)
    assert (now["status"], now["statusReason"], now["paymentStatus"]) == ("cancelled", NOT_IN_TIME, "expired")
    assert free(till, booking)


def test_what_need_not_be_paid_stays(till: Till) -> None:
    customer = till.customer()
    booking = till.book(customer, required=False)
    till.work("payment.expire")
    assert till.status(booking) == ("pending", "unpaid")


def test_what_was_paid_stays(till: Till) -> None:
    customer = till.customer()
    paid, reserved = till.book(customer), till.book(customer)
    till.paid(customer, paid)
    payment = till.paid(till.staff, reserved, gateway="manual")
    till.order(till.staff, payment, "capture")
    till.work("payment.expire")
    assert till.status(paid) == till.status(reserved) == ("pending", "paid")


@pytest.mark.parametrize("amount", [10002, 10003])
def test_a_payment_that_did_not_come_about_is_closed_with_it(till: Till, amount: int) -> None:
    """Declined, or never confirmed: no money can come of it afterwards."""
    customer = till.customer()
    booking = till.book(customer, amount)
    payment = till.paid(customer, booking)
    till.work("payment.expire")
    assert till.status(booking) == ("cancelled", "expired")
    assert till.payment(payment)["status"] == "expired"
    charge = till.world.query("SELECT state FROM test_gateway_charges WHERE ref = %s", payment["gatewayRef"])
    assert charge == [{"state": "cancelled"}]
    till.work()
    assert till.effects(payment) == []


def test_cash_that_did_not_come(till: Till) -> None:
    customer = till.customer()
    booking = till.book(customer)
    payment = till.paid(till.staff, booking, gateway="manual")
    till.work("payment.expire")
    assert till.status(booking) == ("cancelled", "expired")
    assert till.payment(payment)["status"] == "expired"


def test_late_success_wins(till: Till) -> None:
    """The gateway knew, we did not: asking once more saves the booking."""
    customer = till.customer()
    booking = till.book(customer, 10006, confirm=True)
    payment = till.paid(customer, booking)
    later(till.world)
    assert till.payment(payment)["status"] == "unpaid"
    till.work("payment.expire")
    assert till.status(booking) == ("confirmed", "paid")
    assert not free(till, booking)


def test_a_payment_under_way_is_waited_for(till: Till) -> None:
    """Its time is not sold to somebody else meanwhile."""
    customer = till.customer()
    booking = till.book(customer, 10006)
    till.paid(customer, booking)
    till.do("payment.expire")
    assert till.status(booking) == ("pending", "unpaid")
    later(till.world)
    till.do("payment.expire")
    assert till.status(booking) == ("pending", "paid")


def test_a_gateway_that_is_away_is_waited_for(till: Till) -> None:
    own = till_for(till.world)
    customer = own.customer()
    booking = own.book(customer, 10007)
    assert own.pay(customer, booking).status_code == 503
    own.do("payment.expire")
    assert own.status(booking) == ("pending", "unpaid")
    (job,) = [one for one in own.jobs("payment.expire") if one["payload"]["bookingId"] == booking["id"]]
    assert (job["state"], job["attempts"]) == ("waiting", 0)
    # It comes back, and has never heard of the payment: then there is none.
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sandbox.MAGIC, 10007, sandbox.Magic(first="failed"))
        fresh = till_for(till.world)
        fresh.work("payment.expire")
        fresh.close()
    assert own.status(booking) == ("cancelled", "expired")
    own.close()


def test_a_job_that_was_lost_is_made_again(till: Till) -> None:
    customer = till.customer()
    booking = till.book(customer)
    till.follow()
    till.world.query("DELETE FROM jobs WHERE kind = 'payment.expire'")
    till.world.query("SET session_replication_role = replica")
    till.world.query("UPDATE bookings SET created_at = created_at - interval '33 minutes' WHERE id = %s", booking["id"])
    till.world.query("SET session_replication_role = DEFAULT")
    assert jobs.reconcile(till.database, till.settings) == 1
    till.work("payment.expire")
    assert till.status(booking) == ("cancelled", "expired")
