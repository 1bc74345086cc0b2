#!/usr/bin/env python3
"""Bring the database's schema up to date, and look after the migration files. docs/migrations.md explains every message."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import psycopg  # noqa: E402

from bookings.config import ConfigurationError, database_url  # noqa: E402
from bookings.migrations import MigrationError, files, ledger, runner  # noqa: E402
from bookings.migrations.connection import connect  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 is success, 1 a refusal told in one sentence on standard error, 2 a wrong command line."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (MigrationError, ConfigurationError) as error:
        return _refuse(str(error))
    except psycopg.Error as error:
        return _refuse(f"PostgreSQL answered {' '.join(str(error).split())!r}: see to that and run again.")
    except KeyboardInterrupt:
        return _refuse("Interrupted: the file that was running is rolled back; run again to go on.")
    return 0


def up(options: argparse.Namespace) -> None:
    """Apply the pending migrations."""
    if options.dry_run:
        return _say_plan(options)
    patience = runner.Patience(wait=options.wait, lock_timeout=options.lock_timeout)
    version = runner.upgrade(
        _url(options), directory=options.directory, to=options.to, patience=patience, report=_say
    )
    return _say(f"The database is at {version:04d}.")


def status(options: argparse.Namespace) -> None:
    """Show each migration and whether it is applied."""
    migrations = files.load(options.directory)
    with connect(_url(options)) as connection:
        rows = ledger.applied(connection)
    for row in rows:
        _say(f"{row.file_name:40} applied {row.applied_at:%Y-%m-%d %H:%M:%S %Z} in {row.duration_ms} ms")
    for migration in migrations[len(rows) :]:
        _say(f"{migration.file_name:40} pending")
    ledger.pending(migrations, rows)


def new(options: argparse.Namespace) -> None:
    """Make an empty migration file with the next number."""
    path = files.create(options.name, options.directory, dry_run=options.dry_run)
    _say(f"Would write {path}." if options.dry_run else f"Wrote {path}.")


def _say_plan(options: argparse.Namespace) -> None:
    migrations = files.load(options.directory)
    with connect(_url(options)) as connection:
        todo = runner.plan(connection, migrations, options.to)
    for migration in todo:
        _say(f"Would apply {migration.file_name}" + ("." if migration.transactional else " without a transaction."))
    if not todo:
        _say("Nothing to apply.")


def _url(options: argparse.Namespace) -> str:
    return options.database_url or database_url()


def _say(line: str) -> None:
    print(line, flush=True)


def _refuse(sentence: str) -> int:
    print(f"migrate: {sentence}", file=sys.stderr, flush=True)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument(
        "--directory", type=Path, default=files.DIRECTORY, help="folder of the migrations (default: sql/migrations)"
    )
    database = argparse.ArgumentParser(add_help=False)
    database.add_argument("--database-url", metavar="URL", help="the database (default: DATABASE_URL)")
    dry = argparse.ArgumentParser(add_help=False)
    dry.add_argument("--dry-run", action="store_true", help="say what would be done and do nothing")

    command = commands.add_parser("up", parents=[database, folder, dry], help=up.__doc__, description=up.__doc__)
    command.add_argument("--to", type=int, metavar="N", help="stop after migration N (default: the last)")
    command.add_argument(
        "--wait", type=float, metavar="SECONDS", default=60.0, help="for another runner to finish (default: %(default)g)"
    )
    command.add_argument(
        "--lock-timeout", type=float, metavar="SECONDS", default=2.0,
        help="for a table's lock, before a retry (default: %(default)g)",
    )  # fmt: skip
    command.set_defaults(run=up)

    command = commands.add_parser("status", parents=[database, folder], help=status.__doc__, description=status.__doc__)
    command.set_defaults(run=status)

    command = commands.add_parser("new", parents=[folder, dry], help=new.__doc__, description=new.__doc__)
    command.add_argument("name", metavar="NAME", help="in lower_case, such as add_rooms")
    command.set_defaults(run=new)
    return parser


if __name__ == "__main__":
    sys.exit(main())
