"""What the worker does for reports: it makes them. The clock of schedules and retention is in scheduler.py."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.job.errors import LeaseLost
from bookings.job.service import Job, Registry
from bookings.report import making, service
from bookings.report.files import Folder

log = logging.getLogger(__name__)
#: reports that one worker makes at a time: they take minutes, and what takes seconds must not wait for them
_AT_ONCE = 2


def register(registry: Registry, database: Database, settings: Settings) -> None:
    """Say who makes reports."""

    def make(payload: dict[str, Any], job: Job) -> None:
        report = database.run(lambda tx: service.start(tx, report_id=UUID(payload["reportId"])))
        if report is not None:
            _make(database, settings, report, job)

    def give_up(payload: dict[str, Any], error: str) -> None:
        database.run(lambda tx: service.fail(tx, report_id=UUID(payload["reportId"]), error=error))

    registry.register(service.JOB, make, timeout=making.RUN_LIMIT, on_dead=give_up, at_once=_AT_ONCE)


def _make(database: Database, settings: Settings, report: dict[str, Any], job: Job) -> None:
    def tell(percent: int) -> bool:
        job.progress(percent)
        return database.run(lambda tx: service.progress(tx, report=report, percent=percent))

    try:
        name, size, rows, snapshot_at = making.make(database, settings, report, making.Progress(tell))
    except making.Overtaken:
        log.info("report is not wanted any more", extra={"report_id": str(report["id"])})
        return

    def finish(tx: Tx) -> bool:
        counts = service.finish(tx, report=report, file=name, size=size, rows=rows, snapshot_at=snapshot_at)
        job.complete(tx)
        return counts

    # Any other error leaves open whether the row knows the file, so the file stays until the sweep asks the row.
    try:
        counts = database.run(finish)
    except LeaseLost:
        Folder(settings.report_dir).remove(name)
        raise
    if not counts:
        Folder(settings.report_dir).remove(name)
