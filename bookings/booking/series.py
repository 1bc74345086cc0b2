"""Series: bookings made together by a recurrence rule. Looking first, and booking all of it in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from psycopg.types.json import Json

from bookings import clock, idempotency, queries
from bookings.answer import Answer
from bookings.auth import Caller
from bookings.availability import service as availability
from bookings.booking import expiry, judging, recurrence, wishes
from bookings.booking.errors import ResourceChanged, SeriesRefused, SlotTaken
from bookings.booking.judging import Judged, Span, Verdict
from bookings.booking.recurrence import Occurrence
from bookings.catalogue import service as catalogue
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import DomainError, Invalid, NotFound
from bookings.fields import instant_text
from bookings.http import dump
from bookings.ids import new_id

_sql = queries.load("booking")
#: each lost race means that somebody else has booked; whoever loses so many is told to try again
_RACES = 20
#: a refusal names so many times; more would help nobody
_NAMED = 20
NO_SUCH_TIME = "no-such-time"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A series as somebody wishes it: its times, and the zone that they are read in."""

    zone: ZoneInfo
    occurrences: list[Occurrence]
    #: those that clocks show, with their instants
    spans: list[Span]


def preview(database: Database, *, settings: Settings, caller: Caller, body: Mapping[str, Any]) -> Answer:
    """What would become of each time of a series; nothing is booked. Raises Invalid, NotForYou."""
    wish = wishes.wish(settings, caller, body, None, clock.now())
    wanted, judged = Look(database, settings, caller, wish, body).judged()
    told = [_told(occurrence, verdict) for occurrence, verdict in _paired(wanted, judged.verdicts)]
    counts = {status: sum(one["status"] == status for one in told) for status in ("free", "taken", "refused")}
    return Answer(dump({"timeZone": wanted.zone.key, "occurrences": told, **counts}))


def create(
    database: Database,
    *,
    settings: Settings,
    caller: Caller,
    body: Mapping[str, Any],
    key: idempotency.Key | None = None,
) -> Answer:
    """Book a series in one transaction. Stores its own answer under `key`.

    Raises Invalid, NotForYou, SeriesRefused (naming what cannot be had), SlotTaken, ResourceChanged, KeyTaken.
    """
    lost: DomainError = SlotTaken()
    for _ in range(_RACES):
        wish = wishes.wish(settings, caller, body, key, clock.now())
        look = Look(database, settings, caller, wish, body)
        settled = look.settled()
        try:
            return database.run(lambda tx: _book(tx, key, look, settled))  # noqa: B023 -- runs at once
        except (SlotTaken, ResourceChanged) as refused:
            lost = refused
            database.run(lambda tx: _end_expired(tx, settled))  # noqa: B023
    raise lost


def _end_expired(tx: Tx, settled: Settled) -> None:
    """Holds whose time is over may have been in the way: the constraint cannot know."""
    for one in settled.booked:
        expiry.clear(tx, _row(one, settled.judged.terms))


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody looks at a series they wish for."""

    database: Database
    settings: Settings
    caller: Caller
    wish: Mapping[str, Any]
    body: Mapping[str, Any]

    def judged(self, tx: Tx | None = None) -> tuple[Wanted, Judged]:
        """Its times, and what is to be said of each. Raises Invalid, NotForYou."""
        body = self.body
        if "endAt" not in body:
            body = {**body, "endAt": body["startAt"] + _first_duration(self.database, body["serviceId"])}
        wanted = _wanted(self.settings, body, self.wish["now"])
        judged = self.judge(wanted.spans, tx)
        _check_apart(wanted, judged.terms)
        return wanted, judged

    def judge(self, spans: Sequence[Span], tx: Tx | None = None, rest: Sequence[Verdict] | None = None) -> Judged:
        """What is to be said of some times; `rest`: what it has besides, when these are instead of others."""
        return judging.judge(
            self.database,
            settings=self.settings,
            actor=self.caller.actor,
            wish=self.wish,
            body=self.body,
            spans=spans,
            rest=rest,
            tx=tx,
        )

    def settled(self, tx: Tx | None = None) -> Settled:
        """What becomes of each of its times. Raises Invalid, NotForYou, SeriesRefused."""
        wanted, judged = self.judged(tx)
        moved: dict[int, Verdict] = {}
        if self.body["onConflict"] == "nextFree":
            moved = _next_free(self, wanted, judged, tx)
        return Settled(wanted, judged, _settle(wanted, judged.verdicts, moved, self.body["onConflict"]))


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of each time of a series."""

    wanted: Wanted
    judged: Judged
    outcomes: list[Outcome]

    @property
    def booked(self) -> list[Outcome]:
        """Those that are booked, at their own time or another."""
        return [one for one in self.outcomes if one.booking_id is not None]


def _first_duration(database: Database, service_id: UUID) -> timedelta:
    """Raises Invalid."""
    try:
        service = orjson.loads(catalogue.get(database, named=str(service_id))[0])
    except NotFound:
        raise Invalid([("serviceId", "There is no such service.")]) from None
    return timedelta(minutes=service["durations"][0]["minutes"])


def _wanted(settings: Settings, body: Mapping[str, Any], now: datetime) -> Wanted:
    """The times of the rule. Raises Invalid."""
    zone = ZoneInfo(body.get("timeZone") or settings.business_time_zone)
    start_at: datetime = body["startAt"]
    length: timedelta = body["endAt"] - start_at
    wishes.check_time(start_at, body["endAt"], now, settings)
    first = recurrence.wall(start_at, zone)
    if first.second or first.microsecond:
        raise Invalid([("startAt", "A series starts on a whole minute.")])
    last = recurrence.wall(now + settings.max_booking_ahead, zone)
    try:
        found = recurrence.occurrences(body["rrule"], first, zone, without=set(body["exdates"]), until=last)
    except recurrence.RuleError as wrong:
        raise Invalid([("rrule", str(wrong))]) from None
    return Wanted(zone, found, [Span(one.at, one.at + length) for one in found if one.at is not None])


def _check_apart(wanted: Wanted, terms: Mapping[str, Any]) -> None:
    """Raise Invalid when one occurrence would still be going on when the next begins."""
    if len(wanted.spans) < 2:
        return
    buffers = timedelta(minutes=terms["buffer_before_minutes"] + terms["buffer_after_minutes"])
    if any(later.start_at - earlier.end_at < buffers for earlier, later in pairwise(wanted.spans)):
        raise Invalid([("rrule", "One occurrence would not be over when the next one begins.")])


def _paired(wanted: Wanted, verdicts: Sequence[Verdict]) -> list[tuple[Occurrence, Verdict | None]]:
    """Each occurrence with its verdict; None for a time that clocks never show."""
    left = iter(verdicts)
    return [(one, next(left) if one.at is not None else None) for one in wanted.occurrences]


def _told(occurrence: Occurrence, verdict: Verdict | None) -> dict[str, Any]:
    """One occurrence of a preview."""
    if verdict is None:
        return _entry(occurrence, None) | {
            "status": "refused",
            "rule": NO_SUCH_TIME,
            "message": "Clocks go forward over this time.",
            "alternatives": [],
        }
    return _entry(occurrence, verdict.span) | {
        "status": verdict.status,
        "rule": verdict.rule,
        "message": verdict.message,
        "alternatives": [instant_text(one) for one in verdict.alternatives],
    }


def _entry(occurrence: Occurrence, span: Span | None) -> dict[str, Any]:
    return {
        "occurrence": occurrence.wall.isoformat(),
        "startAt": instant_text(span.start_at) if span else None,
        "endAt": instant_text(span.end_at) if span else None,
    }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of one occurrence: `booked`, `moved` to another time, or `skipped`."""

    occurrence: Occurrence
    verdict: Verdict | None
    outcome: str
    booking_id: UUID | None = None


def _next_free(look: Look, wanted: Wanted, judged: Judged, tx: Tx | None) -> dict[int, Verdict]:
    """For times that cannot be had, by their numbers: the next start of the same day at which they can, judged anew;
    with whoever delivers most of the series, else with anybody."""
    terms = judged.terms
    buffers = timedelta(minutes=terms["buffer_before_minutes"] + terms["buffer_after_minutes"])
    nearby: dict[int, Span] = {}
    for number, verdict in enumerate(judged.verdicts):
        if verdict.status == "free":
            continue
        after = wanted.spans[number + 1].start_at if number + 1 < len(wanted.spans) else None
        span = verdict.span
        for start_at in (*verdict.own, *verdict.alternatives):
            moved = Span(start_at, start_at + (span.end_at - span.start_at))
            same_day = start_at > span.start_at and _day(start_at, wanted.zone) == _day(span.start_at, wanted.zone)
            if same_day and (after is None or moved.end_at + buffers <= after):
                nearby[number] = moved
                break
    if not nearby:
        return {}
    again = look.judge(list(nearby.values()), tx, [one for one in judged.verdicts if one.status == "free"])
    return {number: one for number, one in zip(nearby, again.verdicts, strict=True) if one.status == "free"}


def _day(at: datetime, zone: ZoneInfo) -> date:
    return recurrence.wall(at, zone).date()


def _settle(
    wanted: Wanted, verdicts: Sequence[Verdict], moved: Mapping[int, Verdict], on_conflict: str
) -> list[Outcome]:
    """What to do about each time. Raises SeriesRefused when that is nothing, or nothing may be left out."""
    outcomes: list[Outcome] = []
    conflicts, number = [], 0
    for occurrence, verdict in _paired(wanted, verdicts):
        if verdict is None:
            outcomes.append(Outcome(occurrence, None, "skipped"))
            continue
        if verdict.status == "free":
            outcomes.append(Outcome(occurrence, verdict, "booked", new_id()))
        elif number in moved:
            outcomes.append(Outcome(occurrence, moved[number], "moved", new_id()))
        else:
            outcomes.append(Outcome(occurrence, verdict, "skipped"))
            conflicts.append(_told(occurrence, verdict))
        number += 1
    if conflicts and (on_conflict == "fail" or not any(one.booking_id for one in outcomes)):
        raise SeriesRefused(f"{len(conflicts)} of {len(verdicts)} times cannot be had.", occurrences=conflicts[:_NAMED])
    return outcomes


def _book(tx: Tx, key: idempotency.Key | None, look: Look, settled: Settled) -> Answer:
    if settled.judged.locks:
        # Caps count what others book at the same moment, and turns go by it, so it is judged again where nobody can.
        for together in settled.judged.locks:
            availability.lock(tx, together)
        settled = look.settled(tx)
    series_id, booked = new_id(), settled.booked
    params = {
        **look.wish,
        **settled.judged.terms,
        "series_id": series_id,
        "rows": Json([_row(one, settled.judged.terms) for one in booked], dumps=orjson.dumps),
    }
    _hold_still(tx, settled.judged, booked)
    tx.execute(_sql.insert_series, params | _series(series_id, look.body, settled))
    if len(tx.all(_sql.create_occurrences, params)) != len(booked):
        raise ResourceChanged
    if settled.judged.turns:
        _take_turns(tx, look.body["serviceId"], booked)
    ids = [one.booking_id for one in booked]
    tx.execute(_sql.tell_of_series, params | {"event": "series.created", "id": series_id, "ids": ids})
    document = {
        "series": (tx.one(_sql.series_alone, {"id": series_id}) or {})["document"],
        "occurrences": [_done(one) for one in settled.outcomes],
        **{name: sum(one.outcome == name for one in settled.outcomes) for name in ("booked", "moved", "skipped")},
    }
    answer = Answer(dump(document), 201, {"Location": f"/bookings/series/{series_id}", "ETag": '"1"'})
    return idempotency.store(tx, key, answer) if key else answer


def _take_turns(tx: Tx, service_id: UUID, booked: Sequence[Outcome]) -> None:
    """Everybody who delivers some of it has had one turn; whoever delivers most comes last."""
    often = Counter(one.verdict.row["resource_ids"][0] for one in booked if one.verdict)
    for resource_id, _ in reversed(often.most_common()):
        availability.take_turn(tx, service_id=service_id, resource_id=resource_id)


def _hold_still(tx: Tx, judged: Judged, booked: Sequence[Outcome]) -> None:
    """Lock what is about to be claimed, in one order. Raises ResourceChanged when it was judged by older hours."""
    ids = list({id for one in booked if one.verdict for id in one.verdict.row["resource_ids"]})
    tx.all(_sql.lock_exclusive, {"resource_ids": ids})
    for row in tx.all(_sql.keep_schedules, {"resource_ids": ids}):
        if judged.versions.get(row["id"], row["schedule_version"]) != row["schedule_version"]:
            raise ResourceChanged


def _series(series_id: UUID, body: Mapping[str, Any], settled: Settled) -> dict[str, Any]:
    """What is kept of it: the rule as it was sent, and the dates on which it has no booking."""
    zone = settled.wanted.zone
    left_out = {one.occurrence.wall.date() for one in settled.outcomes if one.verdict and one.booking_id is None}
    return {
        "id": series_id,
        "service_id": body.get("serviceId"),
        "rrule": body["rrule"].upper().removeprefix("RRULE:"),
        "time_zone": zone.key,
        "starts_at": recurrence.wall(body["startAt"], zone),
        "exdates": sorted({*body["exdates"], *left_out}),
        "split_from": None,
    }


def _row(outcome: Outcome, terms: Mapping[str, Any]) -> dict[str, Any]:
    """One row of the statement that books them all."""
    assert outcome.verdict is not None
    span = outcome.verdict.span
    return {
        **outcome.verdict.row,
        "id": outcome.booking_id,
        "occurrence": outcome.occurrence.wall,
        "start_at": span.start_at,
        "end_at": span.end_at,
        "buffer_before_minutes": terms["buffer_before_minutes"],
        "buffer_after_minutes": terms["buffer_after_minutes"],
    }


def _done(outcome: Outcome) -> dict[str, Any]:
    """One occurrence of the answer to whoever has booked."""
    told = _told(outcome.occurrence, outcome.verdict)
    return {
        "occurrence": told["occurrence"],
        "startAt": told["startAt"],
        "endAt": told["endAt"],
        "outcome": outcome.outcome,
        "rule": told["rule"],
        "message": told["message"],
        "bookingId": str(outcome.booking_id) if outcome.booking_id else None,
        "resourceIds": outcome.verdict.row["resource_ids"] if outcome.booking_id and outcome.verdict else [],
    }
