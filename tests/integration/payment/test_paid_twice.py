"""A declined payment, another in its place, and then money comes of the first after all: it goes back by itself."""

from __future__ import annotations

from typing import Any

import pytest

from bookings.payment import jobs
from bookings.payment.gateways import sandbox
from bookings.payment.rules import PAID_TWICE
from tests.integration.payment.conftest import Till, later

Json = dict[str, Any]


@pytest.fixture
def declined(till: Till) -> tuple[Json, Json]:
    """A booking whose payment was declined, and that payment."""
    customer = till.customer()
    booking = till.book(customer, 10002)
    payment = till.paid(customer, booking)
    assert payment["status"] == "failed"
    return booking, payment


def replaced(till: Till, booking: Json, monkeypatch: pytest.MonkeyPatch) -> Json:
    """Another card, which is good."""
    monkeypatch.setitem(sandbox.MAGIC, 10002, sandbox.Magic())
    payment = till.paid(till.staff, booking)
    assert payment["status"] == "paid"
    return payment


def taken(till: Till, payment: Json) -> None:
    """The payer's bank thought better of it, and nobody told us."""
    ref = payment["gatewayRef"]
    till.world.query("UPDATE test_gateway_charges SET state = 'captured', captured = amount WHERE ref = %s", ref)
    till.world.query(
        "INSERT INTO test_gateway_effects (key, ref, kind, amount) VALUES (%s, %s, 'capture', 10002)",
        f"{ref}:bank",
        ref,
    )


def test_what_came_before_it_could_be_closed_goes_back(
    till: Till, declined: tuple[Json, Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    booking, old = declined
    taken(till, old)
    new = replaced(till, booking, monkeypatch)
    till.work()
    now = till.payment(old)
    assert (now["status"], now["isCurrent"], now["captured"], now["refunded"]) == ("refunded", False, 10002, 10002)
    cancel, refund = (next(o for o in now["operations"] if o["kind"] == kind) for kind in ("cancel", "refund"))
    assert (cancel["state"], cancel["error"], refund["reason"]) == ("failed", "not_cancellable", PAID_TWICE)
    assert till.effects(old) == [("capture", 10002), ("refund", 10002)]
    assert till.effects(new) == [("capture", 10002)]
    assert till.status(booking) == ("pending", "paid")
    assert till.told(booking) == ["payment.failed", "payment.received", "payment.received", "payment.refunded"]


def test_what_is_under_way_when_it_is_to_be_closed_goes_back_when_it_comes(
    till: Till, declined: tuple[Json, Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked about until somebody knows."""
    booking, old = declined
    ref = old["gatewayRef"]
    till.world.query("UPDATE test_gateway_charges SET state = 'processing', error = NULL WHERE ref = %s", ref)
    replaced(till, booking, monkeypatch)
    till.work()
    assert (till.payment(old)["status"], till.status(booking)) == ("unpaid", ("pending", "paid"))
    monkeypatch.setitem(sandbox.MAGIC, 10002, sandbox.Magic(first="processing"))
    later(till.world)
    till.world.query("UPDATE payments SET asked_at = asked_at - interval '3 minutes' WHERE id = %s", old["id"])
    jobs.reconcile(till.database, till.settings)
    till.work()
    assert (till.payment(old)["status"], till.status(booking)) == ("refunded", ("pending", "paid"))
    assert till.effects(old) == [("capture", 10002), ("refund", 10002)]


def test_a_look_that_is_being_made_does_not_do(
    till: Till, declined: tuple[Json, Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have asked before the money came."""
    booking, old = declined
    taken(till, old)
    till.world.query(
        """INSERT INTO jobs (id, kind, key, payload, max_attempts, state, attempts, leased_until)
           VALUES (gen_random_uuid(), 'payment.look', %s, '{}', 8, 'running', 1, now() + interval '1 hour')""",
        old["id"],
    )
    replaced(till, booking, monkeypatch)
    till.work()
    assert till.payment(old)["status"] == "refunded"
    till.world.query("DELETE FROM jobs WHERE kind = 'payment.look' AND key = %s", old["id"])
