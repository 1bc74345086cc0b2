"""The command line on a database that gives no trouble."""

from __future__ import annotations

import subprocess
import sys

import pytest

import migrate
from bookings.migrations import applied_version
from tests.migrations.folder import ROOT, Migrations, Session, one
from tests.support.databases import with_database

ROOMS = "CREATE TABLE rooms (id integer PRIMARY KEY);"
DESKS = "CREATE TABLE desks (id integer PRIMARY KEY, room integer REFERENCES rooms);"


def test_up_applies_what_is_pending_once(migrations: Migrations, session: Session) -> None:
    migrations.write(_0001_rooms=ROOMS)
    assert applied_version(session) == 0
    code, said = migrations.run("up")
    assert (code, applied_version(session)) == (0, 1), said
    assert "0001_rooms.sql applied in" in said
    migrations.write(_0002_desks=DESKS)
    code, said = migrations.run("up")
    assert (code, applied_version(session)) == (0, 2), said
    assert "0001_rooms.sql" not in said
    assert migrations.run("up") == (0, "The database is at 0002.\n")


def test_each_file_leaves_a_row_that_tells_what_ran(migrations: Migrations, session: Session) -> None:
    migrations.write(_0001_wait="SELECT pg_sleep(0.05);").run("up")
    row = session.execute(
        "SELECT version, name, length(checksum), applied_at <= now() FROM schema_migrations"
    ).fetchone()
    assert row == (1, "wait", 64, True)
    duration = one(session, "SELECT duration_ms FROM schema_migrations")
    assert isinstance(duration, int)
    assert duration >= 50


def test_up_to_stops_there(migrations: Migrations, session: Session) -> None:
    migrations.write(_0001_rooms=ROOMS, _0002_desks=DESKS)
    assert migrations.run("up", "--to", "1")[0] == 0
    assert applied_version(session) == 1
    assert migrations.run("up", "--to", "1") == (0, "The database is at 0001.\n")
    assert "There is no migration 0003: choose one up to 0002." in migrations.refusal("up", "--to", "3")
    migrations.run("up")
    assert "never goes back: write a new migration" in migrations.refusal("up", "--to", "1")


def test_dry_run_tells_and_touches_nothing(migrations: Migrations, session: Session) -> None:
    migrations.write(_0001_rooms=ROOMS, _0002_clean="-- migrate: no-transaction\nVACUUM rooms")
    told = "Would apply 0001_rooms.sql.\nWould apply 0002_clean.sql without a transaction.\n"
    assert migrations.run("up", "--dry-run") == (0, told)
    assert migrations.run("up", "--dry-run", "--to", "1") == (0, told.splitlines(keepends=True)[0])
    assert one(session, "SELECT to_regclass('schema_migrations')") is None
    migrations.run("up")
    assert migrations.run("up", "--dry-run") == (0, "Nothing to apply.\n")


def test_status_shows_both_kinds(migrations: Migrations) -> None:
    migrations.write(_0001_rooms=ROOMS).run("up")
    migrations.write(_0002_desks=DESKS)
    code, said = migrations.run("status")
    applied, pending = said.splitlines()
    assert code == 0
    assert applied.split()[:2] == ["0001_rooms.sql", "applied"]
    assert pending.split() == ["0002_desks.sql", "pending"]


def test_dump_and_verify_keep_the_schema_in_a_file(migrations: Migrations, session: Session) -> None:
    path = migrations.directory.parent / "schema.sql"
    migrations.write(_0001_rooms=ROOMS)
    assert "lacks 0001_rooms.sql: run scripts/migrate.py up first." in migrations.refusal("verify")
    migrations.run("up")
    assert "There is no" in migrations.refusal("verify")
    code, said = migrations.run("dump", "--dry-run")
    assert (code, path.exists()) == (0, False)
    assert "CREATE TABLE rooms" in said
    assert migrations.run("dump")[0] == 0
    assert path.read_text() == said
    assert migrations.run("verify") == (0, "Files, database and schema.sql agree.\n")
    session.execute("ALTER TABLE rooms ADD by_hand text")
    code, said = migrations.run("verify")
    assert code == 1
    assert "The database differs from schema.sql: undo by a new migration" in said
    assert "+    by_hand text," in said


def test_new_writes_a_file_that_asks_to_be_filled(migrations: Migrations) -> None:
    code, said = migrations.run("new", "add_rooms", "--dry-run")
    assert code == 0
    assert "0001_add_rooms.sql" in said
    assert list(migrations.directory.iterdir()) == []
    assert migrations.run("new", "add_rooms")[0] == 0
    assert "holds no statement" in migrations.refusal("up")


@pytest.mark.parametrize("command", ["", "up", "status", "verify", "new", "dump"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        migrate.main([*command.split(), "--help"])
    assert stopped.value.code == 0
    assert "usage:" in capsys.readouterr().out


def run_script(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "migrate.py"), "status"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd="/")


def test_the_script_runs_from_anywhere_and_reads_database_url(url: str) -> None:
    result = run_script({"DATABASE_URL": url})
    assert (result.returncode, result.stderr) == (0, "")
    assert "pending" in result.stdout


def test_a_missing_database_url_is_one_sentence() -> None:
    result = run_script({})
    assert result.returncode == 1
    assert result.stderr == (
        "migrate: DATABASE_URL is not set; set it to postgresql://user:password@host:5432/database.\n"
    )


def test_a_database_that_cannot_be_reached_is_one_sentence(migrations: Migrations) -> None:
    good = migrations.url
    for url, sentence in (
        ("postgresql://someone:hidden@127.0.0.1:1/none", "PostgreSQL cannot be reached"),
        (good.replace(":owner@", ":hidden@"), "PostgreSQL refuses the password"),
        (with_database(good, "nowhere"), "PostgreSQL does not know the database or role"),
        ("mysql://someone:hidden@somewhere", "DATABASE_URL is not a connection string"),
        ("postgresql://someone:hidden@host:port/x", "cannot be reached|not a connection string"),
    ):
        migrations.url = url
        said = migrations.refusal("up")
        assert any(part in said for part in sentence.split("|")), said
        assert "DATABASE_URL" in said
        assert "hidden" not in said
