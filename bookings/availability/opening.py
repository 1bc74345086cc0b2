"""When resources are open, read from the database: one statement for what layers say, one for what is closed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from bookings import queries
from bookings.availability.hours import Interval
from bookings.availability.layers import BUSINESS, RESOURCE, SERVICE, SILENT, Layer, Schedule, resolve, rule
from bookings.db import Tx
from bookings.fields import instant_text

_sql = queries.load("availability")
#: what people say, and what their other calendars say
_NOBODY = UUID(int=0)
SAID, ALL = ("time_off", "blackout"), ("time_off", "blackout", "busy")


@dataclass
class Opening:
    """What was read of some resources, or of all. Schedules are worked out when somebody asks, and kept."""

    zones: Mapping[UUID, ZoneInfo]
    business: Layer
    service: Layer | None
    resources: Mapping[UUID, Layer]
    #: by resource; of None: of everybody
    closures: Mapping[UUID | None, list[Interval]]
    _known: dict[tuple[UUID, str], Schedule] = field(default_factory=dict)

    def schedule(self, resource_id: UUID, zone: ZoneInfo | None = None) -> Schedule:
        """What holds for a resource in its zone."""
        zone = zone or self.zones[resource_id]
        key = (resource_id, zone.key)
        if key not in self._known:
            own = self.resources.get(resource_id, SILENT)
            closed = [*self.closures.get(None, ()), *self.closures.get(resource_id, ())]
            self._known[key] = (
                resolve(self.business, self.service, own, zone, closed)
                if closed or own is not SILENT
                else self._usual(zone)
            )
        return self._known[key]

    def _usual(self, zone: ZoneInfo) -> Schedule:
        """Of all who say nothing themselves: worked out once for a zone, however many they are."""
        if zone.key not in self._of_nobody:
            self._of_nobody[zone.key] = resolve(self.business, self.service, SILENT, zone)
        return self._of_nobody[zone.key]

    @cached_property
    def _of_nobody(self) -> dict[str, Schedule]:
        return {}

    def rule(self, resource_id: UUID, name: str) -> tuple[Any, str]:
        """A rule by its name in the API, and which layer says it."""
        return rule(name, self.business, self.service, self.resources.get(resource_id, SILENT))

    def seconds(self, resource_id: UUID, zone: ZoneInfo, lower: datetime, upper: datetime) -> int:
        """How long a resource is open between two instants, without what is closed: elapsed seconds."""
        found = self.schedule(resource_id, zone).free_between(seconds_of(lower), seconds_of(upper))
        return sum(ends - begins for begins, ends in found)


def read(
    tx: Tx,
    resource_ids: Sequence[UUID] | None,
    first: date,
    last: date,
    *,
    service_id: UUID | None = None,
    kinds: Collection[str] = ALL,
) -> Opening:
    """When some resources (None: all, whose zones the caller knows) are open on some local dates."""
    ids = None if resource_ids is None else list(resource_ids)
    margin = timedelta(days=2)
    params = {
        "resource_ids": ids,
        "service_id": service_id,
        "first_day": first - margin,
        "last_day": last + margin,
        "from": datetime.combine(first - margin, datetime.min.time(), UTC),
        "to": datetime.combine(last + margin, datetime.min.time(), UTC),
        "kinds": list(kinds),
    }
    zones = {} if ids is None else {row["id"]: ZoneInfo(row["time_zone"]) for row in tx.all(_sql.resources_of, params)}
    said: dict[str, dict[UUID, Layer]] = {BUSINESS: {}, SERVICE: {}, RESOURCE: {}}
    for row in tx.all(_sql.layers_of, params):
        said[row["layer"]][row["subject_id"]] = Layer.of(row["said"])
    closures: dict[UUID | None, list[Interval]] = {}
    for row in tx.all(_sql.closures_of, params):
        closures.setdefault(row["resource_id"], []).append((row["lower"], row["upper"]))
    return Opening(
        zones,
        next(iter(said[BUSINESS].values()), SILENT),
        None if service_id is None else said[SERVICE].get(service_id, SILENT),
        said[RESOURCE],
        closures,
    )


def unit_seconds(tx: Tx, lower: datetime, upper: datetime) -> int:
    """For how long active resources are open between two instants, summed over all their units: seconds.

    Costs what there are resources with hours or closures of their own, and zones.
    """
    units = tx.all(_sql.units_that_say_something, {"from": lower, "to": upper})
    found = read(tx, None, lower.date(), upper.date(), kinds=SAID)
    return sum(
        row["units"] * found.seconds(row["id"] or _NOBODY, ZoneInfo(row["time_zone"]), lower, upper) for row in units
    )


def seconds_of(at: datetime) -> int:
    """An instant in whole seconds since 1970."""
    return int(at.timestamp())


def instant_of(seconds: int) -> str:
    """The instant as the API writes it."""
    return instant_text(datetime.fromtimestamp(seconds, UTC))
