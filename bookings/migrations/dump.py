"""Write the live schema down as text: the same text from every supported PostgreSQL, without pg_dump.

pg_dump's output changes with its version and needs client programs on the machine; the catalogue's own pg_get_…def()
functions do not. Covered is what migrations here make: extensions, types, sequences, functions, tables, constraints,
indexes, triggers, policies, views, extended statistics and comments of the current schema. Not covered: data, owners,
grants and storage settings of columns.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from itertools import islice
from pathlib import Path
from typing import LiteralString

from psycopg.rows import dict_row

from bookings import queries
from bookings.migrations import ledger
from bookings.migrations.connection import Connection
from bookings.migrations.errors import MigrationError
from bookings.migrations.files import DIRECTORY, load

_SQL = queries.load("migrations")
_HEADER = """\
-- The schema after migration {version:04d}, structure only. Written by scripts/migrate.py dump; do not edit.

"""
# Whatever a role or database has set, constants in expressions print alike, and names without their schema.
_SESSION: LiteralString = """
    SELECT set_config('search_path', quote_ident(current_schema()), true), set_config('timezone', 'UTC', true),
           set_config('datestyle', 'ISO, YMD', true), set_config('intervalstyle', 'postgres', true),
           set_config('bytea_output', 'hex', true), set_config('extra_float_digits', '1', true),
           set_config('quote_all_identifiers', 'off', true)
"""
_LONGEST_DIFFERENCE = 40
_SELECT = re.compile(r"\bSELECT\b")
_ONE_TABLE = re.compile(r"^   FROM (?:ONLY )?(?P<table>[\w\"]+)(?: (?P<alias>[\w\"]+))?;?$", re.MULTILINE)


def schema_path(directory: Path = DIRECTORY) -> Path:
    """Where the schema that belongs to these migrations is kept."""
    return directory.resolve().parent / "schema.sql"


def dump(connection: Connection, directory: Path = DIRECTORY) -> str:
    """Return the text of sql/schema.sql for this database. Raises MigrationError unless all migrations are applied."""
    migrations = load(directory)
    if todo := ledger.pending(migrations, ledger.applied(connection)):
        raise MigrationError(f"The database lacks {todo[0].file_name}: run scripts/migrate.py up first.")
    return _HEADER.format(version=len(migrations)) + schema(connection)


def schema(connection: Connection) -> str:
    """Return every statement that makes this schema, in one consistent view of it."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute(_SESSION)
        return "\n".join(_sections(connection))


def verify(connection: Connection, directory: Path = DIRECTORY) -> None:
    """Raises MigrationError unless files, database and sql/schema.sql agree; the differences follow its sentence."""
    live = dump(connection, directory)
    path = schema_path(directory)
    if not path.exists():
        raise MigrationError(f"There is no {path}: write it with scripts/migrate.py dump and commit it.")
    kept = path.read_text(encoding="utf-8")
    if kept == live:
        return
    lines = difflib.unified_diff(kept.splitlines(), live.splitlines(), path.name, "the database", n=2, lineterm="")
    raise MigrationError(
        f"The database differs from {path.name}: undo by a new migration what was changed by hand, or after a new "
        "migration write the file anew with scripts/migrate.py dump.\n" + "\n".join(islice(lines, _LONGEST_DIFFERENCE))
    )


def _sections(connection: Connection) -> list[str]:
    """Every statement, in an order that an empty database accepts, tables with all that hangs on them."""
    functions = _rows(connection, _SQL.functions)
    return [
        "SET check_function_bodies = off;\n",
        *_texts(connection, _SQL.extensions),
        *_texts(connection, _SQL.types),
        *_texts(connection, _SQL.sequences),
        *(str(row["definition"]) + "\n" for row in functions if not row["after_tables"]),
        *_tables(connection),
        *_texts(connection, _SQL.foreign_keys),
        *_texts(connection, _SQL.sequence_owners),
        *(str(row["definition"]) + "\n" for row in functions if row["after_tables"]),
        *(_without_prefixes(text) for text in _texts(connection, _SQL.views)),
        *_texts(connection, _SQL.statistics),
        *_texts(connection, _SQL.comments),
    ]


def _tables(connection: Connection) -> list[str]:
    belongings: dict[object, list[str]] = defaultdict(list)
    for query in (_SQL.indexes, _SQL.triggers, _SQL.policies):
        for row in _rows(connection, query):
            belongings[row["table_name"]].append(str(row["definition"]))
    return [
        "\n".join((str(table["definition"]), *belongings[table["table_name"]], ""))
        for table in _rows(connection, _SQL.tables)
    ]


def _without_prefixes(view: str) -> str:
    """PostgreSQL 15 writes `rooms.id` where 16 and later write `id` in a view of one table: settle on the shorter."""
    one_table = _ONE_TABLE.search(view)
    if one_table is None or len(_SELECT.findall(view)) != 1:
        return view
    prefix = re.escape(one_table["alias"] or one_table["table"]) + r"\."
    return re.sub(rf"(?P<string>'(?:[^']|'')*')|(?<![\w\".]){prefix}", lambda match: match["string"] or "", view)


def _texts(connection: Connection, query: LiteralString) -> list[str]:
    texts = [str(row["definition"]) for row in _rows(connection, query)]
    return [*texts[:-1], texts[-1] + "\n"] if texts else []


def _rows(connection: Connection, query: LiteralString) -> list[dict[str, object]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, {}).fetchall()
