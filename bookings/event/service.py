"""Placing and reading events. Positions are whole numbers from 1, without gaps, in the one published order."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bookings import queries
from bookings.db import Database, Tx

_sql = queries.load("event")
_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Event:
    """A published fact: its place in the order, who may hear of it, and the JSON that they get."""

    position: int
    type: str
    topics: tuple[str, ...]
    frame: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a consumer has come: its position, how many events are behind it (of any type), and for how many seconds
    the oldest of them has been published. `failing` is the event it cannot get past, after so many `failures`."""

    name: str
    position: int
    behind: int
    lag: float
    failing: int | None
    failures: int
    last_error: str | None
    retry_at: datetime | None
    moved_at: datetime


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the relay is behind: seconds since the oldest waiting fact became true, and how many wait (at most 10,000
    are counted)."""

    seconds: float
    waiting: int


def place(database: Database, limit: int) -> tuple[int, int]:
    """Give up to `limit` committed facts their positions; how many it were, and the newest position there is.

    Raises DatabaseUnavailable; psycopg.IntegrityError when another relay placed at the same moment.
    """
    row = database.row(_sql.place, {"limit": limit})
    assert row is not None
    return row[0], row[1]


def newest(database: Database) -> int:
    """The last position there is; 0 before the first event. Raises DatabaseUnavailable."""
    row = database.row(_sql.newest)
    assert row is not None
    return int(row[0])


def after(database: Database, position: int, limit: int) -> list[Event]:
    """The events behind a position, in order. Raises DatabaseUnavailable."""

    return database.run(lambda tx: _events(tx.all(_sql.after, {"after": position, "limit": limit})))


def after_for(database: Database, topics: Collection[str] | None, position: int, limit: int) -> tuple[list[Event], int]:
    """The events behind a position that concern some topics (None: all), and up to which position that is the whole.

    Raises DatabaseUnavailable.
    """
    wanted = None if topics is None else list(topics)
    rows = database.run(lambda tx: tx.all(_sql.after_for, {"topics": wanted, "after": position, "limit": limit}))
    events = _events(row for row in rows if row["position"] is not None)
    return events, events[-1].position if len(events) == limit else rows[0]["newest"]


def _events(rows: Iterable[dict[str, Any]]) -> list[Event]:
    return [Event(row["position"], row["type"], tuple(row["topics"]), row["frame"]) for row in rows]


def lag(database: Database) -> Lag:
    """How far the relay is behind, for metrics. Raises DatabaseUnavailable."""
    row = database.row(_sql.lag, {"bound": _COUNTED})
    assert row is not None
    return Lag(row[0] or 0.0, row[1])


def consumers(database: Database) -> list[Standing]:
    """Where all consumers stand, by name. Raises DatabaseUnavailable."""
    return [Standing(**row) for row in database.run(lambda tx: tx.all(_sql.consumers))]


def skip(tx: Tx, *, consumer: str, position: int) -> str | None:
    """Leave out the event that a consumer cannot get past: the error it failed with; None when it fails at no such
    event, and nothing was changed. Waits for an attempt that is under way."""
    row = tx.one(_sql.skip, {"name": consumer, "position": position})
    return None if row is None else str(row["last_error"])
