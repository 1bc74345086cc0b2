"""Hours, grids and intervals against a clock that is looked at minute by minute, on days on which clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookings.availability import hours
from tests.support.wall import is_first, reached, shown

#: days on which clocks change, and one on which they do not
DAYS = {
    "UTC": ["2026-06-01"],
    "Europe/Berlin": ["2026-03-29", "2026-10-25"],
    "America/New_York": ["2026-03-08", "2026-11-01"],
    "Asia/Kathmandu": ["2026-06-01"],
    "Australia/Lord_Howe": ["2026-04-05", "2026-10-04"],
    "Pacific/Apia": ["2011-12-30", "2012-04-01"],
    "Africa/Casablanca": ["2026-02-15", "2026-03-22"],
    "America/Sao_Paulo": ["2018-02-18", "2018-11-04"],
}
PLACES = [(ZoneInfo(zone), date.fromisoformat(day)) for zone, days in DAYS.items() for day in days]
places = st.sampled_from(PLACES)
spans = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).map(lambda pair: (pair[0], pair[0] + pair[1]))
days_of_hours = st.lists(spans, max_size=3).map(lambda some: tuple(sorted(some)))
weeks = st.tuples(*[days_of_hours] * 7)
intervals = st.lists(
    st.tuples(st.integers(0, 16), st.integers(0, 6)).map(lambda pair: (pair[0], sum(pair))), max_size=6
)
Some = list[hours.Interval]


def minutes_around(day: date) -> tuple[int, int]:
    """One local day and a good part of its neighbours."""
    noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()) // 60
    return noon - 1800, noon + 1800


@pytest.mark.slow
@given(places, st.integers(-1, 1), st.integers(0, 2880))
@settings(max_examples=300)
def test_an_instant_is_when_the_clock_comes_there(place: tuple[ZoneInfo, date], shift: int, minutes: int) -> None:
    zone, day = place[0], place[1] + timedelta(days=shift)
    assert hours.instant(day, minutes, zone) == reached(zone, day, minutes) * 60
    wall = shown(zone, reached(zone, day, minutes))
    wished = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minutes)
    assert hours.exists(day, minutes, zone) == (wall == wished)


@pytest.mark.slow
@given(places, weeks, st.dictionaries(st.integers(-2, 2), days_of_hours, max_size=2))
@settings(max_examples=60)
def test_it_is_open_in_the_minutes_of_its_hours(
    place: tuple[ZoneInfo, date], week: hours.Week, exceptions: dict[int, hours.Day]
) -> None:
    zone, day = place
    lower, upper = minutes_around(day)
    days = {day + timedelta(days=shift): spans for shift, spans in exceptions.items()}
    found = hours.open_between(week, days, zone, lower * 60, upper * 60)
    expected = {
        minute
        for shift in range(-5, 5)
        for begins, ends in days.get(day + timedelta(days=shift), week[(day + timedelta(days=shift)).weekday()])
        for minute in range(
            reached(zone, day + timedelta(days=shift), begins), reached(zone, day + timedelta(days=shift), ends)
        )
    }
    assert {minute for a, b in found for minute in range(a // 60, b // 60)} == expected & set(range(lower, upper))
    assert found == hours.merged(found)


@pytest.mark.slow
@given(places, st.integers(5, 200), st.integers(0, 300))
@settings(max_examples=40)
def test_a_grid_is_what_the_clock_shows_for_the_first_time(
    place: tuple[ZoneInfo, date], interval: int, offset: int
) -> None:
    zone, day = place
    lower, upper = minutes_around(day)
    expected = []
    for minute in range(lower, upper):
        wall = shown(zone, minute)
        of_day = wall.hour * 60 + wall.minute
        if of_day >= offset % interval and (of_day - offset) % interval == 0 and is_first(zone, minute):
            expected.append(minute * 60)
    assert hours.grid(interval, offset, zone, lower * 60, upper * 60) == expected


def points(some: Some) -> set[int]:
    return {point for a, b in some for point in range(a, b)}


@pytest.mark.slow
@given(intervals, intervals, st.integers(0, 20), st.integers(0, 20))
@settings(max_examples=300)
def test_intervals_are_sets_of_points(one: Some, other: Some, lower: int, upper: int) -> None:
    first, second = hours.merged(one), hours.merged(other)
    assert points(first) == points(one)
    assert all(a < b for a, b in first)
    assert all(left[1] < right[0] for left, right in pairwise(first))
    assert points(hours.common(first, second)) == points(one) & points(other)
    assert points(hours.without(first, second)) == points(one) - points(other)
    assert points(hours.clipped(first, lower, upper)) == points(one) & set(range(lower, upper))
