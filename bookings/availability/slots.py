"""Which starts of a picture are free, and who could take each. Pure functions.

    find(picture)            every start that can be booked, with who could take it
    at(picture, start)       one start: who is free, and whether that is enough
    each(picture, starts)    the same of many starts at once
    explain(picture, start)  one start: every rule that was asked, in order, for every resource

All three ask the same rules (lanes.py). Lanes of many resources are added and joined as long integers, so that a month
of a thousand resources costs thousands of steps and not millions.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import compress, islice
from math import floor
from typing import NamedTuple, TypeVar
from uuid import UUID

from bookings.availability import matching
from bookings.availability.lanes import (
    AGREED,
    LEADING,
    NAMES,
    OF_RESOURCE,
    Lanes,
    Look,
    grid_between,
    levels,
    own_caps,
    room,
)
from bookings.availability.layers import Schedule
from bookings.availability.picture import Candidate, Group, Picture

T = TypeVar("T")
#: of those who could take a slot, so many are named
NAMED = 20
#: so many lanes can be added before a byte may run over
_BYTE = 255


class Slot(NamedTuple):
    """A time that can be booked: seconds since 1970.

    `places`: of a group session, the largest party that still fits; else how many such bookings still fit at the time.
    `count`: how many of those who deliver could take it; `candidates`: the first of them, at most NAMED.
    """

    start: int
    end: int
    places: int
    count: int  # type: ignore[assignment]
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What there is at one start: for each group of the picture those who are free, and whether they are enough."""

    start: int
    free: tuple[tuple[Candidate, ...], ...]
    enough: bool


#: what others are not told apart: whether somebody is away or has customers
TAKEN, OF_TAKEN = "taken", ("closures", "claims")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says of one resource, or of all (None)."""

    resource_id: UUID | None
    rule: str
    allowed: bool
    #: asked of somebody who delivers
    leads: bool = False


def starts_of(picture: Picture) -> list[int]:
    """Every start that is on the grid of anybody who delivers, within the bounds of the picture."""
    schedules = {id(one.schedule): one.schedule for group in picture.groups if group.leads for one in group.candidates}
    schedules = schedules or {0: picture.general}
    grids = {(one.rules.interval, one.rules.offset, one.calendar.zone) for one in schedules.values()}
    found = [grid_between(*one, picture.lower, picture.upper) for one in grids]
    return found[0] if len(found) == 1 else sorted(set().union(*found))


def find(picture: Picture, starts: Sequence[int] | None = None, *, named: int = NAMED) -> list[Slot]:
    """Every start that can be booked, in order; of `starts` (sorted, different) if they are given, else of the grid."""
    starts = starts_of(picture) if starts is None else starts
    if not starts or not all(group.candidates for group in picture.groups):
        return []
    look = Look(picture, starts)
    lanes = [[lanes_of(look, group, one) for one in group.candidates] for group in picture.groups]
    totals = [_totals(one, len(starts)) for one in lanes]
    free = _enough(picture.groups, lanes, totals) & _whole(general_lanes(look))
    if not free:
        return []
    if not matching.disjoint([[one.id for one in group.candidates] for group in picture.groups]):
        lanes[0] = _of_use(picture.groups, lanes)
        totals[0] = _totals(lanes[0], len(starts))
    chosen = list(compress(range(len(starts)), free.to_bytes(len(starts), "little")))
    names = _named(picture.groups[0], lanes[0], free, len(starts), named)
    places = _places(look, lanes, totals)
    seconds = picture.terms.length
    return [Slot(starts[i], starts[i] + seconds, places[i], totals[0][i], names[i]) for i in chosen]


def lanes_of(look: Look, group: Group, candidate: Candidate, *, whatever_is_claimed: bool = False) -> Lanes:
    """When one resource can be claimed."""
    lanes = bytearray(look.scheduled(candidate.schedule, group.leads))
    for rule in OF_RESOURCE:
        if not (whatever_is_claimed and rule is room):
            rule(look, candidate, lanes)
    return lanes


def general_lanes(look: Look) -> Lanes:
    """What concerns nobody in particular: the customer's caps; where nobody delivers, what service and business say."""
    lanes = bytearray(look.everything)
    for rule in general_rules(look.picture):
        rule(look, look.picture.general, lanes)
    return lanes


def general_rules(picture: Picture) -> tuple[Callable[[Look, Schedule, Lanes], None], ...]:
    """The rules that are asked once and not of each resource."""
    led = picture.terms.settled or any(group.leads for group in picture.groups)
    agreed = AGREED if picture.agreed else ()
    return (*agreed, own_caps) if led else (*agreed, *LEADING, own_caps)


def _whole(lanes: bytes | bytearray) -> int:
    return int.from_bytes(lanes, "little")


def _totals(lanes: Sequence[Lanes], size: int) -> Sequence[int]:
    """How many are free at each start."""
    sums = []
    for first in range(0, len(lanes), _BYTE):
        total = sum(map(_whole, lanes[first : first + _BYTE]))
        sums.append(total.to_bytes(size, "little"))
    return sums[0] if len(sums) == 1 else list(map(sum, zip(*sums, strict=True)))


def _enough(groups: Sequence[Group], lanes: Sequence[Sequence[Lanes]], totals: Sequence[Sequence[int]]) -> int:
    """Where there are enough of each group, and different ones: 1 for each such start."""
    if matching.disjoint([[one.id for one in group.candidates] for group in groups]):
        free = -1
        for group, total in zip(groups, totals, strict=True):
            free &= _whole(bytes([number >= group.count for number in total]))
        return free
    columns = [lane for one in lanes for lane in one]
    holders = [(number, one.id) for number, group in enumerate(groups) for one in group.candidates]
    counts = [group.count for group in groups]
    known: dict[tuple[int, ...], bool] = {}
    found = bytearray()
    for pattern in zip(*columns, strict=True):
        if pattern not in known:
            known[pattern] = matching.possible(counts, list(compress(holders, pattern)))
        found.append(known[pattern])
    return _whole(found)


def _of_use(groups: Sequence[Group], lanes: Sequence[Sequence[Lanes]]) -> list[Lanes]:
    """The lanes of the first group without those who are free but must serve another group."""
    first, holders = groups[0], [(number, one.id) for number, group in enumerate(groups) for one in group.candidates]
    counts = [first.count - 1, *(group.count for group in groups[1:])]
    known: dict[tuple[int, ...], bytes] = {}
    rows = []
    for pattern in zip(*(lane for one in lanes for lane in one), strict=True):
        if pattern not in known:
            free = list(compress(holders, pattern))
            known[pattern] = bytes(
                matching.possible(counts, [held for held in free if held[1] != one.id]) if lane else False
                for one, lane in zip(first.candidates, pattern, strict=False)
            )
        rows.append(known[pattern])
    return [bytearray(column) for column in zip(*rows, strict=True)]


def _named(group: Group, lanes: Sequence[Lanes], free: int, size: int, most: int) -> dict[int, tuple[Candidate, ...]]:
    """The first few who could take each free start.

    Mostly they are found among the first twice as many, and the same ones at many starts: those are put together once
    for each pattern of who is free.
    """
    starts = list(compress(range(size), free.to_bytes(size, "little")))
    if not most:
        return dict.fromkeys(starts, ())
    near = group.candidates[: 2 * most]
    known: dict[bytes, tuple[Candidate, ...]] = {}
    rows = b"".join(lanes[: 2 * most])
    found: dict[int, tuple[Candidate, ...]] = {}
    for i in starts:
        pattern = rows[i::size]
        names = known.get(pattern)
        if names is None:
            names = known[pattern] = tuple(islice(compress(near, pattern), most))
        found[i] = names
    if len(group.candidates) > 2 * most:
        _complete(found, group.candidates[2 * most :], lanes[2 * most :], size, most)
    return found


def _complete(
    found: dict[int, tuple[Candidate, ...]], more: Sequence[Candidate], lanes: Sequence[Lanes], size: int, most: int
) -> None:
    """Go on where too few were found, looking only at starts that somebody is free at."""
    short = {i: list(names) for i, names in found.items() if len(names) < most}
    waiting = bytearray(size)
    for i in short:
        waiting[i] = 1
    wanted = _whole(waiting)
    for candidate, lane in zip(more, lanes, strict=True):
        if not wanted:
            break
        if here := _whole(lane) & wanted:
            for i in compress(range(size), here.to_bytes(size, "little")):
                short[i].append(candidate)
                waiting[i] = len(short[i]) < most
            wanted = _whole(waiting)
    found.update((i, tuple(names)) for i, names in short.items())


def _places(look: Look, lanes: Sequence[Sequence[Lanes]], totals: Sequence[Sequence[int]]) -> Sequence[int]:
    """See Slot.places. Where groups share resources it is an upper bound."""
    session = look.terms.places is not None
    found: Sequence[int] | None = None
    for group, lane, total in zip(look.picture.groups, lanes, totals, strict=True):
        if all(one.exclusive for one in group.candidates):
            own: Sequence[int] = total if group.count == 1 and not session else [n // group.count for n in total]
            own = [min(n, 1) for n in own] if session else own
        else:
            left = [_left(look, one, lanes) for one, lanes in zip(group.candidates, lane, strict=True)]
            own = _sessions(left, group.count) if session else [sum(n) // group.count for n in zip(*left, strict=True)]
        found = own if found is None else list(map(min, found, own))
    return found or ()


def _sessions(left: Sequence[Sequence[int]], count: int) -> list[int]:
    """What is left of the one that has the most, or of the last of as many as are needed."""
    if count == 1:
        return [max(n) for n in zip(*left, strict=True)]
    return [sorted(n, reverse=True)[count - 1] if len(n) >= count else 0 for n in zip(*left, strict=True)]


def _left(look: Look, candidate: Candidate, lanes: Lanes) -> Sequence[int]:
    """How many units are left of a resource for all of each start's time; 0 where it cannot be claimed."""
    if candidate.exclusive:
        return lanes
    top = min(candidate.capacity, look.terms.places or candidate.capacity)
    found = array("q", [top]) * len(lanes)
    if candidate.claims:
        for begins, ends, left in sorted(levels(candidate, look.terms.places), key=lambda level: -level[2]):
            lower, upper = look.run(begins, ends)
            if lower < upper:
                found[lower:upper] = array("q", [left]) * (upper - lower)
    return [left if lane else 0 for left, lane in zip(found, lanes, strict=True)]


def at(picture: Picture, start: datetime | int, *, whatever_is_claimed: bool = False) -> Found:
    """What there is at one start, on the grid or off it; or what there would be if nothing were claimed."""
    look = _looking_at(picture, start)
    free = tuple(
        tuple(one for one in group.candidates if lanes_of(look, group, one, whatever_is_claimed=whatever_is_claimed)[0])
        for group in picture.groups
    )
    counts = [group.count for group in picture.groups]
    holders = [(number, one.id) for number, group in enumerate(free) for one in group]
    enough = bool(general_lanes(look)[0]) and matching.possible(counts, holders)
    return Found(look.starts[0], free, enough)


def each(picture: Picture, starts: Sequence[int], *, whatever_is_claimed: bool = False) -> list[Found]:
    """The same for many starts (sorted, different), which are asked about together."""
    if not starts:
        return []
    look = Look(picture, starts)
    general = general_lanes(look)
    lanes = [
        [lanes_of(look, group, one, whatever_is_claimed=whatever_is_claimed) for one in group.candidates]
        for group in picture.groups
    ]
    counts = [group.count for group in picture.groups]
    found = []
    for i, start in enumerate(starts):
        free = tuple(
            tuple(one for one, lane in zip(group.candidates, own, strict=True) if lane[i])
            for group, own in zip(picture.groups, lanes, strict=True)
        )
        holders = [(number, one.id) for number, members in enumerate(free) for one in members]
        found.append(Found(start, free, bool(general[i]) and matching.possible(counts, holders)))
    return found


def explain(picture: Picture, start: datetime | int) -> list[Verdict]:
    """Every rule that is asked about one start, in order: first those that concern nobody in particular, then for each
    resource hours and rules, closures, caps, claims."""
    look = _looking_at(picture, start)
    verdicts = [Verdict(None, NAMES[rule], _alone(look, rule, picture.general)) for rule in general_rules(picture)]
    seen: set[tuple[UUID, bool]] = set()
    for group in picture.groups:
        for one in group.candidates:
            if (one.id, group.leads) in seen:
                continue
            seen.add((one.id, group.leads))
            for rule in look.rules_of_schedule(group.leads):
                verdicts.append(Verdict(one.id, NAMES[rule], _alone(look, rule, one.schedule), group.leads))
            for of_resource in OF_RESOURCE:
                verdicts.append(Verdict(one.id, NAMES[of_resource], _alone(look, of_resource, one), group.leads))
    return verdicts


def _alone(look: Look, rule: Callable[[Look, T, Lanes], None], of: T) -> bool:
    lanes = bytearray(look.everything)
    rule(look, of, lanes)
    return bool(lanes[0])


def _looking_at(picture: Picture, start: datetime | int) -> Look:
    seconds = start.timestamp() if isinstance(start, datetime) else start
    return Look(picture, [floor(seconds)], whole=seconds == floor(seconds))
