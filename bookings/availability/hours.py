"""Wall-clock hours as instants. Pure functions.

A working day is resolved for each local date. A wall-clock time that does not exist, because clocks go forward over it,
stands for the first instant after the gap where it bounds a span, and is skipped where something would start; one that
occurs twice is taken at its first occurrence. Instants are whole seconds since 1970 (UTC), minutes count from local
midnight and may go past 1440 into the next date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MIDNIGHT = 24 * 60
#: (from, to) in minutes from local midnight, half-open
Span = tuple[int, int]
#: the spans of one date, sorted
Day = tuple[Span, ...]
#: the spans of the weekdays, Monday first
Week = tuple[Day, ...]
#: half-open, in seconds since 1970
Interval = tuple[int, int]

ALL_DAY: Day = ((0, MIDNIGHT),)
ALWAYS: Week = (ALL_DAY,) * 7


@lru_cache(maxsize=65536)
def instant(day: date, minutes: int, zone: ZoneInfo) -> int:
    """The instant of a wall-clock time, or the end of the gap that it falls into."""
    wall = _on_the_wall(day, minutes)
    seconds = _seconds(wall.replace(tzinfo=zone))
    if _wall(seconds, zone) == wall:
        return seconds
    # Read with the offset before the gap it lies behind the change of clocks, with the one after it in front of it.
    behind, before = seconds, _seconds(wall.replace(tzinfo=zone, fold=1))
    offset = datetime.fromtimestamp(before, zone).utcoffset()
    while behind - before > 1:
        middle = (behind + before) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            before = middle
        else:
            behind = middle
    return behind


def exists(day: date, minutes: int, zone: ZoneInfo) -> bool:
    """Whether clocks ever show that time."""
    return _wall(instant(day, minutes, zone), zone) == _on_the_wall(day, minutes)


def _on_the_wall(day: date, minutes: int) -> datetime:
    return datetime.combine(day, time()) + timedelta(minutes=minutes)


def _seconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp())


def _wall(seconds: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(seconds, zone).replace(tzinfo=None)


def local_date(seconds: int, zone: ZoneInfo) -> date:
    """The date that a calendar on the wall shows at an instant."""
    return datetime.fromtimestamp(seconds, zone).date()


def dates(lower: int, upper: int, zone: ZoneInfo) -> Iterator[date]:
    """Every local date that hours may come from which touch a time: one more before, whose spans may pass midnight."""
    day, last = local_date(lower, zone) - timedelta(days=1), local_date(upper, zone)
    while day <= last:
        yield day
        day += timedelta(days=1)


def open_between(week: Week, days: Mapping[date, Day], zone: ZoneInfo, lower: int, upper: int) -> list[Interval]:
    """When it is open between two instants, sorted and merged; `days` replace the weekday's hours on their dates."""
    found = []
    for day in dates(lower, upper, zone):
        for begins, ends in days.get(day, week[day.weekday()]):
            found.append((instant(day, begins, zone), instant(day, ends, zone)))
    return clipped(merged(found), lower, upper)


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same time as sorted intervals that neither overlap nor touch; empty ones vanish."""
    result: list[Interval] = []
    for begins, ends in sorted(intervals):
        if begins >= ends:
            continue
        if result and begins <= result[-1][1]:
            result[-1] = (result[-1][0], max(ends, result[-1][1]))
        else:
            result.append((begins, ends))
    return result


def clipped(intervals: Iterable[Interval], lower: int, upper: int) -> list[Interval]:
    """What of them lies between two instants."""
    return [(max(a, lower), min(b, upper)) for a, b in intervals if max(a, lower) < min(b, upper)]


def common(one: Sequence[Interval], other: Sequence[Interval]) -> list[Interval]:
    """The time that two lists of merged intervals share."""
    result, i, j = [], 0, 0
    while i < len(one) and j < len(other):
        begins, ends = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if begins < ends:
            result.append((begins, ends))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return result


def without(intervals: Sequence[Interval], taken: Sequence[Interval]) -> list[Interval]:
    """What is left of merged intervals when the taken ones (merged) are cut out."""
    result, j = [], 0
    for begins, ends in intervals:
        while j < len(taken) and taken[j][1] <= begins:
            j += 1
        at, k = begins, j
        while k < len(taken) and taken[k][0] < ends:
            if at < taken[k][0]:
                result.append((at, taken[k][0]))
            at = max(at, taken[k][1])
            k += 1
        if at < ends:
            result.append((at, ends))
    return result


def grid(interval: int, offset: int, zone: ZoneInfo, lower: int, upper: int) -> list[int]:
    """The instants at which something may start, at or after `lower` and before `upper`: every `interval` minutes of
    wall-clock time, counted from `offset` minutes after each local midnight. Times that do not exist are skipped."""
    found = set()
    for day in dates(lower, upper, zone):
        for minutes in range(offset % interval, MIDNIGHT, interval):
            if exists(day, minutes, zone):
                found.add(instant(day, minutes, zone))
    return sorted(at for at in found if lower <= at < upper)
