"""The care of calls to a gateway: repeated, given up for a while, never inside a transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from bookings.payment.gateways.careful import CarefulGateway, GatewayResting, InsideTransaction
from bookings.payment.gateways.manual import ManualGateway
from bookings.payment.gateways.protocol import BadSignature, Gateway, GatewayRefusal, GatewayTrouble, Standing


class Moody(ManualGateway):
    """Does what a list says, in order; counts how often it was asked."""

    def __init__(self, *moods: Exception | None) -> None:
        self.moods, self.asked = list(moods), 0

    def capture(self, ref: str, amount: int, *, key: str) -> Standing:
        self.asked += 1
        mood = self.moods.pop(0) if self.moods else None
        if mood:
            raise mood
        return super().capture(ref, amount, key=key)


def ask(careful: CarefulGateway) -> Standing:
    return careful.capture("ref", 5, key="key")


def test_no_answer_is_asked_for_again() -> None:
    gateway = Moody(GatewayTrouble("timeout"), None)
    assert ask(CarefulGateway(gateway)).state == "captured"
    assert gateway.asked == 2


def test_a_refusal_is_an_answer() -> None:
    """It is not repeated, and it closes the circuit again: the gateway speaks."""
    gateway = Moody(*[GatewayRefusal("no")] * 9)
    careful = CarefulGateway(gateway, failures=2)
    for _ in range(9):
        with pytest.raises(GatewayRefusal, match="no"):
            ask(careful)
    assert gateway.asked == 9


def test_a_gateway_that_keeps_silent_is_left_alone_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Moody(*[GatewayTrouble("timeout")] * 3)
    careful = CarefulGateway(gateway, attempts=1, failures=3, rest=timedelta(seconds=40))
    for _ in range(3):
        with pytest.raises(GatewayTrouble, match="timeout"):
            ask(careful)
    with pytest.raises(GatewayResting) as resting:
        ask(careful)
    assert gateway.asked == 3
    assert 1 <= resting.value.retry_after <= 40
    with pytest.raises(GatewayResting):
        careful.check()
    monkeypatch.setattr("circuitbreaker.monotonic", lambda: time.monotonic() + 40)
    assert ask(careful).state == "captured"
    careful.check()


def test_inside_a_transaction_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Moody()
    careful = CarefulGateway(gateway)
    monkeypatch.setattr("bookings.payment.gateways.careful.in_transaction", lambda: True)
    calls: tuple[Callable[[], object], ...] = (
        lambda: ask(careful),
        lambda: careful.look("ref"),
        lambda: careful.cancel("ref", key="key"),
        lambda: careful.refund("ref", 1, key="key"),
        lambda: careful.confirm("ref", key="key"),
    )
    for call in calls:
        with pytest.raises(InsideTransaction):
            call()
    assert gateway.asked == 0


def test_manual_agrees_with_everything_and_knows_nothing() -> None:
    gateway: Gateway = ManualGateway()
    assert gateway.look("ref") is None
    assert gateway.refund("ref", 5, key="key").state == "captured"
    assert gateway.cancel("ref", key="key").state == "cancelled"
    with pytest.raises(GatewayRefusal):
        gateway.confirm("ref", key="key")
    with pytest.raises(BadSignature):
        gateway.read(b"{}", {})
