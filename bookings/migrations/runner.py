"""Apply pending migrations, each exactly once, whoever else tries at the same time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bookings.migrations import concurrent_index, explain, ledger, lock
from bookings.migrations.connection import Connection, connect, prepare
from bookings.migrations.errors import MigrationError
from bookings.migrations.files import DIRECTORY, Migration, load

Report = Callable[[str], None]

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 8.0
# CREATE INDEX CONCURRENTLY and its like wait for old transactions but block nobody meanwhile, and giving up leaves an
# invalid index behind: they get a patience of their own.
_NO_TRANSACTION_LOCK_TIMEOUT = "15min"


class _Rival(Exception):
    """Another runner recorded this version first, which the lock prevents unless its session was cut."""


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds. `lock_timeout` is short because everyone queues behind a migration that waits."""

    wait: float = 60.0
    lock_timeout: float = 2.0
    attempts: int = 10


def upgrade(
    url: str,
    *,
    directory: Path = DIRECTORY,
    to: int | None = None,
    patience: Patience = Patience(),
    report: Report = print,
) -> int:
    """Bring the database at `url` up to version `to` (default: the newest file) and return the version it is at.

    Raises MigrationError when anything is refused or fails; files before the failing one stay applied.
    """
    migrations = load(directory)
    with connect(url) as connection:
        if not plan(connection, migrations, to):  # the usual start of a copy: nothing to do, no lock to take
            return ledger.applied_version(connection)
        with lock.only_one(url, patience.wait, report):
            ledger.create(connection)
            while todo := plan(connection, migrations, to):
                _apply(connection, todo[0], patience, report)
        return ledger.applied_version(connection)


def plan(connection: Connection, migrations: list[Migration], to: int | None = None) -> list[Migration]:
    """What `up --to` would run now. Raises MigrationError when files and database disagree or `to` makes no sense."""
    rows = ledger.applied(connection)
    todo = ledger.pending(migrations, rows)
    if to is None:
        return todo
    if to > len(migrations):
        raise MigrationError(f"There is no migration {to:04d}: choose one up to {len(migrations):04d}.")
    if to < len(rows):
        raise MigrationError(
            f"The database is at {len(rows):04d} and never goes back: write a new migration that undoes what you must."
        )
    return [migration for migration in todo if migration.version <= to]


def _apply(connection: Connection, migration: Migration, patience: Patience, report: Report) -> None:
    """Run one file, trying again when it could not get its locks in time."""
    run = _in_transaction if migration.transactional else _without_transaction
    for attempt in range(1, patience.attempts + 1):
        try:
            prepare(connection)
            started = time.monotonic()
            run(connection, migration, patience, report)
            report(f"{migration.file_name} applied in {_milliseconds(started)} ms.")
            return
        except _Rival:
            report(f"{migration.file_name} was applied by another process.")
            return
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if attempt == patience.attempts:
                raise MigrationError(explain.locked_out(migration, attempt)) from error
            pause = _pause(attempt)
            report(f"{migration.file_name} got no lock (try {attempt} of {patience.attempts}); again in {pause:g} s.")
            time.sleep(pause)
        except psycopg.Error as error:
            raise MigrationError(explain.failed(migration, error)) from error


def _in_transaction(connection: Connection, migration: Migration, patience: Patience, report: Report) -> None:
    """The version row goes first: a rival's row is met before any work, and all of it commits or vanishes together."""
    started = time.monotonic()
    with connection.transaction():
        lock_timeout = max(1, round(patience.lock_timeout * 1000))  # PostgreSQL takes 0 for "for ever"
        connection.execute("SELECT set_config('lock_timeout', %s, true)", (f"{lock_timeout}ms",))
        _record(connection, migration, 0)
        connection.execute(migration.sql.encode())
        connection.execute("RESET ROLE")  # the file may have SET either; the ledger is ours
        connection.execute("RESET search_path")
        duration = {"version": migration.version, "duration_ms": _milliseconds(started)}
        connection.execute(ledger.SQL.record_duration, duration)


def _without_transaction(connection: Connection, migration: Migration, patience: Patience, report: Report) -> None:
    """The row goes last: if we are killed before it, the statement runs again, so what it left is looked at first."""
    started = time.monotonic()
    connection.execute("SELECT set_config('lock_timeout', %s, false)", (_NO_TRANSACTION_LOCK_TIMEOUT,))
    if not concurrent_index.already_built(connection, migration, report):
        connection.execute(migration.sql.encode())
    _record(connection, migration, _milliseconds(started))


def _record(connection: Connection, migration: Migration, duration_ms: int) -> None:
    row = {"version": migration.version, "name": migration.name, "checksum": migration.checksum}
    try:
        connection.execute(ledger.SQL.record, row | {"duration_ms": duration_ms})
    except psycopg.errors.UniqueViolation:
        raise _Rival from None


def _pause(attempt: int) -> float:
    return min(_FIRST_PAUSE_SECONDS * (1 << attempt - 1), _LONGEST_PAUSE_SECONDS)


def _milliseconds(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
