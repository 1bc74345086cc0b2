"""SQL: each domain uses its own file, every query is known, explained, and fits the schema as it is now."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bookings import queries
from tests.guards.source import ROOT, modules, nodes, package_files, short

#: the first file of each domain; the loader finds the others
FILES = sorted(file for file in queries.DIRECTORY.glob("*.sql") if "." not in file.stem)
#: files of queries that belong to plumbing: which modules may load them
PLUMBING = {
    "idempotency": {"bookings.idempotency", "bookings.housekeeping"},
    "migrations": {"bookings.migrations.ledger", "bookings.migrations.dump"},
}
#: typed examples for parameters whose meaning PostgreSQL cannot see from an untyped null
TYPED: dict[str, Any] = {"start_at": datetime(2027, 3, 1, tzinfo=UTC)}
EXECUTORS = {"execute", "executemany", "one", "all", "row", "run"}


def _is_load(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and function.attr == "load" and ast.unparse(function) == "queries.load"


@cache
def loaded() -> tuple[tuple[str, str], ...]:
    """(module, file) for every `queries.load("file")` in the package."""
    return tuple(_loads())


def _loads() -> Iterator[tuple[str, str]]:
    for name, file in modules().items():
        for node in nodes(file):
            if isinstance(node, ast.Call) and _is_load(node.func):
                argument = node.args[0]
                assert isinstance(argument, ast.Constant), f"{short(file)}: load queries by a plain name"
                yield name, str(argument.value)


def test_a_domain_uses_only_its_own_queries() -> None:
    """`sql/queries/x.sql` is read by `bookings/x/` alone."""
    for module, name in loaded():
        owners = PLUMBING.get(name)
        assert module in owners if owners else module.split(".")[1] == name, f"{module} uses sql/queries/{name}.sql"


def test_every_file_of_queries_has_an_owner() -> None:
    """A file that nobody loads is dead."""
    assert {file.stem for file in FILES} == {name for _, name in loaded()}


def test_every_query_is_used() -> None:
    """A query that its owner never names is dead. A name may be put together: `getattr(_sql, f"list_of_{whose}")`."""
    dead = []
    for file in FILES:
        owners = {modules()[module] for module, name in loaded() if name == file.stem}
        text = "\n".join(one.read_text() for owner in owners for one in sorted(owner.parent.glob("*.py")))
        words = set(re.findall(r"\w+", text))
        prefixes = tuple(re.findall(r"f\"(\w+_)\{", text))
        for name in queries.load(file.stem).texts:
            if name not in words and not (prefixes and name.startswith(prefixes)):
                dead.append(f"{file.stem}.{name}")
    assert not dead


@pytest.mark.parametrize(
    "text,complaint",
    [
        ("-- name: a\n-- why\nSELECT 1\n-- name: a\n-- why\nSELECT 2", "defined twice"),
        ("-- name: a\nSELECT 1", "needs a comment"),
        ("-- name: a\n-- why\n", "is empty"),
        ("-- name: Not A Name\n-- why\nSELECT 1", "cannot read the header"),
        ("SELECT 1", "before the first name"),
        ("-- name: a\n-- why\nSELECT {missing}", "unknown fragment"),
    ],
)
def test_a_careless_file_stops_start_up(tmp_path: Path, text: str, complaint: str) -> None:
    """Duplicates, unexplained and empty queries are refused when the file is loaded, not when it is used."""
    (tmp_path / "careless.sql").write_text(text)
    with pytest.raises(queries.QueryFileError, match=complaint):
        queries.load("careless", tmp_path)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_query_fits_the_schema(module_database_url: str, file: Path) -> None:
    """PostgreSQL can plan each one against the migrated schema: tables, columns, types and functions exist."""
    wrong = []
    with psycopg.connect(module_database_url, autocommit=True, prepare_threshold=None) as connection:
        for name, text in queries.load(file.stem).texts.items():
            params = {word: TYPED.get(word) for word in re.findall(r"%\((\w+)\)s", text)}
            try:
                connection.execute(b"EXPLAIN " + text.encode(), params or None)
            except psycopg.Error as error:
                wrong.append(f"{name}: {error.diag.message_primary}")
    assert not wrong, f"{file.name}: {'; '.join(wrong)}"


def test_sql_is_never_put_together_from_text() -> None:
    """No f-string, %, + or format() makes a statement: parameters are bound, never written into it."""
    found = [
        f"{short(file)}:{node.lineno}"
        for file in package_files()
        for node in nodes(file)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in EXECUTORS
        and node.args
        and _is_formatted(node.args[0])
    ]
    assert not found


def _is_formatted(statement: ast.expr) -> bool:
    if isinstance(statement, ast.JoinedStr | ast.BinOp):
        return True
    is_format = isinstance(statement, ast.Call) and ast.unparse(statement.func).endswith(".format")
    return is_format and not ast.unparse(statement).startswith(("sql.SQL(", "SQL("))  # psycopg's own, which quotes


def test_sql_lives_in_sql_files() -> None:
    """Python holds no statements, with few exceptions that cannot be queries of a domain."""
    allowed = ("bookings/migrations/",)  # where some must work before there is a schema
    statement = re.compile(r"^\s*(?:/\*.*?\*/\s*)?(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|WITH \w+ AS)\b")
    for file in package_files():
        for node in nodes(file):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and statement.match(node.value):
                assert short(file).startswith(allowed), (
                    f"{short(file)}:{node.lineno} holds SQL; give it a name in sql/queries/"
                )


def test_the_folder_is_where_the_loader_looks() -> None:
    """The guards above read what the service reads."""
    assert ROOT / "sql" / "queries" == queries.DIRECTORY
