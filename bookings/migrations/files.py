"""The files of sql/migrations: their names, numbers, checksums and what may stand in them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from bookings.migrations.errors import MigrationError
from bookings.migrations.statements import Statement, split

DIRECTORY = Path(__file__).resolve().parents[2] / "sql" / "migrations"

_FILE_NAME = re.compile(r"(\d{4})_([a-z][a-z0-9_]*)\.sql")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_DIRECTIVE = re.compile(r"--\s*migrate:.*")
_NO_TRANSACTION = "-- migrate: no-transaction"
_TEMPLATE = """\
-- Why this change is needed, in a line or two.

"""


@dataclass(frozen=True)
class Migration:
    """One file, read and judged fit to run."""

    version: int
    name: str
    sql: str
    checksum: str
    transactional: bool
    statements: list[Statement]

    @property
    def file_name(self) -> str:
        return f"{self.version:04d}_{self.name}.sql"


def load(directory: Path = DIRECTORY) -> list[Migration]:
    """Read every migration, in order.

    Raises MigrationError for a missing folder, a bad name, a gap, a duplicate, or a file that cannot run safely.
    """
    paths = _by_version(directory)
    return [_read(version, path) for version, path in paths.items()]


def expected_version(directory: Path = DIRECTORY) -> int:
    """The version this code was written for: the number of the highest file, 0 when there is none."""
    return max(_by_version(directory), default=0)


def create(name: str, directory: Path = DIRECTORY, *, dry_run: bool = False) -> Path:
    """Write an empty migration with the next number and return its path (`dry_run` only returns it).

    Raises MigrationError when `name` is not lower_case or the folder is not in order.
    """
    if not _NAME.fullmatch(name):
        raise MigrationError(
            f"{name!r} cannot name a migration: use lower-case letters, digits and underscores, such as add_rooms."
        )
    path = directory / f"{expected_version(directory) + 1:04d}_{name}.sql"
    if not dry_run:
        with path.open("x", encoding="utf-8") as file:
            file.write(_TEMPLATE)
    return path


def _by_version(directory: Path) -> dict[int, Path]:
    """Map each version to its file, in order, after checking that the numbers run from 1 without gap or duplicate."""
    if not directory.is_dir():
        raise MigrationError(f"There is no folder {directory}: run from a complete checkout or pass --directory.")
    found: dict[int, Path] = {}
    for path in sorted(directory.iterdir()):
        if path.name.startswith(".") or path.name == "README.md":
            continue
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is badly named: rename it to NNNN_lower_case.sql or move it away.")
        version = int(match[1])
        if version in found:
            raise MigrationError(
                f"{found[version].name} and {path.name} have the same number: renumber the one not released yet."
            )
        if version != len(found) + 1:
            raise MigrationError(
                f"{path.name} follows a gap, number {len(found) + 1:04d} is missing: "
                "restore the missing file, or renumber this one if it is not released yet."
            )
        found[version] = path
    return found


def _read(version: int, path: Path) -> Migration:
    try:
        sql = path.read_text(encoding="utf-8")  # newlines become \n, so the checksum is the same in every checkout
    except UnicodeDecodeError:
        raise MigrationError(f"{path.name} is not UTF-8 text: save it as UTF-8.") from None
    try:
        statements = split(sql)
        transactional = _is_transactional(sql)
        _check(statements, transactional)
    except MigrationError as error:
        raise MigrationError(f"{path.name}: {error}") from None
    checksum = hashlib.sha256(sql.encode()).hexdigest()
    return Migration(version, path.stem[5:], sql, checksum, transactional, statements)


def _is_transactional(sql: str) -> bool:
    """Only the exact first line turns the transaction off; anything near it is a mistake better told than ignored."""
    first, *rest = sql.split("\n")
    if first.rstrip() == _NO_TRANSACTION:
        return False
    for line in (first, *rest):
        if _DIRECTIVE.fullmatch(line):
            raise MigrationError(f"{line.strip()!r} is not understood: write {_NO_TRANSACTION!r} as the first line.")
    return True


def _check(statements: list[Statement], transactional: bool) -> None:
    if not statements:
        raise MigrationError("the file holds no statement: write one or delete the file.")
    if not transactional and len(statements) != 1:
        raise MigrationError(
            f"a no-transaction file holds exactly one statement but this one has {len(statements)}: "
            "split it into several files."
        )
    for statement in statements:
        if _controls_transaction(statement):
            words = " ".join(statement[:2]).upper()
            raise MigrationError(f"{words} would end or nest the transaction that the file runs in: remove it.")


def _controls_transaction(statement: Statement) -> bool:
    first, second = (token.upper() for token in (*statement, "")[:2])
    if first in {"BEGIN", "COMMIT", "END", "ROLLBACK", "ABORT"}:
        return True
    return first in {"START", "PREPARE"} and second == "TRANSACTION"
