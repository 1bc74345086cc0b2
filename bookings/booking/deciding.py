"""What the judgement of a wished time means for a booking: who is claimed, or the refusal with what is free instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bookings.availability import service as availability
from bookings.availability import slots
from bookings.availability.assignment import Assigned
from bookings.availability.layers import RESOURCE, Calendar, Rules, Schedule
from bookings.availability.picture import Candidate, Picture
from bookings.availability.service import Reader
from bookings.availability.slots import OF_TAKEN, TAKEN
from bookings.booking.errors import NotBookable, SlotTaken, TooManyNoShows
from bookings.fields import instant_text

#: how far ahead of a refused start others are looked for, and how many are named
AHEAD = timedelta(days=14)
NAMED = 3
#: reads the same wish for the starts between two instants
Read = Callable[[datetime, datetime], Picture]


def settle(reader: Reader, picture: Picture, read: Read, start_at: datetime) -> Assigned:
    """Who is claimed at a start. Raises SlotTaken, or NotBookable naming the rules; both with the next starts at which
    the same wish could be had."""
    assigned = choose(reader, picture, start_at)
    if assigned is None:
        raise refusal(picture, read, start_at)
    return assigned


def choose(reader: Reader, picture: Picture, start_at: datetime, before: Assigned | None = None) -> Assigned | None:
    """Who is claimed at a start, if there are enough; `before`: those who were chosen before they were locked, and the
    reasons of then."""
    found = slots.at(picture, start_at)
    assigned = availability.assigned(reader, picture, found, start_at)
    return replace(assigned, because=before.because, chosen=before.chosen) if assigned and before else assigned


def refusal(picture: Picture, read: Read, start_at: datetime) -> SlotTaken | NotBookable:
    """Why a start cannot be had: somebody was quicker, or rules forbid it. Raises TooManyNoShows."""
    check_no_shows(picture)
    instead = next_free(read, start_at, gridded=picture.terms.gridded)
    if only_taken(picture, start_at):
        return SlotTaken(nextFree=instead)
    return NotBookable(rules=as_told(forbidding(picture, start_at)), nextFree=instead)


def only_taken(picture: Picture, start_at: datetime | int) -> bool:
    """Whether nothing else is in the way of a start than that somebody is away or has customers."""
    there = picture.only(lambda group: [replace(one, closures=()) for one in group.candidates])
    return slots.at(there, start_at, whatever_is_claimed=True).enough


def as_told(rules: Sequence[str]) -> list[str]:
    """Rules as those who ask are told: which of the two it is that somebody is away or has customers is not their
    business (explaining.py)."""
    return list(dict.fromkeys(TAKEN if rule in OF_TAKEN else rule for rule in rules))


def check_no_shows(picture: Picture) -> None:
    """Raises TooManyNoShows when too few of those who deliver take a customer who did not come so often."""
    leading = [group for group in picture.groups if group.leads]
    refusing = [picture.too_often(picture.general)] if not leading else []
    for group in leading:
        said = [picture.too_often(one.schedule) for one in group.candidates]
        refusing += [one for one in said if one] if said.count(None) < group.count else []
    if found := next((one for one in refusing if one), None):
        raise TooManyNoShows(noShows=found[0], days=found[1])


def forbidding(picture: Picture, start_at: datetime) -> list[str]:
    """The rules that somebody who could take it breaks, in order; `resources`: there are too few that could."""
    few = ["resources"] if any(len(group.candidates) < group.count for group in picture.groups) else []
    refused = [one.rule for one in slots.explain(picture, start_at) if not one.allowed]
    return list(dict.fromkeys([*few, *refused]))


def lifted(picture: Picture) -> Picture:
    """The same wish as if there were no hours, rules and closures: only what is claimed counts."""

    def free(one: Candidate) -> Candidate:
        return replace(one, schedule=Schedule(Calendar(ZoneInfo(one.zone)), Rules()), closures=())

    general = Schedule(Calendar(picture.business_zone), Rules())
    terms = replace(picture.terms, gridded=False)
    return replace(picture.only(lambda group: [free(one) for one in group.candidates]), general=general, terms=terms)


def next_free(read: Read, start_at: datetime, *, gridded: bool = True) -> list[str]:
    """The next starts at which the same wish could be had, within 14 days."""
    try:
        picture = read(start_at + timedelta(seconds=1), start_at + AHEAD)
    except OverflowError:
        return []
    starts = None if gridded else edges(picture)
    found = slots.find(picture, starts, named=0)[:NAMED]
    return [instant_text(datetime.fromtimestamp(slot.start, UTC)) for slot in found]


def edges(picture: Picture) -> list[int]:
    """Where something begins to be possible when there is no grid: as claims and closures end and as it opens."""
    found = {picture.lower}
    for one in picture.candidates:
        found |= {ends + picture.terms.before for _, ends in [*one.busy, *one.closures]}
        found |= {claim.ends + picture.terms.before for claim in one.claims}
        found |= {opens for opens, _ in one.schedule.calendar.open_between(picture.lower, picture.upper)}
    return sorted(at for at in found if picture.lower <= at < picture.upper)


def capped(picture: Picture) -> bool:
    """Whether anything is counted that two commands could break together."""
    rules = [picture.general.rules, *(one.schedule.rules for one in picture.candidates)]
    return any(one.customer_caps or one.resource_caps for one in rules)


def locks_of(claimed: Sequence[Candidate]) -> list[str]:
    """The locks (availability.service.lock) under which the caps of what is claimed are counted."""
    return [f"{RESOURCE}:{one.id}" for one in claimed if one.schedule.rules.resource_caps]
