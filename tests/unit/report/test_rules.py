"""Periods, their parts, the rhythm of schedules, and cells that are no formulas."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings.report import rules
from bookings.report.rules import Rhythm

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from([ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC")])
INSTANTS = st.integers(0, 2 * 365 * 86_400).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=n))


def at(text: str) -> datetime:
    """A wall-clock time in Berlin."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.slow
@given(INSTANTS, st.timedeltas(timedelta(minutes=1), timedelta(days=400)), st.sampled_from(rules.TIMED), ZONES)
def test_buckets_and_parts_cover_the_period_without_gap(
    lower: datetime, length: timedelta, group_by: str, zone: ZoneInfo
) -> None:
    upper = lower + length
    found = list(rules.buckets(lower, upper, group_by, zone))
    parts = rules.slices(lower, upper, group_by, zone)
    for pieces in ([(bucket.lower, bucket.upper) for bucket in found], parts):
        assert (pieces[0][0], pieces[-1][1]) == (lower, upper)
        assert all(begins < ends for begins, ends in pieces)
        assert all(one[1] == other[0] for one, other in pairwise(pieces))
    assert {begins for begins, _ in parts} <= {bucket.lower for bucket in found}
    assert [bucket.key for bucket in found] == sorted({bucket.key for bucket in found})


def test_without_days_there_is_one_part() -> None:
    assert rules.slices(at("2027-01-01"), at("2028-01-01"), "resource", BERLIN) == [
        (at("2027-01-01"), at("2028-01-01"))
    ]


@pytest.mark.parametrize(
    "rhythm,after,due",
    [
        (Rhythm("daily", time(6, 30)), "2027-03-01T06:29", "2027-03-01T06:30"),
        (Rhythm("daily", time(6, 30)), "2027-03-01T06:30", "2027-03-02T06:30"),
        (Rhythm("weekly", time(7), weekday=1), "2027-03-01T07:00", "2027-03-08T07:00"),
        (Rhythm("weekly", time(7), weekday=7), "2027-03-01T00:00", "2027-03-07T07:00"),
        (Rhythm("monthly", time(0), day=1), "2027-03-01T00:00", "2027-04-01T00:00"),
        (Rhythm("monthly", time(23, 59), day=31), "2027-01-31T23:59", "2027-02-28T23:59"),
        (Rhythm("monthly", time(12), day=30), "2028-02-01T00:00", "2028-02-29T12:00"),
        # 02:30 does not exist on 28 March and exists twice on 25 October.
        (Rhythm("daily", time(2, 30)), "2027-03-27T12:00", "2027-03-28T03:30"),
        (Rhythm("daily", time(2, 30)), "2026-10-24T12:00", "2026-10-25T02:30"),
    ],
)
def test_when_the_next_one_is_due(rhythm: Rhythm, after: str, due: str) -> None:
    assert rules.due_after(rhythm, at(after), BERLIN) == at(due).astimezone(UTC)


def test_what_exists_twice_is_due_once() -> None:
    first = rules.due_after(Rhythm("daily", time(2, 30)), at("2026-10-24T12:00"), BERLIN)
    second = rules.due_after(Rhythm("daily", time(2, 30)), first, BERLIN)
    assert (second - first) == timedelta(hours=25)
    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@given(
    st.builds(Rhythm, st.just("daily"), st.times())
    | st.builds(Rhythm, st.just("weekly"), st.times(), weekday=st.integers(1, 7))
    | st.builds(Rhythm, st.just("monthly"), st.times(), day=st.integers(1, 31)),
    INSTANTS,
    ZONES,
)
def test_periods_follow_each_other_without_gap(rhythm: Rhythm, moment: datetime, zone: ZoneInfo) -> None:
    due = rules.due_after(rhythm, moment, zone)
    following = rules.due_after(rhythm, due, zone)
    assert moment < due < following
    before, after = rules.period_before(rhythm, due, zone), rules.period_before(rhythm, following, zone)
    assert before[1] == after[0]
    assert before[1] <= due
    days = {"daily": 1, "weekly": 7}.get(rhythm.every)
    if days:
        assert before[1].astimezone(zone).date() - before[0].astimezone(zone).date() == timedelta(days=days)
    else:
        assert before[0].astimezone(zone).date().day == before[1].astimezone(zone).date().day == 1


def test_a_day_begins_at_local_midnight() -> None:
    assert rules.instant(date(2027, 7, 1), BERLIN) == datetime(2027, 6, 30, 22, tzinfo=UTC)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "=cmd|' /C calc'!A0"])
def test_formulas_become_text(text: str) -> None:
    assert rules.harmless(text) == "'" + text


@pytest.mark.parametrize("text", ["", "Ada", "a=b", "O'Neill", "1-2", "Ärger"])
def test_other_text_stays(text: str) -> None:
    assert rules.harmless(text) == text
