"""A clock on the wall, looked at minute by minute. Minutes are counted from 1970 (UTC)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


def shown(zone: ZoneInfo, minute: int) -> datetime:
    """What a clock on the wall shows."""
    return _clock(zone, minute // 1440)[minute % 1440]


@lru_cache(maxsize=512)
def _clock(zone: ZoneInfo, day: int) -> list[datetime]:
    """The same for all minutes of one UTC day, so that each is looked up once."""
    minutes = range(day * 1440, (day + 1) * 1440)
    return [datetime.fromtimestamp(minute * 60, zone).replace(tzinfo=None) for minute in minutes]


@lru_cache(maxsize=1 << 16)
def reached(zone: ZoneInfo, day: date, minutes: int) -> int:
    """The first minute at which the clock on the wall has come to a time of a date, or gone past it."""
    wished = datetime.combine(day, time()) + timedelta(minutes=minutes)
    minute = int(wished.replace(tzinfo=UTC).timestamp()) // 60 - 17 * 60  # no clock is so far ahead
    while shown(zone, minute) < wished:
        minute += 1
    return minute


def is_first(zone: ZoneInfo, minute: int) -> bool:
    """Whether the clock has never shown this time before: when clocks go back, it shows some twice."""
    wall = shown(zone, minute)
    return reached(zone, wall.date(), wall.hour * 60 + wall.minute) == minute


@lru_cache(maxsize=1 << 14)
def on_grid(zone: ZoneInfo, day: int, interval: int, offset: int) -> frozenset[int]:
    """The minutes of one UTC day at which the clock shows for the first time a time that is so many minutes, and any
    number of intervals, from its midnight."""
    walls = ((minute, shown(zone, minute)) for minute in range(day * 1440, (day + 1) * 1440))
    found = (minute for minute, wall in walls if (wall.hour * 60 + wall.minute - offset) % interval == 0)
    return frozenset(minute for minute in found if is_first(zone, minute))
