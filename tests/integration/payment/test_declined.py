"""A payment that was declined may be finished after all, and the notice of that may be lost: the sweep asks about it.
One whose gateway does not answer is never said to have failed."""

from __future__ import annotations

from typing import Any

import pytest

from bookings.payment import jobs
from bookings.payment.gateways import sandbox
from bookings.payment.rules import NOT_OWED
from tests.integration.booking.api import Person
from tests.integration.payment.conftest import Till, till_for
from tests.integration.payment.test_paid_twice import taken

Json = dict[str, Any]
DECLINED, AWAY = 10002, 10007


@pytest.fixture
def customer(till: Till) -> Person:
    """Somebody whose first card is no good."""
    return till.customer()


@pytest.fixture
def booking(till: Till, customer: Person) -> Json:
    """A booking that need not be paid at once, so that nobody asks when its time is over."""
    return till.book(customer, DECLINED, required=False, policy=None)


@pytest.fixture
def payment(till: Till, customer: Person, booking: Json) -> Json:
    """Its payment, which was declined."""
    payment = till.paid(customer, booking)
    assert payment["status"] == "failed"
    return payment


def looked_at(till: Till, payment: Json) -> bool:
    """Whether the sweep has somebody ask about it; nobody does."""
    jobs.reconcile(till.database, till.settings)
    begun = "DELETE FROM jobs WHERE kind = 'payment.look' AND key = %s AND state = 'waiting' RETURNING id"
    return bool(till.world.query(begun, payment["id"]))


def aged(till: Till, payment: Json, *, begun: str, asked: str) -> None:
    """Let it have been begun, and asked about, so long ago."""
    till.world.query(
        "UPDATE payments SET created_at = now() - %s::interval, asked_at = now() - %s::interval WHERE id = %s",
        begun,
        asked,
        payment["id"],
    )


def test_another_card_is_found_without_a_notice(till: Till, booking: Json, payment: Json) -> None:
    taken(till, payment)
    aged(till, payment, begun="4 minutes", asked="3 minutes")
    jobs.reconcile(till.database, till.settings)
    till.work("payment.look")
    assert till.payment(payment)["status"] == "paid"
    assert till.status(booking) == ("pending", "paid")
    assert till.told(booking) == ["payment.failed", "payment.received"]


def test_what_nobody_owes_any_more_goes_back(till: Till, customer: Person, booking: Json, payment: Json) -> None:
    assert customer.act(booking, "cancel").status_code == 200
    till.work()
    taken(till, payment)
    aged(till, payment, begun="4 minutes", asked="3 minutes")
    jobs.reconcile(till.database, till.settings)
    till.work()
    now = till.payment(payment)
    assert (now["status"], now["operations"][-1]["reason"]) == ("refunded", NOT_OWED)
    assert till.effects(payment) == [("capture", DECLINED), ("refund", DECLINED)]


@pytest.mark.parametrize(
    "begun,asked,expected",
    [
        ("2 minutes", "1 minute", False),
        ("4 minutes", "3 minutes", True),
        ("29 minutes", "3 minutes", True),
        ("32 minutes", "3 minutes", True),  # for the last time
        ("34 minutes", "3 minutes", False),
        ("20 hours", "20 hours", True),  # the worker was away
        ("2 days", "2 days", False),
    ],
)
def test_for_how_long(till: Till, payment: Json, begun: str, asked: str, expected: bool) -> None:
    """PAYMENT_TTL is half an hour."""
    aged(till, payment, begun=begun, asked=asked)
    assert looked_at(till, payment) == expected


def test_still_declined_changes_nothing(till: Till, booking: Json, payment: Json) -> None:
    before, told = till.payment(payment), till.told(booking)
    aged(till, payment, begun="32 minutes", asked="3 minutes")
    jobs.reconcile(till.database, till.settings)
    till.work("payment.look")
    assert till.payment(payment) | {"createdAt": None} == before | {"createdAt": None}
    assert till.told(booking) == told
    assert not looked_at(till, payment)


def test_no_answer_is_no_failure(till: Till, customer: Person) -> None:
    """However often it was asked: what it was told stays pending, is told again by the sweep, and its word counts."""
    own = till_for(till.world)
    booking = own.book(customer, AWAY, required=False)
    assert own.pay(customer, booking).status_code == 503
    (payment,) = own.admin.get("/payments", {"bookingId": booking["id"]}).get_json()["items"]
    (operation,) = payment["operations"]
    own.world.query("UPDATE jobs SET max_attempts = 1 WHERE key = %s", operation["id"])
    own.work("payment.operate")
    (job,) = own.world.query("SELECT state FROM jobs WHERE key = %s", operation["id"])
    assert job["state"] == "dead"
    now = own.payment(payment)
    assert (now["status"], now["operations"][0]["state"]) == ("unpaid", "pending")
    own.close()
    till.world.query(
        "UPDATE payment_operations SET created_at = now() - interval '3 minutes' WHERE id = %s", operation["id"]
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sandbox.MAGIC, AWAY, sandbox.Magic())
        jobs.reconcile(till.database, till.settings)
        till.work()
    assert till.status(booking) == ("pending", "paid")
    assert till.effects(payment) == [("capture", AWAY)]
