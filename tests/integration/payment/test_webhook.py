"""Notices of a gateway: believed only when signed, kept once, and whatever order they come in, what the gateway says
when it is asked counts."""

from __future__ import annotations

import random
import time
from typing import Any
from uuid import uuid4

import orjson
import pytest
from werkzeug.test import TestResponse

from bookings.payment import jobs
from bookings.payment.gateways.sandbox import SandboxGateway
from bookings.payment.routes import NOTICE_LIMIT
from tests.integration.booking.api import problem
from tests.integration.payment.conftest import Till, later


def send(till: Till, notice: dict[str, Any], *, signature: str | None = None, gateway: str = "test") -> TestResponse:
    """The gateway's request."""
    raw = orjson.dumps(notice)
    signed = SandboxGateway(till.database, secret=till.settings.jwt_secret).sign(raw, int(time.time()))
    return till.app.test_client().post(
        f"/webhooks/payments/{gateway}",
        data=raw,
        headers={"Test-Signature": signed if signature is None else signature, "Content-Type": "application/json"},
    )


def notice(payment: dict[str, Any], type: str = "charge.changed") -> dict[str, Any]:
    return {"id": f"evt_{uuid4()}", "type": type, "ref": payment["gatewayRef"]}


def inbox(till: Till, notice: dict[str, Any]) -> list[dict[str, Any]]:
    return till.world.query("SELECT * FROM webhook_inbox WHERE event_id = %s", notice["id"])


def test_late_success_comes_by_notice(till: Till) -> None:
    """Kept as it came, once, and looked into once, however often it comes."""
    customer = till.customer()
    booking = till.book(customer, 10006, confirm=True)
    payment = till.paid(customer, booking)
    later(till.world)
    told = notice(payment)
    assert [send(till, told).status_code for _ in range(3)] == [204] * 3
    (kept,) = inbox(till, told)
    assert (bytes(kept["body"]), kept["processed_at"]) == (orjson.dumps(told), None)
    assert till.status(booking) == ("pending", "unpaid")
    till.work("payment.notice")
    assert till.status(booking) == ("confirmed", "paid")
    version = till.payment(payment)["version"]
    assert send(till, told).status_code == 204
    till.work("payment.notice")
    (kept,) = inbox(till, told)
    assert kept["outcome"] == "looked"
    assert till.payment(payment)["version"] == version
    assert till.told(booking) == ["payment.received"]


@pytest.mark.slow
def test_order_and_words_do_not_matter(till: Till) -> None:
    """Notices that lie, repeat and overtake each other, around payments, refunds and confirmations."""
    chance = random.Random(4711)
    customer = till.customer()
    payments = []
    for amount in (5000, 10002, 10003, 10006):
        booking = till.book(customer, amount)
        payments.append((booking, till.paid(customer, booking)))
    till.order(till.staff, payments[0][1], "refund", amount=100)
    till.order(customer, payments[2][1], "confirm")
    later(till.world)
    types = ("charge.captured", "charge.failed", "charge.refunded", "charge.requires_action", "charge.cancelled")
    notices = [notice(payment, type) for _, payment in payments for type in types] * 2
    chance.shuffle(notices)
    for one in notices:
        assert send(till, one).status_code == 204
        if chance.random() < 0.3:
            till.do("payment.notice")
    till.work("payment.notice")
    statuses = [till.payment(payment)["status"] for _, payment in payments]
    assert statuses == ["partially_refunded", "failed", "paid", "paid"]
    assert [till.told(booking) for booking, _ in payments] == [
        ["payment.received", "payment.refunded"],
        ["payment.failed"],
        ["payment.received"],
        ["payment.received"],
    ]


@pytest.mark.parametrize("signature", ["", "t=1,v1=00", "nonsense"])
def test_what_is_not_signed_is_not_kept(till: Till, signature: str) -> None:
    told = {"id": "evt_forged", "type": "charge.captured", "ref": "test_x"}
    problem(send(till, told, signature=signature), 400, "notice-refused")
    assert inbox(till, told) == []
    problem(send(till, told, gateway="stripe"), 404, "not-found")
    problem(send(till, told, gateway="manual"), 400, "notice-refused")


def test_what_is_too_large_is_not_read(till: Till) -> None:
    """What a gateway sends may be larger than what people send, and no larger than that."""
    whole = {"id": "evt_large", "type": "charge.captured", "ref": None, "more": ""}
    whole["more"] = "x" * (NOTICE_LIMIT - len(orjson.dumps(whole)))
    assert len(orjson.dumps(whole)) == NOTICE_LIMIT
    assert send(till, whole).status_code == 204
    assert len(inbox(till, whole)[0]["body"]) == NOTICE_LIMIT
    larger = whole | {"id": "evt_larger"}
    assert problem(send(till, larger), 413, "body-too-large")
    assert inbox(till, larger) == []


def test_notices_about_nothing_we_know(till: Till) -> None:
    """Soon after they come we may not have written down the reference yet; later it is nobody's."""
    strange = {"id": f"evt_{uuid4()}", "type": "charge.captured", "ref": "test_unknown"}
    general = {"id": f"evt_{uuid4()}", "type": "account.updated", "ref": None}
    assert [send(till, one).status_code for one in (strange, general)] == [204, 204]
    till.do("payment.notice")
    assert (inbox(till, strange)[0]["processed_at"], inbox(till, general)[0]["outcome"]) == (None, "unknown")
    till.world.query("UPDATE webhook_inbox SET received_at = now() - interval '2 minutes' WHERE processed_at IS NULL")
    till.do("payment.notice")
    assert inbox(till, strange)[0]["outcome"] == "unknown"


def test_a_notice_whose_job_was_lost_is_taken_up_again(till: Till) -> None:
    customer = till.customer()
    payment = till.paid(customer, till.book(customer))
    told = notice(payment)
    send(till, told)
    till.world.query("DELETE FROM jobs WHERE kind = 'payment.notice'")
    till.world.query("UPDATE webhook_inbox SET received_at = now() - interval '3 minutes' WHERE processed_at IS NULL")
    assert jobs.reconcile(till.database, till.settings) == 1
    till.work("payment.notice")
    assert inbox(till, told)[0]["outcome"] == "looked"


def test_old_notices_are_forgotten(till: Till) -> None:
    """Those that were dealt with, and only when the gateway will not repeat them any more."""
    customer = till.customer()
    payment = till.paid(customer, till.book(customer))
    old, fresh, waiting = notice(payment), notice(payment), notice(payment)
    send(till, old)
    send(till, fresh)
    till.work("payment.notice")
    send(till, waiting)
    till.world.query(
        "UPDATE webhook_inbox SET received_at = now() - interval '31 days' WHERE event_id = ANY (%s)",
        [old["id"], waiting["id"]],
    )
    assert jobs.forget(till.database) == 1
    assert [bool(inbox(till, one)) for one in (old, fresh, waiting)] == [False, True, True]
    till.work("payment.notice")
