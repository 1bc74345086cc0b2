"""Stripe, through its own library. Card data goes from the payer's browser to Stripe; we only hold a PaymentIntent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import stripe

from bookings.payment.gateways.protocol import (
    BadSignature,
    GatewayRefusal,
    GatewayTrouble,
    Notice,
    Order,
    Standing,
    State,
)

log = logging.getLogger(__name__)
T = TypeVar("T")
_STATES: dict[str, State] = {
    "requires_payment_method": "requires_action",
    "requires_confirmation": "requires_action",
    "requires_action": "requires_action",
    "processing": "processing",
    "requires_capture": "authorized",
    "succeeded": "captured",
    "canceled": "cancelled",
}
#: the charge comes with each answer: what was taken and given back stands there
_WHOLE = {"expand": ["latest_charge"]}
#: no answer, or one that says nothing about the payment: a wrong key is our operator's mistake, not the payer's
_TROUBLE = (
    stripe.APIConnectionError,
    stripe.RateLimitError,
    stripe.APIError,
    stripe.AuthenticationError,
    stripe.PermissionError,
    stripe.IdempotencyError,
)


class StripeGateway:
    """PaymentIntents. `api_base` is another address than Stripe's own, for tests."""

    name = "stripe"

    def __init__(
        self, *, secret_key: str, webhook_secret: str, timeout: timedelta, api_base: str = "https://api.stripe.com"
    ) -> None:
        self._webhook_secret = webhook_secret
        self._stripe = stripe.StripeClient(
            secret_key,
            base_addresses={"api": api_base},
            http_client=stripe.RequestsClient(timeout=timeout.total_seconds()),
            # Repeating is done in one place for every gateway: careful.py.
            max_network_retries=0,
        )

    def pay(self, order: Order, *, key: str) -> Standing:
        """Make a PaymentIntent; the payer finishes it with its client secret."""
        wish: Any = {
            "amount": order.amount,
            "currency": order.currency.lower(),
            "capture_method": "manual" if order.capture_later else "automatic",
            "metadata": {"payment_id": str(order.payment_id), "booking_id": str(order.booking_id)},
            **_WHOLE,
        }
        return _standing(_asked(lambda: self._stripe.v1.payment_intents.create(wish, {"idempotency_key": key})))

    def confirm(self, ref: str, *, key: str) -> Standing:
        """Payers confirm in their browser, with Stripe."""
        raise GatewayRefusal("confirm_with_client_secret")

    def capture(self, ref: str, amount: int, *, key: str) -> Standing:
        """Take reserved money; Stripe releases the rest."""
        wish: Any = {"amount_to_capture": amount, **_WHOLE}
        return _standing(_asked(lambda: self._stripe.v1.payment_intents.capture(ref, wish, {"idempotency_key": key})))

    def refund(self, ref: str, amount: int, *, key: str) -> Standing:
        """Give money back. A refund that is still under way counts as made; Stripe says so when it comes back."""
        wish: Any = {"payment_intent": ref, "amount": amount}
        made = _asked(lambda: self._stripe.v1.refunds.create(wish, {"idempotency_key": key}))
        if made.status in ("failed", "canceled"):
            raise GatewayRefusal(made.failure_reason or f"refund_{made.status}")
        return Standing(ref=ref, state="captured")

    def cancel(self, ref: str, *, key: str) -> Standing:
        """Give up a PaymentIntent; reserved money is released."""
        wish: Any = dict(_WHOLE)
        return _standing(_asked(lambda: self._stripe.v1.payment_intents.cancel(ref, wish, {"idempotency_key": key})))

    def look(self, ref: str) -> Standing:
        """The PaymentIntent as it is now, with what was refunded of its charge."""
        wish: Any = dict(_WHOLE)
        return _standing(_asked(lambda: self._stripe.v1.payment_intents.retrieve(ref, wish)))

    def read(self, raw: bytes, headers: Mapping[str, str]) -> Notice:
        """Verify with the library's own check: signature, and not older than five minutes."""
        try:
            event = stripe.Webhook.construct_event(raw, headers.get("Stripe-Signature", ""), self._webhook_secret)
        except stripe.SignatureVerificationError:
            raise BadSignature from None
        about = event.data.object
        ref = about.id if about.object == "payment_intent" else getattr(about, "payment_intent", None)
        return Notice(event.id, event.type, ref if isinstance(ref, str) else None)


def _asked(call: Callable[[], T]) -> T:
    try:
        return call()
    except stripe.CardError as error:
        raise GatewayRefusal(error.code or "card_declined") from error
    except stripe.InvalidRequestError as error:
        raise GatewayRefusal(error.code or "invalid_request") from error
    except _TROUBLE as error:
        log.warning("stripe did not answer as hoped", extra={"kind": type(error).__name__, "error": error.user_message})
        raise GatewayTrouble(type(error).__name__) from error


def _standing(intent: stripe.PaymentIntent) -> Standing:
    problem = intent.last_payment_error
    charge = intent.latest_charge if isinstance(intent.latest_charge, stripe.Charge) else None
    charge = charge if intent.status == "succeeded" else None
    declined = problem is not None and intent.status == "requires_payment_method"
    return Standing(
        ref=intent.id,
        state="failed" if declined else _STATES[intent.status],
        captured=charge.amount_captured if charge else 0,
        refunded=_given_back(charge) if charge else 0,
        error=(problem.code or problem.type) if problem is not None else None,
        client_secret=intent.client_secret,
    )


def _given_back(charge: stripe.Charge) -> int | None:
    """What was refunded of a charge. Of one captured in part Stripe counts the released rest as refunded, so that its
    figure says nothing about what the payer got back."""
    return charge.amount_refunded if charge.amount_captured == charge.amount else None
