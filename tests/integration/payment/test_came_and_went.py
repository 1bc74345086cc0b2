"""Money that came, and went back in part or whole, before anybody looked: both are found and told once, in order."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from bookings.payment import ledger
from tests.integration.booking.api import Person
from tests.integration.payment.conftest import Till
from tests.integration.payment.test_webhook import notice, send

Json = dict[str, Any]
TOLD = ["payment.received", "payment.refunded"]


def by_itself(till: Till, payment: Json, *, back: int) -> None:
    """At the gateway the money was taken, and so much of it given back in its own dashboard; nobody has told us."""
    till.world.query(
        """UPDATE test_gateway_charges SET state = 'captured', captured = amount, refunded = %s, error = NULL
            WHERE ref = %s""",
        back,
        payment["gatewayRef"],
    )
    for kind, amount in (("capture", payment["amount"]), ("refund", back)):
        till.world.query(
            "INSERT INTO test_gateway_effects (key, ref, kind, amount) VALUES (%s, %s, %s, %s)",
            f"dashboard {uuid4()}",
            payment["gatewayRef"],
            kind,
            amount,
        )


def waiting(till: Till, customer: Person, booking: Json) -> Json:
    """A payment that the gateway is still processing."""
    payment = till.paid(customer, booking)
    assert payment["status"] == "unpaid"
    return payment


def moved(till: Till, payment: Json) -> list[tuple[str, int, str]]:
    """The money in the ledger of a payment."""
    operations = till.payment(payment)["operations"]
    return [(o["kind"], o["amount"], o["state"]) for o in operations if o["kind"] in ("capture", "refund")]


def said(till: Till, booking: Json) -> list[str]:
    """Where the booking said that its payment stands, oldest first."""
    till.follow()
    rows = till.world.query(
        """SELECT data ->> 'paymentStatus' AS status FROM events
            WHERE booking_id = %s AND type = 'booking.payment-changed' ORDER BY position""",
        booking["id"],
    )
    return [row["status"] for row in rows]


@pytest.mark.parametrize("back,status", [(1000, "partially_refunded"), (10006, "refunded")])
def test_found_by_notices(till: Till, back: int, status: str) -> None:
    customer = till.customer()
    booking = till.book(customer, 10006, confirm=True)
    payment = waiting(till, customer, booking)
    by_itself(till, payment, back=back)
    for type in ("charge.refunded", "charge.captured"):
        assert send(till, notice(payment, type)).status_code == 204
    till.work()
    assert till.jobs(ledger.NOTICE) == []
    now = till.payment(payment)
    assert (now["status"], now["captured"], now["refunded"]) == (status, 10006, back)
    assert moved(till, payment) == [("capture", 10006, "done"), ("refund", back, "done")]
    assert till.status(booking) == ("confirmed", status)
    assert till.told(booking) == TOLD
    assert said(till, booking) == ["paid", status]


@pytest.mark.parametrize("back,status", [(1000, "partially_refunded"), (10006, "refunded")])
def test_found_before_the_booking_is_given_up(till: Till, back: int, status: str) -> None:
    """What has been paid is not given up, though some of it went back."""
    customer = till.customer()
    booking = till.book(customer, 10006, confirm=True)
    payment = waiting(till, customer, booking)
    by_itself(till, payment, back=back)
    till.work("payment.expire")
    assert till.jobs(ledger.EXPIRE) == []
    assert till.status(booking) == ("confirmed", status)
    assert till.told(booking) == TOLD


@pytest.mark.parametrize("back", [1000, 10002])
def test_found_of_one_that_had_failed(till: Till, back: int) -> None:
    customer = till.customer()
    booking = till.book(customer, 10002)
    payment = till.paid(customer, booking)
    assert payment["status"] == "failed"
    by_itself(till, payment, back=back)
    till.cashier.refresh(payment["id"])
    status = "refunded" if back == 10002 else "partially_refunded"
    assert till.status(booking) == ("pending", status)
    assert till.payment(payment)["error"] is None
    assert till.told(booking) == ["payment.failed", *TOLD]


@pytest.mark.parametrize("back", [1000, 10003])
def test_found_of_one_that_somebody_gave_up(till: Till, back: int) -> None:
    customer = till.customer()
    booking = till.book(customer, 10003)
    payment = till.paid(customer, booking)
    assert till.order(customer, payment, "cancel").get_json()["status"] == "cancelled"
    by_itself(till, payment, back=back)
    till.cashier.refresh(payment["id"])
    assert till.status(booking) == ("pending", "refunded" if back == 10003 else "partially_refunded")
    assert till.told(booking) == TOLD


@pytest.mark.parametrize("back", [1000, 10003])
def test_found_when_the_booking_is_gone_the_rest_goes_back(till: Till, back: int) -> None:
    """From expired: all of it in the end, and no more than there was."""
    customer = till.customer()
    booking = till.book(customer, 10003)
    payment = till.paid(customer, booking)
    till.work("payment.expire")
    assert till.status(booking) == ("cancelled", "expired")
    by_itself(till, payment, back=back)
    till.cashier.refresh(payment["id"])
    till.work()
    assert till.status(booking) == ("cancelled", "refunded")
    rest = [] if back == 10003 else [("refund", 10003 - back, "done")]
    assert moved(till, payment) == [("capture", 10003, "done"), ("refund", back, "done"), *rest]
    assert till.told(booking) == [*TOLD, *["payment.refunded"] * len(rest)]


def test_found_when_the_gateway_is_told_again_to_begin(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer to the order itself may already know of both."""
    customer = till.customer()
    booking = till.book(customer, 10006)

    def lost(*_: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "done", lost)
        assert till.pay(customer, booking).status_code == 500
    (begun,) = till.admin.get("/payments", {"bookingId": booking["id"]}).get_json()["items"]
    by_itself(till, begun | {"gatewayRef": f"test_{begun['operations'][0]['id']}"}, back=1000)
    till.work()
    assert till.status(booking) == ("pending", "partially_refunded")
    assert till.told(booking) == TOLD
