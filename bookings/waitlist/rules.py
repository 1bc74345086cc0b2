"""Which times suit somebody who waits. Pure functions: zone and wish are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

#: longest window
LONGEST = timedelta(days=62)
STATES = ("waiting", "offered", "booked", "left", "ended")


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody waits for: a length of time within a window, perhaps only on some weekdays and at some times of day
    in their zone; `refused` are times about which they have said no, or nothing."""

    from_at: datetime
    to_at: datetime
    minutes: int
    weekdays: frozenset[int]
    day_from: time | None
    day_to: time | None
    zone: ZoneInfo
    refused: tuple[tuple[datetime, datetime], ...]

    @classmethod
    def of(cls, row: dict[str, Any]) -> Wish:
        """From a row of sql/queries/waitlist.sql, `concerned`."""
        refused = tuple(
            (datetime.fromtimestamp(float(start), UTC), datetime.fromtimestamp(float(end), UTC))
            for start, end in row["refused"]
        )
        return cls(
            row["from_at"],
            row["to_at"],
            row["minutes"],
            frozenset(row["weekdays"] or range(1, 8)),
            row["day_from"],
            row["day_to"],
            ZoneInfo(row["time_zone"]),
            refused,
        )

    def suits(self, start: datetime) -> bool:
        """Whether a booking that starts then is what they wait for, and not what they were asked about already."""
        end = start + timedelta(minutes=self.minutes)
        if start < self.from_at or end > self.to_at or any(start < late and end > soon for soon, late in self.refused):
            return False
        begins, ends = start.astimezone(self.zone), end.astimezone(self.zone)
        return begins.isoweekday() in self.weekdays and self._at_a_good_time(begins, ends)

    def _at_a_good_time(self, begins: datetime, ends: datetime) -> bool:
        """Between the times of day, on the day it begins; without an end of the day it may pass midnight."""
        if self.day_from is not None and begins.time() < self.day_from:
            return False
        return self.day_to is None or (ends.date() == begins.date() and ends.time() <= self.day_to)


def first(wish: Wish, starts: Sequence[datetime]) -> list[datetime]:
    """The starts that suit, earliest first."""
    return [start for start in starts if wish.suits(start)]


@dataclass(frozen=True, slots=True)
class Line:
    """Those who want the same are asked about the same starts: a service, for so long and so many, by whom."""

    service_id: UUID
    minutes: int
    party_size: int
    resource_id: UUID | None
    provider_ids: tuple[UUID, ...]
