"""The shapes of reports and schedules, in and out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from bookings.booking.rules import STATUSES as BOOKING_STATUSES
from bookings.fields import Flag, Input, Instant, Text
from bookings.paging import Page, PageQuery
from bookings.report import rules
from bookings.report.kinds import KINDS

_INSTANT = Instant()


class Moment(fields.Field[Any]):
    """An instant, or a day (`2027-03-01`), which begins at midnight in the business's time zone."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        moment = self._read(value)
        if wrong := rules.moment_error(moment):
            raise ValidationError(wrong)
        return moment

    def _read(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) == len("2027-03-01"):
            try:
                return date.fromisoformat(value)
            except ValueError:
                raise ValidationError("Must be a day such as 2027-03-01, or an instant (RFC 3339).") from None
        return _INSTANT.deserialize(value)


class TimeOfDay(fields.Field[time]):
    """A wall-clock time, such as 06:30."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> time:
        try:
            if isinstance(value, str) and len(value) == len("06:30"):
                return time.fromisoformat(value)
        except ValueError:
            pass
        raise ValidationError("Must be a time such as 06:30.")


def _moment(what: str, example: str, **kwargs: Any) -> Moment:
    shapes = [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]
    years = f"in the years {rules.FIRST_YEAR} to {rules.LAST_YEAR}"
    text = f"{what}: a day of the business's time zone, or an instant, {years}."
    return Moment(required=True, metadata={"anyOf": shapes, "description": text, "example": example}, **kwargs)


_CLOCK = {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$", "example": "06:30"}


def _kind() -> fields.String:
    return fields.String(required=True, validate=validate.OneOf(tuple(KINDS)), metadata={"example": "bookings"})


def _group_by(**kwargs: Any) -> fields.String:
    return fields.String(
        allow_none=True,
        validate=validate.OneOf(rules.GROUPINGS),
        metadata={
            "description": "Default: what the kind is about; null: one row for each thing, where a kind has that."
        },
        **kwargs,
    )


class ReportFilters(Input):
    """Only bookings of this resource, service, provider or customer, or in these states."""

    resourceId = fields.UUID()
    serviceId = fields.UUID()
    providerId = fields.UUID()
    userId = fields.UUID()
    status = fields.List(
        fields.String(validate=validate.OneOf(BOOKING_STATUSES)), validate=validate.Length(1, len(BOOKING_STATUSES))
    )


def check_fits(wish: Mapping[str, Any]) -> dict[str, str]:
    """What does not fit together in the wish for a report or a schedule, by field."""
    wrong = {}
    kind = KINDS[wish["kind"]]
    if "groupBy" in wish and wish["groupBy"] not in kind.groupings:
        known = ", ".join(str(one) if one else "null" for one in kind.groupings)
        wrong["groupBy"] = f"For {kind.name} one of: {known}."
    if refused := sorted(set(wish["filters"]) - set(kind.filters)):
        wrong["filters"] = f"Not for {kind.name}: {', '.join(refused)}."
    if "every" in wish:
        wrong |= _check_rhythm(wish)
    return wrong


def _check_rhythm(wish: Mapping[str, Any]) -> dict[str, str]:
    needed = {"weekly": "weekday", "monthly": "day"}.get(wish["every"])
    wrong: dict[str, str] = {}
    for name in ("weekday", "day"):
        if name == needed and wish[name] is None:
            wrong[name] = f"Is needed for {wish['every']} reports."
        elif name != needed and wish[name] is not None:
            wrong[name] = f"Has no meaning for {wish['every']} reports."
    return wrong


class _Wish(Input):
    """What reports and schedules share."""

    kind = _kind()
    groupBy = _group_by()
    filters = fields.Nested(ReportFilters, load_default=dict)
    format = fields.String(load_default="json", validate=validate.OneOf(rules.FORMATS))

    @validates_schema
    def _fits(self, data: dict[str, Any], **_: Any) -> None:
        if wrong := check_fits(data):
            raise ValidationError({name: [message] for name, message in wrong.items()})


class NewReport(_Wish):
    """What to report on: `from` inclusive, `to` exclusive."""

    from_ = _moment("The first instant", "2027-03-01", data_key="from")
    to = _moment("The end", "2027-04-01")


class NewSchedule(_Wish):
    """A report again and again: daily about the day before, weekly about the seven days, monthly about the month."""

    name = Text(longest=200, load_default=None, allow_none=True)
    every = fields.String(required=True, validate=validate.OneOf(rules.RHYTHMS))
    at = TimeOfDay(required=True, metadata=_CLOCK)
    weekday = fields.Integer(strict=True, load_default=None, allow_none=True, validate=validate.Range(1, 7))
    day = fields.Integer(strict=True, load_default=None, allow_none=True, validate=validate.Range(1, 31))
    active = Flag(load_default=True)


class ScheduleChange(Input):
    """What PATCH may change; with `every`, say `weekday` or `day` anew, too."""

    name = Text(longest=200, allow_none=True)
    groupBy = _group_by()
    filters = fields.Nested(ReportFilters)
    format = fields.String(validate=validate.OneOf(rules.FORMATS))
    every = fields.String(validate=validate.OneOf(rules.RHYTHMS))
    at = TimeOfDay(metadata=_CLOCK)
    weekday = fields.Integer(strict=True, allow_none=True, validate=validate.Range(1, 7))
    day = fields.Integer(strict=True, allow_none=True, validate=validate.Range(1, 31))
    active = Flag()


class ScheduleQuery(PageQuery):
    """Which schedules, oldest first."""

    mine = fields.Boolean(load_default=False, truthy={"true", ""}, falsy={"false"})


class ReportQuery(ScheduleQuery):
    """Which reports, newest first."""

    kind = fields.String(validate=validate.OneOf(tuple(KINDS)))
    status = fields.String(validate=validate.OneOf(rules.STATUSES))
    scheduleId = fields.UUID()


class Report(Schema):
    """A report: what it shows and how far it is. SQL writes it (sql/queries/report.sql, `document`)."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True)
    from_ = Instant(required=True, data_key="from")
    to = Instant(required=True)
    timeZone = fields.String(required=True, metadata={"description": "Whose days, weeks and months it counts."})
    groupBy = fields.String(required=True, allow_none=True)
    filters = fields.Dict(required=True)
    format = fields.String(required=True, validate=validate.OneOf(rules.FORMATS))
    status = fields.String(required=True, validate=validate.OneOf(rules.STATUSES))
    progress = fields.Integer(required=True, metadata={"description": "0 to 100."})
    error = fields.String(required=True, allow_none=True)
    rows = fields.Integer(required=True, allow_none=True)
    bytes = fields.Integer(required=True, allow_none=True)
    snapshotAt = Instant(required=True, allow_none=True, metadata={"description": "The instant whose data it shows."})
    requesterId = fields.UUID(required=True)
    scheduleId = fields.UUID(required=True, allow_none=True)
    createdAt = Instant(required=True)
    startedAt = Instant(required=True, allow_none=True)
    finishedAt = Instant(required=True, allow_none=True)
    expiresAt = Instant(required=True, metadata={"description": "When it is thrown away."})


class ReportPage(Page):
    """One page of reports."""

    items = fields.List(fields.Nested(Report), required=True)


class ReportSchedule(Schema):
    """When which report is made again. SQL writes it (sql/queries/report.sql, `schedule_document`)."""

    id = fields.UUID(required=True)
    name = fields.String(required=True, allow_none=True)
    kind = fields.String(required=True)
    groupBy = fields.String(required=True, allow_none=True)
    filters = fields.Dict(required=True)
    format = fields.String(required=True, validate=validate.OneOf(rules.FORMATS))
    every = fields.String(required=True, validate=validate.OneOf(rules.RHYTHMS))
    at = fields.String(required=True, metadata={"description": "In the business's time zone.", "example": "06:30"})
    weekday = fields.Integer(required=True, allow_none=True, metadata={"description": "1 is Monday."})
    day = fields.Integer(required=True, allow_none=True, metadata={"description": "The last one of shorter months."})
    active = fields.Boolean(required=True)
    nextAt = Instant(required=True)
    requesterId = fields.UUID(required=True)
    version = fields.Integer(required=True, strict=True)
    createdAt = Instant(required=True)
    updatedAt = Instant(required=True)


class ReportSchedulePage(Page):
    """One page of schedules."""

    items = fields.List(fields.Nested(ReportSchedule), required=True)
