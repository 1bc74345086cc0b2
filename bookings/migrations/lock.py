"""One runner at a time: an advisory lock that is polled, never waited for.

A session waiting inside pg_advisory_lock() holds a snapshot, and CREATE INDEX CONCURRENTLY in the lock's holder waits
for every snapshot to go: the two would wait for each other. Polling pg_try_advisory_lock() holds nothing between tries.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bookings.migrations.connection import Connection, connect
from bookings.migrations.errors import MigrationError
from bookings.migrations.ledger import SQL

KEY = int.from_bytes(b"bookings")  # advisory locks are per database; any constant will do
_POLL_SECONDS = 0.25


@contextmanager
def only_one(url: str, wait: float, report: Callable[[str], None]) -> Iterator[None]:
    """Hold the migration lock of the database at `url` in a session of its own, waiting up to `wait` seconds for it.

    Raises MigrationError when another runner still holds it then. The server frees it when this process dies.
    """
    with connect(url) as connection:
        _acquire(connection, wait, report)
        yield


def _acquire(connection: Connection, wait: float, report: Callable[[str], None]) -> None:
    deadline = time.monotonic() + wait
    told = False
    while not _try(connection):
        if time.monotonic() >= deadline:
            raise MigrationError(
                f"Another migration has held the lock for over {wait:g} s{_holder(connection)}: "
                "let it finish and run again, or wait longer with --wait."
            )
        if not told:
            report(f"Another migration is running{_holder(connection)}; waiting up to {wait:g} s for it.")
            told = True
        time.sleep(_POLL_SECONDS)


def _try(connection: Connection) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (KEY,)).fetchone()
    return bool(row and row[0])


def _holder(connection: Connection) -> str:
    row = connection.execute(SQL.lock_holder, {"key": KEY}).fetchone()
    return f" (server process {row[0]})" if row else ""
