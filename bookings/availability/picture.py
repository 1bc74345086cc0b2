"""Everything that a judgement needs to know, as it was read at one moment. Plain data.

Instants are whole seconds since 1970. What is claimed is widened to whole seconds, which changes nothing, because
everything that may start does so at a whole second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from bookings.availability.hours import Interval
from bookings.availability.layers import Schedule
from bookings.availability.spans import NEVER, Spans, numbers


class Claim(NamedTuple):
    """So many units taken from then to then; while it stands, no more than `places` may be (0: any number)."""

    begins: int
    ends: int
    units: int
    places: int


@dataclass(slots=True, eq=False)
class Candidate:
    """A resource that could be claimed."""

    id: UUID
    #: the same as text, because answers name it thousands of times
    text: str
    kind: str
    owner_id: UUID | None
    #: units at any instant
    capacity: int
    #: `resources.schedule_version` by which it is judged: who claims it must demand that it still is
    version: int
    zone: str
    #: hours and rules, for the service if there is one; its own closures are below
    schedule: Schedule
    closures: Sequence[Interval] = ()
    #: when it is taken; of a resource that one can have alone
    busy: Spans = NEVER
    #: what is taken of a resource that several can have
    claims: Sequence[Claim] = ()
    #: bookings that begin on each local date; only for a resource with caps
    bookings: Mapping[date, int] = field(default_factory=dict)

    @property
    def exclusive(self) -> bool:
        """Whether one can have it alone."""
        return self.capacity == 1


@dataclass(frozen=True, slots=True)
class Group:
    """So many of these are needed, in the order of preference. `leads`: they deliver the service, so their grid, notice
    and booking window count."""

    count: int
    candidates: tuple[Candidate, ...]
    leads: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """What is to be placed: seconds of its own time, of buffers before and after it, units of everything, and the
    places of the session if it is one. Without a grid it may start at any time; `settled`: when it starts was decided
    before, so that neither grid nor notice nor booking window matter."""

    length: int
    before: int = 0
    after: int = 0
    units: int = 1
    places: int | None = None
    gridded: bool = True
    settled: bool = False


class Booked(NamedTuple):
    """A booking of the customer, for caps: the local date where the business is, its service and resources."""

    day: date
    service_id: UUID | None
    resource_ids: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class Picture:
    """A wish and what surrounds it, for starts at or after `lower` and before `upper`."""

    terms: Terms
    groups: tuple[Group, ...]
    #: what holds for everybody: the rules of service and business, at BUSINESS_TIME_ZONE
    general: Schedule
    lower: int
    upper: int
    #: seconds since 1970, with their fraction
    now: float
    #: seconds from now within which a booking may start (MAX_BOOKING_AHEAD)
    ahead: float
    #: seconds that a booking may last at most (MAX_BOOKING_LENGTH)
    longest: float
    #: the document of the service, if it is of one
    service: Mapping[str, Any] | None = None
    #: `assignment` as the service or the business says it
    assignment: Mapping[str, Any] | None = None
    #: how often somebody who books for themselves did not come within so many days, where that matters
    no_shows: Mapping[int, int] = field(default_factory=dict)
    #: of a booking that moves: what was agreed about moving it, and whether each allows it now
    agreed: Mapping[str, bool] = field(default_factory=dict)
    #: its `policy`
    policy: Mapping[str, Any] = field(default_factory=dict)
    #: what the customer has booked around the time, when caps of customers matter
    customer: tuple[Booked, ...] = ()

    def too_often(self, schedule: Schedule) -> tuple[int, int] | None:
        """How often the customer did not come within how many days, when that is so often that they are refused."""
        rule = schedule.rules.policy.get("noShowRule") if self.no_shows else None
        if rule is None or rule["then"] != "refuse" or self.no_shows.get(rule["days"], 0) < rule["count"]:
            return None
        return self.no_shows[rule["days"]], rule["days"]

    @property
    def candidates(self) -> list[Candidate]:
        """All of them, each once."""
        return list({one.text: one for group in self.groups for one in group.candidates}.values())

    @property
    def leading(self) -> list[Schedule]:
        """The schedules of all who could deliver; where nobody does, what holds for everybody."""
        return [one.schedule for group in self.groups if group.leads for one in group.candidates] or [self.general]

    @property
    def business_zone(self) -> ZoneInfo:
        """BUSINESS_TIME_ZONE."""
        return self.general.calendar.zone

    def only(self, choose: Callable[[Group], Iterable[Candidate]]) -> Picture:
        """The same wish with fewer candidates."""
        return replace(self, groups=tuple(replace(group, candidates=tuple(choose(group))) for group in self.groups))

    def permitted(self, owner_id: UUID) -> Picture | None:
        """What a provider may book for somebody else: their own, and with it what is nobody's. None: nothing."""
        if all(one.owner_id != owner_id for one in self.candidates):
            return None

        def choose(group: Group) -> list[Candidate]:
            mine = [one for one in group.candidates if one.owner_id in (owner_id, None)]
            return [one for one in mine if one.owner_id] or mine if group.leads else mine

        return self.only(choose)


def naming(groups: Sequence[Group], named: Mapping[str, UUID]) -> tuple[tuple[Group, ...], list[tuple[str, str]]]:
    """The groups when certain resources must be among what is claimed, and what is wrong with the names, as (field,
    message). Whoever is named delivers if they can, else serves, of the requirements that they can serve,
    the one that the fewest can."""
    wanted = dict(named)
    settled: set[UUID] = set()
    forced: dict[int, list[Candidate]] = {}
    for number in sorted(range(len(groups)), key=lambda n: (not groups[n].leads, len(groups[n].candidates))):
        known = {one.id: one for one in groups[number].candidates if one.id not in settled}
        forced[number] = [known[id] for id in dict.fromkeys(wanted.values()) if id in known][: groups[number].count]
        taken = {one.id for one in forced[number]}
        settled |= taken
        wanted = {name: id for name, id in wanted.items() if id not in taken}
    parts = [
        (group.count - len(forced[number]), forced[number], list(group.candidates), group.leads)
        for number, group in enumerate(groups)
    ]
    if wanted:
        return (), [(name, "Does not deliver this service.") for name in wanted]
    kinds = {one.id: one.kind for group in groups for one in group.candidates}
    wrong = [
        (name, f"Is a resource of kind {kinds[id]}; send it as resourceId.")
        for name, id in named.items()
        if name != "resourceId" and kinds[id] != name.removesuffix("Id")
    ]
    return tuple(_apart(parts, settled)), wrong


def _apart(parts: list[tuple[int, list[Candidate], list[Candidate], bool]], settled: set[UUID]) -> Iterator[Group]:
    for count, forced, candidates, leads in parts:
        for one in forced:
            yield Group(1, (one,), leads)
        if count:
            yield Group(count, tuple(one for one in candidates if one.id not in settled), leads)


def claims(spans: Spans, units: bytes | None, places: bytes | None) -> list[Claim]:
    """Claims from parallel columns."""
    return [
        Claim(*span, unit, place)
        for span, unit, place in zip(spans, numbers("i", units), numbers("i", places), strict=True)
    ]
