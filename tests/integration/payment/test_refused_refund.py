"""A refund that the gateway refuses does not vanish: somebody sees it, and it can be tried anew, never twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bookings.payment.gateways import sandbox
from tests.integration.payment.conftest import Till

Json = dict[str, Any]
Cured = Callable[[], None]


@pytest.fixture
def cured(monkeypatch: pytest.MonkeyPatch) -> Cured:
    """From now on the gateway refuses no refund."""
    return lambda: monkeypatch.setitem(sandbox.MAGIC, 10008, sandbox.Magic())


def refused(till: Till) -> tuple[Json, Json, Json]:
    """A booking called off by its provider whose refund was refused, its payment, and the dead letter."""
    customer = till.customer()
    booking = till.book(customer, 10008)
    payment = till.paid(customer, booking)
    assert till.staff.act(booking, "cancel").status_code == 200
    till.work()
    return booking, payment, *dead(till, payment)  # type: ignore[return-value]


def dead(till: Till, payment: Json) -> list[Json]:
    """The dead letters of a payment."""
    letters = till.world.query("SELECT * FROM jobs WHERE state = 'dead' ORDER BY created_at, id")
    return [letter for letter in letters if letter["payload"].get("paymentId") == payment["id"]]


def retry(till: Till, letter: Json) -> None:
    """An admin begins a dead letter anew, and the worker does what there is."""
    assert till.admin.call("POST", f"/jobs/{letter['id']}/retry").status_code == 200
    till.work()


def refunds(till: Till, payment: Json) -> list[str]:
    """How the refunds of a payment ended."""
    return [one["state"] for one in till.payment(payment)["operations"] if one["kind"] == "refund"]


def test_it_is_seen(till: Till) -> None:
    booking, payment, letter = refused(till)
    assert (letter["kind"], letter["last_error"]) == (
        "payment.operate",
        "The gateway refused the refund: refund_refused",
    )
    now = till.payment(payment)
    assert (now["status"], now["refunding"], now["error"]) == ("paid", 0, "refund_refused")
    assert till.told(booking) == ["payment.received", "payment.refund-failed"]
    till.work()
    assert refunds(till, payment) == ["failed"]


def test_refused_again_it_is_dead_again(till: Till) -> None:
    """One dead letter at any time, of the last attempt."""
    booking, payment, letter = refused(till)
    retry(till, letter)
    (second,) = dead(till, payment)
    assert second["id"] != letter["id"]
    assert refunds(till, payment) == ["failed", "failed"]
    assert till.told(booking) == ["payment.received", *["payment.refund-failed"] * 2]


def test_tried_anew_it_is_made_once(till: Till, cured: Cured) -> None:
    booking, payment, letter = refused(till)
    cured()
    retry(till, letter)
    till.work()
    assert dead(till, payment) == []
    assert till.status(booking) == ("cancelled", "refunded")
    assert till.effects(payment) == [("capture", 10008), ("refund", 10008)]
    assert till.told(booking) == ["payment.received", "payment.refund-failed", "payment.refunded"]


def test_what_staff_gave_back_since_is_not_given_again(till: Till, cured: Cured) -> None:
    _, payment, letter = refused(till)
    cured()
    assert till.order(till.staff, payment, "refund", amount=2000).status_code == 200
    for _ in range(2):
        retry(till, letter)
        (same,) = dead(till, payment)
        assert (same["id"], "another refund since" in same["last_error"]) == (letter["id"], True)
    assert till.effects(payment) == [("capture", 10008), ("refund", 2000)]


def test_staff_who_were_told_and_asked_again_leave_no_dead_letter(till: Till, cured: Cured) -> None:
    customer = till.customer()
    payment = till.paid(customer, till.book(customer, 10008))
    assert till.order(till.staff, payment, "refund").status_code == 409
    cured()
    assert till.order(till.staff, payment, "refund").status_code == 200
    till.work()
    assert dead(till, payment) == []
    assert till.effects(payment) == [("capture", 10008), ("refund", 10008)]
