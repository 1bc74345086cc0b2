"""Each data check of payments can see: the data is damaged on purpose, and exactly the checks that should notice do."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import UUID

import orjson
import pytest

from bookings import queries
from bookings.auth import Caller
from bookings.payment import service
from bookings.payment.gateways import sandbox
from bookings.payment.gateways.sandbox import SandboxGateway
from tests.integration.payment.conftest import Till
from tests.support import damages

GUARDS = """
ALTER TABLE payments DROP CONSTRAINT payments_refunds_covered;
ALTER TABLE payments DROP CONSTRAINT payments_captured_within_amount;
ALTER TABLE payments DROP CONSTRAINT payments_status_fits;
ALTER TABLE payments DROP CONSTRAINT payments_one_current;
"""
SEEN_BY = {
    "money_that_the_ledger_does_not_know": {"payment.ledger_disagrees"},
    "ledger_row_lost": {"payment.ledger_disagrees", "payment.told_otherwise"},
    "given_back_too_much": {"payment.ledger_disagrees", "payment.more_than_there_was"},
    "refunded_that_is_called_paid": {"payment.status_disagrees", "payment.booking_disagrees"},
    "booking_that_says_otherwise": {"payment.booking_disagrees"},
    "two_current_payments": {"payment.not_one_current", "payment.booking_disagrees"},
    "paid_in_another_currency": {"payment.other_currency"},
    "paid_twice": {"payment.kept_for_nothing", "payment.test_gateway_disagrees"},
    "price_that_fell_unheard": {"payment.more_kept_than_owed"},
    "errand_that_nobody_runs": {"payment.errand_without_job"},
    "notice_that_nobody_reads": {"payment.notice_without_job"},
    "payment_that_the_gateway_never_heard_of": {"payment.waiting_for_nobody"},
    "refund_that_nobody_was_told_of": {"payment.told_otherwise"},
    "charged_twice": {"payment.test_gateway_disagrees"},
    "refunded_behind_our_back": {"payment.test_gateway_disagrees"},
    "cents_that_float": {"payment.money_as_a_fraction"},
}
DAMAGES = queries.load("damages", Path(__file__).parent)


@pytest.fixture(scope="module")
def url(till: Till) -> str:
    """A declined payment, another in its place, given back in part; one that the gateway has not heard of; a notice."""
    customer = till.customer()
    booking = till.book(customer, 10002)
    till.paid(customer, booking)
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sandbox.MAGIC, 10002, sandbox.Magic())
        payment = till.paid(customer, booking)
    till.work()
    till.order(till.staff, payment, "refund", amount=1000)
    about = {"settings": till.settings, "caller": Caller(customer.actor), "gateway": "test", "by_hand": False}
    waiting = UUID(till.book(customer)["id"])
    till.database.run(lambda tx: service.begin(tx, booking_id=waiting, **about))  # type: ignore[arg-type]
    raw = orjson.dumps({"id": "evt", "type": "charge.changed", "ref": payment["gatewayRef"]})
    signature = SandboxGateway(till.database, secret=till.settings.jwt_secret).sign(raw, int(time.time()))
    headers = {"Test-Signature": signature}
    assert till.app.test_client().post("/webhooks/payments/test", data=raw, headers=headers).status_code == 204
    return till.world.address


def test_sound_payments_are_found_sound(url: str) -> None:
    assert damages.found(url) == set()


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", DAMAGES.texts)
def test_damage_is_seen(url: str, name: str) -> None:
    assert damages.seen(url, DAMAGES, name, GUARDS) == SEEN_BY[name]


def test_every_check_has_a_damage() -> None:
    assert damages.each_has_its_damage("payment", DAMAGES, SEEN_BY)
