"""Money that moves outside of the service: cash at the desk, a bank transfer, an invoice. Staff say what happened."""

from __future__ import annotations

from collections.abc import Mapping

from bookings.payment.gateways.protocol import BadSignature, GatewayRefusal, Notice, Order, Standing


class ManualGateway:
    """Agrees with everything, because our own rows are the only record there is."""

    name = "manual"

    def pay(self, order: Order, *, key: str) -> Standing:
        """Somebody will pay some day: nothing is known until staff mark it as received."""
        return Standing(ref=str(order.payment_id), state="processing")

    def confirm(self, ref: str, *, key: str) -> Standing:
        """There is nothing that a payer could confirm."""
        raise GatewayRefusal("nothing_to_confirm")

    def capture(self, ref: str, amount: int, *, key: str) -> Standing:
        """Staff have the money."""
        return Standing(ref=ref, state="captured")

    def refund(self, ref: str, amount: int, *, key: str) -> Standing:
        """Staff have given it back."""
        return Standing(ref=ref, state="captured")

    def cancel(self, ref: str, *, key: str) -> Standing:
        """Nobody waits for the money any longer."""
        return Standing(ref=ref, state="cancelled")

    def look(self, ref: str) -> None:
        """Nobody to ask."""

    def read(self, raw: bytes, headers: Mapping[str, str]) -> Notice:
        """Nobody calls back."""
        raise BadSignature
