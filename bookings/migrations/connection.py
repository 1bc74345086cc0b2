"""Connecting to PostgreSQL as an operator's tool: long statements allowed, failures told in one sentence."""

from __future__ import annotations

import psycopg
from psycopg.rows import TupleRow

from bookings.migrations.errors import MigrationError

Connection = psycopg.Connection[TupleRow]

# A role may carry timeouts meant for requests. Looked up, because PostgreSQL 17 added one to the list.
_NO_TIMEOUTS = """
    SELECT set_config(name, '0', false) FROM pg_settings
    WHERE name IN ('statement_timeout', 'transaction_timeout', 'idle_session_timeout',
                   'idle_in_transaction_session_timeout')
"""
# When this process is killed, its backend notices within two seconds instead of at the end of a long statement.
_NOTICE_DEATH = "SET client_connection_check_interval = '2s'"


def connect(url: str) -> Connection:
    """Open an autocommit connection that no server-side timeout will end. Raises MigrationError when that fails."""
    try:
        connection = psycopg.connect(
            url, autocommit=True, connect_timeout=5, application_name="bookings-migrate", prepare_threshold=None
        )
    except psycopg.ProgrammingError:  # not quoted: the message may hold a piece of the password
        raise MigrationError(
            "DATABASE_URL is not a connection string: write postgresql://user:password@host:port/database."
        ) from None
    except psycopg.OperationalError as error:
        raise MigrationError(_unreachable(error)) from None
    prepare(connection)
    return connection


def prepare(connection: Connection) -> None:
    """Bring the session back to a known state: nothing a migration SET, no timeouts, no surviving backend."""
    connection.execute("DISCARD ALL")
    connection.execute(_NO_TIMEOUTS)
    connection.execute(_NOTICE_DEATH)


def _unreachable(error: psycopg.OperationalError) -> str:
    reason = " ".join(str(error).split())
    if "password authentication failed" in reason:
        return f"PostgreSQL refuses the password ({reason}): correct the user or password in DATABASE_URL."
    if "does not exist" in reason:
        return f"PostgreSQL does not know the database or role ({reason}): create it or correct DATABASE_URL."
    return f"PostgreSQL cannot be reached ({reason}): start it or correct DATABASE_URL."
