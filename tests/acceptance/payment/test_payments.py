"""Payments through the service's real processes: declined, late, confirmed by the payer, told by notices, not paid in
time, and with the processes killed in the middle of each step. By the gateway's own books nobody is charged twice, and
nobody is given back twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

import check_data
from tests.acceptance.payment.till import Json, Till
from tests.integration.event.facts import wait_for
from tests.support.service import Service, ServiceOptions

SERVICE = ServiceOptions(
    processes=("web", "worker", "relay"),
    env={
        "PAYMENT_GATEWAY": "test",
        "PAYMENT_TTL": "8s",
        "PAYMENT_TIMEOUT": "1s",
        "JOB_LEASE": "3s",
        "JOB_RETRY_BASE": "1s",
        "JOB_RETRY_LIMIT": "2s",
    },
)
SLOW, HALF = 10009, {"tiers": [{"beforeMinutes": 0, "refundPercent": 50}]}
#: kept only a year ahead, which no test is
NOTHING = {"tiers": [{"beforeMinutes": 525600, "refundPercent": 100}]}


@pytest.fixture(scope="module")
def till(service: Service) -> Iterator[Till]:
    """The business. In the end nothing is pending, and all data checks are green."""
    till = Till(service)
    # The consumer begins with the present; from here on it hears of everything.
    wait_for(lambda: till.world.query("SELECT name FROM event_consumers"), lambda rows: len(rows) > 0, 30)
    yield till
    pending = "SELECT count(*) AS n FROM payment_operations WHERE state = 'pending' AND kind <> 'pay'"
    wait_for(lambda: till.world.query(pending)[0]["n"], lambda n: n == 0, 40)
    assert [finding for finding in check_data.findings(service.database_url) if finding.rows] == []
    till.world.close()


def test_paid_confirmed_called_off_and_given_back(till: Till) -> None:
    """Half of it, as the service's policy said when it was booked."""
    booking = till.book(4501, policy=HALF)
    assert (booking["status"], booking["paymentStatus"]) == ("pending", "unpaid")
    paid = till.pay(booking, Idempotency_Key="once")
    assert (paid.status, paid.body["status"]) == (201, "paid")
    assert till.status(booking) == ("confirmed", "paid")
    assert till.pay(booking, Idempotency_Key="once").body["id"] == paid.body["id"]
    assert till.act(booking, "cancel").status == 200
    till.comes_to(booking, "cancelled", "partially_refunded")
    assert till.effects(booking) == [("capture", 4501), ("refund", 2251)]
    wait_for(lambda: till.told(booking), lambda told: told == ["payment.received", "payment.refunded"])


def test_declined(till: Till) -> None:
    booking = till.book(10002, required=False)
    declined = till.pay(booking)
    assert (declined.status, declined.body["status"], declined.body["error"]) == (201, "failed", "card_declined")
    assert till.status(booking) == ("confirmed", "failed")
    assert till.effects(booking) == []


def test_a_timeout_and_then_success(till: Till) -> None:
    """Nobody asks again but the worker."""
    booking = till.book(10005)
    refused = till.pay(booking)
    assert (refused.status, refused.body["code"]) == (503, "gateway-unavailable")
    assert int(refused.headers["Retry-After"]) >= 1
    till.comes_to(booking, "confirmed", "paid")
    assert till.effects(booking) == [("capture", 10005)]


def test_three_d_secure(till: Till) -> None:
    booking = till.book(10003, required=False)
    payment = till.pay(booking).body
    assert (payment["status"], bool(payment["clientSecret"])) == ("requires_action", True)
    assert till.order(till.customer, payment, "confirm").body["status"] == "paid"
    assert till.effects(booking) == [("capture", 10003)]
    for name in ("web", "worker", "relay"):
        assert payment["clientSecret"] not in till.service.log_text(name)


def test_notices_repeated_out_of_order_and_forged(till: Till) -> None:
    booking = till.book(10006, required=False)
    payment = till.pay(booking).body
    assert payment["status"] == "unpaid"
    assert till.notify(payment, "forged", forged=True) == 400
    types = ("charge.refunded", "charge.failed", "charge.captured", "charge.captured", "charge.pending")

    def tell() -> tuple[str, str]:
        for number, type in enumerate(types):
            assert till.notify(payment, f"evt {number % 3}", type) == 204
        # Some come before the money, and are looked into then; a later one finds it.
        assert till.notify(payment, f"evt {threading.get_native_id()} {tell_count.__next__()}") == 204
        return till.status(booking)

    tell_count = iter(range(1000))
    wait_for(tell, lambda now: now == ("confirmed", "paid"), 40)
    assert till.effects(booking) == [("capture", 10006)]
    wait_for(lambda: till.told(booking), lambda told: told == ["payment.received"])
    kept = till.world.query("SELECT count(*) AS n FROM webhook_inbox WHERE event_id ~ '^evt [0-2]$'")
    assert kept == [{"n": 3}]


def test_not_paid_in_time(till: Till) -> None:
    """The time is free for somebody else, and the payment cannot be finished any more."""
    booking = till.book(10003, hour=500)
    payment = till.pay(booking).body
    till.comes_to(booking, "cancelled", "expired")
    assert till.payments(booking)[0]["status"] == "expired"
    assert till.order(till.customer, payment, "confirm").status == 409
    assert till.book(5000, hour=500)["status"] == "pending"
    assert till.effects(booking) == []


def test_late_success_wins(till: Till) -> None:
    """Nobody told us in time; when the time is over we ask, and it had been paid."""
    booking = till.book(10006)
    assert till.pay(booking).body["status"] == "unpaid"
    till.comes_to(booking, "confirmed", "paid")
    assert till.effects(booking) == [("capture", 10006)]


def test_money_that_comes_too_late_goes_back(till: Till) -> None:
    booking = till.book(10006, policy=NOTHING)
    payment = till.pay(booking).body
    assert till.act(booking, "cancel").status == 200
    count = iter(range(1000))

    def tell() -> tuple[str, str]:
        till.notify(payment, f"too late {next(count)}")
        return till.status(booking)

    wait_for(tell, lambda now: now == ("cancelled", "refunded"), 40)
    assert till.effects(booking) == [("capture", 10006), ("refund", 10006)]


#: where in an operation its process dies: before its effect at the gateway, and after it, before it is written down
MOMENTS: dict[str, Callable[[Json], bool]] = {
    "before": lambda errand: errand["attempts"] > 0 and not errand["effects"],
    "after": lambda errand: bool(errand["effects"]) and errand["state"] == "pending",
}


@pytest.mark.crash
@pytest.mark.parametrize("moment", MOMENTS)
def test_the_web_process_is_killed_while_it_asks_for_money(till: Till, moment: str) -> None:
    """The worker finds out what became of it."""
    booking = till.book(SLOW, required=False)

    def pay() -> None:
        with pytest.raises(OSError):  # noqa: PT011 (the connection breaks, one way or another)
            till.pay(booking)

    customer = threading.Thread(target=pay)
    customer.start()
    till.wait_for_errand(booking, "pay", MOMENTS[moment])
    till.service.kill("web")
    customer.join(30)
    till.service.start("web")
    till.comes_to(booking, "confirmed", "paid")
    assert till.effects(booking) == [("capture", SLOW)]
    wait_for(lambda: till.told(booking), lambda told: told == ["payment.received"])


@pytest.mark.crash
@pytest.mark.parametrize("moment", MOMENTS)
def test_the_worker_is_killed_while_it_gives_money_back(till: Till, moment: str) -> None:
    booking = till.book(SLOW, required=False)
    assert till.pay(booking).body["status"] == "paid"
    assert till.act(booking, "cancel").status == 200
    till.wait_for_errand(booking, "refund", MOMENTS[moment])
    till.service.kill("worker")
    assert till.errand(booking, "refund")["state"] == "pending"
    till.service.start("worker")
    till.comes_to(booking, "cancelled", "refunded")
    assert till.effects(booking) == [("capture", SLOW), ("refund", SLOW)]
    wait_for(lambda: till.told(booking), lambda told: told == ["payment.received", "payment.refunded"])


@pytest.mark.crash
def test_the_worker_is_killed_around_the_time_a_booking_is_given_up(till: Till) -> None:
    """Again and again, until it got through: given up once, and nothing is left half done."""
    booking = till.book(10003)
    till.pay(booking)
    for _ in range(6):
        till.service.kill("worker")
        till.service.start("worker")
        if till.status(booking) == ("cancelled", "expired"):
            break
        threading.Event().wait(2.5)
    till.comes_to(booking, "cancelled", "expired", seconds=60)
    history = till.call(till.admin, "GET", f"/bookings/{booking['id']}/history").body["items"]
    assert [entry["action"] for entry in history].count("cancel") == 1
    assert till.effects(booking) == []


def test_a_gateway_that_is_away_is_left_alone(till: Till) -> None:
    """Last, because its circuit stays open: 503 with the time it will be, and staff can still take cash."""
    bookings = [till.book(10007, required=False) for _ in range(4)]
    answers = [till.pay(booking) for _ in range(8) for booking in bookings]
    assert {answer.status for answer in answers} == {503}
    assert max(int(answer.headers["Retry-After"]) for answer in answers) > 20
    cash = till.call(till.staff, "POST", f"/bookings/{till.book(10007)['id']}/payments", {"gateway": "manual"})
    assert cash.status == 201, cash.body
