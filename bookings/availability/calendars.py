"""Calendars elsewhere whose busy times close a resource: adding them, reading them again and again, removing them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from bookings import queries
from bookings.answer import Answer
from bookings.auth import Actor, Caller, seen_by
from bookings.availability import apart, fetching, locking, opening
from bookings.availability.errors import CalendarOfAddress, TooManyCalendars, UnreadableCalendar
from bookings.availability.fetching import Limits, Refused
from bookings.availability.hours import Interval
from bookings.availability.layers import RESOURCE
from bookings.availability.locking import Locked, Subject
from bookings.clock import now
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import Forbidden, Invalid, NotFound
from bookings.fields import CONTROL
from bookings.ids import new_id
from bookings.job import service as jobs

_sql = queries.load("availability")
KIND = "calendar.refresh"
#: calendars of one resource
MOST = 20
#: how far back and ahead busy times are kept; worked out anew when less than so much of it is left
BACK, AHEAD, LEAST_AHEAD = timedelta(days=1), timedelta(days=400), timedelta(days=370)
#: the longest pause after failures
_LONGEST_PAUSE = timedelta(days=1)
_BATCH = 500
Row = dict[str, Any]


def create(tx: Tx, *, caller: Caller, resource_id: UUID, body: Mapping[str, Any]) -> Answer:
    """Have a calendar read from now on, which `check` has looked at. Raises NotFound, Forbidden, TooManyCalendars."""
    own = locking.lock_resources(tx, caller=caller, ids=[resource_id])
    id = new_id()
    _check_number(tx, resource_id, id)
    values = {"id": id, "resource_id": resource_id, "name": body["name"], "now": now()}
    row = tx.one(_sql.add_calendar, values | {"url": body.get("url"), "content": body.get("ics")})
    assert row is not None
    jobs.enqueue(tx, kind=KIND, payload={"calendarId": str(id)}, key=str(id))
    _record(tx, caller, resource_id, own, after=orjson.loads(row["document"]))
    return Answer(row["document"], 201, {"Location": f"/calendars/{id}"})


def upload(tx: Tx, *, caller: Caller, resource_id: UUID, calendar_id: UUID, name: str | None, text: str) -> Answer:
    """Put a calendar's text under an id of the sender's choice: 201 when it is new, 200 when it takes the place of what
    was sent before; `check_text` has looked at it. Raises NotFound, Forbidden, TooManyCalendars, CalendarOfAddress."""
    own = locking.lock_resources(tx, caller=caller, ids=[resource_id])
    _check_number(tx, resource_id, calendar_id)
    values = {"id": calendar_id, "resource_id": resource_id, "name": name, "content": text, "now": now()}
    row = tx.one(_sql.put_calendar, values)
    if row is None:
        known = tx.one(_sql.find_calendar, seen_by(caller.actor) | {"id": calendar_id})
        raise CalendarOfAddress if known and known["resource_id"] == resource_id else NotFound
    jobs.enqueue(tx, kind=KIND, payload={"calendarId": str(calendar_id)}, key=str(calendar_id))
    _record(tx, caller, resource_id, own, after=orjson.loads(row["document"]))
    headers = {"Location": f"/calendars/{calendar_id}"}
    return Answer(row["document"], 201 if row["made"] else 200, headers if row["made"] else {})


def _check_number(tx: Tx, resource_id: UUID, id: UUID) -> None:
    counted = tx.one(_sql.count_calendars, {"resource_id": resource_id, "id": id})
    assert counted is not None
    if counted["calendars"] >= MOST:
        raise TooManyCalendars


def check(settings: Settings, body: Mapping[str, Any]) -> None:
    """Whether a new calendar can be read: outside any transaction, because it takes a while. Raises Invalid."""
    if "url" in body:
        if text := fetching.wrong(body["url"], internal=settings.calendar_internal):
            raise Invalid([("url", text)])
        return
    check_text(body["ics"], "ics")


def check_text(text: str, field: str) -> None:
    """The same of what is sent. Raises Invalid, naming the field."""
    if CONTROL.search(text):
        raise Invalid([(field, "Must not contain control characters.")])
    try:
        apart.check(text)
    except UnreadableCalendar as error:
        raise Invalid([(field, str(error))]) from None


def _record(tx: Tx, caller: Caller, resource_id: UUID, own: bool, **what: Any) -> None:
    locked = Locked(Subject(RESOURCE, resource_id), own)
    shown = {name: {key: doc[key] for key in ("id", "name", "source", "server")} for name, doc in what.items()}
    locking.record(
        tx, caller=caller, locked=locked, verb="calendar", before=shown.get("before"), after=shown.get("after")
    )


def listing(database: Database, *, actor: Actor, resource_id: UUID) -> str:
    """The calendars of a resource as JSON. Raises NotFound, Forbidden for whoever does not own it."""
    with database.transaction() as tx:
        found = tx.one(_sql.resource_for, seen_by(actor) | {"resource_id": resource_id})
        if found is None:
            raise NotFound
        if not found["entitled"]:
            raise Forbidden("Only its owner or an admin may see the calendars of a resource.")
        rows = tx.all(_sql.list_calendars, {"resource_id": resource_id})
    return f'{{"items":[{",".join(row["document"] for row in rows)}]}}'


def get(database: Database, *, actor: Actor, calendar_id: UUID) -> str:
    """One calendar as JSON. Raises NotFound."""
    row = database.row(_sql.find_calendar, seen_by(actor) | {"id": calendar_id})
    if row is None:
        raise NotFound
    document: str = row[0]
    return document


def delete(tx: Tx, *, caller: Caller, calendar_id: UUID) -> Answer:
    """Read a calendar no more, and forget what it said. Raises NotFound."""
    found, own = _lock(tx, caller, calendar_id)
    if tx.execute(_sql.remove_busy_times, {"id": calendar_id}):
        locking.count_up_resources(tx, ids=[found["resource_id"]])
    tx.execute(_sql.remove_calendar, {"id": calendar_id})
    _record(tx, caller, found["resource_id"], own, before=orjson.loads(found["document"]))
    return Answer("", 204)


def hurry(tx: Tx, *, caller: Caller, calendar_id: UUID) -> Answer:
    """Have a calendar read now. Raises NotFound."""
    _lock(tx, caller, calendar_id)
    row = tx.one(_sql.hurry_calendar, {"id": calendar_id, "now": now()})
    assert row is not None
    jobs.enqueue(tx, kind=KIND, payload={"calendarId": str(calendar_id)}, key=str(calendar_id))
    return Answer(row["document"], 202)


def _lock(tx: Tx, caller: Caller, calendar_id: UUID) -> tuple[Row, bool]:
    asked = seen_by(caller.actor) | {"id": calendar_id}
    found = tx.one(_sql.find_calendar, asked)
    if found is None:
        raise NotFound
    own = locking.lock_resources(tx, caller=caller, ids=[found["resource_id"]])
    again = tx.one(_sql.find_calendar, asked)
    if again is None:
        raise NotFound
    return again, own


def enqueue_due(database: Database) -> int:
    """Have read what is due; how many. A calendar that waits already is not enqueued twice."""

    def work(tx: Tx) -> int:
        rows = tx.all(_sql.calendars_due, {"now": now(), "limit": _BATCH})
        for row in rows:
            jobs.enqueue(tx, kind=KIND, payload={"calendarId": str(row["id"])}, key=str(row["id"]))
        return len(rows)

    return database.run(work)


def refresh(database: Database, settings: Settings, calendar_id: UUID) -> None:
    """Read a calendar and write what it says, in one transaction; what it said stays when it cannot be read."""
    at = now()
    asked = {"id": calendar_id, "wanted_until": at + LEAST_AHEAD}
    row = database.run(lambda tx: tx.one(_sql.calendar_to_read, asked))
    if row is None:
        return
    # Whole days, so that what reaches past them is cut off at the same place all day long.
    lower, upper = ((at + way).replace(hour=0, minute=0, second=0, microsecond=0) for way in (-BACK, AHEAD))
    try:
        found = _source(settings, row)
        if found.text is None:
            settled = {"id": row["id"], "now": at, "next_refresh_at": at + settings.calendar_refresh}
            database.run(lambda tx: tx.execute(_sql.calendar_unchanged, settled))
            return
        times = apart.busy_times(
            found.text, ZoneInfo(row["time_zone"]), opening.seconds_of(lower), opening.seconds_of(upper)
        )
    except (Refused, UnreadableCalendar) as error:
        pause = min(settings.calendar_refresh * 2 ** min(row["failures"], 20), _LONGEST_PAUSE)
        failed = {"id": row["id"], "error": str(error), "next_refresh_at": at + pause}
        database.run(lambda tx: tx.execute(_sql.calendar_failed, failed))
        return
    marks = {"etag": found.etag, "last_modified": found.last_modified, "read_until": upper}
    marks["time_zone"] = row["time_zone"]
    next_at = at + (settings.calendar_refresh if row["url"] else timedelta(days=1))
    database.run(lambda tx: write(tx, row, times, marks | {"now": at, "next_refresh_at": next_at}))


def _source(settings: Settings, row: Row) -> fetching.Fetched:
    if row["content"] is not None:
        return fetching.Fetched(row["content"], None, None)
    limits = Limits(internal=settings.calendar_internal)
    return fetching.fetch(row["url"], limits, etag=row["etag"], last_modified=row["last_modified"])


def write(tx: Tx, row: Row, times: list[Interval], marks: Mapping[str, datetime | str | None]) -> None:
    """Put what a calendar says in the place of what it said; the resource is only counted up when that differs."""
    locking.lock_quietly(tx, ids=[row["resource_id"]])
    if tx.one(_sql.lock_calendar_row, {"id": row["id"], "content": row["content"]}) is None:
        return
    before = [(one["lower"], one["upper"]) for one in tx.all(_sql.busy_times, {"id": row["id"]})]
    # What is over is cut off anew each time, and changes nothing for anybody.
    begun = opening.seconds_of(now())
    if [one for one in before if one[1] > begun] != [one for one in times if one[1] > begun]:
        tx.execute(_sql.remove_busy_times, {"id": row["id"]})
        tx.execute(
            _sql.write_busy_times,
            {
                "ids": [new_id() for _ in times],
                "lowers": [begins for begins, _ in times],
                "uppers": [ends for _, ends in times],
                "resource_id": row["resource_id"],
                "calendar_id": row["id"],
                "now": now(),
            },
        )
        locking.count_up_resources(tx, ids=[row["resource_id"]])
        before = times
    tx.execute(_sql.calendar_read, {"id": row["id"], "busy_times": len(before), **marks})
