"""Schedules: the same report again and again, each about the day, week or month before. Made once each, however many
workers look and however long none did."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from psycopg.types.json import Json

from bookings import clock, queries
from bookings.answer import Answer
from bookings.audit import service as audit
from bookings.auth import Actor, Caller, seen_by
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import Invalid, NotFound, PreconditionFailed
from bookings.http import dump, versioned
from bookings.ids import new_id
from bookings.report import rules, service
from bookings.report.errors import TooManySchedules
from bookings.report.schemas import check_fits
from bookings.report.service import Wish

log = logging.getLogger(__name__)
_sql = queries.load("report")
Row = dict[str, Any]
#: of one person
MOST = 50
_COLUMNS = {
    "name": "name",
    "groupBy": "group_by",
    "filters": "filters",
    "format": "format",
    "every": "every",
    "at": "at",
    "weekday": "weekday",
    "day": "day",
    "active": "active",
}


def create(tx: Tx, *, settings: Settings, caller: Caller, body: Mapping[str, Any]) -> Answer:
    """Have a report made again and again from now on. Raises Forbidden, ReportNotForYou, TooManySchedules."""
    wanted = service.wish(caller.actor, body)
    counted = tx.one(_sql.count_schedules, {"requester_id": caller.actor.id})
    if counted and counted["schedules"] >= MOST:
        raise TooManySchedules
    now, id = clock.now(), new_id()
    values = {
        "id": id,
        "requester_id": wanted.requester_id,
        "owner_id": wanted.owner_id,
        "kind": wanted.kind,
        **{_COLUMNS[name]: body[name] for name in ("name", "format", "every", "at", "weekday", "day", "active")},
        "group_by": wanted.group_by,
        "filters": _json(wanted.filters),
        "next_at": rules.due_after(rhythm(body), now, ZoneInfo(settings.business_time_zone)),
        "now": now,
    }
    made = tx.one(_sql.insert_schedule, values)
    assert made is not None
    _audit(tx, caller, "report-schedule.create", id, None, made["document"])
    return versioned(made["document"], made["version"], 201, location=f"/reports/schedules/{id}")


def get(database: Database, *, actor: Actor, schedule_id: UUID) -> tuple[str, int]:
    """The document and version of a schedule. Raises NotFound."""
    service.check_may_report(actor)
    row = database.row(_sql.find_schedule, seen_by(actor) | {"id": schedule_id})
    if row is None:
        raise NotFound
    return row[0], row[1]


def listing(database: Database, *, actor: Actor, query: Mapping[str, Any]) -> bytes:
    """One page of schedules as JSON, oldest first."""
    service.check_may_report(actor)
    return service.page(database, _sql.list_schedules, actor, query, {})


def change(
    tx: Tx,
    *,
    settings: Settings,
    caller: Caller,
    schedule_id: UUID,
    body: Mapping[str, Any],
    versions: Sequence[int] | None = None,
) -> Answer:
    """Change what is made, or when. Changed times count from now on.

    Raises NotFound, PreconditionFailed, Invalid when rhythm or grouping do not fit together.
    """
    schedule = _lock(tx, caller.actor, schedule_id, versions)
    wished = {_COLUMNS[name]: value for name, value in body.items()}
    if "every" in body:
        wished = {"weekday": None, "day": None} | wished
    after = schedule | wished
    _check(after)
    if all(schedule[name] == after[name] for name in _COLUMNS.values()):
        return versioned(dump(schedule["document"]), schedule["version"])
    now = clock.now()
    if any(schedule[name] != after[name] for name in ("every", "at", "weekday", "day", "active")):
        after["next_at"] = rules.due_after(rhythm(after), now, ZoneInfo(settings.business_time_zone))
    changed = tx.one(_sql.change_schedule, after | {"filters": _json(after["filters"]), "now": now})
    assert changed is not None
    _audit(tx, caller, "report-schedule.change", schedule_id, schedule["document"], changed["document"])
    return versioned(changed["document"], changed["version"])


def delete(tx: Tx, *, caller: Caller, schedule_id: UUID, versions: Sequence[int] | None = None) -> None:
    """No more of it; what it has made stays. Raises NotFound, PreconditionFailed."""
    schedule = _lock(tx, caller.actor, schedule_id, versions)
    tx.execute(_sql.delete_schedule, {"id": schedule_id})
    _audit(tx, caller, "report-schedule.delete", schedule_id, schedule["document"], None)


def run_due(database: Database, settings: Settings) -> int:
    """Have every report made that is due; how many. One schedule and one period in each transaction."""
    made = 0
    while (ordered := database.run(lambda tx: _run_one(tx, settings))) is not None:
        made += ordered
    return made


def _run_one(tx: Tx, settings: Settings) -> int | None:
    """Order the oldest report that is due: 1, or 0 when it is not made; None when nothing is due."""
    now, zone = clock.now(), ZoneInfo(settings.business_time_zone)
    schedule = tx.one(_sql.lock_due_schedule, {"now": now})
    if schedule is None:
        return None
    due_at: datetime = schedule["next_at"]
    tempo = rhythm(schedule)
    tx.execute(_sql.advance_schedule, {"id": schedule["id"], "next_at": rules.due_after(tempo, due_at, zone)})
    # What would be thrown away at once is not made; so a sleep of years is made up for within the retention.
    if due_at < now - settings.report_retention or tx.one(_sql.requester_active, schedule) is None:
        log.info("a scheduled report is left out", extra={"schedule_id": str(schedule["id"])})
        return 0
    wanted = Wish(
        schedule["requester_id"],
        schedule["owner_id"],
        schedule["kind"],
        schedule["group_by"],
        schedule["filters"],
        schedule["format"],
    )
    period = rules.period_before(tempo, due_at, zone)
    made = service.order(tx, settings=settings, wanted=wanted, period=period, schedule_id=schedule["id"], due_at=due_at)
    return 0 if made is None else 1


def rhythm(values: Mapping[str, Any]) -> rules.Rhythm:
    """When a schedule, or the wish for one, is due."""
    return rules.Rhythm(values["every"], values["at"], values["weekday"], values["day"])


def _lock(tx: Tx, actor: Actor, schedule_id: UUID, versions: Sequence[int] | None) -> Row:
    service.check_may_report(actor)
    schedule = tx.one(_sql.lock_schedule, seen_by(actor) | {"id": schedule_id})
    if schedule is None:
        raise NotFound
    if versions is not None and schedule["version"] not in versions:
        raise PreconditionFailed(schedule["document"], schedule["version"])
    return schedule


def _check(after: Row) -> None:
    named = {name: after[column] for name, column in _COLUMNS.items()} | {"kind": after["kind"]}
    if wrong := check_fits(named):
        raise Invalid(list(wrong.items()))


def _json(filters: Mapping[str, Any]) -> Json:
    return Json(dict(filters), dumps=lambda value: orjson.dumps(value, default=str))


def _audit(tx: Tx, caller: Caller, action: str, id: UUID, before: Any, after: Any) -> None:
    before, after = (orjson.loads(one) if isinstance(one, str) else one for one in (before, after))
    audit.record(tx, caller, action, subject=("report-schedule", id), before=before, after=after)
