"""The rules of reports: which period, cut where, when the next one is due, and what a cell may hold. Pure functions."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

TIMED = ("day", "week", "month")
GROUPINGS = (*TIMED, "resource", "service", "provider")
FORMATS = ("json", "csv", "xlsx")
STATUSES = ("waiting", "running", "finished", "failed")
RHYTHMS = ("daily", "weekly", "monthly")
#: the longest period of a report
LONGEST = timedelta(days=1100)
#: the years in which a report may begin and end; near the years 1 and 9999 calendars and time zones cannot be reckoned
FIRST_YEAR, LAST_YEAR = 2000, 2200


@dataclass(frozen=True, slots=True)
class Bucket:
    """A day, week or month of a report, cut off where the report begins or ends. `key` is its first local day."""

    key: str
    lower: datetime
    upper: datetime


def instant(value: date | datetime, zone: ZoneInfo) -> datetime:
    """An instant as it is; a day as the instant at which it begins in the zone."""
    if isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day, tzinfo=zone).astimezone(UTC)


def moment_error(value: date) -> str | None:
    """What is wrong with a day or instant as a report's beginning or end, if anything."""
    if FIRST_YEAR <= value.year <= LAST_YEAR:
        return None
    return f"Must be in the years {FIRST_YEAR} to {LAST_YEAR}."


def buckets(lower: datetime, upper: datetime, group_by: str, zone: ZoneInfo) -> Iterator[Bucket]:
    """The days, weeks (from Monday) or months that a period touches."""
    first = _first_day(lower.astimezone(zone).date(), group_by)
    while instant(first, zone) < upper:
        following = _following(first, group_by)
        yield Bucket(first.isoformat(), max(instant(first, zone), lower), min(instant(following, zone), upper))
        first = following


def slices(lower: datetime, upper: datetime, group_by: str | None, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """The period in parts of a month or four weeks that cut no bucket in two; one part when there are no buckets.

    Each part is a query of its own, so that progress can be told and no query is very long.
    """
    if group_by not in TIMED:
        return [(lower, upper)]
    coarse = list(buckets(lower, upper, "week" if group_by == "week" else "month", zone))
    step = 4 if group_by == "week" else 1
    parts = [coarse[start : start + step] for start in range(0, len(coarse), step)]
    return [(part[0].lower, part[-1].upper) for part in parts]


def _first_day(day: date, group_by: str) -> date:
    if group_by == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if group_by == "month" else day


def _following(day: date, group_by: str) -> date:
    if group_by == "month":
        return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return day + timedelta(days=7 if group_by == "week" else 1)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a schedule's reports are due: a wall-clock time, every day, on a weekday (1 is Monday) or a day of the month
    (the last one of shorter months)."""

    every: str
    at: time
    weekday: int | None = None
    day: int | None = None


def due_after(rhythm: Rhythm, moment: datetime, zone: ZoneInfo) -> datetime:
    """The first instant after another at which a report is due. A local time that does not exist, because clocks are
    put forward, is taken as long after midnight as it says; one that occurs twice at its first occurrence."""
    day = moment.astimezone(zone).date() - timedelta(days=1)
    while True:
        if _is_due(rhythm, day):
            due = datetime.combine(day, rhythm.at, zone).astimezone(UTC)
            if due > moment:
                return due
        day += timedelta(days=1)


def _is_due(rhythm: Rhythm, day: date) -> bool:
    if rhythm.every == "weekly":
        return day.isoweekday() == rhythm.weekday
    if rhythm.every == "monthly":
        assert rhythm.day is not None
        return day.day == min(rhythm.day, calendar.monthrange(day.year, day.month)[1])
    return True


def period_before(rhythm: Rhythm, due: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The whole day, the seven days, or the whole month before the day on which a report is due."""
    day = due.astimezone(zone).date()
    if rhythm.every == "monthly":
        last = day.replace(day=1)
        first = (last - timedelta(days=1)).replace(day=1)
    else:
        last, first = day, day - timedelta(days=7 if rhythm.every == "weekly" else 1)
    return instant(first, zone), instant(last, zone)


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula: what begins like one gets an apostrophe in front (OWASP)."""
    return "'" + text if text.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text
