"""Paying by Stripe through the real processes: localstripe takes the card from the payer, and calls back, signed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import check_data
from tests.acceptance.payment.till import Till
from tests.conftest import StartService
from tests.integration.event.facts import wait_for
from tests.integration.payment.local_stripe import DECLINED, SECRET_KEY, WEBHOOK_SECRET, LocalStripe
from tests.support.service import ServiceOptions


@pytest.fixture(scope="module")
def stripe_server() -> Iterator[LocalStripe]:
    """Stripe."""
    server = LocalStripe()
    yield server
    server.process.stop()


@pytest.fixture(scope="module")
def till(start_service: StartService, stripe_server: LocalStripe) -> Iterator[Till]:
    """A business that is paid by Stripe. In the end all data checks are green, and no log holds a secret."""
    env = {
        "PAYMENT_GATEWAY": "stripe",
        "STRIPE_SECRET_KEY": SECRET_KEY,
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "STRIPE_API_BASE": stripe_server.url,
    }
    till = Till(start_service(ServiceOptions(processes=("web", "worker", "relay"), env=env)))
    stripe_server.call_back(f"{till.service.base_url}/webhooks/payments/stripe")
    wait_for(lambda: till.world.query("SELECT name FROM event_consumers"), lambda rows: len(rows) > 0, 30)
    yield till
    assert [finding for finding in check_data.findings(till.service.database_url) if finding.rows] == []
    for name in ("web", "worker", "relay"):
        for secret in (SECRET_KEY, WEBHOOK_SECRET, "_secret_"):
            assert secret not in till.service.log_text(name)
    till.world.close()


def test_paid_by_card_called_off_and_given_back(till: Till, stripe_server: LocalStripe) -> None:
    """Nobody asks Stripe but the notice."""
    booking = till.book(4500)
    begun = till.pay(booking)
    assert (begun.status, begun.body["status"]) == (201, "requires_action")
    assert begun.body["clientSecret"].startswith(begun.body["gatewayRef"])
    stripe_server.enter_card(begun.body["gatewayRef"])
    till.comes_to(booking, "confirmed", "paid")
    assert till.act(booking, "cancel").status == 200
    till.comes_to(booking, "cancelled", "refunded")
    intent = stripe_server.call("GET", f"/v1/payment_intents/{begun.body['gatewayRef']}")
    charge = stripe_server.call("GET", f"/v1/charges/{intent['latest_charge']['id']}")
    assert (charge["amount"], charge["amount_refunded"]) == (4500, 4500)
    assert till.world.query("SELECT outcome FROM webhook_inbox WHERE ref = %s", intent["id"]) == [{"outcome": "looked"}]


def test_declined_and_paid_with_another_card(till: Till, stripe_server: LocalStripe) -> None:
    """Another payment takes its place; the old one is given up at Stripe, so that no money can come of it."""
    booking = till.book(3300, required=False)
    payment = till.pay(booking).body
    stripe_server.enter_card(payment["gatewayRef"], DECLINED)
    till.comes_to(booking, "confirmed", "failed")
    again = till.pay(booking)
    assert again.status == 201
    stripe_server.enter_card(again.body["gatewayRef"])
    till.comes_to(booking, "confirmed", "paid")
    wait_for(lambda: [one["status"] for one in till.payments(booking)], lambda now: now == ["paid", "cancelled"], 30)
