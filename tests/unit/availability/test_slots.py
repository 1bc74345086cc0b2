"""The judgement without a database: lanes, matching, grids on the days when clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings.availability import hours, matching, picture, slots
from bookings.availability.lanes import Look, grid_between, levels, room
from bookings.availability.layers import SILENT, Layer, Schedule, resolve
from bookings.availability.picture import Candidate, Claim, Group, Picture, Terms
from bookings.availability.spans import Spans

MINUTE, HOUR = 60, 3600
MILLION = 1_000_000
#: a Monday, midnight in UTC
DAY = int(datetime(2027, 3, 1, tzinfo=UTC).timestamp())


def candidate(capacity: int = 1, kind: str = "provider", **known: Any) -> Candidate:
    """A resource in UTC that says nothing, unless told otherwise."""
    schedule: Schedule = known.pop("schedule", None) or resolve(SILENT, SILENT, SILENT, ZoneInfo("UTC"))
    id = known.pop("id", None) or uuid4()
    known["busy"] = Spans.of(known.get("busy", ()))
    return Candidate(id, str(id), kind, None, capacity, 0, "UTC", schedule, **known)


def look(groups: list[Group], terms: Terms | None = None, **known: Any) -> Picture:
    """What is asked about the Monday."""
    known = {"lower": DAY, "upper": DAY + 24 * HOUR, "now": DAY - 24.0 * HOUR, "ahead": 1e9, "longest": 1e9} | known
    general = resolve(SILENT, SILENT, SILENT, ZoneInfo("UTC"))
    return Picture(terms or Terms(30 * MINUTE), tuple(groups), general, **known)


def starts(of: Picture) -> list[float]:
    """Hours of the Monday that can be booked."""
    return [(slot.start - DAY) / HOUR for slot in slots.find(of)]


def test_a_claim_keeps_neighbours_away_by_its_length_and_buffers() -> None:
    one = candidate(busy=[(DAY + 10 * HOUR, DAY + 11 * HOUR)])
    free = starts(look([Group(1, (one,), True)], Terms(30 * MINUTE, 15 * MINUTE, 15 * MINUTE)))
    assert [hour for hour in free if 8.9 < hour < 11.6] == [9.0, 9.25, 11.25, 11.5]


def test_two_needs_that_share_a_room_need_two_rooms() -> None:
    """Of the pair one is busy in the morning: then the one that both could use cannot serve both."""
    one, two = candidate(kind="workspace"), candidate(kind="workspace", busy=[(DAY, DAY + 12 * HOUR)])
    groups = [Group(1, (one, two)), Group(1, (one,))]
    assert starts(look(groups))[0] == 12
    found = slots.at(look(groups), DAY + 9 * HOUR)
    assert (found.enough, [len(free) for free in found.free]) == (False, [1, 1])


@pytest.mark.slow
@given(st.lists(st.lists(st.integers(0, 5), max_size=5, unique=True), min_size=1, max_size=4), st.data())
def test_matching_is_exact(groups: list[list[int]], data: st.DataObject) -> None:
    """Against trying everything; and whoever comes first is kept when that is possible."""
    counts = [data.draw(st.integers(0, 2)) for _ in groups]
    holders = [(number, member) for number, group in enumerate(groups) for member in group]
    found = matching.assign(counts, holders)
    assert (found is not None) == _possible(counts, groups, frozenset())
    if found is not None:
        taken = [member for group in found for member in group]
        assert len(taken) == len(set(taken)) == sum(counts)
        assert all(set(members) <= set(group) for members, group in zip(found, groups, strict=True))


def _possible(counts: list[int], groups: list[list[int]], taken: frozenset[int]) -> bool:
    number = next((n for n, count in enumerate(counts) if count), None)
    if number is None:
        return True
    fewer = [count - (n == number) for n, count in enumerate(counts)]
    return any(_possible(fewer, groups, taken | {one}) for one in groups[number] if one not in taken)


def test_of_shared_time_the_least_that_is_left_counts() -> None:
    """Five units, three and one of them taken in overlapping times; then a session that allows only four."""
    claims = [
        Claim(DAY + 9 * HOUR, DAY + 11 * HOUR, 3, 0),
        Claim(DAY + 10 * HOUR, DAY + 12 * HOUR, 1, 0),
        Claim(DAY + 14 * HOUR, DAY + 15 * HOUR, 2, 4),
    ]
    hall = candidate(5, "workspace", claims=claims)
    assert [((a - DAY) / HOUR, (b - DAY) / HOUR, left) for a, b, left in levels(hall, None)] == [
        (9, 10, 2),
        (10, 11, 1),
        (11, 12, 4),
        (14, 15, 2),
    ]
    by_start = {slot.start: slot.places for slot in slots.find(look([Group(1, (hall,), True)], Terms(HOUR, places=5)))}
    assert [by_start[DAY + n * HOUR] for n in (8, 9, 10, 11, 12, 14)] == [5, 2, 1, 4, 5, 2]


def test_many_lanes_are_counted_beyond_a_byte() -> None:
    many = tuple(candidate(busy=[(DAY, DAY + 6 * HOUR)] if number % 3 == 0 else []) for number in range(601))
    found = {slot.start: slot for slot in slots.find(look([Group(1, many, True)]))}
    assert (found[DAY].count, found[DAY + 12 * HOUR].count) == (400, 601)
    assert found[DAY].candidates == tuple(one for number, one in enumerate(many) if number % 3)[:20]


def test_names_are_found_far_down_the_list_too() -> None:
    """Only the last three of a hundred are free."""
    many = tuple(candidate(busy=[(DAY, DAY + 24 * HOUR)] if number < 97 else []) for number in range(100))
    first = slots.find(look([Group(1, many, True)]))[0]
    assert (first.count, first.candidates) == (3, many[97:])


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca"]
)
@pytest.mark.parametrize("interval,offset", [(15, 0), (60, 20), (7, 3)])
def test_the_grid_is_that_of_the_wall(zone: str, interval: int, offset: int) -> None:
    """Remembered by dates, it is still the plain one, on days when clocks change, too."""
    of = ZoneInfo(zone)
    for day in (date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5), date(2026, 10, 4), date(2026, 10, 25)):
        lower = hours.instant(day - timedelta(days=1), 0, of)
        upper = lower + 3 * 24 * HOUR
        assert grid_between(interval, offset, of, lower, upper) == hours.grid(interval, offset, of, lower, upper)


def test_two_grids_are_joined_and_each_keeps_to_its_own() -> None:
    """Somebody in Kathmandu starts at quarters of another hour."""
    hourly = Layer(rules={"slotIntervalMinutes": 60})
    here = candidate(schedule=resolve(hourly, SILENT, SILENT, ZoneInfo("UTC")))
    there = candidate(schedule=resolve(hourly, SILENT, SILENT, ZoneInfo("Asia/Kathmandu")))
    found = slots.find(look([Group(1, (here, there), True)], upper=DAY + 2 * HOUR))
    assert [((slot.start - DAY) // MINUTE, slot.candidates) for slot in found] == [
        (0, (here,)),
        (15, (there,)),
        (60, (here,)),
        (75, (there,)),
    ]


@pytest.mark.parametrize("zone, ends", [("America/New_York", 5), ("UTC", 24), ("Pacific/Apia", 11)])
def test_today_is_that_of_the_clock_where_it_is_delivered(zone: str, ends: int) -> None:
    """At half past three in UTC New York still has yesterday, and Samoa has not much left of the day."""
    today = Layer(rules={"bookingWindow": {"kind": "rolling", "days": 0}})
    one = candidate(schedule=resolve(today, SILENT, SILENT, ZoneInfo(zone)))
    found = starts(look([Group(1, (one,), True)], now=DAY + 3.5 * HOUR))
    assert (found[0], found[-1]) == (3.5, ends - 0.25)


def test_explaining_and_judging_agree() -> None:
    """Somebody is free exactly when no rule speaks against them."""
    one = candidate(busy=[(DAY + 9 * HOUR, DAY + 10 * HOUR)], closures=[(DAY + 12 * HOUR, DAY + 13 * HOUR)])
    of = look([Group(1, (one,), True)])
    for start in range(DAY + 8 * HOUR, DAY + 14 * HOUR, 5 * MINUTE):
        allowed = all(verdict.allowed for verdict in slots.explain(of, start))
        assert allowed == slots.at(of, start).enough == (start in {slot.start for slot in slots.find(of)})


def test_spans_are_read_as_postgresql_writes_them() -> None:
    """Microseconds since 2000; a claim that does not keep whole seconds is widened to them."""
    begins, ends = ((value).to_bytes(8, "big", signed=True) for value in (-1_500_000, 2_500_000))
    assert list(Spans(begins, ends)) == [(946_684_798, 946_684_803)]
    assert list(Spans(None, None)) == []
    with pytest.raises(ValueError, match="no beginning or no end"):
        Spans(begins, None)


@st.composite
def layings(draw: st.DrawFn) -> tuple[list[int], Terms, list[tuple[int, int]]]:
    """Starts with equal steps or with some left out, what is to be placed, and claims that touch what starts there, but
    for a microsecond: from when to when since the day began."""
    unit = draw(st.sampled_from([1, 7, 60, 300]))
    step, length, before, after = (draw(st.integers(least, 6)) * unit for least in (1, 1, 0, 0))
    starts = [step * number for number in sorted(draw(st.sets(st.integers(0, 30), min_size=1)))]
    claims = []
    for start in draw(st.lists(st.sampled_from(starts), max_size=4)):
        lasts = draw(st.integers(1, 20)) * unit
        begins = draw(st.sampled_from([start + length + after, start - before - lasts]))
        by, to = draw(st.integers(-1, 1)), draw(st.integers(-1, 1))
        claims.append((begins * MILLION + by, (begins + lasts) * MILLION + to))
    return [DAY + start for start in starts], Terms(length, before, after), claims


@given(layings())
def test_claims_are_laid_over_any_grid(laying: tuple[list[int], Terms, list[tuple[int, int]]]) -> None:
    """Against the definition, to the microsecond: a start is taken when its time and buffers overlap a claim."""
    starts, terms, times = laying
    since_2000 = (DAY - 946_684_800) * MILLION
    sent = [b"".join((at[end] + since_2000).to_bytes(8, "big", signed=True) for at in times) for end in (0, 1)]
    one = candidate()
    one.busy = Spans(*sent)
    lanes = bytearray(b"\1" * len(starts))
    room(Look(look([Group(1, (one,))], terms), starts), one, lanes)
    for start, free in zip(starts, lanes, strict=True):
        first, behind = start - DAY - terms.before, start - DAY + terms.length + terms.after
        assert free == (not any(begins < behind * MILLION and ends > first * MILLION for begins, ends in times))


def test_who_is_named_serves_where_they_can() -> None:
    provider, room, other = candidate(), candidate(kind="workspace"), candidate(kind="workspace")
    groups = [Group(1, (provider, candidate()), True), Group(2, (other, room))]
    found, wrong = picture.naming(groups, {"providerId": provider.id, "workspaceId": room.id})
    assert wrong == []
    assert [(group.count, group.candidates, group.leads) for group in found] == [
        (1, (provider,), True),
        (1, (room,), False),
        (1, (other,), False),
    ]
    assert picture.naming(groups, {"providerId": UUID(int=1)})[1] == [("providerId", "Does not deliver this service.")]
    assert picture.naming(groups, {"providerId": room.id})[1][0][0] == "providerId"
