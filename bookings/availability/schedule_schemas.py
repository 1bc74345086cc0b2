"""The shapes of opening hours and rules, in and out."""

from __future__ import annotations

from datetime import date
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from bookings.availability import public_holidays, rules
from bookings.availability.assignment import STRATEGIES
from bookings.availability.layers import CAN_BE_OFF, WEEKDAYS
from bookings.availability.policy_schemas import MovingPolicy, NoShows, PolicyRules
from bookings.catalogue.schemas import Policy
from bookings.fields import Input, Instant, Text
from bookings.paging import CountedPage, size

MINUTES_A_YEAR = 366 * 24 * 60
MOST_SPANS = 24
_FIRST, _LAST = date(2000, 1, 1), date(2200, 1, 1)
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"


def clock(*, ends: bool = False, **kwargs: Any) -> fields.String:
    """A wall-clock time; an end may be 24:00."""
    pattern = rf"^({_CLOCK}|24:00)$" if ends else rf"^{_CLOCK}$"
    form = validate.Regexp(pattern, error="Must be a time such as 09:30.")
    example = {"example": "17:00" if ends else "09:00"}
    return fields.String(required=True, validate=form, metadata=example, **kwargs)


def sane(day: date) -> None:
    """Refuse dates that no calendar needs and no zone can place."""
    if not _FIRST <= day <= _LAST:
        raise ValidationError("Must be a date of the years 2000 to 2199.")


def local_date(**kwargs: Any) -> fields.Date:
    """A date of a local calendar."""
    return fields.Date(validate=sane, **kwargs)


class NewSpan(Input):
    """Open from a wall-clock time to another, half-open. An end that is not after the beginning is the next day's."""

    from_ = clock(data_key="from")
    to = clock(ends=True)

    @post_load
    def _as_json(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"from": data["from_"], "to": data["to"]}


def spans(**kwargs: Any) -> fields.List[Any]:
    """The spans of one day; none: closed."""
    return fields.List(fields.Nested(NewSpan), validate=validate.Length(max=MOST_SPANS), **kwargs)


class NewWeek(Input):
    """Opening hours by weekday in local time; a weekday that is not named is closed."""

    monday = spans()
    tuesday = spans()
    wednesday = spans()
    thursday = spans()
    friday = spans()
    saturday = spans()
    sunday = spans()

    @validates_schema
    def _fits_together(self, data: dict[str, Any], **_: Any) -> None:
        if wrong := dict(rules.week_errors(data)):
            raise ValidationError({name: [text] for name, text in wrong.items()})


class NewWindow(Input):
    """How far ahead may be booked, in local dates of whoever delivers."""

    kind = fields.String(
        required=True,
        validate=validate.OneOf(("rolling", "businessDays", "range")),
        metadata={
            "description": "rolling: `days` after today; businessDays: `days` dates after today that are open; "
            "range: `from` to `to`, both included."
        },
    )
    days = fields.Integer(strict=True, validate=validate.Range(0, 1830))
    from_ = local_date(data_key="from")
    to = local_date()

    @validates_schema
    def _fits_its_kind(self, data: dict[str, Any], **_: Any) -> None:
        named = {name.rstrip("_"): value for name, value in data.items()}
        if wrong := dict(rules.window_errors(named)):
            raise ValidationError({name: [text] for name, text in wrong.items()})

    @post_load
    def _as_json(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {
            name.rstrip("_"): value.isoformat() if isinstance(value, date) else value for name, value in data.items()
        }


class NewCaps(Input):
    """At most so many bookings in a day, an ISO week and a month, counted by when they start."""

    day = fields.Integer(strict=True, allow_none=True, validate=validate.Range(1, 100_000))
    week = fields.Integer(strict=True, allow_none=True, validate=validate.Range(1, 100_000))
    month = fields.Integer(strict=True, allow_none=True, validate=validate.Range(1, 100_000))


class NewAssignment(Input):
    """Who gets a booking of those who are free; said by the business or a service. `seed` is for random."""

    strategy = fields.String(required=True, validate=validate.OneOf(STRATEGIES))
    seed = Text(longest=100)


def _different(names: list[str]) -> None:
    if len(set(names)) < len(names):
        raise ValidationError("Names the same rule twice.")


def _minutes(lowest: int, highest: int, text: str) -> fields.Integer:
    return fields.Integer(
        strict=True, allow_none=True, validate=validate.Range(lowest, highest), metadata={"description": text}
    )


class NewRules(PolicyRules):
    """Rules that a layer says; what it leaves out, or says null, is said by another layer; what is `off` by none."""

    minimumNoticeMinutes = _minutes(0, MINUTES_A_YEAR, "How long before its start something must be booked.")
    bookingWindow = fields.Nested(NewWindow, allow_none=True)
    slotIntervalMinutes = _minutes(1, 1440, "Slots begin every so many minutes of wall-clock time.")
    slotOffsetMinutes = _minutes(0, 1439, "The first slot of a day begins so many minutes after midnight.")
    resourceCaps = fields.Nested(
        NewCaps, allow_none=True, metadata={"description": "Of each resource, in its local calendar."}
    )
    customerCaps = fields.Nested(
        NewCaps,
        allow_none=True,
        metadata={
            "description": "Of each customer: all bookings (business), those of the service, those with the resource. "
            "The caps of all layers hold."
        },
    )

    assignment = fields.Nested(NewAssignment, allow_none=True)
    off = fields.List(
        fields.String(validate=validate.OneOf(CAN_BE_OFF)),
        allow_none=True,
        validate=[validate.Length(max=len(CAN_BE_OFF)), _different],
        metadata={"description": "Rules that do not hold here, whatever the layers behind this one say of them."},
    )

    @validates_schema
    def _fits_together(self, data: dict[str, Any], **_: Any) -> None:
        if wrong := dict(rules.rules_errors(data)):
            raise ValidationError({name: [text] for name, text in wrong.items()})

    @post_load
    def _as_json(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {name: value for name, value in data.items() if value is not None and value != []}


def _country(code: str) -> None:
    if code and not public_holidays.known(code):
        raise ValidationError("Must be a country or a part of one that has known holidays, such as DE or DE-BY.")


class NewServiceHours(Input):
    """What a service says of hours and rules. Its hours narrow those of whoever delivers it; null: they do not."""

    weekly = fields.Nested(NewWeek, load_default=None, allow_none=True)
    rules = fields.Nested(NewRules, load_default=dict)


class NewHours(NewServiceHours):
    """What the business or a resource says of hours and rules; null: the layer below the business says it."""

    holidays = fields.String(
        load_default=None,
        allow_none=True,
        validate=[validate.Length(max=20), _country],
        metadata={
            "description": "Whose public holidays are closed: a country (DE) or a part of one (DE-BY); empty: none."
        },
    )


class NewDay(Input):
    """Other hours on one date; an empty list: closed."""

    hours = spans(required=True)
    note = Text(longest=500, load_default=None, allow_none=True, metadata={"description": "For those who work there."})

    @validates_schema
    def _fits_together(self, data: dict[str, Any], **_: Any) -> None:
        if wrong := rules.day_error(data["hours"]):
            raise ValidationError(wrong, "hours")


class DaysQuery(Input):
    """Which dates, the earliest first."""

    from_ = local_date(data_key="from")
    to = local_date(metadata={"description": "The last date; it belongs to the list."})
    page = fields.Integer(load_default=1, validate=validate.Range(1, rules.MOST_DAYS))
    limit = size(31)


class EffectiveQuery(Input):
    """Which local dates, at most 62."""

    from_ = local_date(data_key="from", metadata={"description": "Today where the resource is, when left out."})
    to = local_date(metadata={"description": "The last date, which belongs to the answer; a week when left out."})
    serviceId = fields.UUID(metadata={"description": "Narrowed by the hours of this service, with its rules."})

    @validates_schema
    def _not_too_long(self, data: dict[str, Any], **_: Any) -> None:
        if "to" not in data:
            return
        if "from_" not in data:
            raise ValidationError("Say from when, too.", "from")
        if data["to"] < data["from_"]:
            raise ValidationError("Is before from.", "to")
        if (data["to"] - data["from_"]).days >= rules.LONGEST_RANGE:
            raise ValidationError(f"Ask for at most {rules.LONGEST_RANGE} dates at once.", "to")


class Span(Schema):
    """Open from a wall-clock time to another. An end that is not after the beginning is the next day's."""

    from_ = fields.String(data_key="from", required=True)
    to = fields.String(required=True)


class Week(Schema):
    """Opening hours by weekday; a weekday that is missing is closed."""

    monday, tuesday, wednesday, thursday, friday, saturday, sunday = (
        fields.List(fields.Nested(Span)) for _ in WEEKDAYS
    )


class Window(Schema):
    """How far ahead may be booked."""

    kind = fields.String(required=True)
    days = fields.Integer()
    from_ = fields.Date(data_key="from")
    to = fields.Date()


class Caps(Schema):
    """At most so many bookings in a day, an ISO week and a month."""

    day = fields.Integer(allow_none=True)
    week = fields.Integer(allow_none=True)
    month = fields.Integer(allow_none=True)


class Assignment(Schema):
    """Who gets a booking of those who are free, as a layer says it."""

    strategy = fields.String(required=True, validate=validate.OneOf(STRATEGIES))
    seed = fields.String()


class Rules(Schema):
    """Rules that a layer says."""

    minimumNoticeMinutes = fields.Integer()
    bookingWindow = fields.Nested(Window)
    slotIntervalMinutes = fields.Integer()
    slotOffsetMinutes = fields.Integer()
    resourceCaps = fields.Nested(Caps)
    customerCaps = fields.Nested(Caps)
    cancelCutoffMinutes = fields.Integer()
    lateCancel = fields.String()
    cancellationPolicy = fields.Nested(Policy)
    rescheduleCutoffMinutes = fields.Integer()
    reschedulePolicy = fields.Nested(MovingPolicy)
    maxReschedules = fields.Integer()
    checkInOpensMinutes = fields.Integer()
    releaseAfterMinutes = fields.Integer()
    noShowRule = fields.Nested(NoShows)
    assignment = fields.Nested(Assignment)
    off = fields.List(fields.String(validate=validate.OneOf(CAN_BE_OFF)))


class LayerHours(Schema):
    """What one layer says. SQL writes it (sql/queries/availability.schedules.sql, `schedule_document`)."""

    layer = fields.String(required=True, validate=validate.OneOf(("business", "service", "resource")))
    subjectId = fields.UUID(required=True, allow_none=True, metadata={"description": "null: the business."})
    weekly = fields.Nested(Week, required=True, allow_none=True)
    holidays = fields.String(required=True, allow_none=True)
    rules = fields.Nested(Rules, required=True)
    version = fields.Integer(required=True)
    updatedAt = Instant(required=True, allow_none=True, metadata={"description": "null: it never said anything."})


class ScheduleDay(Schema):
    """Other hours on one date."""

    date = fields.Date(required=True)
    hours = fields.List(fields.Nested(Span), required=True)
    note = fields.String(required=True, allow_none=True)


class ScheduleDayPage(CountedPage):
    """One page of dates with other hours."""

    items = fields.List(fields.Nested(ScheduleDay), required=True)


class TimeSpan(Schema):
    """From an instant to another, half-open."""

    startAt = Instant(required=True)
    endAt = Instant(required=True)


class EffectiveDay(Schema):
    """What holds on one local date, and who says so."""

    date = fields.Date(required=True)
    hours = fields.List(fields.Nested(Span), required=True, metadata={"description": "Before a service narrows them."})
    source = fields.String(
        required=True,
        metadata={
            "description": "resource day, business day, public holiday, resource, business, default (around the clock)."
        },
    )
    holiday = fields.String(required=True, allow_none=True, metadata={"description": "Its name, where it closes."})
    open = fields.List(
        fields.Nested(TimeSpan),
        required=True,
        metadata={"description": "What is open of the time that begins on the date, without closures."},
    )


class SaidRule(Schema):
    """A rule and the layer that says it; null and a layer: that layer switches it off."""

    value = fields.Raw(required=True, allow_none=True)
    source = fields.String(required=True, validate=validate.OneOf(("resource", "service", "business", "default")))


class Effective(Schema):
    """What business, service and resource say together."""

    resourceId = fields.UUID(required=True)
    timeZone = fields.String(required=True)
    items = fields.List(fields.Nested(EffectiveDay), required=True)
    rules = fields.Dict(keys=fields.String(), values=fields.Nested(SaidRule), required=True)
    customerCaps = fields.Dict(
        keys=fields.String(), values=fields.Nested(Caps), required=True, metadata={"description": "By layer; all hold."}
    )
