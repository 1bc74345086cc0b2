"""When a resource is free or busy, without a word about whom it is busy with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from bookings import queries
from bookings.availability import hours, opening
from bookings.availability.hours import Interval
from bookings.clock import now
from bookings.db import Database
from bookings.errors import NotFound
from bookings.fields import instant_text

_sql = queries.load("availability")
_USUAL = timedelta(days=7)


def free_busy(database: Database, *, resource_id: UUID, query: Mapping[str, Any]) -> bytes:
    """When nothing is left of a resource, and when it is not open, as JSON. Raises NotFound."""
    begins = query.get("from_") or now().replace(microsecond=0)
    ends = query.get("to") or begins + _USUAL
    asked = {"resource_id": resource_id, "from": begins, "to": ends}
    with database.transaction() as tx:
        capacity = tx.one(_sql.capacity_of, asked)
        if capacity is None:
            raise NotFound
        found = opening.read(tx, [resource_id], begins.date(), ends.date())
        rows = tx.all(_sql.claims_of_resource, asked)
    schedule = found.schedule(resource_id)
    lower, upper = math.floor(begins.timestamp()), math.ceil(ends.timestamp())
    # Whole seconds, to the safe side: what is busy for a part of a second is busy for all of it.
    claims = [(math.floor(row["lower"]), math.ceil(row["upper"]), row["units"]) for row in rows]
    busy = hours.merged([*full(claims, capacity["capacity"]), *schedule.closures])
    closed = hours.without([(lower, upper)], schedule.calendar.open_between(lower, upper))
    return orjson.dumps(
        {
            "resourceId": resource_id,
            "timeZone": schedule.calendar.zone.key,
            "from": instant_text(begins),
            "to": instant_text(ends),
            "busy": _spans(hours.clipped(busy, lower, upper)),
            "outsideHours": _spans(closed),
        }
    )


def full(claims: Iterable[tuple[int, int, int]], capacity: int) -> list[Interval]:
    """When claims (begin, end, units) take all units there are."""
    edges = sorted((at, delta) for begins, ends, units in claims for at, delta in ((begins, units), (ends, -units)))
    found, taken, since = [], 0, 0
    for at, delta in edges:
        was, taken = taken, taken + delta
        if was < capacity <= taken:
            since = at
        elif taken < capacity <= was:
            found.append((since, at))
    return hours.merged(found)


def _spans(intervals: Sequence[Interval]) -> list[dict[str, str]]:
    return [{"startAt": opening.instant_of(begins), "endAt": opening.instant_of(ends)} for begins, ends in intervals]
