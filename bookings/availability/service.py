"""What can be booked: reads a picture of everything that matters, in at most three statements whatever the number of
resources, and asks slots.py.

    picture = service.read(reader, settings=…, service_id=…, lower=…, upper=…)      a service, whoever delivers it
    picture = service.read_these(reader, settings=…, resource_ids=…, terms=…, …)    resources that are settled
    slots.find(picture)             every Slot between lower and upper
    slots.at(picture, start)        one start: .free (for each of picture.groups), .enough
    slots.explain(picture, start)   one start: every rule's verdict
    service.assigned(reader, picture, found, start)   who is claimed, by the service's strategy

`reader` is a Database or, inside a command, its transaction. The picture is true for the moment of reading. Whoever
claims must demand `Candidate.version` of every resource in the statement that claims; then hours and closures have not
changed, and the constraints see to the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from bookings import clock, queries
from bookings.auth import Actor
from bookings.availability import assignment, counting, layers, moves, picture
from bookings.availability.assignment import Assigned
from bookings.availability.hours import Interval
from bookings.availability.layers import SILENT, Layer, Schedule
from bookings.availability.picture import Candidate, Group, Picture, Terms
from bookings.availability.slots import Found
from bookings.availability.spans import Spans
from bookings.catalogue import rules as catalogue
from bookings.config import Settings
from bookings.db import Params, Tx
from bookings.errors import Invalid
from bookings.prepared import Prepared, Row, array

_sql = queries.load("availability")
_WHO = Prepared("availability.who", _sql.who)
_THESE = Prepared("availability.these", _sql.these)
_MOVE = Prepared("availability.booking_to_move", _sql.booking_to_move)
_TAKEN = Prepared("availability.taken", _sql.taken, binary=True)
_FAIRNESS = Prepared("availability.fairness", _sql.fairness)
#: what a row of `taken` is about
_BUSINESS_CLOSED, _CLOSED, _ALONE = b"B", b"C", b"A"
_ABSENT = "Not everybody who delivers it together is there at present."


class Reader(Protocol):
    """A Database, or a transaction."""

    def hot_rows(self, statement: Prepared, params: Params) -> list[Row]: ...


def read(
    reader: Reader,
    *,
    settings: Settings,
    service_id: UUID,
    lower: datetime,
    upper: datetime,
    minutes: int | None = None,
    minutes_field: str = "duration",
    party_size: int | None = None,
    customer_id: UUID | None = None,
    for_themselves: bool = False,
    named: Mapping[str, UUID] | None = None,
    together: Sequence[UUID] = (),
    permitted: Callable[[Picture], Picture] | None = None,
    ignored_booking: UUID | None = None,
    ignored_hold: UUID | None = None,
    answered: Sequence[int] = (),
) -> Picture:
    """A service for a length and a party, for starts at or after `lower` and before `upper`.

    `customer_id`: whose caps count, and whose no-shows when they book `for_themselves`. `named`: field of the request →
    resource that must be claimed. `together`: who must deliver it together, nobody else; of a collective service that
    is everybody who does. `permitted` takes out candidates whom the caller may not book. Claims of the ignored booking
    and hold count as free, and so does what is kept for the line by the openings that are being `answered`. Raises
    Invalid for a service that is not offered, a length or party it does not take, and names that do not deliver it.
    """
    asked = _asked(settings, lower, upper, service_id, ignored_booking, ignored_hold, customer_id)
    asked |= {"answered": array([str(id) for id in answered])}
    rows = reader.hot_rows(_WHO, asked | {"named": array([str(id) for id in (named or {}).values()])})
    if not rows:
        raise Invalid([("serviceId", "There is no such service.")])
    found = _picture(settings, rows[0], lower, upper, asked)
    service = found.service or {}
    if service["archivedAt"] is not None:
        raise Invalid([("serviceId", "Is not offered any more.")])
    if not found.groups or (service["resourceIds"] and not found.groups[0].leads):
        raise Invalid([("serviceId", "Nobody delivers it at present.")])
    found = replace(found, terms=terms_of(service, minutes, party_size, minutes_field))
    if together or service["collective"]:
        found = replace(found, groups=_together(found.groups, service, together))
    if permitted is not None:
        found = permitted(found)
    if named:
        groups, wrong = picture.naming(found.groups, named)
        if wrong:
            raise Invalid(wrong)
        found = replace(found, groups=groups)
    return _with_claims(reader, found, asked | {"for_themselves": for_themselves and customer_id is not None})


def _together(groups: Sequence[Group], service: Mapping[str, Any], ids: Sequence[UUID]) -> tuple[Group, ...]:
    """The groups when several deliver together. Raises Invalid."""
    wanted = ids or [UUID(id) for id in service["resourceIds"]]
    known = {one.id: one for group in groups if group.leads for one in group.candidates}
    if service["collective"] and set(wanted) != {UUID(id) for id in service["resourceIds"]}:
        raise Invalid([("providerIds", "This service is delivered by all of its resources together.")])
    if not set(wanted) <= known.keys():
        wrong = ("providerIds", "Does not deliver this service.") if ids else ("serviceId", _ABSENT)
        raise Invalid([wrong])
    leading = Group(len(wanted), tuple(known[id] for id in wanted), leads=True)
    return leading, *(group for group in groups if not group.leads)


def read_these(
    reader: Reader,
    *,
    settings: Settings,
    resource_ids: Sequence[UUID],
    terms: Terms,
    lower: datetime,
    upper: datetime,
    service_id: UUID | None = None,
    customer_id: UUID | None = None,
    ignored_booking: UUID | None = None,
    ignored_hold: UUID | None = None,
) -> Picture:
    """Resources that are settled and must all be claimed: those of a booking that is to move, whoever delivers first,
    or those named by somebody who books plain time. Inactive and unknown ones are left out: compare `candidates`."""
    asked = _asked(settings, lower, upper, service_id, ignored_booking, ignored_hold, customer_id)
    rows = reader.hot_rows(_THESE, asked | {"resource_ids": array([str(id) for id in resource_ids])})
    return _settled(reader, _picture(settings, rows[0], lower, upper, asked), terms, asked)


def _settled(reader: Reader, found: Picture, terms: Terms, asked: Mapping[str, Any]) -> Picture:
    everyone = found.groups[0].candidates if found.groups else ()
    # Plain time is led by all it claims; a service by whoever delivers it, if anybody does.
    leading = len(everyone) if found.service is None else min(1, len(found.service["resourceIds"]))
    groups = tuple(Group(1, (one,), leads=number < leading) for number, one in enumerate(everyone))
    return _with_claims(reader, replace(found, terms=terms, groups=groups), asked)


def terms_of_booking(booking: Mapping[str, Any]) -> Terms:
    """What a booking of a service places, as it was agreed; `booking` is its row."""
    return Terms(
        length=round((booking["end_at"] - booking["start_at"]).total_seconds()),
        before=booking["buffer_before_minutes"] * 60,
        after=booking["buffer_after_minutes"] * 60,
        units=booking["units"],
        places=booking["session_places"],
    )


def read_move(
    reader: Reader,
    *,
    settings: Settings,
    actor: Actor,
    booking_id: UUID,
    service_id: UUID,
    lower: datetime,
    upper: datetime,
) -> tuple[dict[str, Any], Picture] | None:
    """A booking of a service that somebody may see, and where it may move: as `read_booking`, and by what was agreed
    with it. None: there is none."""
    asked = _asked(settings, lower, upper, service_id, booking_id, None, None)
    rows = reader.hot_rows(_MOVE, asked | {"actor_id": actor.id, "is_admin": actor.is_admin})
    if not rows:
        return None
    *row, text = rows[0]
    booking: dict[str, Any] = orjson.loads(text or "")
    booking |= {name: datetime.fromisoformat(booking[name]) for name in ("start_at", "end_at")}
    customer_id = UUID(booking["user_id"])
    found = _picture(settings, tuple(row), lower, upper, asked)
    reason = moves.refused(booking, clock.now(), by_customer=actor.id == customer_id)
    agreed = {rule: rule != reason for rule in (moves.STATUS, moves.CUTOFF, moves.NUMBER)}
    asked |= {"customer_id": customer_id}
    found = replace(found, agreed=agreed, policy=booking["policy"] or {})
    return booking, _settled(reader, found, terms_of_booking(booking), asked)


def read_booking(
    reader: Reader, *, settings: Settings, booking: Mapping[str, Any], terms: Terms, lower: datetime, upper: datetime
) -> Picture:
    """Where a booking may move: its own resources, as if its own claims were not there."""
    return read_these(
        reader,
        settings=settings,
        resource_ids=booking["resource_ids"],
        terms=terms,
        lower=lower,
        upper=upper,
        service_id=booking["service_id"],
        customer_id=booking["user_id"],
        ignored_booking=booking["id"],
    )


def terms_of(
    service: Mapping[str, Any], minutes: int | None, party_size: int | None, minutes_field: str = "duration"
) -> Terms:
    """What a booking of a service places. Raises Invalid for a length or a party that it does not take."""
    wrong = []
    if minutes is None:
        minutes = service["durations"][0]["minutes"]
    elif minutes not in [one["minutes"] for one in service["durations"]]:
        wrong.append((minutes_field, catalogue.duration_error(service)))
    party_size = party_size or service["minPartySize"]
    if message := catalogue.party_error(service, party_size):
        wrong.append(("partySize", message))
    if wrong:
        raise Invalid(wrong)
    return Terms(
        length=minutes * 60,
        before=service["bufferBeforeMinutes"] * 60,
        after=service["bufferAfterMinutes"] * 60,
        units=catalogue.units(service, party_size),
        places=service["capacity"] if service["capacity"] > 1 else None,
    )


def assigned(reader: Reader, picture: Picture, found: Found, start: datetime) -> Assigned | None:
    """Who gets it of those who are free at a start; None when they are not enough."""
    asked: assignment.Fairness = {}
    if assignment.needs_fairness(picture, found):
        leading = [one for group, free in zip(picture.groups, found.free, strict=True) if group.leads for one in free]
        asked = fairness(reader, picture, leading, [start])
    return assignment.choose(picture, found, asked)


def fairness(
    reader: Reader, found: Picture, free: Sequence[Candidate], starts: Iterable[datetime]
) -> dict[UUID, tuple[int, int]]:
    """For each of those who are free, what strategies ask: bookings on the local days of the starts, and the turn at
    which they were last chosen for the service (0: never)."""
    params = {
        "resource_ids": array([str(one.id) for one in free]),
        "zones": array([one.zone for one in free]),
        "starts": array([start.isoformat() for start in starts]),
        "service_id": found.service["id"] if found.service else None,
    }
    rows = reader.hot_rows(_FAIRNESS, params)
    return {free[int(row[0] or 0) - 1].id: (int(row[1] or 0), int(row[2] or 0)) for row in rows}


def take_turn(tx: Tx, *, service_id: UUID, resource_id: UUID) -> None:
    """Say who delivers a service now. The caller holds `lock` of the service."""
    tx.execute(_sql.take_turn, {"service_id": service_id, "resource_id": resource_id})


def lock(tx: Tx, names: Iterable[str]) -> None:
    """Let commands that count or take turns come one after the other, by names such as `customer:<id>`; until the
    transaction ends. Take them before any claim, all at once."""
    numbers = sorted({int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), signed=True) for name in names})
    if numbers:
        tx.all(_sql.lock, {"numbers": numbers})


def _asked(
    settings: Settings,
    lower: datetime,
    upper: datetime,
    service_id: UUID | None,
    ignored_booking: UUID | None,
    ignored_hold: UUID | None,
    customer_id: UUID | None,
) -> dict[str, Any]:
    earliest = min(clock.now(), lower) - counting.MARGIN
    return {
        "service_id": service_id,
        "ignored_booking": ignored_booking,
        "ignored_hold": ignored_hold,
        "answered": "{}",
        "customer_id": customer_id,
        "first_day": earliest.date().isoformat(),
        "last_day": counting.later(upper, settings.max_booking_length + counting.MARGIN).date().isoformat(),
    }


def _picture(settings: Settings, row: Row, lower: datetime, upper: datetime, asked: Mapping[str, Any]) -> Picture:
    """What the first statement tells; terms and claims are still missing."""
    document, business, service, deliverers, needs = (None if part is None else part.decode() for part in row)
    groups = []
    delivering = _candidates(orjson.loads(deliverers or "[]"), business, service)
    if delivering:
        groups.append(Group(1, delivering, leads=True))
    for _, count, rows in orjson.loads(needs or "[]"):
        groups.append(Group(count, _candidates(rows, business, service)))
    return Picture(
        terms=Terms(0),
        groups=tuple(groups),
        general=_schedule(business, service, None, settings.business_time_zone),
        lower=int(lower.timestamp()),
        upper=int(upper.timestamp()),
        now=clock.now().timestamp(),
        ahead=settings.max_booking_ahead.total_seconds(),
        longest=settings.max_booking_length.total_seconds(),
        service=orjson.loads(document) if document else None,
        assignment=layers.rule("assignment", _layer(business), _layer(service), SILENT)[0],
    )


def _candidates(rows: Iterable[Sequence[Any]], business: str | None, service: str | None) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(
            _uuid(id),
            id,
            kind,
            UUID(owner) if owner else None,
            capacity,
            version,
            zone,
            _schedule(business, service, spoken, zone),
        )
        for id, kind, owner, capacity, version, zone, spoken in rows
    )


_uuid = lru_cache(maxsize=8192)(UUID)


@lru_cache(maxsize=4096)
def _layer(spoken: str | None) -> Layer:
    return Layer.of(orjson.loads(spoken) if spoken else None)


@lru_cache(maxsize=8192)
def _schedule(business: str | None, service: str | None, resource: str | None, zone: str) -> Schedule:
    """Remembered by the very words: those who say the same share one schedule."""
    return layers.resolve(_layer(business), _layer(service), _layer(resource), ZoneInfo(zone))


def _with_claims(reader: Reader, found: Picture, asked: Mapping[str, Any]) -> Picture:
    """Read what is taken around the starts, and the counts that caps need; each candidate once, though two groups may
    want it."""
    everyone, terms = found.candidates, found.terms
    alone = [one for one in everyone if one.exclusive]
    shared = [one for one in everyone if not one.exclusive]
    lower = datetime.fromtimestamp(found.lower - terms.before, UTC)
    upper = counting.later(datetime.fromtimestamp(found.upper, UTC), timedelta(seconds=terms.length + terms.after))
    params = {
        **asked,
        "alone": array([one.text for one in alone]),
        "shared": array([one.text for one in shared]),
        "lower": lower,
        "upper": upper,
    }
    by_id = {one.id.bytes: one for one in everyone}
    shut: list[Interval] = []
    for kind, id, begins, ends, units, places in reader.hot_rows(_TAKEN, params):
        spans = Spans(begins, ends)
        if kind == _BUSINESS_CLOSED:
            shut += list(spans)
        elif kind == _CLOSED:
            by_id[id or b""].closures = [*by_id[id or b""].closures, *spans]
        elif kind == _ALONE:
            by_id[id or b""].busy = spans
        else:
            by_id[id or b""].claims = picture.claims(spans, units, places)
    if shut:
        for one in everyone:
            one.closures = [*one.closures, *shut]
    return counting.with_counts(reader.hot_rows, replace(found, groups=_joined(found.groups, everyone)), asked)


def _joined(groups: Iterable[Group], everyone: Iterable[Candidate]) -> tuple[Group, ...]:
    """The groups, with one and the same candidate wherever it occurs."""
    known = {one.text: one for one in everyone}
    return tuple(replace(group, candidates=tuple(known[one.text] for one in group.candidates)) for group in groups)
