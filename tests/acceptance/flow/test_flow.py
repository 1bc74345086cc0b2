"""booked → paid → confirmed → notified → reminded → completed → reviewed → reported; the same with something broken.

docs/flow.md draws it. Nothing may be lost, nothing done twice, and what went wrong must be visible and go on by itself.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.acceptance.flow.house import AHEAD, STEPS, STORY, House, Walk, start_in, until

pytestmark = pytest.mark.slow
#: who gets which mail of a booking that goes well
CUSTOMER_MAILS = ("booking_created", "payment_received", "booking_confirmed", "reminder", "review_request")
PROVIDER_MAILS = ("booking_created", "payment_received", "booking_confirmed")


def assert_went_well(walk: Walk, *, may_be_late: tuple[str, ...] = ()) -> None:
    """Everything happened, once; but mails of these causes may have come too late to be sent."""
    house, booking = walk.house, walk.now()
    assert (booking["status"], booking["paymentStatus"]) == ("completed", "paid")
    assert walk.charged() == [("capture", walk.price)]
    until(lambda: "review.created" in walk.story(), "event of the review")
    story = walk.story()
    assert Counter(story) == Counter(STORY)
    assert [one for one in story if one.startswith("booking.")] == [one for one in STORY if one.startswith("booking.")]
    assert_told_once(walk, may_be_late)
    (row,) = [row for row in walk.figures["rows"] if walk.service_id in row.values()]
    assert (row["captured"], row["refunded"], row["net"]) == (walk.price, 0, walk.price)
    history = house.admin.get(f"/bookings/{booking['id']}/history")["items"]
    assert [entry["version"] for entry in history] == list(range(1, booking["version"] + 1))


def assert_told_once(walk: Walk, may_be_late: tuple[str, ...]) -> None:
    """Each cause reached each recipient by mail, once, and nobody else."""

    def waiting() -> list[dict[str, object]]:
        return walk.house.rows(
            """SELECT cause, status FROM notifications
                WHERE booking_id = %s AND channel = 'email' AND status NOT IN ('sent', 'dead', 'skipped')""",
            walk.booking["id"],
        )

    until(lambda: not waiting(), f"end to waiting mails {waiting()}")
    skipped = walk.house.rows(
        "SELECT cause FROM notifications WHERE booking_id = %s AND status = 'skipped'", walk.booking["id"]
    )
    too_late = {row["cause"] for row in skipped}
    assert too_late <= set(may_be_late)
    for person, causes in ((walk.customer, CUSTOMER_MAILS), (walk.provider, PROVIDER_MAILS)):
        rows = walk.house.rows(
            "SELECT id, cause FROM notifications WHERE booking_id = %s AND channel = 'email' AND recipient_id = %s",
            walk.booking["id"],
            person.id,
        )
        assert Counter(row["cause"] for row in rows) == Counter(causes)
        letters = Counter(str(mail["Message-ID"]) for mail in walk.house.mails_to(person))
        assert len(letters) == len([cause for cause in causes if cause not in too_late])
        # The one thing that may come twice: a mail whose sender died after the server had taken it. It says so.
        assert all(any(str(row["id"]) in letter for row in rows) for letter in letters)


@pytest.fixture(scope="module")
def walks(house: House) -> Iterator[dict[str, Future[Walk]]]:
    """Those that disturb nobody walk at the same time: most of a walk is waiting for its booking to begin."""
    with ThreadPoolExecutor(2) as pool:
        yield {
            "undisturbed": pool.submit(Walk(house).all),
            "gateway times out": pool.submit(Walk(house, price=10005).all),
        }


Walks = dict[str, "Future[Walk]"]


def test_one_booking_goes_through_the_whole_house(walks: Walks) -> None:
    assert_went_well(walks["undisturbed"].result(300))


def test_a_declined_card_leaves_the_booking_open_to_another(house: House) -> None:
    walk = Walk(house, price=10002)
    walk.book()
    assert walk.begin_payment()["status"] == "failed"
    until(lambda: walk.now()["paymentStatus"] == "failed", "failed payment")
    assert walk.now()["status"] == "pending"
    by_hand = walk.provider.do("POST", f"/bookings/{walk.booking['id']}/payments", {"gateway": "manual"}, status=201)
    walk.provider.do("POST", f"/payments/{by_hand['id']}/capture", {})
    until(lambda: walk.now()["status"] == "confirmed", "confirmation")
    assert walk.now()["paymentStatus"] == "paid"
    assert walk.charged() == []
    until(lambda: walk._notifications("payment_failed") and walk._notifications("payment_received"), "notifications")


def test_who_does_not_pay_loses_the_time(house: House) -> None:
    walk = Walk(house, price=10002)
    walk.book()
    walk.begin_payment()
    until(lambda: walk.now()["status"] == "cancelled", "end of the unpaid booking")
    assert walk.now()["paymentStatus"] == "expired"
    again = {"serviceId": walk.service_id, "startAt": start_in(AHEAD)}
    other = house.customer().do("POST", "/bookings", again, status=201)
    assert other["providerId"] == walk.provider.id


def test_a_gateway_that_times_out_and_did_it_all_the_same(walks: Walks) -> None:
    assert_went_well(walks["gateway times out"].result(300))


def test_called_off_gives_back_what_was_agreed(house: House) -> None:
    walk = Walk(house)
    far = {"serviceId": walk.service_id, "startAt": start_in(timedelta(days=3))}
    walk.booking = walk.customer.do("POST", "/bookings", far, status=201)
    walk.pay()
    walk.confirmed()
    walk.customer.do("POST", f"/bookings/{walk.booking['id']}/cancel", {})
    until(lambda: walk.now()["paymentStatus"] == "refunded", "refund")
    assert walk.charged() == [("capture", walk.price), ("refund", walk.price)]


@pytest.mark.crash
def test_a_mail_server_that_is_away_the_whole_time_only_delays_mails(house: House) -> None:
    house.mails.kill()
    try:
        walk = Walk(house).all()
    finally:
        house.mails.start()
    assert_went_well(walk, may_be_late=("reminder",))


@pytest.mark.crash
def test_a_worker_that_is_killed_at_every_step_loses_and_repeats_nothing(house: House) -> None:
    """As many bookings as there are steps walk at once; at its own step each has the worker killed three times."""
    one_at_a_time = threading.Lock()

    def strike() -> None:
        for pause in (0.1, 0.4, 0.8):
            time.sleep(pause)
            with one_at_a_time:
                house.service.kill("worker")
                house.service.start("worker")

    def walk(step: str) -> Walk:
        blows = threading.Thread(target=strike)
        walked = Walk(house, before=lambda now: blows.start() if now == step else None).all()
        blows.join()
        return walked

    with ThreadPoolExecutor(len(STEPS)) as pool:
        walked = list(pool.map(walk, STEPS))
    for one in walked:
        assert_went_well(one, may_be_late=("reminder",))
