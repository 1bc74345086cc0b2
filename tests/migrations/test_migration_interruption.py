"""Runners that are killed, and what the next run finds."""

from __future__ import annotations

import time

import psycopg
import pytest

from bookings.migrations import applied_version
from tests.migrations.folder import Migrations, Session, one
from tests.support.patience import patient

pytestmark = pytest.mark.slow

RUNNERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bookings-migrate' AND query LIKE %s"
    " AND datname = current_database()"
)
INDEX = "-- migrate: no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY rooms_name ON rooms (name);"
VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('rooms_name')"


def wait_for(session: Session, query: str, count: int) -> None:
    deadline = time.monotonic() + patient(20)
    while one(session, RUNNERS, f"%{query}%") != count:
        assert time.monotonic() < deadline, f"{query} was not seen {count} times"
        time.sleep(0.05)


def test_a_run_killed_in_a_file_leaves_nothing_and_the_next_completes(migrations: Migrations, session: Session) -> None:
    session.execute("CREATE TABLE pace AS SELECT 600 AS seconds")
    migrations.write(
        _0001_first="CREATE TABLE first ();",
        _0002_half="CREATE TABLE half (); SELECT pg_sleep(seconds) FROM pace; CREATE TABLE whole ();",
    )
    runner = migrations.start()
    wait_for(session, "pg_sleep", 1)
    runner.kill()
    runner.communicate()
    assert applied_version(session) == 1
    session.execute("UPDATE pace SET seconds = 0")
    code, said = migrations.run("up")  # meets the dead run's session, which notices within seconds
    assert code == 0, said
    assert applied_version(session) == 2
    assert one(session, "SELECT to_regclass('whole')") == "whole"


def test_an_index_left_invalid_by_a_kill_is_built_anew(migrations: Migrations, session: Session) -> None:
    session.execute("CREATE TABLE rooms (name text)")
    migrations.write(_0001_index=INDEX)
    with psycopg.connect(migrations.url) as writer:
        writer.execute("INSERT INTO rooms VALUES ('a')")  # the build waits for this transaction
        runner = migrations.start()
        wait_for(session, "CREATE UNIQUE INDEX", 1)
        time.sleep(0.2)  # its first phase, which makes the index known, is over
        runner.kill()
        runner.communicate()
        assert one(session, VALID) is False
        assert applied_version(session) == 0
        following = migrations.start()  # while the dead run's session still builds
        wait_for(session, "CREATE UNIQUE INDEX", 0)
    said, _ = following.communicate(timeout=60)
    assert following.returncode == 0, said
    assert "index rooms_name is INVALID, left by an interrupted run; building it anew" in said
    assert one(session, VALID) is True
    assert applied_version(session) == 1


def test_an_index_left_invalid_by_the_data_is_built_anew(migrations: Migrations, session: Session) -> None:
    session.execute("CREATE TABLE rooms (name text)")
    session.execute("INSERT INTO rooms VALUES ('a'), ('a')")
    migrations.write(_0001_index=INDEX)
    said = migrations.refusal("up")
    assert "could not create unique index" in said
    assert "it runs without a transaction" in said
    assert one(session, VALID) is False
    session.execute("TRUNCATE rooms")
    assert "building it anew" in migrations.run("up")[1]
    assert one(session, VALID) is True


def test_an_index_finished_before_its_row_was_written_is_kept(migrations: Migrations, session: Session) -> None:
    session.execute("CREATE TABLE rooms (name text)")
    session.execute("CREATE UNIQUE INDEX rooms_name ON rooms (name)")
    code, said = migrations.write(_0001_index=INDEX).run("up")
    assert code == 0, said
    assert "index rooms_name is there and valid, built by an interrupted run; kept" in said


@pytest.mark.parametrize("form", ['INDEX CONCURRENTLY IF NOT EXISTS "Odd""name" ON ONLY public."Rooms"'])
def test_odd_names_are_found_too(migrations: Migrations, session: Session, form: str) -> None:
    session.execute('CREATE TABLE "Rooms" (name text)')
    session.execute('CREATE INDEX "Odd""name" ON "Rooms" (name)')
    session.execute("CREATE TABLE decoy AS SELECT")
    code, said = migrations.write(_0001_index=f"-- migrate: no-transaction\nCREATE {form} (name)").run("up")
    assert (code, "kept" in said) == (0, True), said


def test_a_lost_server_session_is_one_sentence(migrations: Migrations, session: Session) -> None:
    migrations.write(_0001_cut="SELECT pg_terminate_backend(pg_backend_pid());")
    said = migrations.refusal("up")
    assert "0001_cut.sql: terminating connection" in said
    assert "see that the server is well, and run again" in said
    assert applied_version(session) == 0
