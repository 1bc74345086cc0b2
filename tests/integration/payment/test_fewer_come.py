"""What becomes of the money when some of a party do not come."""

from __future__ import annotations

import json
from typing import Any

from bookings.payment import ledger
from tests.factories import terms
from tests.integration.booking.api import Person
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
