"""The pure engine against the minute-by-minute model, without a database: random towns on days when clocks change."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookings.availability import layers, slots
from bookings.availability.hours import merged
from bookings.availability.picture import Booked, Candidate, Claim, Group, Picture, Terms, naming
from bookings.availability.spans import Spans
from tests.support import wishes
from tests.support.model import Booking, Closure, Layer, Resource, Town, Wish
from tests.support.wall import reached, shown
from tests.support.wishes import CUSTOMERS, FAR, LENGTHS, Plan


def said(layer: Layer) -> layers.Layer:
    """A layer as the engine reads it."""
    week = None if layer.weekly is None else tuple(tuple(sorted(day)) for day in layer.weekly)
    days = {day: tuple(sorted(spans)) for day, spans in layer.days.items()}
    return layers.Layer(week, layer.holidays, layer.rules, days)


def id_of(town: Town, name: str) -> UUID:
    return UUID(int=1 + [*town.resources, *town.services].index(name))


def candidate(town: Town, resource: Resource, wish: Wish) -> Candidate:
    """A resource as the engine reads it."""
    service = town.services[wish.service]
    there = [one for one in town.bookings.values() if resource.name in one.resources and one.id != wish.moves]
    claims = [
        Claim((one.start - one.before) * 60, (one.end + one.after) * 60, one.units, one.places or 0)
        for one in there
        if resource.name not in one.beside
    ]
    return Candidate(
        id_of(town, resource.name),
        str(id_of(town, resource.name)),
        resource.kind,
        None,
        resource.capacity,
        0,
        resource.zone.key,
        layers.resolve(said(town.business), said(service.layer), said(resource.layer), resource.zone),
        closures=merged(
            (one.begins * 60, one.ends * 60) for one in town.closures if one.resource in (None, resource.name)
        ),
        busy=Spans.of((one.begins, one.ends) for one in claims if resource.capacity == 1),
        claims=claims if resource.capacity > 1 else (),
        bookings=Counter(shown(resource.zone, one.start).date() for one in there),
    )


def picture(town: Town, wish: Wish, lower: int, upper: int) -> Picture:
    """A wish and the town around it as the engine reads them."""
    service = town.services[wish.service]
    claim = town.claim(wish, lower)
    everybody = {name: candidate(town, one, wish) for name, one in town.resources.items() if one.active}
    if claim.resources:
        leading = min(1, len(service.deliverers))
        groups = [Group(1, (everybody[name],), number < leading) for number, name in enumerate(claim.resources)]
    else:
        groups = [Group(1, tuple(everybody[name] for name in service.deliverers), True)] if service.deliverers else []
        for need in service.needs:
            able = [name for name in need.names or everybody if everybody[name].kind == need.kind]
            groups.append(Group(need.count, tuple(everybody[name] for name in able)))
    if wish.resource and not wish.moves:
        groups = list(naming(groups, {"resourceId": id_of(town, wish.resource)})[0])
    theirs = [one for one in town.bookings.values() if one.customer == wish.customer and one.id != wish.moves]
    return Picture(
        Terms(wish.minutes * 60, claim.before * 60, claim.after * 60, claim.units, claim.places),
        tuple(groups),
        layers.resolve(said(town.business), said(service.layer), layers.SILENT, town.zone),
        lower * 60,
        upper * 60,
        town.now * 60,
        town.furthest * 60,
        90 * 86400,
        {"id": str(id_of(town, wish.service))},
        customer=tuple(
            Booked(
                shown(town.zone, one.start).date(),
                id_of(town, one.service) if one.service else None,
                frozenset(id_of(town, name) for name in one.resources),
            )
            for one in theirs
        ),
    )


@st.composite
def towns(draw: st.DrawFn) -> tuple[Plan, Town]:
    """A town with something said, closed and booked in it."""
    plan = draw(wishes.plans())
    town = Town(plan.zone, plan.now)
    town.resources = {one.name: replace(one, layer=Layer()) for one in plan.resources}
    town.services = {one.name: replace(one, layer=Layer()) for one in plan.services}
    noon = reached(ZoneInfo("UTC"), plan.day, 720)
    of_resources, of_services = ([one.layer for one in some.values()] for some in (town.resources, town.services))
    for layer in [town.business, *of_resources, *of_services]:
        if draw(st.booleans()):
            layer.weekly, layer.rules = draw(wishes.weeks), draw(wishes.rules(plan.day))
        if draw(st.integers(0, 3)) == 0:
            layer.days[plan.day + timedelta(days=draw(st.integers(-2, 2)))] = draw(wishes.hours())
    for layer in [town.business, *of_resources]:
        layer.holidays = draw(wishes.holidays)
    times = st.integers(-FAR, FAR)
    for _ in range(draw(st.integers(0, 2))):
        begins = noon + draw(times)
        name = draw(st.sampled_from([None, *town.resources]))
        town.closures.append(Closure(name, begins, begins + draw(st.integers(1, 600))))
    for number in range(draw(st.integers(0, 6))):
        one = _booking(draw, town, noon + draw(times), str(number))
        if all(town.fits(town.resources[name], one) for name in one.resources):
            town.bookings[one.id] = one
    return plan, town


def _booking(draw: Any, town: Town, start: int, id: str) -> Booking:
    service = draw(st.sampled_from([None, *town.services]))
    names = town.services[service].deliverers if service else list(town.resources)
    return Booking(
        id,
        (draw(st.sampled_from(names or list(town.resources))),),
        start,
        start + draw(st.sampled_from([*LENGTHS, 7])),
        draw(st.sampled_from([1, 1, 2])),
        draw(st.sampled_from(CUSTOMERS)),
        service,
        draw(st.sampled_from([0, 0, 10])),
        draw(st.sampled_from([0, 0, 10])),
        draw(st.sampled_from([None, None, 2, 4])),
    )


def compare(town: Town, wish: Wish, lower: int, upper: int) -> None:
    """Nothing is shown that cannot be booked, everything else is, and by whom."""
    found = slots.find(picture(town, wish, lower, upper))
    expected = town.answers(wish, lower, upper)
    assert [one.start // 60 for one in found] == list(expected)
    assert all(one.start % 60 == 0 and one.end == one.start + wish.minutes * 60 for one in found)
    leading = bool(town.services[wish.service].deliverers)
    for slot in found if leading else ():
        if not wish.resource:
            names = {one.id: name for name in town.resources for one in [candidate(town, town.resources[name], wish)]}
            assert {names[one.id] for one in slot.candidates} == expected[slot.start // 60]


@pytest.mark.slow
@given(st.data())
@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
def test_the_engine_finds_what_the_model_finds(data: st.DataObject) -> None:
    plan, town = data.draw(towns())
    service = data.draw(st.sampled_from(list(town.services.values())))
    wish = Wish(
        service.name,
        data.draw(st.sampled_from(LENGTHS)),
        data.draw(st.integers(1, service.places)),
        data.draw(st.sampled_from(CUSTOMERS)),
        data.draw(st.sampled_from([None, *service.deliverers])),
    )
    zone = ZoneInfo(data.draw(st.sampled_from(sorted(wishes.DAYS))))
    day = plan.day + timedelta(days=data.draw(st.integers(-1, 1)))
    compare(town, wish, reached(zone, day, 0), reached(zone, day, 1440))
