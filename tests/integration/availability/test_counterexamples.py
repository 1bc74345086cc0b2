"""What the machine of test_truth.py has found, one small case each."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from datetime import date
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.factories import World
from tests.integration.availability.house import House
from tests.support.model import Booking, Need, Resource, Service, Wish
from tests.support.people import Client
from tests.support.wall import reached

UTC = ZoneInfo("UTC")
DAY = date(2027, 6, 1)
NOON = reached(UTC, DAY, 720)


@pytest.fixture
def house(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> House:
    """Ann, the rooms red and blue, and Carl, who books."""
    house = House(client, world, monkeypatch)
    house.empty(UTC, NOON - 1440)
    house.person("carl")
    for name in ("ann", "red", "blue"):
        house.resource(Resource(name, UTC, "provider" if name == "ann" else "workspace"))
    return house


def agree(house: House, wish: Wish, lower: int = NOON, upper: int = NOON + 60) -> dict[int, set[str]]:
    """What is shown, which is what the model says."""
    found = house.shown(wish, lower, upper)
    assert found == house.town.answers(wish, lower, upper)
    return found


def test_a_hold_counts_for_the_cap_of_its_customer(house: House) -> None:
    """Else whoever holds something, books something else and then books what is held, has gone past the cap."""
    house.service(Service("yoga", ["ann"]), [30])
    house.say("", None, None, {"customerCaps": {"day": 1}})
    wish = Wish("yoga", 30, customer="carl")
    assert house.hold(wish, NOON).status_code == 201
    assert agree(house, wish, NOON + 60, NOON + 120) == {}
    assert house.book(wish, NOON + 60).status_code in (409, 422)
    (held,) = house.town.bookings
    assert house.book_held(held).status_code == 201


def test_whoever_must_serve_a_requirement_is_not_shown_as_who_could_deliver(house: House) -> None:
    house.service(Service("yoga", ["ann", "red"], [Need("workspace", 1, ("red",))]), [30])
    assert agree(house, Wish("yoga", 30, customer="carl"), NOON, NOON + 15) == {NOON: {"ann"}}


def test_a_requirement_leaves_to_another_what_only_that_can_take(house: House) -> None:
    house.service(Service("yoga", ["ann"], [Need("workspace"), Need("workspace", 1, ("blue",))]), [30])
    wish = Wish("yoga", 30, customer="carl")
    assert len(agree(house, wish)) == 4
    assert house.book(wish, NOON).status_code == 201
    assert agree(house, wish, NOON, NOON + 15) == {}


def test_who_is_named_serves_what_the_fewest_can(house: House) -> None:
    """Named for the first requirement, red would be missing for the second, and nothing would be shown."""
    house.service(Service("yoga", ["ann"], [Need("workspace"), Need("workspace", 1, ("red",))]), [30])
    wish = Wish("yoga", 30, customer="carl", resource="red")
    assert len(agree(house, wish)) == 4
    assert house.book(wish, NOON).status_code == 201


def test_staff_may_book_beside_a_session_that_is_full(house: House) -> None:
    """There is a unit left of the hall, but not for as long as the session stands: 409 instead of a marked claim."""
    house.resource(Resource("hall", UTC, "workspace", capacity=3))
    house.service(Service("yoga", ["hall"], places=2), [30])
    assert house.book(Wish("yoga", 30, 2, "carl"), NOON).status_code == 201
    assert house.overbook(Booking("new", ("hall",), NOON + 10, NOON + 20, customer="carl")).status_code == 201
    (session, beside) = house.town.bookings.values()
    assert beside.beside == ("hall",)
    assert len(agree(house, Wish("yoga", 30, 2, "carl"))) == 2
    house.cancel(session.id)
    assert house.town.bookings[beside.id].beside == ()
    assert set(agree(house, Wish("yoga", 30, 1, "carl"), NOON, NOON + 30)) == {NOON, NOON + 15}


def test_a_date_that_never_was_is_no_business_day(house: House) -> None:
    """Samoa went over the date line: after 29 came 31 December 2011. The window ended on the 30th."""
    samoa = ZoneInfo("Pacific/Apia")
    now = reached(samoa, date(2011, 12, 29), 120)
    house.empty(samoa, now)
    house.person("carl")
    house.resource(Resource("ann", samoa))
    house.service(Service("yoga", ["ann"]), [30])
    house.say("", None, None, {"bookingWindow": {"kind": "businessDays", "days": 1}})
    evening = reached(samoa, date(2011, 12, 31), 1140)
    assert len(agree(house, Wish("yoga", 30, customer="carl"), evening, evening + 60)) == 4
    assert agree(house, Wish("yoga", 30, customer="carl"), evening + 1440, evening + 1500) == {}


@pytest.fixture
def moved(tmp_path: Path) -> Iterator[ZoneInfo]:
    """A zone that has moved nine hours east, as Python knows already and PostgreSQL does not."""
    name = "Antarctica/Troll"
    (tmp_path / "Antarctica").mkdir()
    (tmp_path / name).write_bytes(files("tzdata").joinpath("zoneinfo", "Asia", "Tokyo").read_bytes())
    zoneinfo.reset_tzpath([str(tmp_path)])
    ZoneInfo.clear_cache(only_keys=[name])
    yield ZoneInfo(name)
    zoneinfo.reset_tzpath()
    ZoneInfo.clear_cache(only_keys=[name])


@pytest.mark.parametrize("cap", ["resourceCaps", "customerCaps"])
def test_days_are_counted_by_the_clock_by_which_is_open(house: House, moved: ZoneInfo, cap: str) -> None:
    """Morocco gave up its summer time: PostgreSQL knew, and the zones of the system, which Python takes, did not."""
    house.empty(moved, NOON - 1440)
    house.person("carl")
    house.resource(Resource("ann", moved))
    house.service(Service("yoga", ["ann"]), [30])
    house.say("", None, None, {cap: {"day": 1}})
    wish = Wish("yoga", 30, customer="carl")
    next_day = reached(moved, DAY, 1440)
    assert house.book(wish, next_day + 30).status_code == 201
    assert len(agree(house, wish, next_day - 120, next_day)) == 8
    assert agree(house, wish, next_day, next_day + 120) == {}
