"""Jobs over HTTP, for admins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app

from bookings import http
from bookings.admin import job_service as service
from bookings.admin.job_schemas import (
    Cleanup,
    CleanupQuery,
    Job,
    JobHealth,
    JobMetrics,
    JobPage,
    JobQuery,
    MetricsQuery,
    QueueStats,
)
from bookings.answer import Answer
from bookings.config import duration
from bookings.errors import Forbidden, NotFound
from bookings.http import caller, database, endpoint
from bookings.job import care
from bookings.job.errors import JobNotDead, SameJobOpen

blueprint = Blueprint("jobs", __name__, url_prefix="/jobs")


@blueprint.get("")
@endpoint(query=JobQuery, answers={200: JobPage}, problems=(Forbidden,))
def list_(query: Mapping[str, Any]) -> Answer:
    """List jobs, the newest first. Dead letters are `state=dead`. For admins."""
    return Answer(service.listing(database(), query=query))


@blueprint.get("/<uuid:job_id>")
@endpoint(answers={200: Job}, problems=(Forbidden, NotFound))
def get(job_id: UUID) -> Answer:
    """One job. For admins."""
    return Answer(care.find(database(), job_id=job_id))


@blueprint.post("/<uuid:job_id>/retry")
@endpoint(answers={200: Job}, problems=(Forbidden, NotFound, JobNotDead, SameJobOpen))
def retry(job_id: UUID) -> Answer:
    """Have a dead job, or one that waits for its next attempt, run now with all its attempts. For admins."""
    return http.run(lambda tx: Answer(service.retry(tx, caller=caller(), job_id=job_id)))


@blueprint.post("/<uuid:job_id>/discard")
@endpoint(answers={200: Job}, problems=(Forbidden, NotFound, JobNotDead))
def discard(job_id: UUID) -> Answer:
    """Give up on a dead job for good. For admins."""
    return http.run(lambda tx: Answer(service.discard(tx, caller=caller(), job_id=job_id)))


@blueprint.post("/cleanup")
@endpoint(query=CleanupQuery, answers={200: Cleanup}, problems=(Forbidden,))
def cleanup(query: Mapping[str, Any]) -> Answer:
    """Delete jobs that were done or discarded longer ago than maxAge; dead ones stay. For admins."""
    age = duration(query["maxAge"]) if "maxAge" in query else current_app.extensions["settings"].job_retention
    return http.run(lambda tx: Answer(http.dump(service.cleanup(tx, caller=caller(), age=age))))


@blueprint.get("/queue/stats")
@endpoint(answers={200: QueueStats}, problems=(Forbidden,))
def stats() -> Answer:
    """How many jobs there are, by state and kind. For admins."""
    return Answer(http.dump(service.stats(database())))


@blueprint.get("/health")
@endpoint(answers={200: JobHealth}, problems=(Forbidden,))
def health() -> Answer:
    """Whether workers live, jobs start in time and consumers keep up. For admins."""
    extensions = current_app.extensions
    return Answer(http.dump(service.health(database(), extensions["redis"], extensions["settings"])))


@blueprint.get("/metrics")
@endpoint(query=MetricsQuery, answers={200: JobMetrics}, problems=(Forbidden,))
def metrics(query: Mapping[str, Any]) -> Answer:
    """How long the latest jobs waited and ran, by kind. For admins."""
    return Answer(http.dump(service.pace(database(), minutes=query["minutes"])))
