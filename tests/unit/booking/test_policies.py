"""Calling off, moving and coming, by the rules alone: each limit to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings.booking import policies
from bookings.booking.policies import Verdict

START = datetime(2030, 3, 1, 9, tzinfo=UTC)
TIERS = {"tiers": [{"beforeMinutes": 0, "refundPercent": 50}, {"beforeMinutes": 1440, "refundPercent": 100}]}
A_MOMENT = timedelta(microseconds=1)


def before(minutes: int) -> datetime:
    return START - timedelta(minutes=minutes)


def booking(policy: Any = None, **changes: Any) -> dict[str, Any]:
    """A confirmed booking of 100.01."""
    return {
        "start_at": START,
        "status": "confirmed",
        "price_amount": 10001,
        "cancellation_policy": None,
        "policy": policy,
        "reschedules": 0,
    } | changes


@pytest.mark.parametrize(
    "now,fee",
    [
        (before(4000), 0),
        (before(1440), 0),
        (before(1440) + A_MOMENT, 5000),
        (START, 5000),
        (START + A_MOMENT, 10001),
    ],
)
def test_the_first_tier_whose_notice_is_kept_says_the_fee(now: datetime, fee: int) -> None:
    """Whatever order the tiers come in; the limits belong to the better tier; half a unit is given back."""
    assert policies.cancellation_fee(booking(cancellation_policy=TIERS), now) == fee


def test_without_a_policy_nothing_is_kept_and_without_tiers_everything() -> None:
    assert policies.cancellation_fee(booking(), START) == 0
    assert policies.cancellation_fee(booking(cancellation_policy={"tiers": []}), before(99999)) == 10001


@pytest.mark.parametrize("price,amount,fee", [(10001, 500, 500), (400, 500, 400), (None, 500, 0), (0, 500, 0)])
def test_an_amount_is_kept_up_to_the_price(price: int | None, amount: int, fee: int) -> None:
    tiers = {"tiers": [{"beforeMinutes": 0, "feeAmount": amount}]}
    assert policies.cancellation_fee(booking(price_amount=price, cancellation_policy=tiers), before(1)) == fee


CUTOFF = {"cancelCutoffMinutes": 60}


@pytest.mark.parametrize(
    "late,tiers,verdict",
    [
        (None, None, Verdict("refuse", 0, before(60))),
        ("refuse", TIERS, Verdict("refuse", 0, before(60))),
        ("fee", TIERS, Verdict("fee", 5000, before(60))),
        ("fee", None, Verdict("fee", 10001, before(60))),
        ("noShow", TIERS, Verdict("noShow", 10001, before(60))),
    ],
)
def test_behind_the_cutoff_counts_what_was_agreed_of_late_ones(late: str | None, tiers: Any, verdict: Verdict) -> None:
    agreed = CUTOFF | ({"lateCancel": late} if late else {})
    one = booking(agreed, cancellation_policy=tiers)
    assert policies.cancelling(one, before(60) + A_MOMENT) == verdict
    in_time = policies.cancelling(one, before(60))
    assert (in_time.how, in_time.until) == ("", None)


@pytest.mark.parametrize("late", [None, "refuse", "fee", "noShow"])
def test_the_last_cutoff_is_the_start(late: str | None) -> None:
    for agreed in (late and {"lateCancel": late}, {"cancelCutoffMinutes": 0, "lateCancel": late}):
        assert policies.cancelling(booking(agreed), START - A_MOMENT) == Verdict()
        assert policies.cancelling(booking(agreed), START) == Verdict("refuse", until=START)
        assert policies.cancelling(booking(agreed), START + timedelta(days=9)) == Verdict("refuse", until=START)
        assert policies.rescheduling(booking(agreed), START - A_MOMENT) == Verdict()
        assert policies.rescheduling(booking(agreed), START) == Verdict("refuse", until=START)


@pytest.mark.parametrize(
    "moved,now,verdict",
    [
        (0, before(120), Verdict("", 0)),
        (1, before(30), Verdict("", 1000)),
        (1, before(30) + A_MOMENT, Verdict("refuse", 0, before(30))),
        (2, before(9999), Verdict("refuse")),
        (3, before(9999), Verdict("refuse")),
    ],
)
def test_moving(moved: int, now: datetime, verdict: Verdict) -> None:
    agreed = {
        "rescheduleCutoffMinutes": 30,
        "maxReschedules": 2,
        "reschedulePolicy": {"tiers": [{"beforeMinutes": 120, "feeAmount": 0}, {"beforeMinutes": 0, "feePercent": 10}]},
    }
    assert policies.rescheduling(booking(agreed, reschedules=moved), now) == verdict


def test_the_last_tier_of_moving_is_for_all_that_is_later() -> None:
    agreed = {"reschedulePolicy": {"tiers": [{"beforeMinutes": 0, "feePercent": 100}]}}
    assert policies.rescheduling(booking(agreed), START - A_MOMENT) == Verdict("", 10001)


def test_the_most_specific_layer_that_says_a_rule_counts() -> None:
    resource, service, business = (
        {"maxReschedules": 0},
        {"maxReschedules": 3, "lateCancel": None},
        {"lateCancel": "fee"},
    )
    assert policies.agreed(resource, service, business) == {"maxReschedules": 0, "lateCancel": "fee"}
    assert policies.agreed({}, {"minimumNoticeMinutes": 5}) is None


@pytest.mark.parametrize("status,fee", [("pending", 0), ("confirmed", 0), ("cancelled", None), ("completed", None)])
def test_only_what_can_be_called_off_has_a_price_for_it(status: str, fee: int | None) -> None:
    assert policies.fee_now(booking(status=status), before(1)) == fee
    assert policies.fee_now(booking(status=status, price_amount=None), before(1)) is None
    assert policies.fee_now(booking(CUTOFF, status=status), before(1)) is None


@pytest.mark.parametrize("late,due", [(timedelta(minutes=15), True), (timedelta(minutes=15) - A_MOMENT, False)])
def test_unattended_from_that_instant_on(late: timedelta, due: bool) -> None:
    assert policies.is_unattended(booking({"releaseAfterMinutes": 15}), START + late) is due
    assert not policies.is_unattended(booking(), START + late)


@pytest.mark.parametrize(
    "then,times,price,verdict",
    [
        ("refuse", 1, 5, ""),
        ("refuse", 2, 5, "refuse"),
        ("pay", 3, 5, "pay"),
        ("pay", 3, 0, "confirm"),
        ("confirm", 2, None, "confirm"),
    ],
)
def test_repeat_cases(then: str, times: int, price: int | None, verdict: str) -> None:
    rule = {"count": 2, "days": 30, "then": then}
    assert policies.after_no_shows(rule, times, price=price) == verdict
    assert policies.after_no_shows(None, times, price=price) == ""


@pytest.mark.slow
@given(st.integers(0, 10**12), st.integers(-5000, 5000), st.integers(0, 100), st.integers(0, 3000))
def test_a_fee_is_never_more_than_the_price(price: int, left: int, percent: int, notice: int) -> None:
    tiers = {"tiers": [{"beforeMinutes": notice, "refundPercent": percent}]}
    fee = policies.cancellation_fee(booking(price_amount=price, cancellation_policy=tiers), before(left))
    assert 0 <= fee <= price


@pytest.mark.parametrize("tiers,fee", [(None, 10001), (TIERS, 5000)])
def test_leaving_is_never_refused(tiers: Any, fee: int) -> None:
    """And never cheaper than being late; else it is as calling off."""
    late = before(60) + A_MOMENT
    refused = booking(CUTOFF, cancellation_policy=tiers)
    assert policies.leaving(refused, late) == Verdict("fee", fee, before(60))
    for agreed, now in ((CUTOFF, before(60)), (CUTOFF | {"lateCancel": "noShow"}, late), (None, late)):
        one = booking(agreed, cancellation_policy=tiers)
        assert policies.leaving(one, now) == policies.cancelling(one, now)
