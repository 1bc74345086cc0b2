"""When people come: every calendar of the town filled day by day, so that no two who hold a room overlap."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from seeding.town import ZONE, Calendar, Size, Town, device_for
from seeding.trades import Offer

#: how busy Monday to Saturday are; Sundays are free
_WEEKDAYS = (1.0, 1.0, 0.95, 1.0, 0.9, 0.4)
_CALLED_OFF = 0.1
#: how many of those who call off leave their time to somebody else
_TAKEN_OVER = 0.6


@dataclass(slots=True)
class Visit:
    """Somebody is to come: start and end in seconds since 1970, whether they will call it off, which device they need.

    `after_another`: the time had been somebody else's, who called it off first.
    """

    calendar: Calendar
    offer: Offer
    start: int
    end: int
    called_off: bool
    device: str | None
    units: int = 1
    after_another: bool = False


def visits(town: Town, size: Size, *, today: date, bookings: int, dice: random.Random) -> Iterator[Visit]:
    """Exactly so many visits, day by day. What does not fit into a day comes on the next one."""
    calendars = town.calendars
    quotas = _share(bookings, [calendar.house.trade.weight for calendar in calendars])
    open_days, weights = _days(size, today)
    total, before = sum(weights), 0.0
    phases = [dice.random() for _ in calendars]
    waiting = [0] * len(calendars)
    due = 0
    for day, weight in _endless(open_days, weights):
        due_before, before = before, min(total, before + weight)
        day_begins = midnight(day)
        devices: dict[str, list[tuple[int, int]]] = {}
        for number, calendar in enumerate(calendars):
            step = quotas[number] / total
            wanted = math.floor(step * before + phases[number]) if before < total else quotas[number]
            so_far = math.floor(step * due_before + phases[number]) if due_before < total else quotas[number]
            waiting[number] += wanted - so_far
            if waiting[number]:
                fill = _shared if calendar.house.trade.places > 1 else _alone
                placed = fill(calendar, day_begins, waiting[number], devices, dice)
                waiting[number] -= len(placed)
                due += len(placed)
                yield from placed
        if before >= total and due == bookings:
            return


def _share(bookings: int, weights: list[float]) -> list[int]:
    """So many bookings divided by weight, in whole numbers that add up."""
    total, given, shares, passed = sum(weights), 0, [], 0.0
    for weight in weights:
        passed += weight
        until = round(bookings * passed / total)
        shares.append(until - given)
        given = until
    return shares


def _days(size: Size, today: date) -> tuple[list[date], list[float]]:
    """The days on which houses are open, and how busy each is: what lies ahead is not fully booked yet."""
    days, weights = [], []
    for offset in range(-7 * size.weeks_past, 7 * size.weeks_ahead):
        day = today + timedelta(days=offset)
        if day.weekday() < 6:
            days.append(day)
            weights.append(_WEEKDAYS[day.weekday()] * (1 if offset < 0 else 0.85 ** (1 + offset // 3)))
    return days, weights


def _endless(days: list[date], weights: list[float]) -> Iterator[tuple[date, float]]:
    """The days, and then as many more as those need who found no room."""
    yield from zip(days, weights, strict=True)
    day = days[-1]
    while True:
        day += timedelta(days=1)
        if day.weekday() < 6:
            yield day, 0.0


def midnight(day: date) -> int:
    """When a day begins, by the offset of noon: clocks change at night, when everything is closed."""
    noon = datetime.combine(day, time(12), ZoneInfo(ZONE))
    return int(noon.timestamp()) - 12 * 3600


def _alone(
    calendar: Calendar, day_begins: int, wanted: int, devices: dict[str, list[tuple[int, int]]], dice: random.Random
) -> list[Visit]:
    """Fill the day of somebody, or of a room, that only one can have at a time."""
    trade = calendar.house.trade
    room, chosen = trade.closes - trade.opens, []
    for _ in range(wanted):
        offer, called_off = _offer(calendar, dice), dice.random() < _CALLED_OFF
        gives_way = called_off and dice.random() < _TAKEN_OVER
        need = 0 if gives_way else offer.before + offer.minutes + offer.after
        if need > room:
            break
        room -= need
        chosen.append((offer, called_off, gives_way))
    now, slack, placed, taken_over = trade.opens, room, [], False
    for offer, called_off, gives_way in chosen:
        pause = min(slack // 5 * 5, 15 * int(dice.random() * 4))
        at = now + pause + offer.before
        if not gives_way:
            now, slack = at + offer.minutes + offer.after, slack - pause
        start, end = day_begins + at * 60, day_begins + (at + offer.minutes) * 60
        got, device = _with_device(calendar, offer, (start, end), called_off, devices)
        placed.append(Visit(calendar, got, start, end, called_off, device, after_another=taken_over))
        taken_over = gives_way
    return placed


def _with_device(
    calendar: Calendar,
    offer: Offer,
    during: tuple[int, int],
    called_off: bool,
    devices: dict[str, list[tuple[int, int]]],
) -> tuple[Offer, str | None]:
    """The device, or another offer of the same length when somebody has it already."""
    device = device_for(calendar.house, offer)
    if device is None or called_off:
        return offer, device
    start, end = during[0] - offer.before * 60, during[1] + offer.after * 60
    taken = devices.setdefault(device, [])
    if any(start < other_end and other_start < end for other_start, other_end in taken):
        instead = next(o for o in calendar.house.trade.offers if o.minutes == offer.minutes and not o.needs_device)
        return instead, None
    taken.append((start, end))
    return offer, device


def _shared(
    calendar: Calendar, day_begins: int, wanted: int, devices: dict[str, list[tuple[int, int]]], dice: random.Random
) -> list[Visit]:
    """Fill the day of a room with many places: even if all come at once there is one for each."""
    trade, placed, left = calendar.house.trade, [], calendar.house.trade.places
    for _ in range(wanted):
        units = 2 if dice.random() < 0.1 else 1
        if units > left:
            break
        offer, called_off = _offer(calendar, dice), dice.random() < _CALLED_OFF
        left -= 0 if called_off else units
        latest = (trade.closes - trade.opens - offer.minutes) // 30
        start = day_begins + (trade.opens + 30 * dice.randrange(latest + 1)) * 60
        placed.append(Visit(calendar, offer, start, start + offer.minutes * 60, called_off, None, units))
    return placed


def _offer(calendar: Calendar, dice: random.Random) -> Offer:
    offers = calendar.house.trade.offers
    ticket = dice.random() * sum(offer.weight for offer in offers)
    for offer in offers:
        ticket -= offer.weight
        if ticket < 0:
            return offer
    return offers[-1]
