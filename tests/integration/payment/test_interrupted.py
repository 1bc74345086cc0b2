"""Killed between two steps, at each of them: whoever goes on tells the gateway the same under the same key, and nothing
is charged, given back or told twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from bookings.auth import Caller
from bookings.payment import ledger, service
from bookings.payment.cashier import Cashier
from tests.integration.booking.api import Person
from tests.integration.payment.conftest import Till


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def killed_after_asking(till: Till, monkeypatch: pytest.MonkeyPatch, work: Callable[[Cashier], object]) -> None:
    """Run the cashier; it dies when the gateway has done what it was told, before that is written down."""

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "done", die)
        with pytest.raises(Killed):
            work(till.cashier)


def begun(till: Till, customer: Person, booking: dict[str, Any]) -> UUID:
    """A payment that was written down, by a process that died before it asked the gateway."""
    payment_id, _ = till.database.run(
        lambda tx: service.begin(
            tx,
            settings=till.settings,
            caller=Caller(customer.actor),
            booking_id=UUID(booking["id"]),
            gateway="test",
            by_hand=False,
        )
    )
    return payment_id


def test_killed_before_the_gateway_was_asked(till: Till) -> None:
    customer = till.customer()
    booking = till.book(customer)
    payment = {"id": begun(till, customer, booking)}
    assert till.effects(payment) == []
    till.work()
    assert till.payment(payment)["status"] == "paid"
    assert till.effects(payment) == [("capture", 5000)]


def test_killed_after_the_gateway_was_asked(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client asks again, and so does the job: one charge."""
    customer = till.customer()
    booking = till.book(customer)
    payment_id = begun(till, customer, booking)
    for _ in range(2):
        killed_after_asking(till, monkeypatch, lambda cashier: cashier.carry_out(payment_id))
    assert till.status(booking) == ("pending", "unpaid")
    assert till.pay(customer, booking).get_json()["status"] == "paid"
    till.work()
    assert till.effects({"id": payment_id}) == [("capture", 5000)]
    assert till.told(booking) == ["payment.received"]


def test_killed_around_a_refund(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = till.customer()
    booking = till.book(customer)
    payment = till.paid(customer, booking)
    customer.act(booking, "cancel")
    till.follow()
    for _ in range(3):
        killed_after_asking(till, monkeypatch, lambda cashier: cashier.carry_out(payment["id"]))
    now = till.payment(payment)
    assert (now["status"], now["refunding"]) == ("paid", 5000)
    till.work()
    assert till.payment(payment)["status"] == "refunded"
    assert till.effects(payment) == [("capture", 5000), ("refund", 5000)]
    assert till.told(booking) == ["payment.received", "payment.refunded"]


def test_killed_around_a_capture(reserving: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = reserving.customer()
    payment = reserving.paid(customer, reserving.book(customer))
    about: Any = {"settings": reserving.settings, "caller": Caller(reserving.provider), "payment_id": payment["id"]}
    reserving.database.run(lambda tx: service.capture(tx, amount=3000, **about))
    killed_after_asking(reserving, monkeypatch, lambda cashier: cashier.carry_out(payment["id"]))
    reserving.work()
    assert reserving.payment(payment)["captured"] == 3000
    assert reserving.effects(payment) == [("authorize", 5000), ("capture", 3000)]


def test_two_who_told_the_gateway_write_it_once(till: Till) -> None:
    """The slower one finds it written down."""
    customer = till.customer()
    booking = till.book(customer)
    payment_id = begun(till, customer, booking)
    (errand,) = till.world.query("SELECT * FROM payment_operations WHERE payment_id = %s", payment_id)
    till.cashier.carry_out(payment_id)
    standing = till.cashier.gateways["test"].look(f"test_{errand['id']}")
    assert standing is not None
    before = till.payment({"id": payment_id})
    late = errand | {"payment_id": payment_id}
    till.database.run(lambda tx: ledger.done(tx, till.settings, late, standing))
    till.database.run(lambda tx: ledger.refused(tx, till.settings, late, "too late"))
    assert till.payment({"id": payment_id}) == before
    assert till.told(booking) == ["payment.received"]


def test_a_look_while_something_is_pending_changes_nothing(till: Till) -> None:
    """Or a refund made but not written down yet would be counted twice."""
    customer = till.customer()
    payment = till.paid(customer, till.book(customer))
    about: Any = {"settings": till.settings, "caller": Caller(till.provider), "payment_id": payment["id"]}
    operation_id = till.database.run(lambda tx: service.refund(tx, amount=1000, reason=None, **about))
    gateway = till.cashier.gateways["test"]
    standing = gateway.refund(payment["gatewayRef"], 1000, key=str(operation_id))
    till.database.run(lambda tx: ledger.seen(tx, till.settings, payment["id"], standing))
    assert till.payment(payment)["refunded"] == 0
    till.work()
    assert till.payment(payment)["refunded"] == 1000


def test_what_the_gateway_did_by_itself_is_written_down(till: Till) -> None:
    """A refund made in the gateway's own dashboard."""
    customer = till.customer()
    booking = till.book(customer)
    payment = till.paid(customer, booking)
    till.cashier.gateways["test"].refund(payment["gatewayRef"], 1200, key=f"dashboard {payment['id']}")
    till.cashier.refresh(payment["id"])
    now = till.payment(payment)
    assert (now["status"], now["refunded"]) == ("partially_refunded", 1200)
    assert till.told(booking) == ["payment.received", "payment.refunded"]
