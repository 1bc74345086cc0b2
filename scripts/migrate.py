#!/usr/bin/env python3
"""Bring the database's schema up to date and look after the migration files. docs/migrations.md tells more."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import psycopg

from bookings.config import ConfigurationError, database_url
from bookings.migrations import MigrationError, dump, files, ledger, runner
from bookings.migrations.connection import connect

Command = Callable[[argparse.Namespace], None]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 is success, 1 a refusal told in one sentence on standard error, 2 a wrong command line."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (MigrationError, ConfigurationError) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename} cannot be used ({error.strerror}): see to that and run again.")
    except psycopg.Error as error:
        return _refuse(f"PostgreSQL answered {' '.join(str(error).split())!r}: see to that and run again.")
    except KeyboardInterrupt:
        return _refuse("Interrupted: what ran in a transaction is rolled back; run again to go on.")
    return 0


def up(options: argparse.Namespace) -> None:
    """Apply the pending migrations."""
    if options.dry_run:
        return _say_plan(options)
    patience = runner.Patience(wait=options.wait, lock_timeout=options.lock_timeout)
    version = runner.upgrade(_url(options), directory=options.directory, to=options.to, patience=patience, report=_say)
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


def verify(options: argparse.Namespace) -> None:
    """Check that the files, the database and sql/schema.sql agree."""
    with connect(_url(options)) as connection:
        dump.verify(connection, options.directory)
    _say("Files, database and schema.sql agree.")


def write_schema(options: argparse.Namespace) -> None:
    """Write sql/schema.sql from the database, the same from every version of PostgreSQL."""
    with connect(_url(options)) as connection:
        text = dump.dump(connection, options.directory)
    path = dump.schema_path(options.directory)
    if options.dry_run:
        return _say(text.rstrip())
    path.write_text(text, encoding="utf-8")
    return _say(f"Wrote {path}.")


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
    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument("--directory", type=Path, default=files.DIRECTORY, help="migrations (default: sql/migrations)")
    database = argparse.ArgumentParser(add_help=False, parents=[folder])
    database.add_argument("--database-url", metavar="URL", help="which database (default: DATABASE_URL)")
    dry = argparse.ArgumentParser(add_help=False)
    dry.add_argument("--dry-run", action="store_true", help="say what would be done and do nothing")

    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Command, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        command = commands.add_parser(name, parents=parents, help=run.__doc__, description=run.__doc__)
        command.set_defaults(run=run)
        return command

    _add_up_options(add("up", up, database, dry))
    add("status", status, database)
    add("verify", verify, database)
    add("new", new, folder, dry).add_argument("name", metavar="NAME", help="in lower_case, such as add_rooms")
    add("dump", write_schema, database, dry)
    return parser


def _add_up_options(command: argparse.ArgumentParser) -> None:
    usual = runner.Patience()
    command.add_argument("--to", type=int, metavar="N", help="stop after migration N (default: the last)")
    for option, seconds, meaning in (
        ("--wait", usual.wait, "for another runner to finish"),
        ("--lock-timeout", usual.lock_timeout, "for the locks of one file, before it is tried again"),
    ):
        help_text = f"{meaning} (default: {seconds:g})"
        command.add_argument(option, type=float, metavar="SECONDS", default=seconds, help=help_text)


if __name__ == "__main__":
    sys.exit(main())
