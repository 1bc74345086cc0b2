"""Where the bookings of a series may move: each new time is judged as a new booking's would be, as if the old ones were
not there and the earlier new ones were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bookings.availability import hours, slots
from bookings.availability.picture import Booked, Picture
from bookings.booking import deciding, judging, moving
from bookings.config import Settings
from bookings.db import Tx

Row = dict[str, Any]


def locks(tx: Tx, settings: Settings, after: Sequence[Row]) -> list[str]:
    """The locks (availability.service.lock) under which the caps of the new times are counted, the customer's first;
    none when nothing is counted."""
    pictures = [_read(tx, settings, rows) for rows in _alike(after)]
    if not any(deciding.capped(picture) for picture in pictures):
        return []
    found = {name for picture in pictures for name in deciding.locks_of(picture.candidates)}
    return [f"customer:{after[0]['user_id']}", *sorted(found)]


def refused(tx: Tx, settings: Settings, before: Sequence[Row], after: Sequence[Row]) -> list[tuple[Row, str]]:
    """The new times that hours, closures, rules or caps forbid, each with the first rule that does. The old claims have
    been given up already; bookings that stay where they are count."""
    found: list[tuple[Row, str]] = []
    placed: list[Row] = []
    for rows in _alike(after):
        # The picture leaves out the booking that it was read for.
        picture = _without(_read(tx, settings, rows), [row for row in before if row["id"] != rows[0]["id"]])
        for row in placed:
            picture = _with(picture, row)
        counting = deciding.capped(picture)
        starts = sorted({_start(row) for row in rows})
        shut = {one.start for one in slots.each(picture, starts, whatever_is_claimed=True) if not one.enough}
        for row in rows:
            open_ = (
                slots.at(picture, _start(row), whatever_is_claimed=True).enough if counting else _start(row) not in shut
            )
            if not open_ and (rule := _forbidding(picture, row)):
                found.append((row, rule))
            elif counting:
                picture = _with(picture, row)
        placed += rows
    return found


def _alike(rows: Sequence[Row]) -> list[list[Row]]:
    """Those that claim the same for as long, which are asked about together."""
    alike: dict[Any, list[Row]] = {}
    for row in rows:
        alike.setdefault((tuple(row["resource_ids"]), row["end_at"] - row["start_at"]), []).append(row)
    return list(alike.values())


def _start(row: Row) -> int:
    return int(row["start_at"].timestamp())


def _read(tx: Tx, settings: Settings, rows: Sequence[Row]) -> Picture:
    starts = [_start(row) for row in rows]
    lower, upper = (datetime.fromtimestamp(at, UTC) for at in (min(starts), max(starts) + 1))
    return moving.read_booking(tx, settings, rows[0], lower, upper)


def _without(picture: Picture, before: Sequence[Row]) -> Picture:
    """As if the customer did not have these bookings."""
    gone = Counter(_booked(picture, row) for row in before)
    left = Counter(picture.customer) - gone
    return replace(picture, customer=tuple(left.elements()))


def _with(picture: Picture, row: Row) -> Picture:
    return judging.counted(picture, _start(row), row["resource_ids"])


def _booked(picture: Picture, row: Row) -> Booked:
    day = hours.local_date(_start(row), picture.business_zone)
    return Booked(day, row["service_id"], frozenset(row["resource_ids"]))


def _forbidding(picture: Picture, row: Row) -> str | None:
    return next((one for one in deciding.forbidding(picture, row["start_at"]) if one != "claims"), None)
