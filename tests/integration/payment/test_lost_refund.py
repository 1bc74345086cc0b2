"""A refund that the gateway agreed to and that did not arrive: somebody sees it, until it was given back after all."""

from __future__ import annotations

from typing import Any

import pytest

from bookings.payment import ledger
from tests.integration.payment.conftest import Till
from tests.integration.payment.test_refused_refund import dead
from tests.integration.payment.test_webhook import notice, send

Json = dict[str, Any]
TOLD = ["payment.received", "payment.refunded", "payment.refund-failed"]


def says(till: Till, payment: Json, back: int) -> None:
    """From now on the gateway says that so much was given back."""
    till.world.query("UPDATE test_gateway_charges SET refunded = %s WHERE ref = %s", back, payment["gatewayRef"])


@pytest.fixture
def lost(till: Till) -> tuple[Json, Json]:
    """A booking called off whose refund was made, came back to the gateway, and was told of; and its payment."""
    customer = till.customer()
    booking = till.book(customer)
    payment = till.paid(customer, booking)
    assert till.staff.act(booking, "cancel").status_code == 200
    till.work()
    assert till.status(booking) == ("cancelled", "refunded")
    says(till, payment, 0)
    for type in ("refund.failed", "charge.refund.updated"):
        assert send(till, notice(payment, type)).status_code == 204
    till.work()
    return booking, payment


def test_it_is_seen_once(till: Till, lost: tuple[Json, Json]) -> None:
    booking, payment = lost
    (letter,) = dead(till, payment)
    assert (letter["kind"], letter["last_error"]) == (
        ledger.LOST,
        "A refund did not arrive: 0 of 5000 were given back. See to it at the gateway.",
    )
    now = till.payment(payment)
    assert (now["status"], now["refunded"], now["error"]) == ("refunded", 5000, "gateway_gave_back_less")
    assert till.told(booking) == TOLD


def test_it_is_seen_until_it_was_given_back(till: Till, lost: tuple[Json, Json]) -> None:
    """An admin who retries it too early finds it again; afterwards it is done."""
    booking, payment = lost
    for back, left in ((0, 1), (4999, 1), (5000, 0)):
        says(till, payment, back)
        letter = till.world.query("SELECT id FROM jobs WHERE kind = %s AND key = %s", ledger.LOST, payment["id"])[0]
        assert till.admin.call("POST", f"/jobs/{letter['id']}/retry").status_code == 200
        till.work()
        assert len(dead(till, payment)) == left
    assert till.payment(payment)["error"] is None
    assert till.told(booking) == TOLD


def test_an_answer_from_before_the_refund_says_nothing(till: Till) -> None:
    """It was asked before, and is written down after."""
    customer = till.customer()
    booking = till.book(customer)
    payment = till.paid(customer, booking)
    gateway = till.cashier.gateways["test"]
    before = gateway.look(payment["gatewayRef"])
    assert before is not None
    assert till.order(till.staff, payment, "refund", amount=1000).status_code == 200
    till.database.run(lambda tx: ledger.seen(tx, till.settings, payment["id"], before, 0))
    assert till.payment(payment)["error"] is None
    assert payment["id"] not in [job["key"] for job in till.jobs(ledger.LOST)]
    assert till.told(booking) == TOLD[:2]
