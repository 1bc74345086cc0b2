"""Says on which days a service or a resource can be booked otherwise than before, and nothing of whom.

Events pass by here (Hub.deliver) and are gathered; a thread of the process turns what has gathered into dates with one
question to PostgreSQL, and tells everyone who listens, at most ten times a second. So a burst of bookings of one day is
a few messages, and none of them carries anything of a person, whatever the events held. Holds that end by themselves
have no event; the same question finds them, twice a second while somebody listens.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import psycopg

from bookings import clock, queries
from bookings.db import Database, Tx
from bookings.errors import DatabaseUnavailable
from bookings.event.service import Event
from bookings.fields import instant_text

if TYPE_CHECKING:
    from bookings.realtime.connection import Connection
    from bookings.realtime.hub import Hub

log = logging.getLogger(__name__)
_sql = queries.load("realtime")
CHANGED = "calendar.changed"
#: events of bookings that neither take nor give time
SILENT = (
    "booking.updated",
    "booking.confirmed",
    "booking.checked-in",
    "booking.completed",
    "booking.payment-changed",
    "booking.reminder",
)
#: between two messages about one day (seconds), and the longest time until ended holds are noticed
PAUSE, _LOOK = 0.1, 0.4
#: after a failure (seconds)
_REST = 1.0
#: more dates than that are told as "any"
_MOST_DATES = 400


@dataclass(slots=True)
class Day:
    """What is told of one subject in one zone: its dates (None: any), and the sessions with places left."""

    is_service: bool
    dates: set[date] | None = field(default_factory=set)
    sessions: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, other: Day) -> None:
        """The same and what another says later."""
        self.dates = None if self.dates is None or other.dates is None else self.dates | other.dates
        if self.dates is not None and len(self.dates) > _MOST_DATES:
            self.dates = None
        self.sessions |= other.sessions


#: by subject (service or resource) and time zone
Days = dict[tuple[str, str | None], Day]


def frame(subject: str, zone: str | None, day: Day, position: int) -> str:
    """The message."""
    data: dict[str, Any] = {
        "serviceId" if day.is_service else "resourceId": subject,
        "dates": None if day.dates is None else sorted(one.isoformat() for one in day.dates),
        "timeZone": zone,
    }
    if day.sessions:
        data["sessions"] = [
            {"resourceId": resource, "startAt": start, "remainingPlaces": left}
            for (resource, start), left in sorted(day.sessions.items())
        ]
    now = instant_text(clock.now())
    document = {"event": "availability.changed", "data": data, "id": str(position), "timestamp": now}
    return orjson.dumps(document).decode()


def merge(into: Days, more: Days) -> None:
    """Add what is told later."""
    for key, day in more.items():
        if key in into:
            into[key].add(day)
        else:
            into[key] = Day(day.is_service, None if day.dates is None else set(day.dates), dict(day.sessions))


class Watch:
    """One per hub; its thread starts with the first socket that listens."""

    def __init__(self, database: Database, hub: Hub) -> None:
        self._database = database
        self._hub = hub
        self._bell = threading.Event()
        self._started = False
        #: whether anybody listens; while nobody does, events cost nothing here
        self.listening = False
        #: guarded by the hub's lock
        self._gathered: list[Event] = []
        self._back: list[tuple[Connection, int]] = []
        #: what waits for sockets that are behind
        self._late: dict[Connection, Days] = {}
        #: the time (of PostgreSQL) up to which ended holds are told of
        self._since: datetime | None = None

    def listen(self) -> None:
        """Somebody listens. Called under the hub's lock."""
        if not self._started:
            self._started = True
            threading.Thread(target=self._run, name="days", daemon=True).start()
        self.listening = True
        self._bell.set()

    def note(self, event: Event) -> None:
        """An event passes by. Called under the hub's lock."""
        if event.type == CHANGED or (event.type.startswith("booking.") and event.type not in SILENT):
            self._gathered.append(event)
            self._bell.set()

    def back(self, connection: Connection, after: int) -> None:
        """A socket is back and wants to know what changed behind an event. Called under the hub's lock."""
        self._back.append((connection, after))
        self._bell.set()

    def _run(self) -> None:
        failing = False
        while True:
            self._bell.wait(_LOOK if self.listening else None)
            self._bell.clear()
            try:
                self._turn()
                failing = False
            except (DatabaseUnavailable, psycopg.Error) as error:
                if not failing:
                    log.warning("changed days cannot be read, trying again", extra={"error": str(error).strip()})
                failing = True
                time.sleep(_REST)
            except Exception:
                log.exception("unexpected error while telling of changed days")
                time.sleep(_REST)
            time.sleep(PAUSE)

    def _turn(self) -> None:
        """Tell once what has gathered. Raises DatabaseUnavailable and psycopg.Error; then nothing is lost."""
        with self._hub.lock:
            listeners = self._hub.listeners()
            gathered, self._gathered = self._gathered, []
            back, self._back = self._back, []
            position = self._hub.position
            self.listening = bool(listeners)
        if not listeners:
            self._since = None
        try:
            for connection, after in back:
                self._missed(connection, after, listeners)
            days = self._changed(set(listeners), gathered) if listeners else {}
        except BaseException:
            with self._hub.lock:
                self._gathered[:0], self._back[:0] = gathered, back
            raise
        self._tell(days, listeners, position)

    def _changed(self, subjects: set[str], gathered: Iterable[Event]) -> Days:
        happened = [(event.type, orjson.loads(event.frame)["data"]) for event in gathered]
        bookings = [data["id"] for type, data in happened if type != CHANGED and "id" in data]
        changes = [data for type, data in happened if type == CHANGED]
        days, self._since = self._database.run(lambda tx: _days(tx, subjects, bookings, changes, self._since))
        return days

    def _missed(self, connection: Connection, after: int, listeners: dict[str, set[Connection]]) -> None:
        subjects = {subject for subject, sockets in listeners.items() if connection in sockets}

        def read(tx: Tx) -> Days:
            rows = tx.all(_sql.missed_changes, {"after": after, "silent": list(SILENT)})
            happened = [row for row in rows if row["type"] is not None]
            bookings = [str(row["booking_id"]) for row in happened if row["type"] != CHANGED and row["booking_id"]]
            changes = [row["data"] for row in happened if row["type"] == CHANGED]
            return _days(tx, subjects, bookings, changes, rows[0]["since"])[0]

        merge(self._late.setdefault(connection, {}), self._database.run(read))

    def _tell(self, days: Days, listeners: dict[str, set[Connection]], position: int) -> None:
        for (subject, zone), day in days.items():
            for connection in listeners.get(subject, ()):
                merge(self._late.setdefault(connection, {}), {(subject, zone): day})
        if self._late:
            self._late = self._hub.tell_days(self._late, position)


def _days(
    tx: Tx, subjects: set[str], bookings: list[str], changes: list[dict[str, Any]], since: datetime | None
) -> tuple[Days, datetime]:
    rows = tx.all(
        _sql.changed_days,
        {
            "subjects": list(subjects),
            "booking_ids": bookings,
            "changes": orjson.dumps([row for data in changes for row in _rows(data)]).decode(),
            "since": since,
        },
    )
    found = [row for row in rows if row["subject_id"] is not None]
    days: Days = {}
    for row in found:
        is_service = row["service_id"] is not None
        merge(days, {(str(row["subject_id"]), row["time_zone"]): Day(is_service, _dates(row["first"], row["last"]))})
    _add_sessions(tx, days, [row for row in found if row["session_at"] is not None])
    return days, rows[0]["at"]


def _rows(data: dict[str, Any]) -> list[dict[str, Any]]:
    """What a calendar.changed tells, one row a span or date."""
    about = {"resource_id": data["resourceId"], "service_id": data["serviceId"], "session_at": data["sessionAt"]}
    spans = [about | {"lower": one["from"], "upper": one["to"]} for one in data["spans"] or ()]
    return spans + [about | {"date": one} for one in data["dates"] or ()] or [about]


def _dates(first: date | None, last: date | None) -> set[date] | None:
    if first is None or last is None or (last - first).days >= _MOST_DATES:
        return None
    return {first + timedelta(days=number) for number in range((last - first).days + 1)}


def _add_sessions(tx: Tx, days: Days, rows: list[dict[str, Any]]) -> None:
    names = ("service_id", "resource_id", "session_at", "lower", "upper")
    if not rows:
        return
    asked = orjson.dumps([{name: row[name] for name in names} for row in rows]).decode()
    zones = {(row["subject_id"], row["resource_id"]): row["time_zone"] for row in rows}
    for row in tx.all(_sql.places_left, {"sessions": asked}):
        subject = row["service_id"] or row["resource_id"]
        if row["remaining"] is not None:
            key = str(row["resource_id"]), instant_text(row["session_at"])
            days[str(subject), zones[subject, row["resource_id"]]].sessions[key] = row["remaining"]
