"""The rules that decide whether something may start, asked over *lanes*: a byte for each start, 1 while it may be
booked. Pure functions.

A rule takes starts out. What takes time (a claim, a closure) takes out one run of neighbouring starts; what lets time
be (an open span) lets one run be.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from functools import lru_cache
from math import floor, gcd
from operator import sub
from typing import TypeVar
from zoneinfo import ZoneInfo

from bookings.availability import hours, moves
from bookings.availability.layers import BUSINESS, RESOURCE, SERVICE, Caps, Rules, Schedule
from bookings.availability.picture import Booked, Candidate, Picture
from bookings.availability.spans import Spans, micros, micros_since

T = TypeVar("T")
#: a byte for each start: 1 while it may be booked
Lanes = bytearray
_DAY = 86_400


class Look:
    """The starts that are asked about, and what is worked out only once for all resources."""

    def __init__(self, picture: Picture, starts: Sequence[int], *, whole: bool = True) -> None:
        self.picture = picture
        self.terms = picture.terms
        self.starts = starts
        #: False: what is asked about is not even a whole second, so it is on no grid
        self.whole = whole
        self._grids: dict[tuple[int, int, ZoneInfo], frozenset[int] | None] = {}
        self._dates: dict[ZoneInfo, list[tuple[date, int, int]]] = {}
        self._schedules: dict[tuple[int, bool], bytes] = {}
        self.everything = bytes([1]) * len(starts)
        # All starts are so many steps behind the first, also where clocks change and some are left out.
        self._step = micros(gcd(*map(sub, starts[1:], starts)) or 1)
        self._rank = _Remembered(lambda steps: bisect_right(starts, starts[0] + steps * self._step // micros(1)))
        self._blank = _Remembered(bytes)

    def run(self, begins: int, ends: int) -> tuple[int, int]:
        """The starts whose claim, buffers included, would overlap a time."""
        terms = self.terms
        lower = bisect_right(self.starts, begins - terms.length - terms.after)
        return lower, bisect_left(self.starts, ends + terms.before)

    def lay(self, busy: Spans, lanes: Lanes) -> None:
        """Take out what `run` says of each of many times: how many starts there are before an instant follows from how
        many steps it is behind the first."""
        first, step, rank, blank = micros_since(self.starts[0]), self._step, self._rank, self._blank
        begin = first + micros(self.terms.length + self.terms.after)
        end = first - micros(self.terms.before) + 1  # the very start at which a time ends is free
        for begins, ends in zip(busy.begins, busy.ends, strict=True):
            lower, upper = rank[(begins - begin) // step], rank[(ends - end) // step]
            lanes[lower:upper] = blank[upper - lower]

    def dates(self, zone: ZoneInfo) -> list[tuple[date, int, int]]:
        """Each local date with the run of starts on it."""
        found = self._dates.get(zone)
        if found is None:
            found = self._dates[zone] = list(dates_of(self.starts, zone))
        return found

    def on_grid(self, rules: Rules, zone: ZoneInfo) -> frozenset[int] | None:
        """The starts that are on a grid; None: all of them."""
        key = (rules.interval, rules.offset, zone)
        if key not in self._grids:
            grid = frozenset(grid_between(rules.interval, rules.offset, zone, self.starts[0], self.starts[-1] + 1))
            self._grids[key] = None if grid.issuperset(self.starts) else grid
        return self._grids[key]

    def rules_of_schedule(self, leads: bool) -> tuple[Callable[[Look, Schedule, Lanes], None], ...]:
        """The rules of hours and time that are asked of a resource, which may lead."""
        return (*LEADING, hours_) if leads and not self.terms.settled else (hours_,)

    def scheduled(self, schedule: Schedule, leads: bool) -> bytes:
        """What hours and rules alone allow: the same for everybody who shares them."""
        key = (id(schedule), leads)
        if key not in self._schedules:
            lanes = bytearray(self.everything)
            for rule in self.rules_of_schedule(leads):
                rule(self, schedule, lanes)
            self._schedules[key] = bytes(lanes)
        return self._schedules[key]


class _Remembered(dict[int, T]):
    """What a function says of numbers, each asked once."""

    def __init__(self, ask: Callable[[int], T]) -> None:
        self._ask = ask

    def __missing__(self, number: int) -> T:
        found = self[number] = self._ask(number)
        return found


def dates_of(starts: Sequence[int], zone: ZoneInfo) -> Iterator[tuple[date, int, int]]:
    """The local dates of sorted instants, each with the run of them that lies on it."""
    at = 0
    while at < len(starts):
        day = hours.local_date(starts[at], zone)
        then = bisect_left(starts, hours.instant(day + timedelta(days=1), 0, zone), at)
        # Where a date occurs in two pieces (a zone that moved over the date line) the second is a run of its own.
        then = max(then, at + 1)
        yield day, at, then
        at = then


def _close(lanes: Lanes, lower: int, upper: int) -> None:
    if lower < upper:
        lanes[lower:upper] = bytes(upper - lower)


# ---- the rules: of a schedule, then of a resource ----


def past(look: Look, schedule: Schedule, lanes: Lanes) -> None:
    """Nothing starts before now."""
    _close(lanes, 0, bisect_left(look.starts, look.picture.now))


def ahead(look: Look, schedule: Schedule, lanes: Lanes) -> None:
    """Nothing starts later than MAX_BOOKING_AHEAD from now."""
    _close(lanes, bisect_right(look.starts, look.picture.now + look.picture.ahead), len(lanes))


def length(look: Look, schedule: Schedule, lanes: Lanes) -> None:
    """Nothing is longer than MAX_BOOKING_LENGTH."""
    if look.terms.length > look.picture.longest:
        _close(lanes, 0, len(lanes))


def grid(look: Look, schedule: Schedule, lanes: Lanes) -> None:
    """A service starts on the grid of wall-clock times."""
    if not look.terms.gridded:
        return
    if not look.whole:
        _close(lanes, 0, len(lanes))
        return
    allowed = look.on_grid(schedule.rules, schedule.calendar.zone)
    if allowed is not None:
        for number, start in enumerate(look.starts):
            if start not in allowed:
                lanes[number] = 0


def notice(look: Look, schedule: Schedule, lanes: Lanes) -> None:
    """Not sooner than the minimum notice from now."""
    _close(lanes, 0, bisect_left(look.starts, look.picture.now + schedule.rules.notice * 60))


def window(look: Look, schedule: Schedule, lanes: Lanes) -> None:
    """Only on dates that the booking window lets be booked by now."""
    said, zone = schedule.rules.window, schedule.calendar.zone
    if said is None:
        return
    today = hours.local_date(floor(look.picture.now), zone)
    first, last = schedule.calendar.first_date(said, today), schedule.calendar.last_date(said, today)
    for day, lower, upper in look.dates(zone):
        if not first <= day <= last:
            _close(lanes, lower, upper)


def no_shows(look: Look, schedule: Schedule, lanes: Lanes) -> None:
    """Nobody books by themselves who did not come too often."""
    if look.picture.too_often(schedule):
        _close(lanes, 0, len(lanes))


def booking_status(look: Look, schedule: Schedule, lanes: Lanes) -> None:
    """Only what is pending or confirmed can be moved."""
    _as_agreed(look, moves.STATUS, lanes)


def reschedule_cutoff(look: Look, schedule: Schedule, lanes: Lanes) -> None:
    """Not moved behind the cut-off that was agreed with it."""
    _as_agreed(look, moves.CUTOFF, lanes)


def max_reschedules(look: Look, schedule: Schedule, lanes: Lanes) -> None:
    """Not moved by its customer more often than was agreed with it."""
    _as_agreed(look, moves.NUMBER, lanes)


def _as_agreed(look: Look, rule: str, lanes: Lanes) -> None:
    if not look.picture.agreed.get(rule, True):
        _close(lanes, 0, len(lanes))


def hours_(look: Look, schedule: Schedule, lanes: Lanes) -> None:
    """All of its own time, without buffers, lies in one open span."""
    starts = look.starts
    # Whole days, so that the calendar remembers what it was asked before.
    lower, upper = starts[0] // _DAY * _DAY, (starts[-1] + look.terms.length) // _DAY * _DAY + _DAY
    before = bytes(lanes)
    _close(lanes, 0, len(lanes))
    for opens, closes in schedule.calendar.open_between(lower, upper):
        first, behind = bisect_left(starts, opens), bisect_right(starts, closes - look.terms.length)
        if first < behind:
            lanes[first:behind] = before[first:behind]


def closures(look: Look, candidate: Candidate, lanes: Lanes) -> None:
    """Neither it nor its buffers touch time off, blackouts, or what other calendars say."""
    for begins, ends in candidate.closures:
        _close(lanes, *look.run(begins, ends))


def resource_caps(look: Look, candidate: Candidate, lanes: Lanes) -> None:
    """Not more bookings than allowed of the resource in its local day, week and month."""
    caps = candidate.schedule.rules.resource_caps
    if caps:
        _cap(look, caps, Counter(candidate.bookings), candidate.schedule.calendar.zone, lanes)


def customer_caps(look: Look, candidate: Candidate, lanes: Lanes) -> None:
    """Not more bookings than allowed of the customer with this resource, in local days of the business."""
    for layer, caps in candidate.schedule.rules.customer_caps:
        if layer == RESOURCE:
            own = (one for one in look.picture.customer if candidate.id in one.resource_ids)
            _cap(look, caps, _by_date(own), look.picture.business_zone, lanes)


def own_caps(look: Look, schedule: Schedule, lanes: Lanes) -> None:
    """Not more bookings than allowed of the customer at all, and of the service."""
    service = look.picture.service
    for layer, caps in schedule.rules.customer_caps:
        own: Iterable[Booked] = look.picture.customer if layer == BUSINESS else ()
        if layer == SERVICE and service is not None:
            own = (one for one in look.picture.customer if str(one.service_id) == service["id"])
        _cap(look, caps, _by_date(own), look.picture.business_zone, lanes)


def _by_date(booked: Iterable[Booked]) -> Counter[date]:
    return Counter(one.day for one in booked)


def _cap(look: Look, caps: Caps, bookings: Counter[date], zone: ZoneInfo, lanes: Lanes) -> None:
    weeks: Counter[tuple[int, int]] = Counter()
    months: Counter[tuple[int, int]] = Counter()
    for day, number in bookings.items():
        weeks[day.isocalendar()[:2]] += number
        months[day.year, day.month] += number
    for day, lower, upper in look.dates(zone):
        if (
            (caps.day is not None and bookings[day] >= caps.day)
            or (caps.week is not None and weeks[day.isocalendar()[:2]] >= caps.week)
            or (caps.month is not None and months[day.year, day.month] >= caps.month)
        ):
            _close(lanes, lower, upper)


def room(look: Look, candidate: Candidate, lanes: Lanes) -> None:
    """With its buffers it overlaps no claim of a resource that one can have alone; of others there are units left."""
    if candidate.capacity < look.terms.units:
        _close(lanes, 0, len(lanes))
    if candidate.busy:
        look.lay(candidate.busy, lanes)
    if candidate.claims:
        for begins, ends, left in levels(candidate, look.terms.places):
            if left < look.terms.units:
                _close(lanes, *look.run(begins, ends))


LEADING: tuple[Callable[[Look, Schedule, Lanes], None], ...] = (past, ahead, length, grid, notice, window, no_shows)
OF_RESOURCE: tuple[Callable[[Look, Candidate, Lanes], None], ...] = (closures, resource_caps, customer_caps, room)
#: asked of a booking that moves, whatever the time
AGREED: tuple[Callable[[Look, Schedule, Lanes], None], ...] = (booking_status, reschedule_cutoff, max_reschedules)
#: what each rule is called in answers
NAMES = {
    past: "past",
    ahead: "bookingAhead",
    length: "bookingLength",
    grid: "slotGrid",
    notice: "minimumNotice",
    window: "bookingWindow",
    no_shows: "noShows",
    booking_status: moves.STATUS,
    reschedule_cutoff: moves.CUTOFF,
    max_reschedules: moves.NUMBER,
    hours_: "openingHours",
    own_caps: "customerCaps",
    closures: "closures",
    resource_caps: "resourceCaps",
    customer_caps: "resourceCustomerCaps",
    room: "claims",
}
#: what each demands, for people
MEANINGS = {name: (rule.__doc__ or "").strip().splitlines()[0] for rule, name in NAMES.items()}


def levels(candidate: Candidate, places: int | None) -> Iterator[tuple[int, int, int]]:
    """From when to when how many units are left of a shared resource, for a session of so many places; only where
    anything is claimed. Each claim that allows only so many counts for as long as it stands."""
    top = min(candidate.capacity, places or candidate.capacity)
    edges: list[tuple[int, int, int]] = []
    for claim in candidate.claims:
        edges.append((claim.begins, claim.units, claim.places))
        edges.append((claim.ends, -claim.units, claim.places))
    edges.sort(key=lambda edge: edge[0])
    limits: Counter[int] = Counter()
    claimed, since = 0, edges[0][0]
    for at, units, limit in edges:
        if at > since and claimed:
            yield since, at, min([top, *(known for known, number in limits.items() if number)]) - claimed
        since = at
        claimed += units
        if limit:
            limits[limit] += 1 if units > 0 else -1


def grid_between(interval: int, offset: int, zone: ZoneInfo, lower: int, upper: int) -> list[int]:
    """As hours.grid, remembering each date."""
    found: list[int] = []
    for day in hours.dates(lower, upper, zone):
        found += _grid_of(interval, offset, zone, day)
    return sorted(dict.fromkeys(at for at in found if lower <= at < upper))


@lru_cache(maxsize=4096)
def _grid_of(interval: int, offset: int, zone: ZoneInfo, day: date) -> tuple[int, ...]:
    midnight = hours.instant(day, 0, zone)
    minutes = range(offset % interval, hours.MIDNIGHT, interval)
    if _plain(day, zone, midnight):
        return tuple(midnight + minute * 60 for minute in minutes)
    return tuple(hours.instant(day, minute, zone) for minute in minutes if hours.exists(day, minute, zone))


def _plain(day: date, zone: ZoneInfo, midnight: int) -> bool:
    """Whether clocks run evenly all day; looked at every hour."""
    return all(hours.instant(day, hour * 60, zone) == midnight + hour * 3600 for hour in range(1, 25))
