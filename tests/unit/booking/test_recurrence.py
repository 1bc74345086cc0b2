"""Recurrence rules as wall-clock times of a zone."""
# ruff: noqa: DTZ001 -- what a clock on the wall shows has no offset

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings.booking import recurrence
from bookings.booking.recurrence import LONGEST, RuleError, occurrences

BERLIN = ZoneInfo("Europe/Berlin")
FIRST = datetime(2027, 3, 1, 9)  # a Monday
UNTIL = datetime(2031, 1, 1)


def walls(text: str, first: datetime = FIRST, zone: ZoneInfo = BERLIN, **rest: object) -> list[str]:
    """The wall-clock times of a rule, in short."""
    found = occurrences(text, first, zone, until=UNTIL, **rest)  # type: ignore[arg-type]
    return [one.wall.strftime("%m-%d %H:%M") + ("" if one.at else "?") for one in found]


def test_the_wall_time_is_kept_when_clocks_change() -> None:
    found = occurrences("FREQ=WEEKLY;COUNT=6", FIRST, BERLIN, until=UNTIL)
    assert {one.wall.hour for one in found} == {9}
    assert [one.at.hour for one in found if one.at] == [8, 8, 8, 8, 7, 7]


def test_a_time_that_clocks_skip_is_told_and_not_counted() -> None:
    found = walls("FREQ=DAILY;COUNT=3", datetime(2027, 3, 27, 2, 30))
    assert found == ["03-27 02:30", "03-28 02:30?", "03-29 02:30", "03-30 02:30"]


def test_a_time_that_clocks_show_twice_is_the_first() -> None:
    found = occurrences("FREQ=DAILY;COUNT=2", datetime(2027, 10, 30, 2, 30), BERLIN, until=UNTIL)
    assert found[1].at == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text,expected",
    [
        ("FREQ=WEEKLY;BYDAY=MO,WE;COUNT=3", ["03-01 09:00", "03-03 09:00", "03-08 09:00"]),
        ("RRULE:freq=daily;interval=2;count=2", ["03-01 09:00", "03-03 09:00"]),
        ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=2", ["03-26 09:00", "04-30 09:00"]),
        ("FREQ=MONTHLY;BYMONTHDAY=31;COUNT=2", ["03-31 09:00", "05-31 09:00"]),
        ("FREQ=DAILY;UNTIL=20270303", ["03-01 09:00", "03-02 09:00", "03-03 09:00"]),
        ("FREQ=DAILY;UNTIL=20270303T080000Z", ["03-01 09:00", "03-02 09:00", "03-03 09:00"]),
        ("FREQ=DAILY;UNTIL=20270303T075959Z", ["03-01 09:00", "03-02 09:00"]),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO;COUNT=1", ["05-17 09:00"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=1", ["03-31 09:00"]),
    ],
)
def test_rules(text: str, expected: list[str]) -> None:
    assert walls(text) == expected


def test_dates_left_out_are_counted() -> None:
    assert walls("FREQ=DAILY;COUNT=3", without={date(2027, 3, 2)}) == ["03-01 09:00", "03-03 09:00"]


@pytest.mark.parametrize(
    "text,word",
    [
        ("", "recurrence rule"),
        ("every monday", "recurrence rule"),
        ("FREQ=HOURLY;COUNT=3", "FREQ"),
        ("FREQ=SECONDLY;UNTIL=20280101", "FREQ"),
        ("FREQ=DAILY;BYHOUR=1,2,3;COUNT=3", "BYHOUR"),
        ("FREQ=DAILY;BYEASTER=1;COUNT=3", "BYEASTER"),
        ("FREQ=DAILY", "COUNT"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20280101", "COUNT"),
        ("FREQ=DAILY;COUNT=367", "366"),
        ("FREQ=DAILY;COUNT=0", "COUNT"),
        ("FREQ=DAILY;COUNT=3;COUNT=4", "recurrence rule"),
        ("FREQ=DAILY;INTERVAL=100000;COUNT=2", "INTERVAL"),
        ("FREQ=DAILY;UNTIL=20290101", "more than 366"),
        ("FREQ=DAILY;UNTIL=20271399", "UNTIL"),
        ("FREQ=DAILY;UNTIL=soon", "UNTIL"),
        ("FREQ=YEARLY;UNTIL=20310102", "UNTIL is later than 2031-01-01"),
        ("FREQ=YEARLY;UNTIL=20310102T090000Z", "UNTIL is later than 2031-01-01"),
        ("FREQ=WEEKLY;BYDAY=XX;COUNT=2", "BYDAY"),
        ("FREQ=WEEKLY;BYDAY=2MO;COUNT=2", "BYDAY"),
        ("FREQ=MONTHLY;BYMONTHDAY=0;COUNT=2", "BYMONTHDAY"),
        ("FREQ=MONTHLY;BYMONTHDAY=x;COUNT=2", "BYMONTHDAY"),
        ("FREQ=DAILY;UNTIL=20260101", "Never"),
        ("FREQ=YEARLY;COUNT=9", "only 4 times"),
        ("FREQ=DAILY;COUNT=2;X=" + "1" * 300, "Is longer"),
    ],
)
def test_what_is_no_rule_is_refused_in_words(text: str, word: str) -> None:
    with pytest.raises(RuleError, match=word):
        walls(text)


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=1",
        "FREQ=WEEKLY;BYMONTH=2;BYMONTHDAY=30;COUNT=1",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30;COUNT=1",
        "FREQ=YEARLY;BYYEARDAY=366;BYMONTH=1;COUNT=1",
        "FREQ=YEARLY;BYWEEKNO=20;BYMONTH=1;COUNT=1",
        "FREQ=DAILY;BYSETPOS=5;BYMONTH=3;COUNT=366",
    ],
)
def test_a_rule_that_never_takes_place_is_soon_given_up(rule: str) -> None:
    """dateutil alone would look through the years to 9999: minutes for some of these."""
    began = time.process_time()
    with pytest.raises(RuleError, match="Never"):
        walls(rule)
    assert time.process_time() - began < 1


def test_the_longest_series() -> None:
    """The limit counts what can take place."""
    assert len(walls(f"FREQ=DAILY;COUNT={LONGEST}")) == LONGEST
    assert len(walls(f"FREQ=DAILY;COUNT={LONGEST}", datetime(2027, 3, 1, 2, 30))) == LONGEST + 1


def test_moving_a_weekly_rule_turns_its_weekdays() -> None:
    before = [one.wall for one in occurrences("FREQ=WEEKLY;BYDAY=MO,WE;COUNT=6", FIRST, BERLIN, until=UNTIL)]
    assert recurrence.shifted("FREQ=WEEKLY;BYDAY=MO,WE;COUNT=6", BERLIN, before, timedelta(days=1, hours=2)) == (
        "FREQ=WEEKLY;BYDAY=TU,TH;COUNT=6"
    )


def test_a_move_that_no_rule_describes() -> None:
    text = "FREQ=MONTHLY;BYMONTHDAY=31;COUNT=3"
    before = [one.wall for one in occurrences(text, FIRST, BERLIN, until=UNTIL)]
    assert recurrence.shifted(text, BERLIN, before, timedelta(days=1)) is None
    assert recurrence.shifted(text, BERLIN, before[1:], timedelta(hours=1)) == "FREQ=MONTHLY;BYMONTHDAY=31;COUNT=2"


@given(
    rule=st.sampled_from(
        ("DAILY", "WEEKLY", "WEEKLY;BYDAY=MO,FR", "WEEKLY;INTERVAL=2;BYDAY=SU,MO", "MONTHLY;BYDAY=1MO")
    ),
    days=st.integers(-400, 400),
    hours=st.integers(-9, 9),
    zone=st.sampled_from(("Europe/Berlin", "Australia/Lord_Howe", "UTC")),
)
def test_a_moved_rule_is_true_or_is_not_said(rule: str, days: int, hours: int, zone: str) -> None:
    where, by = ZoneInfo(zone), timedelta(days=days, hours=hours)
    first = datetime(2028, 3, 6, 9)
    before = [one.wall for one in occurrences(f"FREQ={rule};COUNT=9", first, where, until=UNTIL) if one.at]
    text = recurrence.shifted(f"FREQ={rule};COUNT=9", where, before, by)
    if text is not None:
        found = occurrences(text, before[0] + by, where, until=UNTIL + timedelta(days=800))
        assert [one.wall for one in found] == [one + by for one in before]
    if rule == "DAILY" or not days:
        assert text is not None
