"""A slow and obvious model of when something can be booked: every rule is asked of every minute, one after the other.

It is written from docs/scheduling.md and shares no code with `bookings`, so that the two can disagree. Instants are
whole minutes since 1970 (UTC); only `now` may have a fraction. Hours are minutes of a wall clock from midnight of their
date and may pass 1440.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays

from tests.support.wall import on_grid, reached, shown

Span = tuple[int, int]
Hours = list[Span]
AROUND_THE_CLOCK: list[Hours] = [[(0, 1440)]] * 7


@lru_cache(maxsize=1 << 12)
def is_holiday(place: str, day: date) -> bool:
    """Whether a date is a public holiday in a country, or country-subdivision."""
    country, _, subdivision = place.partition("-")
    return day in holidays.country_holidays(country, subdiv=subdivision or None, years=day.year)


@dataclass
class Layer:
    """What the business, a service or a resource says; None and missing rules: nothing."""

    weekly: list[Hours] | None = None
    days: dict[date, Hours] = field(default_factory=dict)
    holidays: str | None = None
    rules: dict[str, Any] = field(default_factory=dict)


@dataclass
class Resource:
    """What time is claimed of."""

    name: str
    zone: ZoneInfo
    kind: str = "provider"
    capacity: int = 1
    active: bool = True
    layer: Layer = field(default_factory=Layer)


@dataclass
class Need:
    """So many resources of a kind, of these or (empty) of any."""

    kind: str
    count: int = 1
    names: tuple[str, ...] = ()


@dataclass
class Service:
    """What is sold."""

    name: str
    deliverers: list[str]
    needs: list[Need] = field(default_factory=list)
    before: int = 0
    after: int = 0
    places: int = 1
    layer: Layer = field(default_factory=Layer)

    def units(self, party: int) -> int:
        """How much of each resource one booking takes."""
        return party if self.places > 1 else 1


@dataclass
class Closure:
    """Nothing new in this time: of one resource, or (None) of all."""

    resource: str | None
    begins: int
    ends: int


@dataclass
class Booking:
    """A booking that stands, or a hold that has not ended: what it takes of each of its resources, buffers included."""

    id: str
    resources: tuple[str, ...]
    start: int
    end: int
    units: int = 1
    customer: str = ""
    service: str | None = None
    before: int = 0
    after: int = 0
    places: int | None = None
    #: resources at which staff put it beside others: there it blocks nobody
    beside: tuple[str, ...] = ()
    is_hold: bool = False

    def takes(self, minute: int) -> bool:
        """Whether it takes a minute of its resources."""
        return self.start - self.before <= minute < self.end + self.after


@dataclass(frozen=True)
class Wish:
    """What somebody would like to book, apart from when."""

    service: str
    minutes: int
    party: int = 1
    customer: str = ""
    resource: str | None = None
    #: the booking that would move there
    moves: str | None = None


@dataclass
class Town:
    """Everything that decides when something can be booked."""

    zone: ZoneInfo
    now: float
    business: Layer = field(default_factory=Layer)
    resources: dict[str, Resource] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    closures: list[Closure] = field(default_factory=list)
    bookings: dict[str, Booking] = field(default_factory=dict)
    furthest: int = 1830 * 1440
    #: open minutes by resource, service and day, within one answer
    _open: dict[Any, set[int]] = field(default_factory=dict, repr=False)

    # What is open

    def hours(self, resource: Resource, day: date) -> Hours:
        """The hours of a resource that begin on a date of its own calendar."""
        for layer in (resource.layer, self.business):
            if day in layer.days:
                return layer.days[day]
        place = next((one.holidays for one in (resource.layer, self.business) if one.holidays is not None), "")
        if place and is_holiday(place, day):
            return []
        for layer in (resource.layer, self.business):
            if layer.weekly is not None:
                return layer.weekly[day.weekday()]
        return AROUND_THE_CLOCK[day.weekday()]

    def hours_of_service(self, service: Service, day: date) -> Hours | None:
        """The hours that a service keeps of its own; None: it keeps to those of its resources."""
        if day in service.layer.days:
            return service.layer.days[day]
        return service.layer.weekly[day.weekday()] if service.layer.weekly is not None else None

    def is_open(self, resource: Resource, service: Service | None, begins: int, ends: int) -> bool:
        """Whether a resource works in all minutes of a time, for a service or for whatever is asked of it."""
        asked, found = set(range(begins, ends)), set()
        for day in range(begins // 1440, (ends - 1) // 1440 + 1):
            key = (resource.name, service.name if service else None, day)
            if key not in self._open:
                self._open[key] = self._open_minutes(resource, service, day)
            found |= asked & self._open[key]
        return asked == found

    def _open_minutes(self, resource: Resource, service: Service | None, day: int) -> set[int]:
        """All minutes of one UTC day at which it works: looked up once for each answer."""
        zone, today = resource.zone, shown(resource.zone, day * 1440).date()
        own, narrowed = set(), set()
        for shift in range(-3, 4):  # hours may pass midnight, and a date may be left out altogether
            date_ = today + timedelta(days=shift)
            for begins, ends in self.hours(resource, date_):
                own |= set(range(reached(zone, date_, begins), reached(zone, date_, ends)))
            spoken = self.hours_of_service(service, date_) if service else None
            for begins, ends in [(0, 1440)] if spoken is None else spoken:
                narrowed |= set(range(reached(zone, date_, begins), reached(zone, date_, ends)))
        return own & narrowed & set(range(day * 1440, (day + 1) * 1440))

    def is_closed(self, resource: Resource, begins: int, ends: int) -> bool:
        """Whether a closure covers any minute of a time."""
        near = [one for one in self.closures if one.resource in (None, resource.name)]
        return any(set(range(begins, ends)) & set(range(one.begins, one.ends)) for one in near)

    # What the rules say

    def rule(self, name: str, default: Any, *layers: Layer | None) -> Any:
        """What the first layer that speaks of it says, else the business; the default where that layer has it off."""
        for layer in (*layers, self.business):
            if layer is not None and name in layer.rules.get("off", ()):
                return default
            if layer is not None and name in layer.rules:
                return layer.rules[name]
        return default

    def works_on(self, resource: Resource | None, service: Service | None, zone: ZoneInfo, day: date) -> bool:
        """Whether hours that begin on a date hold any minute: then it is a business day."""
        shift = self.hours(resource or Resource("", zone), day)
        narrowed = self.hours_of_service(service, day) if service else None
        return any(
            narrowed is None or any(reached(zone, day, a) <= minute < reached(zone, day, b) for a, b in narrowed)
            for begins, ends in shift
            for minute in range(reached(zone, day, begins), reached(zone, day, ends))
        )

    def grid(self, deliverer: Resource | None, service: Service, day: int) -> frozenset[int]:
        """The minutes of a UTC day that are on the grid."""
        layers = (deliverer.layer if deliverer else None, service.layer)
        interval = self.rule("slotIntervalMinutes", 15, *layers)
        return on_grid(
            deliverer.zone if deliverer else self.zone, day, interval, self.rule("slotOffsetMinutes", 0, *layers)
        )

    def may_start(self, deliverer: Resource | None, service: Service, minute: int) -> bool:
        """Whether grid, notice and window allow a start."""
        return minute in self.grid(deliverer, service, minute // 1440) and self.in_time(minute, deliverer, service)

    def in_time(self, minute: int, resource: Resource | None, service: Service | None) -> bool:
        """Whether notice and window allow a start."""
        layers = (resource.layer if resource else None, service.layer if service else None)
        zone = resource.zone if resource else self.zone
        if minute < self.now + self.rule("minimumNoticeMinutes", 0, *layers) or minute > self.now + self.furthest:
            return False
        window = self.rule("bookingWindow", None, *layers)
        return window is None or self._in_window(window, zone, minute, resource, service)

    def _in_window(
        self, window: dict[str, Any], zone: ZoneInfo, minute: int, resource: Resource | None, service: Service | None
    ) -> bool:
        day, today = shown(zone, minute).date(), shown(zone, int(self.now // 1)).date()
        if window["kind"] == "range":
            return date.fromisoformat(window["from"]) <= day <= date.fromisoformat(window["to"])
        if window["kind"] == "rolling":
            return day <= today + timedelta(days=window["days"])
        left, last = window["days"], today
        while left and last < day:  # no further: where two layers' hours never meet there is no last date
            last += timedelta(days=1)
            left -= self.works_on(resource, service, zone, last)
        return day <= last

    # What is taken

    def others(self, moves: str | None) -> Iterator[Booking]:
        """All bookings and holds but the one that moves."""
        return (one for one in self.bookings.values() if one.id != moves)

    def fits(self, resource: Resource, wish: Booking) -> bool:
        """Whether a resource has room for a claim in each of its minutes, buffers included."""
        near = [
            one
            for one in self.others(wish.id)
            if resource.name in one.resources
            and resource.name not in one.beside
            and one.start - one.before < wish.end + wish.after
            and wish.start - wish.before < one.end + one.after
        ]
        if not near and wish.units > min(resource.capacity, wish.places or resource.capacity):
            return False
        for minute in range(wish.start - wish.before, wish.end + wish.after) if near else ():
            there = [wish, *(one for one in near if one.takes(minute))]
            most = min([resource.capacity, *(one.places for one in there if one.places is not None)])
            if sum(one.units for one in there) > most:
                return False
        return True

    def is_capped(self, resource: Resource, service: Service | None, wish: Booking) -> bool:
        """Whether a resource has as many bookings as it takes in the day, week or month of a start."""
        caps = self.rule("resourceCaps", {}, resource.layer, service.layer if service else None)
        theirs = [one.start for one in self.others(wish.id) if resource.name in one.resources]
        return _has_enough(caps, theirs, wish.start, resource.zone)

    def customer_is_capped(self, service: Service | None, resources: Iterable[Resource], wish: Booking) -> bool:
        """Whether a customer has as many bookings as any layer allows: here, of the service, with a resource."""
        mine = [one for one in self.others(wish.id) if one.customer == wish.customer]
        asked = [(self.business, mine)]
        if service:
            asked.append((service.layer, [one for one in mine if one.service == service.name]))
        asked += [(one.layer, [other for other in mine if one.name in other.resources]) for one in resources]
        return any(
            _has_enough(layer.rules.get("customerCaps", {}), [one.start for one in those], wish.start, self.zone)
            for layer, those in asked
        )

    # The answer

    def free(self, resource: Resource, service: Service | None, wish: Booking) -> bool:
        """Whether a resource could be claimed: active, open, without closure, not capped, with room."""
        return (
            resource.active
            and self.is_open(resource, service, wish.start, wish.end)
            and not self.is_closed(resource, wish.start - wish.before, wish.end + wish.after)
            and not self.is_capped(resource, service, wish)
            and self.fits(resource, wish)
        )

    def able(self, need: Need) -> list[str]:
        """Who could serve a requirement, free or not."""
        some = [one for one in self.resources.values() if one.active and one.kind == need.kind]
        return [one.name for one in some if one.name in (need.names or self.resources)]

    def claim(self, wish: Wish, start: int) -> Booking:
        """What a wish would take at a start."""
        service = self.services[wish.service]
        moving = self.bookings.get(wish.moves or "")
        return Booking(
            wish.moves or "new",
            moving.resources if moving else (),
            start,
            start + wish.minutes,
            moving.units if moving else service.units(wish.party),
            wish.customer,
            wish.service,
            moving.before if moving else service.before,
            moving.after if moving else service.after,
            (moving.places if moving else service.places if service.places > 1 else None),
        )

    def teams(self, wish: Wish, start: int) -> Iterator[tuple[Resource, ...]]:
        """Every way to put together what a wish needs, who delivers first, all of them free."""
        service = self.services[wish.service]
        deliverers: list[Resource | None] = [self.resources[name] for name in service.deliverers]
        if not any(self.may_start(one, service, start) for one in deliverers or [None]):
            return  # spares the other questions
        claim = self.claim(wish, start)
        kinds = {need.kind for need in service.needs}
        able = [one for one in self.resources.values() if one.name in service.deliverers or one.kind in kinds]
        free = {one.name: one for one in able if self.free(one, service, claim)}
        if claim.resources:
            whole = [tuple(self.resources[name] for name in claim.resources)]
            choices: Iterable[tuple[Resource, ...]] = whole if set(claim.resources) <= set(free) else []
        else:
            choices = self._choices(service, free, wish.resource)
        for team in choices:
            deliverer = next((one for one in team if one.name in service.deliverers), None)
            if self.may_start(deliverer, service, start) and not self.customer_is_capped(service, team, claim):
                yield team

    def _choices(
        self, service: Service, free: dict[str, Resource], named: str | None
    ) -> Iterator[tuple[Resource, ...]]:
        deliverers = [(free[name],) for name in service.deliverers if name in free] if service.deliverers else [()]
        parts: list[Collection[tuple[Resource, ...]]] = [deliverers]
        for need in service.needs:
            useful = [free[name] for name in self.able(need) if name in free]
            parts.append(list(itertools.combinations(useful, need.count)))
        if named:  # they deliver if they can, else they serve the requirement that the fewest can serve
            those = [len(self.able(need)) if named in self.able(need) else 1 << 20 for need in service.needs]
            place = 0 if named in service.deliverers else 1 + those.index(min(those))
            parts[place] = [some for some in parts[place] if named in [one.name for one in some]]
        for choice in itertools.product(*parts):
            team = tuple(itertools.chain(*choice))
            if len({one.name for one in team}) == len(team):
                yield team

    def takers(self, wish: Wish, start: int) -> set[str]:
        """Who could deliver (or, where nobody delivers, serve) a wish at a start; empty: it cannot be booked."""
        return self.answers(wish, start, start + 1).get(start, set())

    def answers(self, wish: Wish, lower: int, upper: int) -> dict[int, set[str]]:
        """The same for every minute from then until then, without those at which it cannot be booked."""
        self._open.clear()
        service, delivered = self.services[wish.service], bool(self.services[wish.service].deliverers)
        deliverers: list[Resource | None] = [self.resources[name] for name in service.deliverers]
        days = range(lower // 1440, (upper - 1) // 1440 + 1)
        starts = {start for one in deliverers or [None] for day in days for start in self.grid(one, service, day)}
        found = {}
        for start in sorted(starts & set(range(lower, upper))):
            teams = list(self.teams(wish, start))
            if teams:
                found[start] = {one.name for team in teams for one in (team[:1] if delivered else team)}
        return found

    def can_book_plainly(self, wish: Booking) -> bool:
        """Whether a booking without a service may be made: hours, closures, notice, window, caps and room; no grid."""
        self._open.clear()
        claimed = [self.resources[name] for name in wish.resources]
        return (
            all(self.free(one, None, wish) for one in claimed)
            and all(self.in_time(wish.start, one, None) for one in claimed)
            and not self.customer_is_capped(None, claimed, wish)
        )


def _has_enough(caps: dict[str, int], starts: list[int], start: int, zone: ZoneInfo) -> bool:
    for unit, most in caps.items():
        same = [one for one in starts if _period(unit, zone, one) == _period(unit, zone, start)]
        if len(same) >= most:
            return True
    return False


def _period(unit: str, zone: ZoneInfo, minute: int) -> Any:
    day = shown(zone, minute).date()
    return {"day": day, "week": day.isocalendar()[:2], "month": (day.year, day.month)}[unit]
