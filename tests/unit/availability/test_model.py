"""The model that judges the engine, judged by examples that were worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.support.model import Booking, Closure, Layer, Need, Resource, Service, Town, Wish
from tests.support.wall import is_first, reached

BERLIN, APIA = ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Apia")
LORD_HOWE, SAO_PAULO = ZoneInfo("Australia/Lord_Howe"), ZoneInfo("America/Sao_Paulo")


def at(text: str) -> int:
    """Minutes since 1970 of an instant in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) // 60


def texts(minutes: list[int]) -> list[str]:
    return [datetime.fromtimestamp(minute * 60, UTC).strftime("%d %H:%M") for minute in minutes]


def town(**changes: object) -> Town:
    """Ann in Berlin does yoga for half an hour, Mondays (7 June 2027 is one) from 9 to 11 by the clock there."""
    hours = [[(540, 660)], [], [], [], [], [], []]
    town = Town(BERLIN, at("2027-06-01T00:00"))
    town.resources = {"ann": Resource("ann", BERLIN, layer=Layer(weekly=hours))}
    town.services = {"yoga": Service("yoga", ["ann"])}
    for name, value in changes.items():
        setattr(town, name, value)
    return town


YOGA = Wish("yoga", 30, customer="carl")
MONDAY = (at("2027-06-07T00:00"), at("2027-06-08T00:00"))


def starts(town: Town, wish: Wish = YOGA, between: tuple[int, int] = MONDAY) -> list[str]:
    """All bookable minutes of a time."""
    return texts([minute for minute in range(*between) if town.takers(wish, minute)])


def booked(start: str, end: str, **rest: object) -> dict[str, Booking]:
    return {"b": Booking("b", ("ann",), at(start), at(end), **rest)}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "zone, day, minutes, expected",
    [
        (BERLIN, date(2026, 3, 29), 150, "2026-03-29T01:00"),  # left out: clocks go from 02:00 to 03:00
        (BERLIN, date(2026, 10, 25), 150, "2026-10-25T00:30"),  # shown twice
        (BERLIN, date(2026, 10, 25), 180, "2026-10-25T02:00"),
        (LORD_HOWE, date(2026, 10, 4), 135, "2026-10-03T15:30"),  # half an hour is left out
        (LORD_HOWE, date(2026, 4, 5), 105, "2026-04-04T14:45"),  # and shown twice
        (APIA, date(2011, 12, 30), 600, "2011-12-30T10:00"),  # a date that never was
        (SAO_PAULO, date(2018, 11, 4), 0, "2018-11-04T03:00"),  # no midnight
        (SAO_PAULO, date(2018, 2, 17), 1440, "2018-02-18T03:00"),  # a date of 25 hours
        (SAO_PAULO, date(2018, 2, 17), 1380, "2018-02-18T01:00"),
    ],
)
def test_when_a_clock_comes_to_a_time(zone: ZoneInfo, day: date, minutes: int, expected: str) -> None:
    assert reached(zone, day, minutes) == at(expected)


def test_which_times_a_clock_shows_for_the_first_time() -> None:
    assert is_first(BERLIN, at("2026-10-25T00:30"))
    assert not is_first(BERLIN, at("2026-10-25T01:30"))
    assert is_first(BERLIN, at("2026-10-25T02:00"))


def test_hours_end_when_the_service_must_be_done() -> None:
    assert starts(town()) == ["07 07:00", "07 07:15", "07 07:30", "07 07:45", "07 08:00", "07 08:15", "07 08:30"]


@pytest.mark.slow
def test_notice_window_and_the_past() -> None:
    some = town(now=at("2027-06-07T07:20"))
    assert starts(some) == ["07 07:30", "07 07:45", "07 08:00", "07 08:15", "07 08:30"]
    some.now += 0.5
    some.business.rules["minimumNoticeMinutes"] = 40
    assert starts(some) == ["07 08:15", "07 08:30"]
    some.services["yoga"].layer.rules["minimumNoticeMinutes"] = 0
    some.business.rules["bookingWindow"] = {"kind": "range", "from": "2027-06-08", "to": "2027-06-09"}
    assert starts(some) == []
    some.now = at("2027-06-04T12:00")
    some.business.rules["bookingWindow"] = {"kind": "rolling", "days": 3}
    assert len(starts(some)) == 7
    some.business.rules["bookingWindow"] = {"kind": "rolling", "days": 2}
    assert starts(some) == []
    some.business.rules["bookingWindow"] = {"kind": "businessDays", "days": 1}  # she works on Mondays only
    assert len(starts(some)) == 7
    assert starts(some, between=(at("2027-06-14T00:00"), at("2027-06-15T00:00"))) == []


def test_interval_and_offset() -> None:
    some = town()
    some.business.rules |= {"slotIntervalMinutes": 50, "slotOffsetMinutes": 10}  # 09:20 is 11 times 50 after 00:10
    assert starts(some) == ["07 07:20", "07 08:10"]


@pytest.mark.slow
def test_exceptions_holidays_and_closures() -> None:
    some = town()
    some.business.holidays = "DE"
    whit_monday = (at("2027-05-17T00:00"), at("2027-05-18T00:00"))
    some.now = at("2027-05-01T00:00")
    assert starts(some, between=whit_monday) == []
    some.resources["ann"].layer.holidays = ""
    assert len(starts(some, between=whit_monday)) == 7
    some.business.days[date(2027, 6, 7)] = []
    assert starts(some) == []
    some.resources["ann"].layer.days[date(2027, 6, 7)] = [(1380, 1500)]  # 23:00 to 01:00
    assert starts(some, between=(MONDAY[0], MONDAY[1] + 1440))[-1] == "07 22:30"
    some.closures = [Closure(None, at("2027-06-07T21:15"), at("2027-06-07T22:20"))]
    assert starts(some) == ["07 22:30"]
    some.closures = [Closure("bob", at("2027-06-07T21:15"), at("2027-06-07T22:20"))]
    assert len(starts(some)) == 7


def test_buffers_lie_outside_hours_but_not_over_others() -> None:
    some = town(bookings=booked("2027-06-07T07:30", "2027-06-07T08:00"))
    assert starts(some) == ["07 07:00", "07 08:00", "07 08:15", "07 08:30"]
    some.services["yoga"].before, some.services["yoga"].after = 10, 5
    assert starts(some) == ["07 08:15", "07 08:30"]
    some.bookings["b"].beside = ("ann",)
    assert len(starts(some)) == 7


def test_a_booking_may_move_over_itself() -> None:
    some = town(bookings=booked("2027-06-07T07:30", "2027-06-07T08:00"))
    assert len(starts(some, Wish("yoga", 30, moves="b"))) == 7


@pytest.mark.slow
def test_caps() -> None:
    some = town(bookings=booked("2027-06-07T07:30", "2027-06-07T08:00", customer="carl", service="yoga"))
    some.business.rules["resourceCaps"] = {"week": 1}
    assert starts(some) == []
    some.services["yoga"].layer.rules["resourceCaps"] = {"day": 2}
    assert len(starts(some)) == 4
    some.business.rules["customerCaps"] = {"month": 1}
    assert starts(some) == []
    assert len(starts(some, Wish("yoga", 30, customer="dora"))) == 4
    assert len(starts(some, Wish("yoga", 30, customer="carl", moves="b"))) == 7


@pytest.mark.slow
def test_a_group_shares_places_and_units() -> None:
    some = town(bookings=booked("2027-06-07T07:00", "2027-06-07T09:00", units=3, places=4))
    some.resources["ann"].capacity = 9
    some.services["yoga"].places = 6
    assert len(starts(some, Wish("yoga", 30, party=1))) == 7
    assert starts(some, Wish("yoga", 30, party=2)) == []  # the other session allows four
    some.bookings["b"].places = None
    assert len(starts(some, Wish("yoga", 30, party=3))) == 7
    assert starts(some, Wish("yoga", 30, party=4)) == []


@pytest.mark.slow
def test_a_team_is_found_whenever_there_is_one() -> None:
    some = town()
    some.resources |= {name: Resource(name, BERLIN, "workspace") for name in ("red", "blue")}
    some.services["yoga"].needs = [Need("workspace", 1), Need("workspace", 1, ("red",))]
    assert len(starts(some)) == 7
    some.resources["blue"].active = False
    assert starts(some) == []


def test_without_a_service_there_is_no_grid() -> None:
    some = town()
    assert some.can_book_plainly(Booking("n", ("ann",), at("2027-06-07T07:01"), at("2027-06-07T07:02")))
    assert not some.can_book_plainly(Booking("n", ("ann",), at("2027-06-07T06:59"), at("2027-06-07T07:02")))
