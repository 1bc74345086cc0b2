"""Databases and files that no longer tell the same story, and files that fail: one sentence each, nothing half-done."""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from bookings.migrations import applied_version
from tests.migrations.folder import Migrations, Session, one

ROOMS = "CREATE TABLE rooms (id integer PRIMARY KEY);"
DESKS = "CREATE TABLE desks (id integer PRIMARY KEY);"
COMMANDS = ["up", "status", "verify", "dump"]


@pytest.fixture
def two(migrations: Migrations) -> Migrations:
    """Two migrations, applied."""
    migrations.write(_0001_rooms=ROOMS, _0002_desks=DESKS).run("up")
    return migrations


@pytest.mark.parametrize("command", COMMANDS)
def test_an_edited_file_is_refused(two: Migrations, command: str) -> None:
    two.write(_0001_rooms=ROOMS + " -- better")
    assert "0001_rooms.sql was edited after it was applied: restore the file" in two.refusal(command)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_renamed_file_is_refused(two: Migrations, command: str) -> None:
    (two.directory / "0002_desks.sql").rename(two.directory / "0002_tables.sql")
    assert "0002_desks.sql was renamed to 0002_tables.sql after it was applied" in two.refusal(command)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_ahead_of_the_code_is_refused(two: Migrations, command: str) -> None:
    (two.directory / "0002_desks.sql").unlink()
    assert "The database is at 0002_desks.sql, ahead of this code, which ends at 0001" in two.refusal(command)


def test_a_ledger_with_a_hole_is_refused(two: Migrations, session: Session) -> None:
    session.execute("DELETE FROM schema_migrations WHERE version = 1")
    assert "schema_migrations lacks version 0001 though 0002_desks.sql is applied" in two.refusal("up")


def test_a_gap_is_refused_before_anything_runs(migrations: Migrations, session: Session) -> None:
    migrations.write(_0001_rooms=ROOMS, _0003_desks=DESKS)
    assert "0003_desks.sql follows a gap" in migrations.refusal("up")
    assert one(session, "SELECT to_regclass('schema_migrations')") is None


def test_a_failing_file_leaves_nothing_and_names_its_line(migrations: Migrations, session: Session) -> None:
    migrations.write(_0001_rooms=ROOMS, _0002_desks=f"{DESKS}\nINSERT INTO desks\n  SELECT oops;\n")
    said = migrations.refusal("up")
    assert '0002_desks.sql line 3: column "oops" does not exist; nothing of it was applied' in said
    assert applied_version(session) == 1
    assert one(session, "SELECT to_regclass('desks')") is None
    migrations.write(_0002_desks=DESKS)
    assert migrations.run("up")[0] == 0


def test_a_constraint_checked_at_commit_fails_the_file_too(migrations: Migrations, session: Session) -> None:
    migrations.write(
        _0001_rooms="""
            CREATE TABLE rooms (id integer PRIMARY KEY, next integer REFERENCES rooms DEFERRABLE INITIALLY DEFERRED);
            INSERT INTO rooms VALUES (1, 2);
        """
    )
    assert "violates foreign key constraint" in migrations.refusal("up")
    assert applied_version(session) == 0


def test_a_failing_row_is_not_printed(migrations: Migrations) -> None:
    migrations.write(
        _0001_rooms="CREATE TABLE rooms (name text, CHECK (name <> 'secret')); INSERT INTO rooms VALUES ('secret');"
    )
    assert "secret" not in migrations.refusal("up")


def test_a_file_that_cannot_be_read_is_one_sentence(migrations: Migrations) -> None:
    (migrations.directory / "0001_rooms.sql").mkdir()
    assert "0001_rooms.sql cannot be used (Is a directory)" in migrations.refusal("up")


def test_a_procedure_cannot_commit_behind_our_back(migrations: Migrations, session: Session) -> None:
    migrations.write(_0001_rooms=f"{ROOMS} DO $$ BEGIN COMMIT; END $$;")
    assert "invalid transaction termination" in migrations.refusal("up")
    assert one(session, "SELECT to_regclass('rooms')") is None


def test_what_a_file_sets_ends_with_it(migrations: Migrations, session: Session) -> None:
    migrations.write(
        _0001_set="SELECT set_config('search_path', '', false); SET default_transaction_read_only = on;",
        _0002_rooms=ROOMS + "SELECT pg_sleep(0.02);",
    )
    code, said = migrations.run("up")
    assert code == 0, said
    assert one(session, "SELECT to_regclass('public.rooms')") == "rooms"


@pytest.mark.slow
def test_a_roles_timeouts_do_not_reach_migrations(migrations: Migrations, session: Session) -> None:
    session.execute(sql.SQL("ALTER ROLE {} SET statement_timeout = 400").format(sql.Identifier(session.info.user)))
    code, said = migrations.write(_0001_slow="SELECT pg_sleep(0.6)").run("up")
    assert code == 0, said


def test_a_role_without_rights_is_told_how_to_get_them(migrations: Migrations, admin_url: str, role: str) -> None:
    name = urlsplit(admin_url).path.lstrip("/")
    migrations.write(_0001_extension="CREATE EXTENSION IF NOT EXISTS btree_gist;")
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO postgres").format(sql.Identifier(name)))
        said = migrations.refusal("up")
        assert f"Role {role} may not create tables" in said
        assert f"ALTER DATABASE {name} OWNER TO {role}." in said
        admin.execute("GRANT CREATE ON SCHEMA public TO public")
        assert "let a superuser run that CREATE EXTENSION in this database once" in migrations.refusal("up")
        admin.execute("CREATE EXTENSION btree_gist")
        assert migrations.run("up")[0] == 0


def test_an_extension_that_is_not_installed_is_told(migrations: Migrations) -> None:
    migrations.write(_0001_extension="CREATE EXTENSION no_such_thing;")
    assert "install PostgreSQL's contrib modules" in migrations.refusal("up")
