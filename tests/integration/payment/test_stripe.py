"""The Stripe gateway against localstripe, a real process, through the official library; its webhook's signature.

localstripe knows neither idempotency keys nor how much of a charge was captured; fuller_localstripe.py adds them.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from uuid import uuid4

import orjson
import pytest

from bookings.payment.gateways.protocol import BadSignature, GatewayRefusal, GatewayTrouble, Order
from bookings.payment.gateways.stripe_gateway import StripeGateway
from tests.integration.payment.local_stripe import DECLINED, SECRET_KEY, WEBHOOK_SECRET, LocalStripe
from tests.support.servers import free_port


@pytest.fixture(scope="module")
def stripe_server() -> Iterator[LocalStripe]:
    server = LocalStripe()
    yield server
    server.process.stop()


def gateway_at(url: str) -> StripeGateway:
    return StripeGateway(
        secret_key=SECRET_KEY, webhook_secret=WEBHOOK_SECRET, timeout=timedelta(seconds=1), api_base=url
    )


@pytest.fixture(scope="module")
def gateway(stripe_server: LocalStripe) -> StripeGateway:
    return gateway_at(stripe_server.url)


def order(**changes: Any) -> Order:
    return replace(Order(uuid4(), uuid4(), 4500, "EUR"), **changes)


def test_a_payment_taken_at_once_and_given_back_in_parts(gateway: StripeGateway, stripe_server: LocalStripe) -> None:
    asked = order()
    made = [gateway.pay(asked, key=str(asked.payment_id)) for _ in range(2)][-1]
    assert made == gateway.pay(asked, key=str(asked.payment_id))
    assert (made.state, made.captured) == ("requires_action", 0)
    assert made.client_secret is not None
    assert made.client_secret.startswith(made.ref)
    intent = stripe_server.call("GET", f"/v1/payment_intents/{made.ref}")
    assert (intent["amount"], intent["currency"], intent["capture_method"]) == (4500, "eur", "automatic")
    assert intent["metadata"] == {"payment_id": str(asked.payment_id), "booking_id": str(asked.booking_id)}
    stripe_server.enter_card(made.ref)
    paid = gateway.look(made.ref)
    assert (paid.state, paid.captured, paid.refunded) == ("captured", 4500, 0)
    for key in ("one", "other", "one"):
        gateway.refund(made.ref, 750, key=key + made.ref)
    assert gateway.look(made.ref).refunded == 1500
    with pytest.raises(GatewayRefusal):
        gateway.cancel(made.ref, key=str(uuid4()))


def test_reserved_then_taken_in_part(gateway: StripeGateway, stripe_server: LocalStripe) -> None:
    made = gateway.pay(order(capture_later=True), key=str(uuid4()))
    stripe_server.enter_card(made.ref)
    reserved = gateway.look(made.ref)
    assert (reserved.state, reserved.captured) == ("authorized", 0)
    taken = gateway.capture(made.ref, 3000, key=str(uuid4()))
    assert (taken.state, taken.captured) == ("captured", 3000)
    # Stripe writes what it releases as a refund, which it is not to us.
    assert gateway.look(made.ref).refunded is None


def test_given_up(gateway: StripeGateway) -> None:
    made = gateway.pay(order(), key=str(uuid4()))
    assert gateway.cancel(made.ref, key=str(uuid4())).state == "cancelled"
    assert gateway.look(made.ref).state == "cancelled"


def test_declined(gateway: StripeGateway, stripe_server: LocalStripe) -> None:
    made = gateway.pay(order(), key=str(uuid4()))
    stripe_server.enter_card(made.ref, DECLINED)
    declined = gateway.look(made.ref)
    assert (declined.state, declined.error) == ("failed", "card_declined")


def test_three_d_secure(gateway: StripeGateway, stripe_server: LocalStripe) -> None:
    made = gateway.pay(order(), key=str(uuid4()))
    stripe_server.enter_card(made.ref, "4000002500003155")
    assert gateway.look(made.ref).state == "requires_action"
    stripe_server.call(
        "POST", f"/v1/payment_intents/{made.ref}/_authenticate", client_secret=made.client_secret, success="true"
    )
    assert gateway.look(made.ref).state == "captured"


def test_what_stripe_does_not_know_is_refused(gateway: StripeGateway) -> None:
    with pytest.raises(GatewayRefusal):
        gateway.look("pi_nothing")
    with pytest.raises(GatewayRefusal, match="confirm_with_client_secret"):
        gateway.confirm("pi_nothing", key="key")


class Broken(BaseHTTPRequestHandler):
    """A Stripe that keeps what it is asked and answers with whatever `status` says; 0: not at all."""

    status = 500
    seen: list[dict[str, str]]

    def do_POST(self) -> None:
        type(self).seen.append(dict(self.headers))
        if not type(self).status:
            time.sleep(1.5)
        self.send_response(type(self).status or 200)
        self.end_headers()
        self.wfile.write(b'{"error": {"type": "api_error", "message": "no"}}')

    def log_message(self, format: str, *args: Any) -> None:
        """Silence."""


@pytest.fixture
def broken() -> Iterator[str]:
    Broken.seen = []
    server = HTTPServer(("127.0.0.1", 0), Broken)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
@pytest.mark.parametrize("status", [500, 503, 429, 401, 409, 0])
def test_no_usable_answer_is_trouble(broken: str, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """Also a wrong key, which is our mistake; each is asked once, with the key; nothing secret is logged."""
    Broken.status = status
    with caplog.at_level(logging.INFO), pytest.raises(GatewayTrouble):
        gateway_at(broken).pay(order(), key="the key")
    assert [headers["Idempotency-Key"] for headers in Broken.seen] == ["the key"]
    assert SECRET_KEY not in caplog.text
    assert "did not answer as hoped" in caplog.text


def test_nobody_there_is_trouble() -> None:
    with pytest.raises(GatewayTrouble):
        gateway_at(f"http://127.0.0.1:{free_port()}").look("pi_x")


def signed(raw: bytes, at: int, secret: str = WEBHOOK_SECRET) -> dict[str, str]:
    signature = hmac.new(secret.encode(), f"{at}.".encode() + raw, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={at},v1={signature}"}


def event(object: str = "payment_intent", **fields: Any) -> bytes:
    about = {"id": "pi_1", "object": object} | fields
    return orjson.dumps(
        {"id": "evt_1", "object": "event", "type": f"{object}.changed", "api_version": "x", "data": {"object": about}}
    )


def test_notices_are_believed_only_when_signed_and_fresh(gateway: StripeGateway) -> None:
    raw, now = event(), int(time.time())
    notice = gateway.read(raw, signed(raw, now))
    assert (notice.id, notice.type, notice.ref) == ("evt_1", "payment_intent.changed", "pi_1")
    bad: list[dict[str, str]] = [
        {},
        {"Stripe-Signature": "nonsense"},
        signed(raw, now, "whsec_other"),
        signed(raw + b" ", now),
        signed(raw, now - 301),
    ]
    for headers in bad:
        with pytest.raises(BadSignature):
            gateway.read(raw, headers)


def test_notices_of_charges_and_refunds_name_their_payment(gateway: StripeGateway) -> None:
    now = int(time.time())
    for raw, ref in (
        (event("charge", id="ch_1", payment_intent="pi_2"), "pi_2"),
        (event("refund", id="re_1", payment_intent="pi_3"), "pi_3"),
        (event("customer", id="cus_1"), None),
    ):
        assert gateway.read(raw, signed(raw, now)).ref == ref
