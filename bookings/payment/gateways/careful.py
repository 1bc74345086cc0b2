"""The care every call to a gateway is made with: never inside a transaction, again when it gave no answer, and not at
all for a while when it keeps giving none.

How long one attempt may take is the gateway's own business (its HTTP client knows how to give up).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TypeVar

from circuitbreaker import CircuitBreaker
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from bookings.db import in_transaction
from bookings.payment.gateways.protocol import Gateway, GatewayTrouble, Notice, Order, Standing

T = TypeVar("T")
#: how often one command is tried; jobs try again later
ATTEMPTS = 2
#: so many commands without an answer open the circuit …
FAILURES = 5
#: … for so long
REST = timedelta(seconds=30)


class InsideTransaction(AssertionError):
    """Somebody asks a gateway while holding a transaction: locks would be held for as long as it likes."""


class GatewayResting(GatewayTrouble):
    """The circuit is open: nothing was asked. `retry_after` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("resting")
        self.retry_after = retry_after


class CarefulGateway:
    """A gateway with that care. Each process has its own circuit."""

    def __init__(
        self, gateway: Gateway, *, attempts: int = ATTEMPTS, failures: int = FAILURES, rest: timedelta = REST
    ) -> None:
        self._gateway = gateway
        self._circuit = CircuitBreaker(failures, rest.total_seconds(), GatewayTrouble, gateway.name)
        self._attempts = attempts

    @property
    def name(self) -> str:
        """The word for it in settings, paths and rows."""
        return self._gateway.name

    def check(self) -> None:
        """Raises GatewayResting when a command would not even be tried now."""
        if self._circuit.opened:
            raise GatewayResting(max(1, math.ceil(self._circuit.open_remaining)))

    def pay(self, order: Order, *, key: str) -> Standing:
        """Begin a payment."""
        return self._careful(lambda: self._gateway.pay(order, key=key))

    def confirm(self, ref: str, *, key: str) -> Standing:
        """Go on after the payer has acted."""
        return self._careful(lambda: self._gateway.confirm(ref, key=key))

    def capture(self, ref: str, amount: int, *, key: str) -> Standing:
        """Take reserved money."""
        return self._careful(lambda: self._gateway.capture(ref, amount, key=key))

    def refund(self, ref: str, amount: int, *, key: str) -> Standing:
        """Give taken money back."""
        return self._careful(lambda: self._gateway.refund(ref, amount, key=key))

    def cancel(self, ref: str, *, key: str) -> Standing:
        """Give up a payment."""
        return self._careful(lambda: self._gateway.cancel(ref, key=key))

    def look(self, ref: str) -> Standing | None:
        """How a payment stands now."""
        return self._careful(lambda: self._gateway.look(ref))

    def read(self, raw: bytes, headers: Mapping[str, str]) -> Notice:
        """Verify and read a webhook's body; nobody is asked for that."""
        return self._gateway.read(raw, headers)

    def _careful(self, call: Callable[[], T]) -> T:
        if in_transaction():
            raise InsideTransaction(f"{self.name} was asked inside a transaction")
        self.check()
        again = Retrying(
            stop=stop_after_attempt(self._attempts),
            wait=wait_random_exponential(multiplier=0.1, max=1),
            retry=retry_if_exception_type(GatewayTrouble),
            reraise=True,
        )
        with self._circuit:
            return again(call)
