"""What other calendars say: iCalendar text as the times at which somebody is busy. Pure functions; nothing but times is
taken from it, no titles and no names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

from bookings.availability import hours
from bookings.availability.errors import UnreadableCalendar
from bookings.availability.hours import Interval

#: bounds on what one calendar may ask of us
MOST_EVENTS, MOST_TIMES, MOST_A_DAY = 5_000, 5_000, 24
_TOO_FINE = ("SECONDLY", "MINUTELY")
_EARLIEST = 1970


def read(text: str) -> list[Any]:
    """The calendars of an iCalendar text. Raises UnreadableCalendar."""
    try:
        found: list[Any] = icalendar.Calendar.from_ical(text, multiple=True)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableCalendar("This is not iCalendar (RFC 5545).") from error
    if not found or any(one.name != "VCALENDAR" for one in found):
        raise UnreadableCalendar("This is not iCalendar (RFC 5545): it has no VCALENDAR.")
    events = [event for calendar in found for event in calendar.walk("VEVENT")]
    if len(events) > MOST_EVENTS:
        raise UnreadableCalendar(f"It has more than {MOST_EVENTS} events.")
    for event in events:
        _check(event)
    return found


def _check(event: Any) -> None:
    begins = event.get("DTSTART")
    if begins is None:
        raise UnreadableCalendar("An event has no beginning.")
    rules = event.get("RRULE")
    for rule in rules if isinstance(rules, list) else [rules] if rules else []:
        if begins.dt.year < _EARLIEST:
            raise UnreadableCalendar(f"An event that recurs began before {_EARLIEST}.")
        often = 1
        for name in ("BYHOUR", "BYMINUTE", "BYSECOND"):
            often *= max(1, len(rule.get(name, ())))
        if rule.get("FREQ", [""])[0] in _TOO_FINE or often > MOST_A_DAY:
            raise UnreadableCalendar("An event recurs too often.")


def busy_times(text: str, zone: ZoneInfo, lower: int, upper: int) -> list[Interval]:
    """When somebody is busy between two instants: merged, in order.

    Whole days and times without a zone are of `zone`. What is transparent or cancelled takes no time. Raises
    UnreadableCalendar.
    """
    found: list[Interval] = []
    for calendar in read(text):
        for begins, ends in chain(_occurrences(calendar, zone, lower, upper), _periods(calendar)):
            found.append((begins, ends))
            if len(found) > MOST_TIMES:
                raise UnreadableCalendar(f"It has more than {MOST_TIMES} busy times in the time that is read.")
    return hours.clipped(hours.merged(found), lower, upper)


def _occurrences(calendar: Any, zone: ZoneInfo, lower: int, upper: int) -> Iterator[Interval]:
    # A day more at both ends: what has no zone is placed only here.
    first, last = (datetime.fromtimestamp(at, UTC) for at in (lower - 86400, upper + 86400))
    try:
        for event in recurring_ical_events.of(calendar).between(first, last):
            if _takes_time(event):
                begins, ends = _span(event, zone)
                yield begins, ends
    except UnreadableCalendar:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, LookupError) as error:
        raise UnreadableCalendar("One of its events contradicts itself.") from error


def _periods(calendar: Any) -> Iterator[Interval]:
    """What a calendar says that tells no events: VFREEBUSY (RFC 5545, section 3.6.4). Its times are in UTC."""
    try:
        for part in calendar.walk("VFREEBUSY"):
            told = part.get("FREEBUSY", [])
            for period in told if isinstance(told, list) else [told]:
                if str(period.params.get("FBTYPE", "BUSY")).upper() != "FREE":
                    begins, ends = period.dt
                    ends = begins + ends if isinstance(ends, timedelta) else ends
                    yield int(begins.astimezone(UTC).timestamp()), int(ends.astimezone(UTC).timestamp())
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise UnreadableCalendar("One of its busy times contradicts itself.") from error


def _takes_time(event: Any) -> bool:
    transparent = str(event.get("TRANSP", "OPAQUE")).upper() == "TRANSPARENT"
    return not transparent and str(event.get("STATUS", "")).upper() != "CANCELLED"


def _span(event: Any, zone: ZoneInfo) -> Interval:
    begins = event["DTSTART"].dt
    if "DTEND" in event:
        ends = event["DTEND"].dt
    elif "DURATION" in event:
        ends = begins + event["DURATION"].dt
    else:
        ends = begins if isinstance(begins, datetime) else begins + timedelta(days=1)
    return _instant(begins, zone), _instant(ends, zone)


def _instant(at: date, zone: ZoneInfo) -> int:
    """A date is its first instant; a time without a zone is wall-clock time."""
    if not isinstance(at, datetime):
        return hours.instant(at, 0, zone)
    if at.tzinfo is None:
        midnight = datetime.combine(at.date(), time())
        return hours.instant(at.date(), int((at - midnight).total_seconds()) // 60, zone)
    return int(at.timestamp())
