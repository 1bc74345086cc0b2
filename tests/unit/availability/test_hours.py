"""Wall-clock hours as instants, where clocks change and where they do not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from bookings.availability.hours import ALWAYS, common, exists, grid, instant, merged, open_between, without

BERLIN, LORD_HOWE, APIA = ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Apia")


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "day,minutes,zone,expected",
    [
        (date(2026, 7, 1), 540, BERLIN, "2026-07-01T07:00"),
        (date(2026, 3, 29), 150, BERLIN, "2026-03-29T01:00"),  # 02:30 does not exist: clocks go to 03:00
        (date(2026, 3, 29), 120, BERLIN, "2026-03-29T01:00"),
        (date(2026, 10, 25), 150, BERLIN, "2026-10-25T00:30"),  # the first of two
        (date(2026, 3, 28), 1440 + 150, BERLIN, "2026-03-29T01:00"),  # past midnight
        (date(2026, 10, 4), 135, LORD_HOWE, "2026-10-03T15:30"),  # half an hour is left out there
        (date(2011, 12, 30), 600, APIA, "2011-12-30T10:00"),  # a whole day that there never was
        (date(2018, 11, 4), 0, ZoneInfo("America/Sao_Paulo"), "2018-11-04T03:00"),  # midnight does not exist
    ],
)
def test_instants(day: date, minutes: int, zone: ZoneInfo, expected: str) -> None:
    assert instant(day, minutes, zone) == utc(expected)


def test_a_time_in_a_gap_does_not_exist() -> None:
    assert not exists(date(2026, 3, 29), 150, BERLIN)
    assert exists(date(2026, 3, 29), 180, BERLIN)
    assert not exists(date(2011, 12, 30), 600, APIA)


def test_a_week_around_the_clock_is_one_span() -> None:
    lower, upper = utc("2026-03-27T00:00"), utc("2026-04-02T00:00")
    assert open_between(ALWAYS, {}, BERLIN, lower, upper) == [(lower, upper)]


def test_hours_past_midnight_belong_to_the_day_they_begin() -> None:
    week = (((1200, 1560),),) + ((),) * 6  # Mondays 20:00 to 02:00
    found = open_between(week, {}, BERLIN, utc("2026-07-07T00:00"), utc("2026-07-08T00:00"))
    assert found == []
    found = open_between(week, {date(2026, 7, 7): ()}, BERLIN, utc("2026-07-06T00:00"), utc("2026-07-08T00:00"))
    assert found == [(utc("2026-07-06T18:00"), utc("2026-07-07T00:00"))]


def test_grid_skips_what_does_not_exist_and_takes_the_first_of_two() -> None:
    spring = grid(30, 0, BERLIN, utc("2026-03-29T00:00"), utc("2026-03-29T02:00"))
    assert spring == [
        utc("2026-03-29T00:00"),
        utc("2026-03-29T00:30"),
        utc("2026-03-29T01:00"),
        utc("2026-03-29T01:30"),
    ]
    autumn = grid(60, 0, BERLIN, utc("2026-10-24T23:00"), utc("2026-10-25T03:00"))
    assert autumn == [utc("2026-10-24T23:00"), utc("2026-10-25T00:00"), utc("2026-10-25T02:00")]


def test_intervals() -> None:
    assert merged([(5, 7), (1, 3), (3, 4), (6, 9), (2, 2)]) == [(1, 4), (5, 9)]
    assert common([(0, 5), (8, 12)], [(3, 9), (11, 20)]) == [(3, 5), (8, 9), (11, 12)]
    assert without([(0, 10), (12, 20)], [(2, 3), (5, 13), (19, 25)]) == [(0, 2), (3, 5), (13, 19)]
