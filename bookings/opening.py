"""Business hours: when the business is open, as wall-clock times of its days. Pure functions.

BUSINESS_HOURS is a list such as `Mo-Fr 09:00-17:00, Sa 10:00-14:00`; hours without days are for all days.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_DAY = "|".join(_DAYS)
_PART = re.compile(rf"(?:({_DAY})(?:-({_DAY}))? )?(\d\d):(\d\d)-(\d\d):(\d\d)")
_MIDNIGHT = 24 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening hours by weekday (0 is Monday), as minutes from local midnight."""

    by_weekday: tuple[tuple[tuple[int, int], ...], ...]


def parse(text: str) -> Hours:
    """Read BUSINESS_HOURS. Raises ValueError, in words for whoever set it."""
    found: list[list[tuple[int, int]]] = [[] for _ in _DAYS]
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        if not match:
            raise ValueError(f"{part.strip()!r} are no hours; write for instance Mo-Fr 09:00-17:00, Sa 10:00-14:00")
        opens, closes = int(match[3]) * 60 + int(match[4]), int(match[5]) * 60 + int(match[6])
        if not opens < closes <= _MIDNIGHT or int(match[4]) > 59 or int(match[6]) > 59:
            raise ValueError(f"{part.strip()!r} must begin before it ends, within a day of 24:00 hours")
        for weekday in _weekdays(match[1], match[2]):
            found[weekday].append((opens, closes))
    for spans in found:
        spans.sort()
        if any(later[0] < earlier[1] for earlier, later in pairwise(spans)):
            raise ValueError("hours of one day overlap")
    return Hours(tuple(tuple(spans) for spans in found))


def _weekdays(first: str | None, last: str | None) -> Iterator[int]:
    start = _DAYS.index(first) if first else 0
    end = _DAYS.index(last) if last else start if first else len(_DAYS) - 1
    while True:
        yield start
        if start == end:
            return
        start = (start + 1) % len(_DAYS)


@lru_cache(maxsize=4096)
def open_seconds(hours: Hours, zone: ZoneInfo, lower: datetime, upper: datetime) -> int:
    """How long the business is open between two instants, in elapsed seconds: a day that is an hour shorter because
    clocks change may be open an hour less."""
    total, day, last = 0, lower.astimezone(zone).date(), upper.astimezone(zone).date()
    while day <= last:
        for opens, closes in hours.by_weekday[day.weekday()]:
            begins, ends = max(_instant(day, opens, zone), lower), min(_instant(day, closes, zone), upper)
            total += max(0, int((ends - begins).total_seconds()))
        day += timedelta(days=1)
    return total


def _instant(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """A wall-clock time of a day as an instant. One that does not exist is as long after midnight as it says."""
    days, minutes = divmod(minutes, _MIDNIGHT)
    local = datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=zone) + timedelta(days=days)
    return local.astimezone(UTC)
