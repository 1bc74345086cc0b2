"""What caps and rules about no-shows count: the third statement of a picture, where anything is counted at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from bookings import clock, queries
from bookings.availability import hours
from bookings.availability.picture import Booked, Picture
from bookings.db import Params
from bookings.prepared import Prepared, Row, array

_sql = queries.load("availability")
_COUNTED = Prepared("availability.counted", _sql.counted)
#: local dates differ from those of UTC by so much at most
MARGIN = timedelta(days=2)


def later(at: datetime, by: timedelta) -> datetime:
    """Never behind the last year that there is."""
    try:
        return at + by
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def with_counts(rows: Callable[[Prepared, Params], list[Row]], found: Picture, asked: Mapping[str, Any]) -> Picture:
    """The picture with the bookings of whom caps concern, and how often the customer did not come."""
    capped = [one for one in found.candidates if one.schedule.rules.resource_caps]
    customers = asked["customer_id"] is not None and (
        found.general.rules.customer_caps or any(one.schedule.rules.customer_caps for one in found.candidates)
    )
    absences = _days_of_no_shows(found) if asked.get("for_themselves") else set()
    if not capped and not customers and not absences:
        return found
    counted_from, counted_to = _around(found.lower, found.upper)
    days = _dates(counted_from, counted_to)
    zones = {one.zone: one.schedule.calendar.zone for one in capped}
    numbers = {name: number for number, name in enumerate(zones, 1)}
    midnights = (hours.instant(day, 0, zone) for zone in zones.values() for day in days)
    params = {
        **asked,
        "customer_id": asked["customer_id"] if customers else None,
        "resource_ids": array([str(one.id) for one in capped]),
        "zones": array([str(numbers[one.zone]) for one in capped]),
        "midnights": array([datetime.fromtimestamp(second, UTC).isoformat() for second in midnights]),
        "dates": len(days),
        "counted_from": counted_from,
        "counted_to": counted_to,
        "absent_id": asked["customer_id"] if absences else None,
        "absent_days": array([str(one) for one in sorted(absences)]),
        "now": clock.now(),
    }
    booked, no_shows = [], {}
    for one in capped:
        one.bookings = {}
    for number, day, bookings, service_id, resource_ids in rows(_COUNTED, params):
        on = int(day or 0)
        at = int(number or 0)
        if at < 0:
            no_shows[on] = int(bookings or 0)
        elif at:
            if on:  # else before all of these dates
                capped[at - 1].bookings = {**capped[at - 1].bookings, days[on - 1]: int(bookings or 0)}
        else:
            ids = (resource_ids or b"").decode().strip("{}").split(",")
            of = UUID(service_id.decode()) if service_id else None
            booked.append(
                Booked(hours.local_date(on, found.business_zone), of, frozenset(UUID(id) for id in ids if id))
            )
    return replace(found, customer=tuple(booked), no_shows=no_shows)


def _days_of_no_shows(found: Picture) -> set[int]:
    """Within how many days no-shows count, by those who refuse whoever did not come too often."""
    leading = {one.schedule for group in found.groups if group.leads for one in group.candidates} or {found.general}
    rules = [one.rules.policy["noShowRule"] for one in leading if "noShowRule" in one.rules.policy_text]
    return {rule["days"] for rule in rules if rule["then"] == "refuse"}


def _dates(lower: datetime, upper: datetime) -> list[date]:
    """All dates from then until then whose midnights can be told in any zone."""
    first, last = max(lower.date(), date.min + MARGIN), min(upper.date(), date.max - MARGIN)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _around(lower: int, upper: int) -> tuple[datetime, datetime]:
    """The whole months and weeks that the starts may lie in, in any zone."""
    first = (datetime.fromtimestamp(lower, UTC) - MARGIN).replace(hour=0, minute=0, second=0)
    last = later(datetime.fromtimestamp(upper, UTC), MARGIN)
    return min(first.replace(day=1), first - timedelta(days=first.weekday())) - MARGIN, later(last, timedelta(days=33))
