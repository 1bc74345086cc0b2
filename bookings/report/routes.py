"""Reports over HTTP."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, current_app, g, send_file

from bookings import http
from bookings.answer import Answer
from bookings.db import Tx
from bookings.errors import Forbidden, Invalid, NotFound
from bookings.http import caller, database, described, endpoint
from bookings.report import schedules, service
from bookings.report.errors import ReportFileMissing, ReportNotForYou, ReportNotReady, TooManyReports, TooManySchedules
from bookings.report.files import Folder
from bookings.report.schemas import (
    NewReport,
    NewSchedule,
    Report,
    ReportPage,
    ReportQuery,
    ReportSchedule,
    ReportSchedulePage,
    ScheduleChange,
    ScheduleQuery,
)
from bookings.report.writers import MEDIA_TYPES

log = logging.getLogger(__name__)
blueprint = Blueprint("report", __name__, url_prefix="/reports")


@blueprint.post("")
@endpoint(body=NewReport, answers={202: Report}, problems=(Forbidden, ReportNotForYou, TooManyReports))
def create(body: dict[str, Any]) -> Answer:
    """Have a report made. For admins about everything, for providers about what they own."""

    def work(tx: Tx) -> Answer:
        document, id = service.create(tx, settings=_settings(), caller=caller(), body=body)
        return Answer(document, 202, {"Location": f"/reports/{id}"})

    return http.run(work)


@blueprint.get("")
@endpoint(query=ReportQuery, answers={200: ReportPage}, problems=(Forbidden,))
def list_(query: Mapping[str, Any]) -> Answer:
    """List reports, newest first: everybody's for an admin, a provider's own."""
    return Answer(service.listing(database(), actor=g.actor, query=query))


@blueprint.get("/<uuid:report_id>")
@endpoint(answers={200: Report}, problems=(NotFound, Forbidden))
def get(report_id: UUID) -> Answer:
    """One report, and how far it is."""
    return Answer(service.get(database(), actor=g.actor, report_id=report_id))


@blueprint.get("/<uuid:report_id>/download")
@described({200: tuple(MEDIA_TYPES.values())}, problems=(NotFound, Forbidden, ReportNotReady, ReportFileMissing))
def download(report_id: UUID) -> Response:
    """The file of a finished report."""
    file, format, name = service.finished(database(), actor=g.actor, report_id=report_id)
    path = Folder(_settings().report_dir).path(file)
    try:
        # Ranges and conditions are of no use for a file that is read once.
        answer = send_file(
            path, MEDIA_TYPES[format], as_attachment=True, download_name=name, conditional=False, etag=False
        )
    except OSError as error:
        log.error("a report's file is missing", extra={"file": str(path), "error": str(error)})
        raise ReportFileMissing from error
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers.pop("Last-Modified", None)
    return answer


@blueprint.delete("/<uuid:report_id>")
@endpoint(answers={204: None}, problems=(NotFound, Forbidden))
def delete(report_id: UUID) -> Answer:
    """Throw a report away, or stop making it."""
    file = database().run(lambda tx: service.delete(tx, caller=caller(), report_id=report_id))
    Folder(_settings().report_dir).remove(file)
    return Answer("", 204)


@blueprint.post("/schedules")
@endpoint(body=NewSchedule, answers={201: ReportSchedule}, problems=(Forbidden, ReportNotForYou, TooManySchedules))
def create_schedule(body: dict[str, Any]) -> Answer:
    """Have a report made again and again: every day, week or month about the one before."""
    return http.run(lambda tx: schedules.create(tx, settings=_settings(), caller=caller(), body=body))


@blueprint.get("/schedules")
@endpoint(query=ScheduleQuery, answers={200: ReportSchedulePage}, problems=(Forbidden,))
def list_schedules(query: Mapping[str, Any]) -> Answer:
    """List schedules, oldest first: everybody's for an admin, a provider's own."""
    return Answer(schedules.listing(database(), actor=g.actor, query=query))


@blueprint.get("/schedules/<uuid:schedule_id>")
@endpoint(answers={200: ReportSchedule, 304: None}, problems=(NotFound, Forbidden))
def get_schedule(schedule_id: UUID) -> Answer:
    """One schedule, with its version as ETag."""
    return http.unless_known(*schedules.get(database(), actor=g.actor, schedule_id=schedule_id))


@blueprint.patch("/schedules/<uuid:schedule_id>")
@endpoint(body=ScheduleChange, answers={200: ReportSchedule}, problems=(NotFound, Forbidden, Invalid), conditional=True)
def change_schedule(schedule_id: UUID, body: dict[str, Any]) -> Answer:
    """Change what is made or when, or pause it."""
    versions = http.expected_versions()
    return http.run(
        lambda tx: schedules.change(
            tx, settings=_settings(), caller=caller(), schedule_id=schedule_id, body=body, versions=versions
        )
    )


@blueprint.delete("/schedules/<uuid:schedule_id>")
@endpoint(answers={204: None}, problems=(NotFound, Forbidden), conditional=True)
def delete_schedule(schedule_id: UUID) -> Answer:
    """End a schedule; the reports it has made stay until their time is over."""
    versions = http.expected_versions()

    def work(tx: Tx) -> Answer:
        schedules.delete(tx, caller=caller(), schedule_id=schedule_id, versions=versions)
        return Answer("", 204)

    return http.run(work)


def _settings() -> Any:
    return current_app.extensions["settings"]
