"""What three layers say together: business → service → resource. Pure functions.

    said = Layer.of(row)                    what one layer says, from its JSON (sql/queries/availability.sql, `layer`)
    resolve(business, service, resource, zone, closures) -> Schedule
                                            what holds for a resource, for a service or without one

A *rule* is said by the most specific layer that says it: resource, else service, else business, else the default. A
layer may say that a rule is `off`: nothing holds then, whatever the layers behind it say.
*Hours* of a resource are its own, else those of the business, else around the clock; a service with hours of its own
narrows them. On a local date of the resource's zone count, in this order: the resource's hours of that date, the
business's of that date, public holidays (closed), weekly hours. Of a service: its hours of that date, its weekly ones,
no narrowing. A span past midnight belongs to the date it begins on.

A Schedule, a Calendar and Rules can be hashed and never change, so that what follows from them can be remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from bookings.availability import hours
from bookings.availability.hours import ALWAYS, MIDNIGHT, Day, Interval, Week, merged
from bookings.availability.public_holidays import holiday

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: rules with a fixed meaning here, and what they are when no layer says them
DEFAULTS: Mapping[str, Any] = {
    "minimumNoticeMinutes": 0,
    "bookingWindow": None,
    "slotIntervalMinutes": 15,
    "slotOffsetMinutes": 0,
    "resourceCaps": None,
}
#: rules about calling off, moving and coming: nothing holds when no layer says them (bookings/booking/policies.py)
POLICY = (
    "cancelCutoffMinutes",
    "lateCancel",
    "cancellationPolicy",
    "rescheduleCutoffMinutes",
    "reschedulePolicy",
    "maxReschedules",
    "checkInOpensMinutes",
    "releaseAfterMinutes",
    "noShowRule",
)
#: rules that a layer can switch off: those that forbid or demand something, and that no value of their own makes
#: harmless. `schedules_off_known` has the same names. Caps of customers are not among them: all layers' hold.
CAN_BE_OFF = (
    "bookingWindow",
    "resourceCaps",
    "cancellationPolicy",
    "reschedulePolicy",
    "maxReschedules",
    "releaseAfterMinutes",
    "noShowRule",
)
#: where an answer comes from
BUSINESS, SERVICE, RESOURCE, DEFAULT = "business", "service", "resource", "default"
#: a window of business days looks no further than so many days
FARTHEST = 5 * 366


@dataclass(frozen=True, slots=True)
class Layer:
    """What one layer says; None and absent rules: it says nothing."""

    week: Week | None = None
    #: country or country-subdivision whose public holidays are closed; "": none
    holidays: str | None = None
    rules: Mapping[str, Any] = field(default_factory=dict)
    days: Mapping[date, Day] = field(default_factory=dict)

    @classmethod
    def of(cls, row: Mapping[str, Any] | None) -> Layer:
        """From JSON: {weekly, holidays, rules, days: {"2027-12-24": [spans]}}; None says nothing."""
        if row is None:
            return SILENT
        weekly = row.get("weekly")
        return cls(
            week=None if weekly is None else week_of(weekly),
            holidays=row.get("holidays"),
            rules=row.get("rules") or {},
            days={date.fromisoformat(day): day_of(spans) for day, spans in (row.get("days") or {}).items()},
        )


SILENT = Layer()


@dataclass(frozen=True, slots=True)
class Caps:
    """At most so many bookings in a local day, an ISO week, a calendar month; None: any number."""

    day: int | None = None
    week: int | None = None
    month: int | None = None

    @classmethod
    def of(cls, said: Mapping[str, int | None] | None) -> Caps:
        return cls(**{name: said.get(name) for name in ("day", "week", "month")}) if said else NO_CAPS

    def __bool__(self) -> bool:
        return self != NO_CAPS


NO_CAPS = Caps()


@dataclass(frozen=True, slots=True)
class Window:
    """How far ahead may be booked: `rolling` (days after today), `businessDays` (dates after today on which it is open
    at all), or `range` (both dates belong to it)."""

    kind: str
    days: int = 0
    from_: date = date.min
    to: date = date.max

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Window:
        if said["kind"] == "range":
            return cls("range", 0, date.fromisoformat(said["from"]), date.fromisoformat(said["to"]))
        return cls(said["kind"], said["days"])


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that hold. Minutes, counts; dates are local ones."""

    notice: int = 0
    window: Window | None = None
    interval: int = 15
    offset: int = 0
    resource_caps: Caps = NO_CAPS
    #: the caps of every layer that has some: (layer, caps); all of them hold
    customer_caps: tuple[tuple[str, Caps], ...] = ()
    #: (rule, layer that says it or "default"), of all rules
    sources: tuple[tuple[str, str], ...] = ()
    #: what is said about calling off, moving and coming, by its names in the API, as JSON
    policy_text: str = "{}"

    @property
    def policy(self) -> dict[str, Any]:
        """What is said about calling off, moving and coming."""
        said: dict[str, Any] = orjson.loads(self.policy_text)
        return said

    def source(self, rule: str) -> str:
        """Which layer says a rule, by its name in the API."""
        return dict(self.sources).get(rule, DEFAULT)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Opening hours of one resource, for one service if that has hours of its own."""

    zone: ZoneInfo
    week: Week = ALWAYS
    #: hours of single dates and the layer that says them
    days: tuple[tuple[date, Day, str], ...] = ()
    #: whose public holidays are closed; "": none
    country: str = ""
    #: what narrows the hours: the service's own
    service_week: Week | None = None
    service_days: tuple[tuple[date, Day], ...] = ()
    #: which layer says `week`, and `country`
    week_source: str = DEFAULT
    country_source: str = DEFAULT

    def on(self, day: date) -> tuple[Day, str, str | None]:
        """The hours of a local date before a service narrows them, where they come from (`resource day`,
        `business day`, `public holiday`, `resource`, `business` or `default`), and the name of a holiday that counts.
        """
        for exception, spans, source in self.days:
            if exception == day:
                return spans, f"{source} day", None
        if name := holiday(self.country, day):
            return (), "public holiday", name
        return self.week[day.weekday()], self.week_source, None

    def of_service(self, day: date) -> Day | None:
        """The hours that the service itself has on a local date; None: it does not narrow."""
        for exception, spans in self.service_days:
            if exception == day:
                return spans
        return None if self.service_week is None else self.service_week[day.weekday()]

    def open_between(self, lower: int, upper: int) -> tuple[Interval, ...]:
        """When something can take place between two instants: sorted, merged, without closures."""
        return _open_between(self, lower, upper)

    def is_open_on(self, day: date) -> bool:
        """Whether any of the time that begins on a local date is open: then it is a business day.

        None is when clocks never show it: Samoa had no 30 December 2011, and many a spring night has no 02:30.
        """
        spans, _, _ = self.on(day)
        narrowed = self.of_service(day)
        if narrowed is not None:
            spans = tuple((max(a, c), min(b, d)) for a, b in spans for c, d in narrowed)
        return any(hours.instant(day, a, self.zone) < hours.instant(day, b, self.zone) for a, b in spans)

    def last_date(self, window: Window, today: date) -> date:
        """The last local date that a window lets be booked. For business days it knows the dates it was given."""
        if window.kind == "range":
            return window.to
        if window.kind == "rolling":
            return today + timedelta(days=window.days)
        return _last_business_day(self, window.days, today)

    def first_date(self, window: Window, today: date) -> date:
        """The first local date that a window lets be booked."""
        return max(today, window.from_)


@lru_cache(maxsize=8192)
def _open_between(calendar: Calendar, lower: int, upper: int) -> tuple[Interval, ...]:
    dates = list(hours.dates(lower, upper, calendar.zone))
    exceptional: dict[date, Day] = (
        {day: () for day in dates if holiday(calendar.country, day)} if calendar.country else {}
    )
    exceptional |= {day: spans for day, spans, _ in calendar.days}
    found = hours.open_between(calendar.week, exceptional, calendar.zone, lower, upper)
    if calendar.service_week is None and not calendar.service_days:
        return tuple(found)
    if calendar.service_week is None:
        return tuple(_within_service_days(calendar, found, dates, lower, upper))
    narrowed = hours.open_between(calendar.service_week, dict(calendar.service_days), calendar.zone, lower, upper)
    return tuple(hours.common(found, narrowed))


def _within_service_days(
    calendar: Calendar, found: list[Interval], dates: list[date], lower: int, upper: int
) -> list[Interval]:
    """A service that says something of single dates only narrows the time between the midnights of those dates."""
    zone, days = calendar.zone, dict(calendar.service_days)
    at = {day: (hours.instant(day, 0, zone), hours.instant(day, MIDNIGHT, zone)) for day in dates}
    said = [
        (hours.instant(day, begins, zone), hours.instant(day, ends, zone))
        for day in dates
        for begins, ends in days.get(day, ())
    ]
    unsaid = [at[day] for day in dates if day not in days]
    return hours.common(found, hours.clipped(merged([*said, *unsaid]), lower, upper))


@lru_cache(maxsize=4096)
def _last_business_day(calendar: Calendar, days: int, today: date) -> date:
    last, left = today, days
    for _ in range(FARTHEST):
        if left == 0:
            break
        last += timedelta(days=1)
        left -= calendar.is_open_on(last)
    return last


@dataclass(frozen=True, slots=True)
class Schedule:
    """What holds for one resource, for one service or without one."""

    calendar: Calendar
    rules: Rules
    #: when nothing new can be booked whatever the hours: sorted and merged
    closures: tuple[Interval, ...] = ()

    def free_between(self, lower: int, upper: int) -> list[Interval]:
        """Open time between two instants without closures."""
        return hours.without(self.calendar.open_between(lower, upper), self.closures)


def resolve(
    business: Layer, service: Layer | None, resource: Layer, zone: ZoneInfo, closures: Iterable[Interval] = ()
) -> Schedule:
    """What holds for a resource in its zone, for a service if one is given.

    Closures are those of the resource and of the whole business that touch the time of interest. The layers need the
    hours of dates from the day before the time of interest on (and from today on, where a window counts business days).
    Where no resource delivers a service, give `SILENT` as the resource and BUSINESS_TIME_ZONE.
    """
    return Schedule(
        _calendar(business, service, resource, zone), rules_of(business, service, resource), tuple(merged(closures))
    )


def _calendar(business: Layer, service: Layer | None, resource: Layer, zone: ZoneInfo) -> Calendar:
    week, week_source = _first((RESOURCE, resource.week), (BUSINESS, business.week), (DEFAULT, ALWAYS))
    country, country_source = _first((RESOURCE, resource.holidays), (BUSINESS, business.holidays), (DEFAULT, ""))
    exceptions = {day: (spans, BUSINESS) for day, spans in business.days.items()}
    exceptions |= {day: (spans, RESOURCE) for day, spans in resource.days.items()}
    return Calendar(
        zone,
        week,
        tuple((day, spans, source) for day, (spans, source) in sorted(exceptions.items())),
        country,
        service.week if service else None,
        tuple(sorted(service.days.items())) if service else (),
        week_source,
        country_source,
    )


def _first(*said: tuple[str, Any]) -> tuple[Any, str]:
    """What the first layer that says anything says, and which that is."""
    return next((value, layer) for layer, value in said if value is not None)


def rule(name: str, business: Layer, service: Layer | None, resource: Layer) -> tuple[Any, str]:
    """A rule by its name in the API: what the most specific layer says (None: it is off) and which that is, else the
    default."""
    asked = ((RESOURCE, resource), (SERVICE, service or SILENT), (BUSINESS, business))
    for layer, one in asked:
        if name in one.rules.get("off", ()):
            return None, layer
        if one.rules.get(name) is not None:
            return one.rules[name], layer
    return DEFAULTS.get(name), DEFAULT


def rules_of(business: Layer, service: Layer | None, resource: Layer) -> Rules:
    """The rules of a resource, for a service if one is given."""
    found = {name: rule(name, business, service, resource) for name in DEFAULTS}
    policy = {name: rule(name, business, service, resource) for name in POLICY}
    policy = {name: (value, layer) for name, (value, layer) in policy.items() if layer != DEFAULT}
    window = found["bookingWindow"][0]
    caps = ((BUSINESS, business), (SERVICE, service or SILENT), (RESOURCE, resource))
    customer_caps = ((layer, Caps.of(one.rules.get("customerCaps"))) for layer, one in caps)
    return Rules(
        notice=found["minimumNoticeMinutes"][0],
        window=Window.of(window) if window else None,
        interval=found["slotIntervalMinutes"][0],
        offset=found["slotOffsetMinutes"][0],
        resource_caps=Caps.of(found["resourceCaps"][0]),
        customer_caps=tuple((layer, one) for layer, one in customer_caps if one),
        sources=tuple((name, source) for name, (_, source) in (found | policy).items()),
        policy_text=orjson.dumps({name: value for name, (value, _) in policy.items() if value is not None}).decode(),
    )


def week_of(weekly: Mapping[str, Any]) -> Week:
    """The week from {"monday": [{"from": "09:00", "to": "17:00"}]}; a weekday that is not named is closed."""
    return tuple(day_of(weekly.get(name) or ()) for name in WEEKDAYS)


def day_of(spans: Iterable[Mapping[str, str]]) -> Day:
    """The spans of a day, sorted."""
    return tuple(sorted(span_of(one["from"], one["to"]) for one in spans))


def span_of(begins: str, ends: str) -> hours.Span:
    """A span from "HH:MM" to "HH:MM". An end that is not after the beginning means the next day; "24:00" may be one."""
    lower, upper = _minutes(begins), _minutes(ends)
    return lower, upper if upper > lower else upper + MIDNIGHT


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def text_of(day: Day) -> list[dict[str, str]]:
    """The spans of a day as the API shows them."""
    return [{"from": _clock(begins), "to": _clock(ends)} for begins, ends in day]


def _clock(minutes: int) -> str:
    minutes = minutes if minutes <= MIDNIGHT else minutes - MIDNIGHT
    return f"{minutes // 60:02}:{minutes % 60:02}"
