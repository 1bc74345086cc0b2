"""Opening hours and rules over HTTP: of the business, of services, of resources, and what they say together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from flask import Blueprint, g

from bookings import http
from bookings.answer import Answer
from bookings.availability import schedules
from bookings.availability.errors import TooManyDates
from bookings.availability.layers import BUSINESS, RESOURCE, SERVICE
from bookings.availability.locking import Subject
from bookings.availability.schedule_schemas import (
    DaysQuery,
    Effective,
    EffectiveQuery,
    LayerHours,
    NewDay,
    NewHours,
    NewServiceHours,
    ScheduleDay,
    ScheduleDayPage,
)
from bookings.errors import Forbidden, Invalid, NotFound, PreconditionFailed
from bookings.http import caller, database, endpoint
from bookings.web import with_dates

blueprint = Blueprint("schedule", __name__, url_prefix="/schedules")
with_dates(blueprint)

_THE_BUSINESS = Subject(BUSINESS)
_CHANGE = (NotFound, Forbidden, PreconditionFailed)


def _get(subject: Subject) -> Answer:
    return http.unless_known(*schedules.get(database(), subject=subject))


def _put(subject: Subject, body: dict[str, Any]) -> Answer:
    versions = http.expected_versions()
    return http.run(lambda tx: schedules.put(tx, caller=caller(), subject=subject, body=body, versions=versions))


def _put_day(subject: Subject, day: date, body: dict[str, Any]) -> Answer:
    versions = http.expected_versions()
    return http.run(
        lambda tx: schedules.put_day(tx, caller=caller(), subject=subject, day=day, body=body, versions=versions)
    )


def _delete_day(subject: Subject, day: date) -> Answer:
    versions = http.expected_versions()
    return http.run(lambda tx: schedules.delete_day(tx, caller=caller(), subject=subject, day=day, versions=versions))


@blueprint.get("/business")
@endpoint(answers={200: LayerHours, 304: None})
def get_business() -> Answer:
    """What holds for everybody who says nothing else, with its version as ETag."""
    return _get(_THE_BUSINESS)


@blueprint.put("/business")
@endpoint(body=NewHours, answers={200: LayerHours}, problems=_CHANGE, conditional=True)
def put_business(body: dict[str, Any]) -> Answer:
    """Say when the business is open and by which rules it is booked. For admins."""
    return _put(_THE_BUSINESS, body)


@blueprint.get("/business/days")
@endpoint(query=DaysQuery, answers={200: ScheduleDayPage})
def list_business_days(query: Mapping[str, Any]) -> Answer:
    """Dates on which the business has other hours."""
    return Answer(schedules.days(database(), actor=g.actor, subject=_THE_BUSINESS, query=query))


@blueprint.put("/business/days/<date:day>")
@endpoint(body=NewDay, answers={200: ScheduleDay}, problems=(*_CHANGE, TooManyDates), conditional=True)
def put_business_day(day: date, body: dict[str, Any]) -> Answer:
    """Give a date other hours, or close it. For admins."""
    return _put_day(_THE_BUSINESS, day, body)


@blueprint.delete("/business/days/<date:day>")
@endpoint(answers={204: None}, problems=_CHANGE, conditional=True)
def delete_business_day(day: date) -> Answer:
    """Give a date its usual hours again. For admins."""
    return _delete_day(_THE_BUSINESS, day)


@blueprint.get("/services/<uuid:service_id>")
@endpoint(answers={200: LayerHours, 304: None}, problems=(NotFound,))
def get_service(service_id: UUID) -> Answer:
    """What a service says of hours and rules."""
    return _get(Subject(SERVICE, service_id))


@blueprint.put("/services/<uuid:service_id>")
@endpoint(body=NewServiceHours, answers={200: LayerHours}, problems=_CHANGE, conditional=True)
def put_service(service_id: UUID, body: dict[str, Any]) -> Answer:
    """Narrow the hours in which a service can be had, and say its rules. For admins."""
    return _put(Subject(SERVICE, service_id), body)


@blueprint.get("/services/<uuid:service_id>/days")
@endpoint(query=DaysQuery, answers={200: ScheduleDayPage}, problems=(NotFound,))
def list_service_days(service_id: UUID, query: Mapping[str, Any]) -> Answer:
    """Dates on which a service can be had at other times."""
    return Answer(schedules.days(database(), actor=g.actor, subject=Subject(SERVICE, service_id), query=query))


@blueprint.put("/services/<uuid:service_id>/days/<date:day>")
@endpoint(body=NewDay, answers={200: ScheduleDay}, problems=(*_CHANGE, TooManyDates), conditional=True)
def put_service_day(service_id: UUID, day: date, body: dict[str, Any]) -> Answer:
    """Narrow the hours of a service otherwise on one date. For admins."""
    return _put_day(Subject(SERVICE, service_id), day, body)


@blueprint.delete("/services/<uuid:service_id>/days/<date:day>")
@endpoint(answers={204: None}, problems=_CHANGE, conditional=True)
def delete_service_day(service_id: UUID, day: date) -> Answer:
    """Give a date of a service its usual hours again. For admins."""
    return _delete_day(Subject(SERVICE, service_id), day)


@blueprint.get("/resources/<uuid:resource_id>")
@endpoint(answers={200: LayerHours, 304: None}, problems=(NotFound,))
def get_resource(resource_id: UUID) -> Answer:
    """What a resource says of hours and rules; see `effective` for what holds."""
    return _get(Subject(RESOURCE, resource_id))


@blueprint.put("/resources/<uuid:resource_id>")
@endpoint(body=NewHours, answers={200: LayerHours}, problems=_CHANGE, conditional=True)
def put_resource(resource_id: UUID, body: dict[str, Any]) -> Answer:
    """Say when a resource is open and by which rules it is booked. For its owner and admins."""
    return _put(Subject(RESOURCE, resource_id), body)


@blueprint.get("/resources/<uuid:resource_id>/effective")
@endpoint(query=EffectiveQuery, answers={200: Effective}, problems=(NotFound, Invalid))
def effective(resource_id: UUID, query: Mapping[str, Any]) -> Answer:
    """What business, service and resource say together of some dates, and which of them says it."""
    return Answer(schedules.effective(database(), resource_id=resource_id, query=query))


@blueprint.get("/resources/<uuid:resource_id>/days")
@endpoint(query=DaysQuery, answers={200: ScheduleDayPage}, problems=(NotFound,))
def list_resource_days(resource_id: UUID, query: Mapping[str, Any]) -> Answer:
    """Dates on which a resource has other hours."""
    return Answer(schedules.days(database(), actor=g.actor, subject=Subject(RESOURCE, resource_id), query=query))


@blueprint.put("/resources/<uuid:resource_id>/days/<date:day>")
@endpoint(body=NewDay, answers={200: ScheduleDay}, problems=(*_CHANGE, TooManyDates), conditional=True)
def put_resource_day(resource_id: UUID, day: date, body: dict[str, Any]) -> Answer:
    """Give a date other hours, or close it. For its owner and admins."""
    return _put_day(Subject(RESOURCE, resource_id), day, body)


@blueprint.delete("/resources/<uuid:resource_id>/days/<date:day>")
@endpoint(answers={204: None}, problems=_CHANGE, conditional=True)
def delete_resource_day(resource_id: UUID, day: date) -> Answer:
    """Give a date its usual hours again. For its owner and admins."""
    return _delete_day(Subject(RESOURCE, resource_id), day)
