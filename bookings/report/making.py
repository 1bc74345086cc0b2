"""Making a report: one snapshot, row by row through a cursor of the server into a file, which then gets its name.

Whatever is killed on the way leaves nothing but a folder of unfinished things, which the next try removes; the row that
says "finished" is written after the file is whole and on the disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from bookings import queries
from bookings.availability import opening
from bookings.availability.opening import Opening
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.report import rules, service
from bookings.report.files import Folder
from bookings.report.kinds import KINDS, columns
from bookings.report.writers import WRITERS

_sql = queries.load("report")
Row = dict[str, Any]
Values = Sequence[Any]
#: progress is told in such steps (percent), and not more often than so many seconds apart
STEP, PAUSE = 10, 2.0
#: rows between two looks at the clock
_LOOK = 500
#: how long one query of a report may take, and one run of the job
QUERY_LIMIT, RUN_LIMIT = timedelta(minutes=10), timedelta(hours=1)


class Overtaken(Exception):
    """The report was deleted, or another try has begun: this one is of no use any more."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the rows of a report come from."""

    tx: Tx
    report: Row
    zone: ZoneInfo
    opening: Opening

    @property
    def params(self) -> Row:
        """What all queries take."""
        filters: Mapping[str, Any] = self.report["filters"]
        return {
            "group_by": self.report["group_by"],
            "zone": self.report["time_zone"],
            "owner_id": self.report["owner_id"],
            "statuses": filters.get("status"),
            "user_id": filters.get("userId"),
            "resource_id": filters.get("resourceId"),
            "service_id": filters.get("serviceId"),
            "provider_id": filters.get("providerId"),
        }


def make(
    database: Database, settings: Settings, report: Row, told: Callable[[int], None]
) -> tuple[str, int, int, datetime]:
    """Make the file of a report that was started: its name, its size in bytes, its rows, and the instant it shows.

    `told(percent)` hears how it gets on and may raise to stop it. Raises OSError when the disk is full or away.
    """
    folder = Folder(settings.report_dir)
    with folder.attempt(report["id"]) as place:
        path = place / f"report.{report['format']}"
        with database.snapshot(limit=QUERY_LIMIT) as tx:
            found = tx.one(_sql.snapshot)
            assert found is not None
            snapshot_at: datetime = found["at"]
            source = Source(tx, report, ZoneInfo(report["time_zone"]), _opening(tx, report))
            count = _write(path, service.about(settings, report, snapshot_at), source, told)
        name, size = folder.publish(path, report["id"])
    return name, size, count, snapshot_at


def _opening(tx: Tx, report: Row) -> Opening:
    """When everything is open in the period: what layers and closures say of it, read once. What other calendars say is
    left out: who is busy elsewhere is not closed."""
    return opening.read(tx, None, report["from_at"].date(), report["to_at"].date(), kinds=opening.SAID)


def _write(path: Path, about: Row, source: Source, told: Callable[[int], None]) -> int:
    kind = KINDS[source.report["kind"]]
    shown = columns(kind, source.report["group_by"])
    count = 0
    with WRITERS[source.report["format"]](path, about, shown) as write:
        for percent, row in _rows(source):
            if row is not None:
                write(row)
                count += 1
            told(percent)
    return count


def _rows(source: Source) -> Iterator[tuple[int, Values | None]]:
    """How far the report is (percent), with each row; without one after each part of the period."""
    report = source.report
    if report["group_by"] is None:
        yield from _each(source)
        return
    parts = rules.slices(report["from_at"], report["to_at"], report["group_by"], source.zone)
    for number, (lower, upper) in enumerate(parts):
        percent = 100 * number // len(parts)
        rows = _utilisation if report["kind"] == "utilisation" else _grouped
        for row in rows(source, lower, upper):
            yield percent, row
        yield 100 * (number + 1) // len(parts), None


def _each(source: Source) -> Iterator[tuple[int, Values]]:
    """One row for each thing; how many there will be is counted first."""
    report, query = source.report, KINDS[source.report["kind"]].query
    params = source.params | {"from": report["from_at"], "to": report["to_at"]}
    counted = source.tx.one(getattr(_sql, f"count_each_{query}"), params)
    total = max(1, counted["rows"] if counted else 1)
    for number, row in enumerate(source.tx.stream(getattr(_sql, f"rows_each_{query}"), params), 1):
        yield 100 * number // total, row


def _grouped(source: Source, lower: datetime, upper: datetime) -> Iterator[Values]:
    query = getattr(_sql, f"rows_{KINDS[source.report['kind']].query}")
    timed = source.report["group_by"] in rules.TIMED
    for row in source.tx.stream(query, source.params | {"from": lower, "to": upper}):
        yield (row[0], *row[2:]) if timed else row


def _utilisation(source: Source, lower: datetime, upper: datetime) -> Iterator[Values]:
    """Claimed against open time of every resource, in each day, week or month, or in the whole period."""
    group_by = source.report["group_by"]
    timed = group_by in rules.TIMED
    parts = list(rules.buckets(lower, upper, group_by, source.zone)) if timed else [rules.Bucket("", lower, upper)]
    params = source.params | {
        "from": lower,
        "to": upper,
        "keys": [part.key for part in parts],
        "lowers": [part.lower for part in parts],
        "uppers": [part.upper for part in parts],
    }
    for key, id, name, kind, capacity, zone, begins, ends, seconds in source.tx.stream(_sql.rows_utilisation, params):
        available = capacity * source.opening.seconds(UUID(id), ZoneInfo(zone), begins, ends)
        share = round(100 * seconds / available, 1) if available else None
        row = (id, name, kind, capacity, seconds // 60, available // 60, share)
        yield (key, *row) if timed else row


class Progress:
    """Tells how far it has come, but seldom: few events, and no query for most rows."""

    def __init__(self, tell: Callable[[int], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._tell, self._clock = tell, clock
        self._told, self._at, self._calls = 0, clock(), 0

    def __call__(self, percent: int) -> None:
        """Note how far it is. Raises Overtaken when nobody wants to know any more."""
        self._calls += 1
        if percent < self._told + STEP and self._calls % _LOOK:
            return
        now = self._clock()
        if now - self._at < PAUSE or percent >= 100:
            return
        self._at = now
        if not self._tell(percent):
            raise Overtaken
        self._told = percent
