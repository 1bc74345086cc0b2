"""When a series takes place: a recurrence rule (RFC 5545, RRULE) read as wall-clock times of one zone. Pure functions.

The wall time is kept: 09:00 stays 09:00 when clocks change. A time that clocks skip is no occurrence and does not count
(RFC 5545, 3.3.10), but is told; one that they show twice is its first.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from bookings.availability.hours import exists, instant

#: the most that one series holds
LONGEST = 366
#: the most a rule may fill the address of; real ones have 20 to 100 letters
LONGEST_TEXT = 300
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_LISTS = ("BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYMONTH", "BYSETPOS")
_PARTS = frozenset(("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", *_LISTS))
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_UNTIL = re.compile(r"\d{8}(T\d{6}Z?)?")
_NUMBERS = re.compile(r"[+-]?0*[1-9]\d{0,2}(,[+-]?0*[1-9]\d{0,2})*")
_DAYS = re.compile(r"([+-]?[1-9]\d?)?(MO|TU|WE|TH|FR|SA|SU)(,([+-]?[1-9]\d?)?(MO|TU|WE|TH|FR|SA|SU))*")
_LARGEST_INTERVAL = 1000


class RuleError(ValueError):
    """What is wrong with a rule, in words for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A wall-clock time of a series, and the instant it stands for: None when clocks never show it."""

    wall: datetime
    at: datetime | None


class _Bounded(rrule):
    """A rule that gives up at a date, also when nothing matches: by itself it would look through the years to 9999.

    dateutil looks at the week numbers of a rule once in every year that it walks into, so that is where we count.
    """

    years_left: int

    @property
    def _byweekno(self) -> Any:
        self.years_left -= 1
        if self.years_left < 0:
            raise _OutOfYears
        return self.__dict__["_byweekno"]

    @_byweekno.setter
    def _byweekno(self, value: Any) -> None:
        self.__dict__["_byweekno"] = value


class _OutOfYears(Exception):
    pass


def occurrences(
    text: str, first: datetime, zone: ZoneInfo, *, without: Collection[date] = (), until: datetime
) -> list[Occurrence]:
    """The times of a rule from `first` (wall clock) on, in order, but not on dates in `without`, which COUNT counts.

    `until` is the wall-clock time that no series goes past. Raises RuleError for a rule that is not understood, has no
    end, goes on for too long or past `until`, or never takes place.
    """
    parts = _parts(text)
    count, ends = _count(parts), _until(parts, zone)
    found: list[Occurrence] = []
    real = 0
    for wall in _walls(parts, first, until if ends is None else min(ends, until)):
        at = _instant(wall, zone)
        found.append(Occurrence(wall, at))
        real += at is not None
        if real == count:
            break
        if real > LONGEST:
            raise RuleError(f"Takes place more than {LONGEST} times.")
    kept = [one for one in found if one.wall.date() not in without]
    if ends is not None and ends.date() > until.date():
        raise RuleError(f"UNTIL is later than {until.date()}, the last day that can be booked.")
    if not any(one.at for one in kept):
        raise RuleError("Never takes place within the time that can be booked.")
    if count is not None and real < count:
        raise RuleError(f"Takes place only {real} times within the time that can be booked.")
    return kept


def _instant(wall: datetime, zone: ZoneInfo) -> datetime | None:
    minutes = wall.hour * 60 + wall.minute
    if not exists(wall.date(), minutes, zone):
        return None
    return datetime.fromtimestamp(instant(wall.date(), minutes, zone), UTC)


def wall(at: datetime, zone: ZoneInfo) -> datetime:
    """What a clock on the wall shows at an instant."""
    return at.astimezone(zone).replace(tzinfo=None)


def at_wall(wall: datetime, zone: ZoneInfo) -> datetime | None:
    """The instant of a wall-clock time; None when clocks never show it."""
    return _instant(wall, zone)


def _parts(text: str) -> dict[str, str]:
    """The parts of a rule by name. Raises RuleError."""
    if len(text) > LONGEST_TEXT:
        raise RuleError(f"Is longer than {LONGEST_TEXT} characters.")
    parts: dict[str, str] = {}
    for part in text.upper().removeprefix("RRULE:").split(";"):
        name, equals, value = part.strip().partition("=")
        if not equals or name in parts:
            raise RuleError("Must be a recurrence rule such as FREQ=WEEKLY;BYDAY=MO;COUNT=10 (RFC 5545).")
        if name not in _PARTS:
            raise RuleError(f"{name} is not understood here; known are {', '.join(sorted(_PARTS))}.")
        _check(name, value)
        parts[name] = value
    if "FREQ" not in parts:
        raise RuleError("Must name FREQ.")
    if ("COUNT" in parts) == ("UNTIL" in parts):
        raise RuleError("Must end by COUNT or by UNTIL, and not by both.")
    if parts["FREQ"] in ("DAILY", "WEEKLY") and re.search(r"\d", parts.get("BYDAY", "")):
        raise RuleError("BYDAY takes numbers only with FREQ=MONTHLY or FREQ=YEARLY.")
    return parts


def _check(name: str, value: str) -> None:
    if name == "FREQ" and value not in _FREQUENCIES:
        raise RuleError(f"FREQ must be one of {', '.join(_FREQUENCIES)}.")
    if name == "UNTIL" and not _UNTIL.fullmatch(value):
        raise RuleError("UNTIL must be such as 20271231 or 20271231T230000Z.")
    if name == "WKST" and value not in _WEEKDAYS:
        raise RuleError(f"WKST must be one of {', '.join(_WEEKDAYS)}.")
    if name == "BYDAY" and not _DAYS.fullmatch(value):
        raise RuleError("BYDAY must be such as MO,WE or -1FR.")
    if name.startswith("BY") and name != "BYDAY" and not _NUMBERS.fullmatch(value):
        raise RuleError(f"{name} must be numbers, separated by commas.")
    if name in ("COUNT", "INTERVAL"):
        most = LONGEST if name == "COUNT" else _LARGEST_INTERVAL
        if not re.fullmatch(r"\d{1,9}", value) or not 1 <= int(value) <= most:
            raise RuleError(f"{name} must be 1 to {most}.")


def _count(parts: dict[str, str]) -> int | None:
    return int(parts["COUNT"]) if "COUNT" in parts else None


def _until(parts: dict[str, str], zone: ZoneInfo) -> datetime | None:
    """UNTIL as a wall-clock time: an instant in UTC is read in the zone, a date means its whole day."""
    text = parts.get("UNTIL")
    if text is None:
        return None
    try:
        if len(text) == 8:
            return datetime.combine(date.fromisoformat(text), time(23, 59))
        parsed = datetime.fromisoformat(text)
        return wall(parsed, zone) if parsed.tzinfo else parsed
    except (ValueError, OverflowError):
        raise RuleError("UNTIL is no date.") from None


def _walls(parts: dict[str, str], first: datetime, last: datetime) -> Iterator[datetime]:
    """Every wall-clock time that the rule names, whether or not clocks show it. Raises RuleError."""
    plain = ";".join(f"{name}={value}" for name, value in parts.items() if name not in ("COUNT", "UNTIL"))
    try:
        rule: Any = rrulestr(plain, dtstart=first)
    except (ValueError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise RuleError("Is no recurrence rule (RFC 5545).") from error
    rule.__class__ = _Bounded
    # Rules with week numbers look at them up to four times a year.
    rule.years_left = 4 * (last.year - first.year + 2) + 4
    try:
        for found in rule:
            if found > last:
                return
            yield found
    except (_OutOfYears, OverflowError, ValueError):
        return


def shifted(text: str, zone: ZoneInfo, before: Sequence[datetime], by: timedelta) -> str | None:
    """The rule whose times are `before`, all of them later by `by` wall-clock time; None when no rule says that.

    Weekdays turn with whole days. What comes out is tried: only a rule that really gives these times is answered.
    """
    wanted = [one + by for one in before]
    parts = _parts(text)
    days = (wanted[0].date() - before[0].date()).days
    if days and parts["FREQ"] == "WEEKLY" and "BYDAY" in parts:
        parts["BYDAY"] = ",".join(_WEEKDAYS[(_WEEKDAYS.index(day) + days) % 7] for day in parts["BYDAY"].split(","))
    parts.pop("UNTIL", None)
    parts["COUNT"] = str(len(wanted))
    candidate = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        found = [one.wall for one in occurrences(candidate, wanted[0], zone, until=wanted[-1] + timedelta(days=1))]
    except RuleError:
        return None
    return candidate if found == wanted else None


def shortest_gap(found: Sequence[Occurrence]) -> timedelta | None:
    """The shortest time from one start to the next; None for a single one."""
    starts = [one.at for one in found if one.at is not None]
    return min((later - earlier for earlier, later in pairwise(starts)), default=None)
