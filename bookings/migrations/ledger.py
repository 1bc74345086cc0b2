"""The table schema_migrations: what was applied, and whether files and database still tell the same story."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row, tuple_row

from bookings import queries
from bookings.migrations.errors import MigrationError
from bookings.migrations.files import Migration

SQL = queries.load("migrations")
_CREATE = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        version     integer PRIMARY KEY,
        name        text NOT NULL,
        checksum    text NOT NULL,
        applied_at  timestamptz NOT NULL DEFAULT now(),
        duration_ms integer NOT NULL DEFAULT 0
    )
"""


@dataclass(frozen=True)
class Applied:
    """A row of schema_migrations."""

    version: int
    name: str
    checksum: str
    applied_at: datetime
    duration_ms: int

    @property
    def file_name(self) -> str:
        return f"{self.version:04d}_{self.name}.sql"


def create(connection: psycopg.Connection[Any]) -> None:
    """Make schema_migrations if it is missing. Raises MigrationError when the role may not create tables."""
    try:
        connection.execute(_CREATE)
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidSchemaName) as error:
        info = connection.info
        raise MigrationError(
            f"Role {info.user} may not create tables ({error.diag.message_primary}): "
            f"make it the owner with ALTER DATABASE {info.dbname} OWNER TO {info.user}."
        ) from None


def applied(connection: psycopg.Connection[Any]) -> list[Applied]:
    """Every applied migration in order; none when the database was never migrated."""
    if not _exists(connection):
        return []
    with connection.cursor(row_factory=class_row(Applied)) as cursor:
        return cursor.execute(SQL.applied).fetchall()


def applied_version(connection: psycopg.Connection[Any]) -> int:
    """The version the database is at, 0 when it was never migrated. Works inside or outside a transaction."""
    if not _exists(connection):
        return 0
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(SQL.version).fetchone()
    return int(row[0]) if row else 0


def pending(migrations: list[Migration], rows: list[Applied]) -> list[Migration]:
    """The migrations still to run.

    Raises MigrationError when the database is ahead of the files, or an applied file was edited or renamed.
    """
    if rows and rows[-1].version > len(migrations):
        raise MigrationError(
            f"The database is at {rows[-1].file_name}, ahead of this code, which ends at {len(migrations):04d}: "
            "deploy the code that brought that migration."
        )
    for position, row in enumerate(rows):
        if row.version != position + 1:
            raise MigrationError(
                f"schema_migrations lacks version {position + 1:04d} though {row.file_name} is applied: "
                "restore the row, or the database from a backup."
            )
        _check_same(migrations[position], row)
    return migrations[len(rows) :]


def _check_same(migration: Migration, row: Applied) -> None:
    if migration.name != row.name:
        raise MigrationError(
            f"{row.file_name} was renamed to {migration.file_name} after it was applied: give the file its name back."
        )
    if migration.checksum != row.checksum:
        raise MigrationError(
            f"{migration.file_name} was edited after it was applied: "
            "restore the file and put the change into a new migration."
        )


def _exists(connection: psycopg.Connection[Any]) -> bool:
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute("SELECT to_regclass('schema_migrations') IS NOT NULL").fetchone()
    return bool(row and row[0])
