"""What the layers say of hours and rules: reading it, changing it, and what follows from all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from psycopg.types.json import Jsonb

from bookings import queries
from bookings.answer import Answer
from bookings.auth import Actor, Caller
from bookings.availability import hours, layers, locking, opening
from bookings.availability.errors import TooManyDates
from bookings.availability.layers import RESOURCE
from bookings.availability.locking import Locked, Subject
from bookings.availability.rules import MOST_DAYS
from bookings.clock import now
from bookings.db import Database, Tx
from bookings.errors import Invalid, NotFound, PreconditionFailed
from bookings.http import versioned

_sql = queries.load("availability")
Json = dict[str, Any]
_SAID = ("weekly", "holidays", "rules")


def get(database: Database, *, subject: Subject) -> tuple[str, int]:
    """What a layer says, as JSON, and its version. Raises NotFound for a service or resource that is not there."""
    row = database.row(_sql.find_schedule, subject.params)
    if row is None:
        raise NotFound
    return row[0], row[1]


def put(tx: Tx, *, caller: Caller, subject: Subject, body: Mapping[str, Any], versions: Sequence[int] | None) -> Answer:
    """Say anew what a layer says; the hours of single dates stay. Bookings that stand are not touched.

    Raises NotFound, Forbidden, PreconditionFailed.
    """
    locked, before = _lock(tx, caller, subject, versions)
    said = {name: body.get(name) for name in _SAID}
    if said == {name: before[name] for name in _SAID}:
        return versioned(orjson.dumps(before), before["version"])
    weekly = None if said["weekly"] is None else Jsonb(said["weekly"])
    tx.execute(
        _sql.write_schedule,
        subject.params | {"weekly": weekly, "holidays": said["holidays"], "rules": Jsonb(said["rules"]), "now": now()},
    )
    after = _document(tx, subject)
    _finish(
        tx, caller, locked, "schedule", {name: before[name] for name in _SAID}, {name: after[name] for name in _SAID}
    )
    return versioned(orjson.dumps(after), after["version"])


def days(database: Database, *, actor: Actor, subject: Subject, query: Mapping[str, Any]) -> bytes:
    """One page of the dates on which a layer has other hours; notes for those who work there. Raises NotFound."""
    get(database, subject=subject)
    page, limit = query["page"], query["limit"]
    works_there = actor.is_admin or (subject.layer != RESOURCE and actor.role == "provider")
    seen_by = {"actor_id": actor.id, "with_notes": works_there}
    span = {"from": query.get("from_"), "to": query.get("to"), "limit": limit, "offset": (page - 1) * limit}
    row = database.row(_sql.list_days, subject.params | seen_by | span)
    assert row is not None
    return orjson.dumps({"items": orjson.Fragment(row[0]), "page": page, "limit": limit, "total": row[1]})


def put_day(
    tx: Tx, *, caller: Caller, subject: Subject, day: date, body: Mapping[str, Any], versions: Sequence[int] | None
) -> Answer:
    """Give a date other hours. Raises NotFound, Forbidden, PreconditionFailed, TooManyDates."""
    locked, schedule = _lock(tx, caller, subject, versions)
    before = _day(tx, subject, day)
    after = {"date": day.isoformat(), "hours": body["hours"], "note": body["note"]}
    if before == after:
        return versioned(orjson.dumps(after), schedule["version"])
    counted = tx.one(_sql.count_days, subject.params)
    assert counted is not None
    if before is None and counted["days"] >= MOST_DAYS:
        raise TooManyDates
    version = _touch(tx, subject)
    params = subject.params | {"day": day, "hours": Jsonb(body["hours"]), "note": body["note"]}
    tx.execute(_sql.write_day, params)
    _finish(tx, caller, locked, "day", before, after)
    return versioned(orjson.dumps(after), version)


def delete_day(tx: Tx, *, caller: Caller, subject: Subject, day: date, versions: Sequence[int] | None) -> Answer:
    """Give a date its usual hours again. Raises NotFound, also for a date without other hours, Forbidden,
    PreconditionFailed."""
    locked, _ = _lock(tx, caller, subject, versions)
    before = _day(tx, subject, day)
    if before is None:
        raise NotFound
    tx.execute(_sql.delete_day, subject.params | {"day": day})
    version = _touch(tx, subject)
    _finish(tx, caller, locked, "day", before, None)
    return versioned("", version, 204)


def _lock(tx: Tx, caller: Caller, subject: Subject, versions: Sequence[int] | None) -> tuple[Locked, Json]:
    locked = locking.lock(tx, caller=caller, subject=subject)
    document = _document(tx, subject)
    if versions is not None and document["version"] not in versions:
        raise PreconditionFailed(document, document["version"])
    return locked, document


def _document(tx: Tx, subject: Subject) -> Json:
    row = tx.one(_sql.find_schedule, subject.params)
    assert row is not None
    document: Json = orjson.loads(row["document"])
    return document


def _day(tx: Tx, subject: Subject, day: date) -> Json | None:
    row = tx.one(_sql.find_day, subject.params | {"day": day})
    return None if row is None else row["document"]


def _touch(tx: Tx, subject: Subject) -> int:
    row = tx.one(_sql.touch_schedule, subject.params | {"now": now()})
    assert row is not None
    version: int = row["version"]
    return version


def _finish(tx: Tx, caller: Caller, locked: Locked, verb: str, before: Json | None, after: Json | None) -> None:
    locking.count_up(tx, subject=locked.subject)
    locking.record(tx, caller=caller, locked=locked, verb=verb, before=before, after=after)


def effective(database: Database, *, resource_id: UUID, query: Mapping[str, Any]) -> bytes:
    """What all layers say of some dates of a resource. Raises NotFound, Invalid for a service that is not there."""
    service_id = query.get("serviceId")
    with database.transaction() as tx:
        first = query.get("from_") or _today(tx, resource_id)
        last = query.get("to") or first + timedelta(days=6)
        if service_id is not None and tx.one(_sql.service_exists, {"id": service_id}) is None:
            raise Invalid([("serviceId", "There is no such service.")])
        found = opening.read(tx, [resource_id], first, last, service_id=service_id)
    if resource_id not in found.zones:
        raise NotFound
    schedule = found.schedule(resource_id)
    dates = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    rules = {name: found.rule(resource_id, name) for name in (*layers.DEFAULTS, *layers.POLICY)}
    return orjson.dumps(
        {
            "resourceId": resource_id,
            "timeZone": schedule.calendar.zone.key,
            "items": [_effective_day(schedule.calendar, day) for day in dates],
            "rules": {name: {"value": value, "source": source} for name, (value, source) in rules.items()},
            "customerCaps": {
                layer: {"day": caps.day, "week": caps.week, "month": caps.month}
                for layer, caps in schedule.rules.customer_caps
            },
        }
    )


def _today(tx: Tx, resource_id: UUID) -> date:
    found = tx.all(_sql.resources_of, {"resource_ids": [resource_id]})
    return now().astimezone(ZoneInfo(found[0]["time_zone"]) if found else UTC).date()


def _effective_day(calendar: layers.Calendar, day: date) -> Json:
    spans, source, name = calendar.on(day)
    zone = calendar.zone
    bounds = hours.merged((hours.instant(day, a, zone), hours.instant(day, b, zone)) for a, b in spans)
    shown = [] if not bounds else hours.common(bounds, calendar.open_between(bounds[0][0], bounds[-1][1]))
    return {
        "date": day,
        "hours": layers.text_of(spans),
        "source": source,
        "holiday": name,
        "open": [{"startAt": opening.instant_of(a), "endAt": opening.instant_of(b)} for a, b in shown],
    }
