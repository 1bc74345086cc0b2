"""What an interrupted CREATE INDEX CONCURRENTLY leaves: an INVALID index that costs writes and serves no read."""

from __future__ import annotations

from collections.abc import Callable

from psycopg import sql

from bookings.migrations.connection import Connection
from bookings.migrations.files import Migration
from bookings.migrations.ledger import SQL
from bookings.migrations.statements import Statement


def already_built(connection: Connection, migration: Migration, report: Callable[[str], None]) -> bool:
    """Whether the index this file builds is there already; an invalid one is dropped and does not count."""
    wanted = _index_and_table(migration.statements[0])
    if wanted is None:
        return False
    name, table = wanted
    with connection.transaction():  # a dead runner's session may still build: it holds this lock until it has ended
        connection.execute(f"LOCK TABLE {table} IN SHARE UPDATE EXCLUSIVE MODE".encode())
        row = connection.execute(SQL.find_index, {"name": name, "table": table}).fetchone()
    if row is None:
        return False
    schema, valid = row
    if valid:
        report(f"{migration.file_name}: index {name} is there and valid, built by an interrupted run; kept.")
        return True
    report(f"{migration.file_name}: index {name} is INVALID, left by an interrupted run; building it anew.")
    connection.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(schema, name)))
    return False


def _index_and_table(statement: Statement) -> tuple[str, str] | None:
    """Read CREATE [UNIQUE] INDEX CONCURRENTLY [IF NOT EXISTS] name ON [ONLY] table; the table as written."""
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
