"""Why something can or cannot be booked at one time: what every rule says of it, what the rule demands, who says so,
and when else it could be had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil, floor
from typing import Any

from bookings.auth import Actor
from bookings.availability import assignment, hours, moves, searching, service, slots
from bookings.availability.lanes import MEANINGS
from bookings.availability.layers import DEFAULT, RESOURCE, SERVICE, Caps, Schedule, Window, text_of
from bookings.availability.picture import Group, Picture
from bookings.availability.slot_schemas import MOST_STARTS
from bookings.availability.slots import OF_TAKEN, TAKEN, Verdict
from bookings.config import Settings
from bookings.db import Database
from bookings.fields import instant_text

Answer = dict[str, Any]
#: so many resources of a group are explained
EXPLAINED = 50
_MEANS_TAKEN = "Nobody else has it, and its owner is there."
#: rules about minutes and counts that were agreed with a booking that moves
_AGREED = {moves.CUTOFF: "rescheduleCutoffMinutes", moves.NUMBER: "maxReschedules"}
_NOTHING: tuple[Any, str | None] = None, None


def explain(database: Database, *, settings: Settings, actor: Actor | None, query: Mapping[str, Any]) -> Answer:
    """Whether one start can be booked, and what every rule says of it. Raises Invalid, Unauthorized, Forbidden."""
    at: datetime = query["at"]
    picture = searching.read(database, settings, actor, query, at, at + timedelta(seconds=1))
    found = slots.at(picture, at)
    few = picture.only(lambda group: group.candidates[:EXPLAINED])
    told = _Telling(few, floor(at.timestamp()), actor, slots.explain(few, at))
    assigned = service.assigned(database, picture, found, at)
    free_ids = [{one.id for one in free} for free in found.free]
    return {
        "serviceId": query["serviceId"],
        "startAt": instant_text(at),
        "endAt": instant_text(at + timedelta(seconds=picture.terms.length)),
        "bookable": found.enough,
        "nextStartAt": None if found.enough else _next(database, settings, actor, query, picture),
        "rules": told.in_general(),
        "groups": [
            {
                "needed": group.count,
                "delivers": group.leads,
                "free": len(free),
                "candidates": len(all_.candidates),
                "resources": told.of(group, free),
            }
            for group, all_, free in zip(few.groups, picture.groups, free_ids, strict=True)
        ],
        "assignment": assignment.document(assigned) if assigned else None,
    }


def _next(
    database: Database, settings: Settings, actor: Actor | None, query: Mapping[str, Any], picture: Picture
) -> str | None:
    """The first start behind the one that was asked about, as a search would show it; within a week of when notice and
    booking windows let it be booked at all."""
    lower = max(picture.lower + 1, min(_opens(picture, one) for one in picture.leading))
    if lower > picture.now + picture.ahead or not all(picture.agreed.values()):
        return None
    begins = datetime.fromtimestamp(lower, UTC)
    ahead = searching.read(database, settings, actor, query, begins, begins + searching.A_WEEK)
    found = slots.find(ahead, slots.starts_of(ahead)[:MOST_STARTS], named=0)
    return instant_text(datetime.fromtimestamp(found[0].start, UTC)) if found else None


def _opens(picture: Picture, schedule: Schedule) -> int:
    """Before when notice and the first date of a booking window let nothing be booked."""
    rules, calendar = schedule.rules, schedule.calendar
    noticed = ceil(picture.now + rules.notice * 60)
    ranged = rules.window is not None and rules.window.kind == "range"
    return max(noticed, hours.instant(rules.window.from_, 0, calendar.zone)) if rules.window and ranged else noticed


class _Telling:
    """What the rules say of a start, for somebody. A stranger may read no schedules and is told no values. When an
    owner is away is nobody else's business, as in free-busy: else time off and other calendars could be found out by
    asking for one time after another."""

    def __init__(self, picture: Picture, start: int, actor: Actor | None, verdicts: Sequence[Verdict]) -> None:
        self._picture, self._start, self._actor, self._verdicts = picture, start, actor, verdicts

    def in_general(self) -> list[Answer]:
        """The rules that concern no resource."""
        general = self._picture.general
        return [self._told(one, general) for one in self._verdicts if one.resource_id is None]

    def of(self, group: Group, free: set[Any]) -> list[Answer]:
        """What every rule says of each resource of a group."""
        return [
            {
                "resourceId": one.id,
                "allowed": one.id in free,
                "rules": list(
                    self._rules_of(
                        [v for v in self._verdicts if v.resource_id == one.id and v.leads == group.leads],
                        one.schedule,
                        openly=self._actor is not None and (self._actor.is_admin or self._actor.id == one.owner_id),
                    )
                ),
            }
            for one in group.candidates
        ]

    def _rules_of(self, verdicts: Sequence[Verdict], schedule: Schedule, *, openly: bool) -> Iterator[Answer]:
        for one in verdicts:
            if openly or one.rule not in OF_TAKEN:
                yield self._told(one, schedule)
        if not openly:
            allowed = all(one.allowed for one in verdicts if one.rule in OF_TAKEN)
            yield {"rule": TAKEN, "allowed": allowed, "message": _MEANS_TAKEN, "value": None, "layer": None}

    def _told(self, verdict: Verdict, schedule: Schedule) -> Answer:
        said = _NOTHING if self._actor is None else said_by(self._picture, schedule, verdict.rule, self._start)
        told = {"rule": verdict.rule, "allowed": verdict.allowed, "message": MEANINGS[verdict.rule]}
        return told | {"value": said[0], "layer": said[1]}


def said_by(picture: Picture, schedule: Schedule, rule: str, start: int) -> tuple[Any, str | None]:
    """What a rule demands, in the words of the API, and which layer says so; None for what is in no layer."""
    rules = schedule.rules
    layered = {
        "slotGrid": ("slotIntervalMinutes", {"slotIntervalMinutes": rules.interval, "slotOffsetMinutes": rules.offset}),
        "minimumNotice": ("minimumNoticeMinutes", rules.notice),
        "bookingWindow": ("bookingWindow", _window(rules.window)),
        "noShows": ("noShowRule", rules.policy.get("noShowRule")),
        "resourceCaps": ("resourceCaps", _caps(rules.resource_caps)),
    }
    if rule in layered:
        name, value = layered[rule]
        return value, rules.source(name)
    if rule == "openingHours":
        return _hours(picture, schedule, start)
    caps = {layer: _caps(one) for layer, one in rules.customer_caps}
    if rule == "resourceCustomerCaps":
        return caps.get(RESOURCE), RESOURCE if RESOURCE in caps else DEFAULT
    of_no_layer = {
        "customerCaps": {layer: one for layer, one in caps.items() if layer != RESOURCE} or None,
        "bookingAhead": round(picture.ahead / 60),
        "bookingLength": round(picture.longest / 60),
        **{name: picture.policy.get(agreed) for name, agreed in _AGREED.items()},
    }
    return of_no_layer.get(rule), None


def _hours(picture: Picture, schedule: Schedule, start: int) -> tuple[Any, str]:
    """The hours of the start's local date: the service's own, where those of the resource would let it be."""
    calendar, ends = schedule.calendar, start + picture.terms.length
    day = hours.local_date(start, calendar.zone)
    narrowed = calendar.of_service(day)
    wide = replace(calendar, service_week=None, service_days=())
    if narrowed is not None and any(a <= start and ends <= b for a, b in wide.open_between(start, ends)):
        return text_of(narrowed), SERVICE
    spans, source, name = calendar.on(day)
    return text_of(spans), calendar.country_source if name else source.removesuffix(" day")


def _window(window: Window | None) -> Answer | None:
    if window is None:
        return None
    if window.kind == "range":
        return {"kind": window.kind, "from": window.from_.isoformat(), "to": window.to.isoformat()}
    return {"kind": window.kind, "days": window.days}


def _caps(caps: Caps) -> Answer | None:
    return {"day": caps.day, "week": caps.week, "month": caps.month} if caps else None
