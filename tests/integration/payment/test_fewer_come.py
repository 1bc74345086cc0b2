"""What becomes of the money when some of a party do not come."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from bookings.auth import Caller
from bookings.payment import ledger, service
from tests.factories import terms
from tests.integration.booking.api import Person, problem
from tests.integration.payment.conftest import Till


def party_of_three(till: Till, customer: Person, day: int) -> dict[str, Any]:
    """For 5001, of which each of three adds 1000."""
    notes = json.loads(terms(5001)) | {"party_size": 3, "place_price": 1000}
    return customer.booked(9, 10, day=day, providerId=till.provider.id, notes=json.dumps(notes))


def test_who_has_paid_gets_the_difference_each_time(till: Till) -> None:
    customer = till.customer()
    booking = party_of_three(till, customer, 700)
    payment = till.paid(customer, booking)
    for left in (4001, 3001):
        changed = customer.call("POST", f"/bookings/{booking['id']}/attendees/cancel", {"count": 1})
        assert (changed.json or {})["price"]["amount"] == left
        till.work(ledger.OPERATE)
    assert till.effects(payment) == [("capture", 5001), ("refund", 1000), ("refund", 1000)]
    assert till.status(booking) == ("pending", "partially_refunded")


def test_who_has_not_paid_pays_the_smaller_price(till: Till) -> None:
    customer = till.customer()
    booking = party_of_three(till, customer, 701)
    customer.call("POST", f"/bookings/{booking['id']}/attendees/cancel", {"count": 2})
    till.follow()
    assert till.effects(till.paid(customer, booking)) == [("capture", 3001)]


def fewer(customer: Person, booking: dict[str, Any], count: int = 1) -> int:
    """Some drop out; what the rest costs."""
    changed = customer.call("POST", f"/bookings/{booking['id']}/attendees/cancel", {"count": count})
    assert changed.status_code == 200, changed.text
    return int((changed.json or {})["price"]["amount"])


def test_of_reserved_money_no_more_is_taken_than_is_owed(reserving: Till) -> None:
    customer = reserving.customer()
    booking = party_of_three(reserving, customer, 702)
    payment = reserving.paid(customer, booking)
    assert payment["status"] == "authorized"
    assert fewer(customer, booking) == 4001
    reserving.work(ledger.OPERATE)
    problem(reserving.order(reserving.staff, payment, "capture", amount=4002), 409, "payment-refused")
    answer = reserving.order(reserving.staff, payment, "capture")
    assert answer.status_code == 200, answer.text
    assert reserving.effects(payment) == [("authorize", 5001), ("capture", 4001)]
    assert reserving.status(booking)[1] == "paid"


def test_a_payment_under_way_gives_the_difference_back(till: Till) -> None:
    """3-D Secure for the old price; two drop out before the payer confirms."""
    customer = till.customer()
    notes = json.loads(terms(10003)) | {"party_size": 3, "place_price": 1000}
    booking = customer.booked(9, 10, day=703, providerId=till.provider.id, notes=json.dumps(notes))
    payment = till.paid(customer, booking)
    assert payment["status"] == "requires_action"
    assert fewer(customer, booking, 2) == 8003
    till.work(ledger.OPERATE)
    assert till.effects(payment) == []
    assert till.order(customer, payment, "confirm").status_code == 200
    till.work(ledger.OPERATE)
    assert till.effects(payment) == [("capture", 10003), ("refund", 2000)]
    assert till.status(booking)[1] == "partially_refunded"
    assert [one["reason"] for one in till.payment(payment)["operations"] if one["kind"] == "refund"] == [
        "More was taken than is owed since fewer come."
    ]


def test_a_capture_that_was_ordered_before_gives_the_difference_back(reserving: Till) -> None:
    """Staff took the old price, and the gateway was told only after somebody had dropped out."""
    customer = reserving.customer()
    booking = party_of_three(reserving, customer, 704)
    payment = reserving.paid(customer, booking)
    ordered: dict[str, Any] = {
        "caller": Caller(reserving.staff.actor),
        "payment_id": UUID(payment["id"]),
        "amount": None,
    }
    reserving.database.run(lambda tx: service.capture(tx, settings=reserving.settings, **ordered))
    assert fewer(customer, booking) == 4001
    reserving.work(ledger.OPERATE)
    reserving.work(ledger.OPERATE)
    assert reserving.effects(payment) == [("authorize", 5001), ("capture", 5001), ("refund", 1000)]


def test_money_by_hand_is_what_is_owed(till: Till) -> None:
    customer = till.customer()
    booking = party_of_three(till, customer, 705)
    payment = till.paid(till.staff, booking, gateway="manual")
    assert fewer(customer, booking) == 4001
    till.work(ledger.OPERATE)
    till.order(till.staff, payment, "capture")
    assert till.payment(payment)["captured"] == 4001
