"""Capturing, refunding and giving up: bounded by what was taken, whoever asks at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from bookings.payment.gateways import sandbox
from tests.integration.booking.api import problem
from tests.integration.payment.conftest import Till, later, somebody


def test_reserved_money_is_taken_by_staff(reserving: Till) -> None:
    customer = reserving.customer()
    booking = reserving.book(customer, confirm=True)
    payment = reserving.paid(customer, booking)
    assert payment["status"] == "authorized"
    assert reserving.status(booking) == ("confirmed", "authorized")
    problem(reserving.order(customer, payment, "capture"), 403, "forbidden")
    problem(reserving.order(customer, payment, "cancel"), 403, "forbidden")
    problem(reserving.order(reserving.staff, payment, "capture", amount=5001), 409, "payment-refused")
    taken = reserving.order(reserving.staff, payment, "capture", amount=3000).get_json()
    assert (taken["status"], taken["captured"]) == ("paid", 3000)
    assert reserving.effects(payment) == [("authorize", 5000), ("capture", 3000)]
    assert reserving.status(booking) == ("confirmed", "paid")
    high = problem(reserving.order(reserving.staff, payment, "refund", amount=3001), 422, "refund-too-high")
    assert high["refundable"] == 3000


def test_reserved_money_is_released_by_staff(reserving: Till) -> None:
    customer = reserving.customer()
    booking = reserving.book(customer)
    payment = reserving.paid(customer, booking)
    released = reserving.order(reserving.staff, payment, "cancel", reason="too late").get_json()
    assert (released["status"], released["operations"][-1]["reason"]) == ("cancelled", "too late")
    assert reserving.status(booking) == ("pending", "unpaid")
    assert reserving.effects(payment) == [("authorize", 5000)]


def test_two_captures_at_once_take_once(reserving: Till) -> None:
    customer = reserving.customer()
    payment = reserving.paid(customer, reserving.book(customer, 10009))
    with ThreadPoolExecutor(4) as pool:
        staff = [reserving.api.as_(reserving.provider) for _ in range(4)]
        answers = list(pool.map(lambda person: reserving.order(person, payment, "capture", amount=6000), staff))
    assert sorted(answer.status_code for answer in answers)[0] == 200
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert reserving.effects(payment) == [("authorize", 10009), ("capture", 6000)]


def test_refunds_in_parts(till: Till) -> None:
    customer = till.customer()
    booking = till.book(customer)
    payment = till.paid(customer, booking)
    problem(till.order(customer, payment, "refund"), 403, "forbidden")
    problem(till.order(somebody(till, "provider"), payment, "refund"), 404, "not-found")
    first = till.order(till.staff, payment, "refund", amount=1500, reason="The room was cold.").get_json()
    assert (first["status"], first["refunded"], first["refunding"]) == ("partially_refunded", 1500, 0)
    assert first["operations"][-1]["reason"] == "The room was cold."
    high = problem(till.order(till.admin, payment, "refund", amount=3501), 422, "refund-too-high")
    assert high["refundable"] == 3500
    rest = till.order(till.admin, payment, "refund").get_json()
    assert (rest["status"], rest["refunded"]) == ("refunded", 5000)
    assert till.status(booking) == ("pending", "refunded")
    assert problem(till.order(till.admin, payment, "refund"), 422, "refund-too-high")["refundable"] == 0
    assert till.told(booking) == ["payment.received", "payment.refunded", "payment.refunded"]
    trail = till.world.query("SELECT action, after FROM audit_entries WHERE subject_id = %s ORDER BY id", payment["id"])
    assert [(row["action"], row["after"]["amount"]) for row in trail] == [
        ("payment.refund", 1500),
        ("payment.refund", 3500),
    ]


@pytest.mark.slow
def test_simultaneous_refunds_never_exceed_what_was_taken(till: Till) -> None:
    """Eight times 1,500 of 10,009: six fit, whichever they are."""
    customer = till.customer()
    payment = till.paid(customer, till.book(customer, 10009))
    with ThreadPoolExecutor(8) as pool:
        staff = [till.api.as_(till.provider) for _ in range(8)]
        answers = list(pool.map(lambda person: till.order(person, payment, "refund", amount=1500), staff))
    assert sorted(answer.status_code for answer in answers) == [200] * 6 + [422] * 2
    assert till.effects(payment) == [("capture", 10009)] + [("refund", 1500)] * 6
    assert till.payment(payment)["refunded"] == 9000


def test_the_database_itself_refuses_to_promise_too_much(till: Till) -> None:
    """Whatever the service forgets to look at."""
    customer = till.customer()
    payment = till.paid(customer, till.book(customer))
    for change, constraint in (
        ("version = version + 1, refunding = 5001", "payments_refunds_covered"),
        ("version = version + 1, captured = 5001", "payments_captured_within_amount"),
        ("version = version + 1, captured = 4999", "payments_money_stays"),
        ("version = version + 1, status = 'unpaid'", "payments_transition_allowed"),
        ("version = version + 1, status = 'refunded'", "payments_status_fits"),
        ("status = 'refunded', refunded = 5000", "payments_version_rises"),
    ):
        with pytest.raises(psycopg.IntegrityError) as refused:
            till.world.query("UPDATE payments SET " + change + " WHERE id = %s", payment["id"])  # noqa: S608
        assert refused.value.diag.constraint_name == constraint


def test_the_same_refund_asked_for_twice_is_made_once(till: Till) -> None:
    customer = till.customer()
    payment = till.paid(customer, till.book(customer))
    answers = [till.order(till.staff, payment, "refund", amount=1000, key="refund it") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert answers[2].headers["Idempotent-Replayed"] == "true"
    assert till.payment(payment)["refunded"] == 1000


def test_a_refund_that_the_gateway_refuses(till: Till) -> None:
    """It is said, it can be seen, and the money can still be given back another way."""
    customer = till.customer()
    payment = till.paid(customer, till.book(customer, 10008))
    refused = problem(till.order(till.staff, payment, "refund", amount=500), 409, "gateway-refused")
    assert refused["reason"] == "refund_refused"
    now = till.payment(payment)
    assert (now["status"], now["refunding"], now["error"]) == ("paid", 0, "refund_refused")
    assert (now["operations"][-1]["state"], now["operations"][-1]["error"]) == ("failed", "refund_refused")


def test_a_gateway_that_is_silent_is_told_later(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """202: the refund is promised and shown as such; the job makes it, once."""
    customer = till.customer()
    payment = till.paid(customer, till.book(customer, 4711))
    with monkeypatch.context() as patched:
        patched.setitem(sandbox.MAGIC, 4711, sandbox.Magic(silent=True))
        till.world.query("UPDATE test_gateway_charges SET created_at = now() WHERE ref = %s", payment["gatewayRef"])
        answer = till.order(till.staff, payment, "refund", amount=711)
        assert answer.status_code == 202, answer.text
        assert (answer.get_json()["refunding"], answer.get_json()["refunded"]) == (711, 0)
        high = problem(till.order(till.staff, payment, "refund", amount=4001), 422, "refund-too-high")
        assert high["refundable"] == 4000
        later(till.world)
    till.work()
    assert till.payment(payment)["refunded"] == 711
    assert till.effects(payment) == [("capture", 4711), ("refund", 711)]


def test_a_payer_gives_up(till: Till) -> None:
    customer = till.customer()
    booking = till.book(customer, 10003)
    payment = till.paid(customer, booking)
    problem(till.order(somebody(till, "customer"), payment, "cancel"), 404, "not-found")
    assert till.order(customer, payment, "cancel").get_json()["status"] == "cancelled"
    assert till.status(booking) == ("pending", "unpaid")
    assert till.paid(customer, booking)["isCurrent"]
    assert not till.payment(payment)["isCurrent"]
    paid = till.paid(customer, till.book(customer))
    problem(till.order(till.staff, paid, "cancel"), 409, "payment-refused")
