"""PostgreSQL's errors as sentences an operator can act on."""

from __future__ import annotations

import psycopg

from bookings.migrations.files import Migration


def failed(migration: Migration, error: psycopg.Error) -> str:
    """Why `migration` failed, where in the file, what is left of it and what to do."""
    where = f"{migration.file_name}{_line(migration, error)}"
    return f"{where}: {_reason(error)}; {_left_behind(migration)} {_remedy(migration, error)}"


def locked_out(migration: Migration, attempts: int) -> str:
    """Said when every attempt met a lock that another session would not give."""
    return (
        f"{migration.file_name} could not get its locks in {attempts} tries; {_left_behind(migration)} "
        "find the session that holds them in pg_stat_activity (longest xact_start), let it end, and run again."
    )


def _left_behind(migration: Migration) -> str:
    if migration.transactional:
        return "nothing of it was applied:"
    return "it runs without a transaction, so look for what it left:"


def _remedy(migration: Migration, error: psycopg.Error) -> str:
    message = _reason(error)
    if isinstance(error, psycopg.errors.InsufficientPrivilege) and "extension" in message:
        return "let a superuser run that CREATE EXTENSION in this database once, or own the database, and run again."
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return "run as the owner of the database, or grant the right that is missing."
    if "extension" in message and isinstance(error, psycopg.errors.FeatureNotSupported | psycopg.errors.UndefinedFile):
        return "install PostgreSQL's contrib modules on the server, and run again."
    if isinstance(error, psycopg.OperationalError):
        return "see that the server is well, and run again."
    return "correct the file or the data, and run again."


def _reason(error: psycopg.Error) -> str:
    message = error.diag.message_primary or " ".join(str(error).split()) or type(error).__name__
    detail = error.diag.message_detail
    if detail is None or isinstance(error, psycopg.errors.CheckViolation | psycopg.errors.NotNullViolation):
        return message  # their detail is the whole row, which does not belong in a terminal's or a pipeline's log
    return f"{message} ({detail.rstrip('.')})"


def _line(migration: Migration, error: psycopg.Error) -> str:
    """PostgreSQL counts characters from 1; people count lines."""
    position = error.diag.statement_position
    if position is None:
        return ""
    return f" line {migration.sql.count(chr(10), 0, int(position) - 1) + 1}"
