"""Writing a town into the database: COPY for what was thought up, SQL for what follows from it, one transaction."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Json
from tqdm import tqdm

from bookings import queries
from bookings.notification.rules import KEPT
from seeding import days, lives, text, town
from seeding.lives import Fate, Life
from seeding.rows import COLUMNS, Batch

_sql = queries.load("town", Path(__file__).resolve().parents[2] / "sql" / "seed")
#: bookings written at a time
_BATCH = 10_000
#: how much time is told at once; within it payments and notifications stand behind the bookings
_TOLD_AT_ONCE = timedelta(days=1)
#: how long ago people were told in the app already, and since when they have not looked
_IN_APP, _UNREAD = timedelta(days=14), timedelta(days=2)
#: what customers hear of, as bookings/notification/rules.py has it
_CAUSES = {
    "booking.created": "booking_created",
    "booking.confirmed": "booking_confirmed",
    "booking.declined": "booking_declined",
    "booking.cancelled": "booking_cancelled",
    "booking.rescheduled": "booking_rescheduled",
    "booking.reminder": "reminder",
}
Connection = psycopg.Connection[tuple[Any, ...]]


class NotEmpty(Exception):
    """The database holds something that is not of this seed; the message is one sentence with the remedy."""


@dataclass(frozen=True)
class Plan:
    """What to make. `bookings` may differ from what the size says."""

    size: str
    bookings: int
    today: date
    seed: int

    @property
    def now(self) -> int:
        """The instant at which the town stands still: the beginning of today, where it lies."""
        return days.midnight(self.today)


@dataclass(frozen=True)
class Seeded:
    """A town that is there."""

    size: str
    today: str
    bookings: int

    def shown(self) -> dict[str, object]:
        """For people and programs."""
        return {"size": self.size, "today": self.today, "bookings": self.bookings}


def seeded(connection: Connection) -> Seeded | None:
    """The town that is there, if any."""
    row = connection.execute(_sql.seeded).fetchone()
    return Seeded(*row) if row else None


def strangers(connection: Connection) -> bool:
    """Whether there are people other than the demo's, or bookings."""
    row = connection.execute(_sql.strangers, {"demo": list(town.DEMO_USERS.values())}).fetchone()
    return bool(row and row[0])


def load(connection: Connection, plan: Plan, password_hash: str) -> None:
    """Write the whole town in the transaction that is open: all of it is there after the commit, or nothing."""
    dice = random.Random(f"{plan.seed} {plan.size}")  # noqa: S311 (the same for the same seed is the point)
    ids, size = text.Ids(dice), town.SIZES[plan.size]
    connection.execute("SET LOCAL work_mem = '128MB'")
    place = town.build(plan.size, size, today=plan.today, dice=dice, ids=ids)
    _copy_town(connection, place, plan, password_hash, dice, ids)
    connection.execute(_sql.steps_table)
    _copy_bookings(connection, _lives(place, plan, dice, ids), plan.bookings)
    at = datetime.fromtimestamp(plan.now, UTC)
    _tell(connection, at)
    connection.execute(_sql.count_overview)
    connection.execute(
        _sql.sign,
        {"at": at, "size": plan.size, "seed": plan.seed, "today": str(plan.today), "bookings": plan.bookings},
    )


def _lives(place: town.Town, plan: Plan, dice: random.Random, ids: text.Ids) -> Iterator[Life]:
    shown = lives.demo(place, plan.now, ids)[: plan.bookings]
    yield from shown
    fate = Fate(place, now=plan.now, dice=dice, ids=ids)
    wanted = days.visits(place, town.SIZES[plan.size], today=plan.today, bookings=plan.bookings - len(shown), dice=dice)
    yield from map(fate.live, wanted)


def _copy_town(
    connection: Connection, place: town.Town, plan: Plan, password_hash: str, dice: random.Random, ids: text.Ids
) -> None:
    _copy(connection, "users", town.USER_COLUMNS, town.users(place, password_hash, dice))
    _copy(connection, "resources", town.RESOURCE_COLUMNS, town.resources(place))
    _copy(connection, "schedules", town.SCHEDULE_COLUMNS, town.schedules(place))
    connection.execute(_sql.nobody_asked)
    categories, known = town.categories(place, plan.size, ids)
    _copy(connection, "categories", town.CATEGORY_COLUMNS, categories)
    _copy(connection, "services", town.SERVICE_COLUMNS, town.services(place, known, plan.size))
    _copy(connection, "service_resources", "service_id, resource_id, position", town.deliverers(place))
    columns = "service_id, position, kind, count, resource_ids"
    _copy(connection, "service_requirements", columns, town.requirements(place))
    connection.execute("ANALYZE users, resources, services")


def _copy(connection: Connection, table: str, columns: str, rows: Iterable[tuple[object, ...]]) -> None:
    _write(connection, table, columns, [text.line(row) for row in rows])


def _write(connection: Connection, table: str, columns: str, lines: list[str]) -> None:
    if not lines:
        return
    names = sql.SQL(", ").join(map(sql.Identifier, columns.split(", ")))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for begin in range(0, len(lines), 500):
            copy.write("".join(lines[begin : begin + 500]))


def _copy_bookings(connection: Connection, everybody: Iterable[Life], total: int) -> None:
    """Batch after batch. After the first, PostgreSQL is told what the tables hold, so that checks use their indexes.

    Reviews come at the end, all at once: they give services and resources new versions, past which every claim copied
    afterwards would have to walk.
    """
    batch, known, count = Batch(), dict[tuple[int, ...], str](), 0
    reviews: list[str] = []
    with tqdm(total=total, desc="bookings", unit="") as bar:
        for life in everybody:
            batch.add(life, known)
            count += 1
            if count % _BATCH == 0:
                _write_batch(connection, batch, analyse=count == _BATCH)
                reviews += batch.lines["reviews"]
                bar.update(_BATCH)
                batch = Batch()
        _write_batch(connection, batch, analyse=count < _BATCH)
        bar.update(count % _BATCH)
    _write(connection, "reviews", COLUMNS["reviews"], reviews + batch.lines["reviews"])


def _write_batch(connection: Connection, batch: Batch, *, analyse: bool) -> None:
    for table, columns in COLUMNS.items():
        if table == "reviews":
            continue
        _write(connection, table, columns, batch.lines[table])
        if analyse:
            connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))


def _tell(connection: Connection, now: datetime) -> None:
    """History, audit, events and notifications, in the order of time."""
    connection.execute(_sql.steps_index)
    connection.execute("ANALYZE seeded_steps")
    connection.execute(_sql.hold_the_order)
    first, last, steps = connection.execute("SELECT min(at), max(at), count(*) FROM seeded_steps").fetchone() or ()
    before = position = _number(connection.execute(_sql.last_position))
    heard = {"causes": Json(_CAUSES), "types": list(_CAUSES), "kept": list(KEPT), "recent": now - _IN_APP}
    with tqdm(total=steps, desc="history and events", unit="") as bar:
        while first <= last:
            during = {"from": first, "to": first + _TOLD_AT_ONCE, "after": position}
            connection.execute(_sql.history, during)
            connection.execute(_sql.audit, during)
            told = connection.execute(_sql.events, during).rowcount
            position += told
            connection.execute(_sql.audit_money, during)
            for query in (_sql.money_received, _sql.money_back, _sql.notifications):
                position += connection.execute(query, during | heard | {"last": position}).rowcount
            first += _TOLD_AT_ONCE
            bar.update(told)
    connection.execute(_sql.test_charges)
    connection.execute(_sql.test_effects)
    connection.execute(_sql.read, {"unread": now - _UNREAD})
    connection.execute(_sql.pass_consumers, {"before": before, "last": position})


def _number(cursor: psycopg.Cursor[tuple[Any, ...]]) -> int:
    row = cursor.fetchone()
    assert row is not None
    return int(row[0])
