"""Commands and questions about reports. Admins have reports about everything, providers about what they own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from psycopg.types.json import Json

from bookings import clock, paging, queries
from bookings.audit import service as audit
from bookings.auth import Actor, Caller, seen_by
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import Forbidden, Invalid, NotFound
from bookings.fields import instant_text
from bookings.ids import new_id
from bookings.job import service as job
from bookings.report import rules
from bookings.report.errors import ReportNotForYou, ReportNotReady, TooManyReports
from bookings.report.kinds import KINDS

_sql = queries.load("report")
#: of what one person asked for, not counting schedules
MOST_UNFINISHED = 50
Row = dict[str, Any]
JOB = "report"
#: how often making one is tried; within about ten minutes, because somebody waits for it
_TRIES = 6


@dataclass(frozen=True, slots=True)
class Wish:
    """What a report is to show. `owner_id`: only what this user owns."""

    requester_id: UUID
    owner_id: UUID | None
    kind: str
    group_by: str | None
    filters: Mapping[str, Any]
    format: str


def wish(actor: Actor, body: Mapping[str, Any]) -> Wish:
    """What the actor asks for, about what they may see. Raises Forbidden, ReportNotForYou, Invalid."""
    check_may_report(actor)
    kind = KINDS[body["kind"]]
    if kind.admins_only and not actor.is_admin:
        raise ReportNotForYou
    owner_id = None if actor.is_admin else actor.id
    group_by, filters = body.get("groupBy", kind.groupings[0]), body["filters"]
    return Wish(actor.id, owner_id, kind.name, group_by, filters, body["format"])


def check_may_report(actor: Actor) -> None:
    """Raise Forbidden for customers."""
    if actor.role == "customer":
        raise Forbidden("Reports are for admins and providers.")


def create(tx: Tx, *, settings: Settings, caller: Caller, body: Mapping[str, Any]) -> tuple[str, UUID]:
    """Have a report made: its document and id. Raises Forbidden, ReportNotForYou, Invalid, TooManyReports."""
    wanted, zone = wish(caller.actor, body), ZoneInfo(settings.business_time_zone)
    lower, upper = rules.instant(body["from_"], zone), rules.instant(body["to"], zone)
    if lower >= upper:
        raise Invalid([("to", "Must be after from.")])
    if upper - lower > rules.LONGEST:
        raise Invalid([("to", f"Makes the period longer than {rules.LONGEST.days} days.")])
    check_not_too_many(tx, caller.actor)
    made = order(tx, settings=settings, wanted=wanted, period=(lower, upper))
    assert made is not None
    document = orjson.loads(made[0])
    after = {name: document[name] for name in ("kind", "from", "to", "groupBy", "filters", "format")}
    audit.record(tx, caller, "report.create", subject=("report", made[1]), before=None, after=after)
    return made


def check_not_too_many(tx: Tx, actor: Actor) -> None:
    """Raises TooManyReports when as many as may wait at once wait already."""
    asked = {"requester_id": actor.id}
    tx.one(_sql.wait_for_requester, asked)
    counted = tx.one(_sql.count_unfinished, asked)
    if counted and counted["unfinished"] >= MOST_UNFINISHED:
        raise TooManyReports


def order(
    tx: Tx,
    *,
    settings: Settings,
    wanted: Wish,
    period: tuple[datetime, datetime],
    schedule_id: UUID | None = None,
    due_at: datetime | None = None,
) -> tuple[str, UUID] | None:
    """Write down that a report is to be made, and have it made; None when its schedule has had this one."""
    now, id = clock.now(), new_id()
    made = tx.one(
        _sql.insert,
        {
            "id": id,
            "requester_id": wanted.requester_id,
            "owner_id": wanted.owner_id,
            "kind": wanted.kind,
            "from_at": period[0],
            "to_at": period[1],
            "time_zone": settings.business_time_zone,
            "group_by": wanted.group_by,
            "filters": Json(dict(wanted.filters), dumps=lambda value: orjson.dumps(value, default=str)),
            "format": wanted.format,
            "schedule_id": schedule_id,
            "due_at": due_at,
            "now": now,
            "expires_at": now + settings.report_retention,
        },
    )
    if made is None:
        return None
    job.enqueue(tx, kind=JOB, payload={"reportId": str(id)}, key=str(id), max_attempts=_TRIES)
    return made["document"], id


def get(database: Database, *, actor: Actor, report_id: UUID) -> str:
    """The document of a report. Raises NotFound."""
    return str(_find(database, actor, report_id)["document"])


def finished(database: Database, *, actor: Actor, report_id: UUID) -> tuple[str, str, str]:
    """Where the file of a report is, its format, and how a person would call it. Raises NotFound, ReportNotReady."""
    report = _find(database, actor, report_id)
    if report["status"] != "finished":
        document = orjson.loads(report["document"])
        raise ReportNotReady(
            "The report could not be made." if report["status"] == "failed" else None,
            reportStatus=report["status"],
            progress=document["progress"],
        )
    zone = ZoneInfo(report["time_zone"])
    days = [report[name].astimezone(zone).date().isoformat() for name in ("from_at", "to_at")]
    return report["file"], report["format"], f"{report['kind']}_{'_'.join(days)}.{report['format']}"


def _find(database: Database, actor: Actor, report_id: UUID) -> Row:
    check_may_report(actor)
    params = seen_by(actor) | {"id": report_id}
    report = database.run(lambda tx: tx.one(_sql.find, params))
    if report is None:
        raise NotFound
    return report


def listing(database: Database, *, actor: Actor, query: Mapping[str, Any]) -> bytes:
    """One page of reports as JSON, newest first."""
    check_may_report(actor)
    narrowed = {"kind": query.get("kind"), "status": query.get("status"), "schedule_id": query.get("scheduleId")}
    return page(database, _sql.list, actor, query, narrowed)


def page(database: Database, statement: Any, actor: Actor, query: Mapping[str, Any], narrowed: Row) -> bytes:
    """One page of what a statement lists, as JSON."""
    params = seen_by(actor) | narrowed | {"mine": query["mine"]} | paging.window(query)
    documents, total = database.row(statement, params) or ("", 0)
    return paging.answer(query, documents.encode(), total)


def delete(tx: Tx, *, caller: Caller, report_id: UUID) -> str | None:
    """Forget a report, or stop making it; the name of its file, which is to be removed afterwards. Raises NotFound."""
    check_may_report(caller.actor)
    gone = tx.one(_sql.delete, seen_by(caller.actor) | {"id": report_id})
    if gone is None:
        raise NotFound
    before = {"kind": gone["kind"], "status": gone["status"], "requesterId": gone["requester_id"]}
    audit.record(tx, caller, "report.delete", subject=("report", report_id), before=before, after=None)
    file: str | None = gone["file"]
    return file


def start(tx: Tx, *, report_id: UUID) -> Row | None:
    """Begin a try to make a report; None when there is nothing to make."""
    return tx.one(_sql.start, {"id": report_id, "now": clock.now()})


def progress(tx: Tx, *, report: Row, percent: int) -> bool:
    """Tell how far a try has come; whether it is still wanted."""
    return bool(tx.one(_sql.progress, _try(report, "report.progress") | {"percent": percent}))


def finish(tx: Tx, *, report: Row, file: str, size: int, rows: int, snapshot_at: datetime) -> bool:
    """Say that a report is made; whether this try was the one that counts."""
    made = {"file": file, "bytes": size, "rows": rows, "snapshot_at": snapshot_at}
    return bool(tx.one(_sql.finish, _try(report, "report.finished") | made))


def fail(tx: Tx, *, report_id: UUID, error: str) -> None:
    """Say that a report cannot be made; nothing when that is known, or it was made."""
    params = {"id": report_id, "error": error[:1000], "event": "report.failed", "now": clock.now()}
    tx.execute(_sql.fail, params)


def _try(report: Row, event: str) -> Row:
    return {"id": report["id"], "attempt": report["attempt"], "event": event, "now": clock.now()}


def about(settings: Settings, report: Row, snapshot_at: datetime) -> Row:
    """What a report says of itself."""
    return {
        "business": settings.business_name,
        "report": report["kind"],
        "from": instant_text(report["from_at"]),
        "to": instant_text(report["to_at"]),
        "timeZone": report["time_zone"],
        "groupBy": report["group_by"],
        "filters": report["filters"],
        "scope": "everything" if report["owner_id"] is None else f"resources of {report['owner_id']}",
        "snapshotAt": instant_text(snapshot_at),
        "generatedAt": instant_text(clock.now()),
    }
