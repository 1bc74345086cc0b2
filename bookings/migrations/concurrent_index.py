"""What an interrupted CREATE INDEX CONCURRENTLY leaves behind: an INVALID index that costs writes and serves no read."""

from __future__ import annotations

from collections.abc import Callable

from psycopg import sql

from bookings.migrations.connection import Connection
from bookings.migrations.files import Migration
from bookings.migrations.statements import Statement

_FIND = """
    SELECT n.nspname, i.indisvalid
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = %s AND i.indrelid = to_regclass(%s)
"""


def already_built(connection: Connection, migration: Migration, report: Callable[[str], None]) -> bool:
    """Whether the index this file builds is there and valid; an invalid one is dropped first. False for other statements."""
    wanted = _index_and_table(migration.statements[0])
    if wanted is None:
        return False
    name, table = wanted
    row = connection.execute(_FIND, (name, table)).fetchone()
    if row is None:
        return False
    schema, valid = row
    if valid:
        report(f"{migration.file_name}: index {name} is there and valid, built by a run that was interrupted afterwards; kept.")
        return True
    report(f"{migration.file_name}: index {name} is INVALID, left by an interrupted run; dropping and building it again.")
    connection.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(schema, name)))
    return False


def _index_and_table(statement: Statement) -> tuple[str, str] | None:
    """The names in CREATE [UNIQUE] INDEX CONCURRENTLY [IF NOT EXISTS] name ON [ONLY] table, the table as to_regclass reads it."""
    words = [token.upper() for token in statement]
    if words[0] != "CREATE" or words[1:4].count("INDEX") != 1 or "CONCURRENTLY" not in words[2:4] or "ON" not in words:
        return None
    on = words.index("ON")
    start = on + 1 + (words[on + 1] == "ONLY")
    end = start + 3 if statement[start + 1 : start + 2] == ["."] else start + 1
    return _bare(statement[on - 1]), "".join(statement[start:end])


def _bare(token: str) -> str:
    """A name as the catalogue holds it: quotes removed, or folded to lower case."""
    return token[1:-1].replace('""', '"') if token.startswith('"') else token.lower()
