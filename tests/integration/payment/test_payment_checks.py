"""Each data check of payments can see: the data is damaged on purpose, and exactly the checks that should notice do."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import UUID

import orjson
import psycopg
import pytest

import check_data
from bookings import queries
from bookings.auth import Caller
from bookings.payment import service
from bookings.payment.gateways import sandbox
from bookings.payment.gateways.sandbox import SandboxGateway
from tests.integration.payment.conftest import Till

UNGUARDED = """
SET session_replication_role = replica;
ALTER TABLE payments DROP CONSTRAINT payments_refunds_covered;
ALTER TABLE payments DROP CONSTRAINT payments_captured_within_amount;
ALTER TABLE payments DROP CONSTRAINT payments_status_fits;
ALTER TABLE payments DROP CONSTRAINT payments_one_current;
"""
SEEN_BY = {
    "money_that_the_ledger_does_not_know": {"ledger_disagrees"},
    "ledger_row_lost": {"ledger_disagrees", "told_otherwise"},
    "given_back_too_much": {"ledger_disagrees", "more_than_there_was"},
    "refunded_that_is_called_paid": {"status_disagrees", "booking_disagrees"},
    "booking_that_says_otherwise": {"booking_disagrees"},
    "two_current_payments": {"not_one_current", "booking_disagrees"},
    "paid_in_another_currency": {"other_currency"},
    "paid_twice": {"kept_for_nothing", "test_gateway_disagrees"},
    "price_that_fell_unheard": {"more_kept_than_owed"},
    "errand_that_nobody_runs": {"errand_without_job"},
    "notice_that_nobody_reads": {"notice_without_job"},
    "payment_that_the_gateway_never_heard_of": {"waiting_for_nobody"},
    "refund_that_nobody_was_told_of": {"told_otherwise"},
    "charged_twice": {"test_gateway_disagrees"},
    "refunded_behind_our_back": {"test_gateway_disagrees"},
    "cents_that_float": {"money_as_a_fraction"},
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


def found(connection: psycopg.Connection[tuple[object, ...]]) -> set[str]:
    return {finding.check for finding in check_data.look(connection) if finding.rows}


def test_sound_payments_are_found_sound(url: str) -> None:
    with psycopg.connect(url) as connection:
        assert found(connection) == set()


@pytest.mark.parametrize("name", DAMAGES.texts)
def test_damage_is_seen(url: str, name: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(UNGUARDED)
        assert connection.execute(getattr(DAMAGES, name)).rowcount != 0
        seen = found(connection)
        connection.rollback()
    assert seen == {f"payment.{check}" for check in SEEN_BY[name]}


def test_every_check_has_a_damage() -> None:
    checks = queries.load("payment", check_data.CHECKS).texts
    assert set(checks) == set().union(*SEEN_BY.values())
    assert set(SEEN_BY) == set(DAMAGES.texts)
