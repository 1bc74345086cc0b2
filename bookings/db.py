"""The way to PostgreSQL: one pool a process, one transaction a command, errors in the words of the domain."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg import Connection, sql
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolTimeout, TooManyRequests

from bookings.config import Settings
from bookings.errors import DatabaseUnavailable, DomainError, NotStorable
from bookings.prepared import HotConnection, Prepared, Row

log = logging.getLogger(__name__)
T = TypeVar("T")
Params = Mapping[str, Any]

#: a rival won; the same command may well succeed when it runs again
_REPLAYABLE = ("40001", "40P01")
_REPLAYS = 2
#: whether this thread is inside a transaction (see `in_transaction`)
_here = threading.local()
#: the server went away, is starting, or is no longer the primary
_LOST = ("57P01", "57P02", "57P03", "25006")


def in_transaction() -> bool:
    """Whether this thread holds a transaction: then it must not wait for anybody else's computer."""
    return bool(getattr(_here, "depth", 0))


@contextmanager
def _noticed() -> Iterator[None]:
    _here.depth = getattr(_here, "depth", 0) + 1
    try:
        yield
    finally:
        _here.depth -= 1


class Tx:
    """A transaction that is open on one connection. Commands take it as their first argument and never commit."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def one(self, query: LiteralString, params: Params | None = None) -> dict[str, Any] | None:
        """The first row as a dictionary, or None."""
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, params).fetchone()

    def all(self, query: LiteralString, params: Params | None = None) -> list[dict[str, Any]]:
        """All rows as dictionaries."""
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, params).fetchall()

    def hot_rows(self, statement: Prepared, params: Params) -> list[Row]:
        """All rows of a statement of the booking path, as PostgreSQL writes them.

        By the driver's own means: what is prepared by hand may be gone after a rollback, and to find that out would
        cost the transaction.
        """
        with self._connection.cursor(binary=statement.format == 1) as cursor:
            result = cursor.execute(statement.text, params).pgresult
            assert result is not None
            columns = range(result.nfields)
            return [tuple([result.get_value(row, column) for column in columns]) for row in range(result.ntuples)]

    def execute(self, query: LiteralString, params: Params | None = None) -> int:
        """Run a statement that returns nothing of interest; the number of rows it touched."""
        return self._connection.execute(query, params).rowcount

    def stream(
        self, query: LiteralString, params: Params | None = None, *, batch: int = 1000
    ) -> Iterator[tuple[Any, ...]]:
        """All rows, read from a cursor of the server `batch` at a time: as many as there are, never all in memory."""
        with self._connection.cursor(name="stream") as cursor:
            cursor.itersize = batch
            cursor.execute(query, params)
            yield from cursor

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part that may fail by itself: what it wrote is undone, the transaction goes on."""
        with translated(), self._connection.transaction():
            yield


class Database:
    """A pool that opens on first use in each process, so that nothing is shared across gunicorn's fork."""

    def __init__(self, settings: Settings, *, name: str = "bookings") -> None:
        self._settings = settings
        self._name = name
        self._lock = threading.Lock()
        self._pid = 0
        self._pool: ConnectionPool[HotConnection] | None = None

    @property
    def pool(self) -> ConnectionPool[HotConnection]:
        """This process's pool."""
        if self._pool is None or self._pid != os.getpid():
            with self._lock:
                if self._pool is None or self._pid != os.getpid():
                    self._pool, self._pid = self._open(), os.getpid()
        return self._pool

    def _open(self) -> ConnectionPool[HotConnection]:
        timeout = int(self._settings.db_statement_timeout.total_seconds() * 1000)
        pool = ConnectionPool(
            self._settings.database_url,
            open=False,
            connection_class=HotConnection,
            min_size=1,
            max_size=self._settings.db_pool_size,
            # Overload answers 503 soon instead of queueing without end.
            timeout=self._settings.db_pool_timeout.total_seconds(),
            max_waiting=self._settings.db_pool_size * 16,
            # Then the next request tries at once; by default the pause between two attempts doubles for five minutes.
            reconnect_timeout=2.0,
            kwargs={
                # Without autocommit an earlier SELECT would have opened a transaction and ours were a savepoint.
                "autocommit": True,
                "connect_timeout": 3,
                # A silent network is noticed within seconds instead of after the kernel's quarter of an hour.
                "tcp_user_timeout": 10_000,
                "keepalives_idle": 30,
                "application_name": self._name,
                "prepare_threshold": 0 if self._settings.db_prepare else None,
                "options": f"-c timezone=UTC -c statement_timeout={timeout} -c idle_in_transaction_session_timeout=30s",
            },
        )
        pool.open()
        return pool

    def close(self) -> None:
        """Close this process's connections."""
        if self._pool is not None and self._pid == os.getpid():
            self._pool.close()
            self._pool = None

    def row(self, query: LiteralString, params: Params | None = None) -> tuple[Any, ...] | None:
        """The first row of one statement, committed by itself: one round trip.

        It may run twice when the connection breaks, so the statement must be one that does no harm then. Raises
        DomainError for a violated constraint that has a name there, DatabaseUnavailable when there is no answer.
        """

        def once() -> tuple[Any, ...] | None:
            with self.pool.connection() as connection:
                row: tuple[Any, ...] | None = connection.execute(query, params).fetchone()
                return row

        return self._persist(once, _always)

    def hot(self, statement: Prepared, params: Params) -> Row | None:
        """Like `row`, for the statements of the booking path: the first row as PostgreSQL's own text."""
        rows = self.hot_rows(statement, params)
        return rows[0] if rows else None

    def hot_rows(self, statement: Prepared, params: Params) -> list[Row]:
        """All rows of such a statement."""
        prepare = self._settings.db_prepare

        def once() -> list[Row]:
            # Without the context manager's own commit: each statement commits itself.
            pool = self.pool
            connection = pool.getconn()
            try:
                return statement.rows(connection, params, prepare=prepare)
            finally:
                pool.putconn(connection)

        return self._persist(once, _always)

    def run(self, work: Callable[[Tx], T]) -> T:
        """Run one command in one transaction and commit it.

        Replayed when PostgreSQL chose it as the victim of a deadlock or a serialisation failure (twice), and when the
        connection proved dead before COMMIT was sent (once). Raises what `work` raises, and as `row` does.
        """
        sent = False

        def once() -> T:
            nonlocal sent
            sent = False
            with self.pool.connection() as connection, connection.transaction(), _noticed():
                result = work(Tx(connection))
                sent = True
            return result

        return self._persist(once, lambda: not sent)

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """A transaction for reading several things at one time, or for work that must not be replayed."""
        with translated(), self.pool.connection() as connection, connection.transaction(), _noticed():
            yield Tx(connection)

    @contextmanager
    def snapshot(self, *, limit: timedelta) -> Iterator[Tx]:
        """Everything as it was at the first query, read only, however long the reading takes.

        Each query may take as long as `limit`. Raises as `row` does; nothing is tried again.
        """
        milliseconds = int(limit.total_seconds() * 1000)
        with translated(), self.pool.connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
                connection.execute(sql.SQL("SET LOCAL {} = {}").format(sql.Identifier(setting), milliseconds))
            yield Tx(connection)

    def _persist(self, once: Callable[[], T], may_repeat: Callable[[], bool]) -> T:
        replays, reconnected = 0, False
        while True:
            try:
                with translated():
                    return once()
            except psycopg.OperationalError as error:
                if error.sqlstate in _REPLAYABLE and replays < _REPLAYS:
                    replays += 1
                elif _connection_lost(error) and not reconnected and may_repeat():
                    reconnected = True
                    # Throws out every connection that died with this one; without it each would fail a request.
                    self.pool.check()
                else:
                    log.warning("database gave up", extra={"error": str(error), "sqlstate": error.sqlstate})
                    raise DatabaseUnavailable from error


def _always() -> bool:
    return True


def _connection_lost(error: psycopg.OperationalError) -> bool:
    return error.sqlstate is None or error.sqlstate in _LOST or error.sqlstate.startswith("08")


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into the domain's: a named constraint into its error, a value that PostgreSQL does not
    take (SQLSTATE class 22) into NotStorable, no connection into 503."""
    try:
        yield
    except psycopg.IntegrityError as error:
        named = DomainError.by_constraint.get(error.diag.constraint_name or "")
        if named is None:
            raise  # on purpose: someone must decide what this constraint means to a client
        raise named() from error
    except psycopg.DataError as error:
        # The fields should have refused it, so the log says so; without the message, which may quote what was sent.
        log.warning("database refused a value", extra={"sqlstate": error.sqlstate})
        raise NotStorable from error
    except (PoolTimeout, TooManyRequests) as error:
        raise DatabaseUnavailable from error
