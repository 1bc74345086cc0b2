#!/usr/bin/env python3
"""Look through a database for what must never be there: each query in sql/checks/ finds one kind of damage.

Reads DATABASE_URL and changes nothing. All checks see the same instant, so the service may go on meanwhile. Prints
every check with the rows it found; the exit code is 1 when there are any.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

try:
    import psycopg
except ImportError:  # started with a Python that has nothing installed
    from devtools import environment

    environment.enter()
from psycopg.rows import dict_row

from bookings import queries
from bookings.config import ConfigurationError, database_url

CHECKS = ROOT / "sql" / "checks"
_SHOWN = 10


@dataclass(frozen=True)
class Finding:
    """One check, named `<file>.<query>`, and the rows that should not exist."""

    check: str
    rows: list[dict[str, Any]]


def main(arguments: list[str] | None = None) -> int:
    """Run all checks; 0 when the data is sound, 1 when it is not or cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(arguments)
    try:
        damaged = [finding for finding in findings(database_url()) if report(finding)]
    except ConfigurationError as error:
        return _refuse(str(error))
    except psycopg.Error as error:
        return _refuse(f"PostgreSQL answered {' '.join(str(error).split())!r}: see to that and run again.")
    print(f"{len(damaged)} checks found something." if damaged else "Everything is as it must be.")
    return 1 if damaged else 0


def findings(url: str) -> Iterator[Finding]:
    """Run every check in one read-only snapshot of the database. Raises psycopg.Error."""
    with psycopg.connect(url, connect_timeout=5) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        # Checks sort and join whole tables; of a million bookings each event would otherwise go over the disk.
        connection.execute("SET LOCAL work_mem = '256MB'")
        yield from look(connection)


def look(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Run every check in the transaction that is open on a connection."""
    for file in sorted(CHECKS.glob("*.sql")):
        checks = queries.load(file.stem, CHECKS)
        for name in checks.texts:
            with connection.cursor(row_factory=dict_row) as cursor:
                yield Finding(f"{file.stem}.{name}", cursor.execute(getattr(checks, name)).fetchall())


def report(finding: Finding) -> bool:
    """Print what one check found; returns whether it found anything."""
    print(f"{finding.check:40} {f'{len(finding.rows)} rows' if finding.rows else 'ok'}")
    for row in finding.rows[:_SHOWN]:
        print("    " + ", ".join(f"{name}={value}" for name, value in row.items()))
    if len(finding.rows) > _SHOWN:
        print(f"    and {len(finding.rows) - _SHOWN} more")
    return bool(finding.rows)


def _refuse(sentence: str) -> int:
    print(f"check_data: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
