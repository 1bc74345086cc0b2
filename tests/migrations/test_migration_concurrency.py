"""Several runners at once, and runners among sessions that hold locks."""

from __future__ import annotations

import subprocess
import threading

import psycopg
import pytest

from bookings.migrations import MigrationError, applied_version, files, lock, upgrade
from bookings.migrations.runner import Patience
from tests.migrations.folder import Migrations, Session, one

pytestmark = pytest.mark.slow

COPIES = 8
RAN = "INSERT INTO ran (version) VALUES ({});"


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def finish(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return said


def test_eight_at_once_apply_each_file_once(migrations: Migrations, session: Session) -> None:
    migrations.write(
        _0001_ran="CREATE TABLE ran (version integer);" + RAN.format(1),
        _0002_slow="SELECT pg_sleep(0.2);" + RAN.format(2),
        _0003_index="-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY ran_by_version ON ran (version);",
        _0004_last=RAN.format(4),
    )
    session.execute("SELECT pg_advisory_lock(%s)", (lock.KEY,))  # nobody starts before all are there
    copies = [migrations.start() for _ in range(COPIES)]
    assert all("Another migration is running" in first_line(copy) for copy in copies)
    session.execute("SELECT pg_advisory_unlock(%s)", (lock.KEY,))
    said = "".join(finish(copy) for copy in copies)
    assert said.count("applied in") == 4
    assert said.count("The database is at 0004.") == COPIES
    assert one(session, "SELECT array_agg(version ORDER BY version) FROM ran") == [1, 2, 4]
    assert one(session, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ran_by_version'::regclass") is True


def test_waiting_for_another_runner_is_bounded(migrations: Migrations, session: Session) -> None:
    migrations.write(_0001_a="SELECT 1")
    session.execute("SELECT pg_advisory_lock(%s)", (lock.KEY,))
    said = migrations.refusal("up", "--wait", "0.3")
    holder = session.info.backend_pid
    assert f"Another migration has held the lock for over 0.3 s (server process {holder})" in said
    assert "wait longer with --wait" in said


def test_nothing_to_do_needs_no_lock(migrations: Migrations, session: Session) -> None:
    migrations.write(_0001_a="SELECT 1").run("up")
    session.execute("SELECT pg_advisory_lock(%s)", (lock.KEY,))
    assert migrations.run("up", "--wait", "0") == (0, "The database is at 0001.\n")


def test_a_held_table_is_tried_again_until_it_is_free(migrations: Migrations, session: Session) -> None:
    session.execute("CREATE TABLE rooms ()")
    migrations.write(_0001_column="ALTER TABLE rooms ADD name text;")
    with session.transaction():
        session.execute("SELECT FROM rooms")
        runner = migrations.start("--lock-timeout", "0.2")
        assert "0001_column.sql got no lock (try 1 of 10); again in 0.5 s." in first_line(runner)
        with psycopg.connect(migrations.url) as other:
            other.execute("SET lock_timeout = '2s'")
            other.execute("SELECT FROM rooms")  # between the tries nobody queues behind the migration
    assert "0001_column.sql applied in" in finish(runner)


def test_a_table_held_for_ever_ends_in_a_sentence(migrations: Migrations, session: Session) -> None:
    session.execute("CREATE TABLE rooms ()")
    migrations.write(_0001_column="CREATE TABLE desks (); ALTER TABLE rooms ADD name text;")
    said: list[str] = []
    with session.transaction():
        session.execute("SELECT FROM rooms")
        with pytest.raises(
            MigrationError, match=r"could not get its locks in 2 tries; nothing of it was applied: find"
        ):
            upgrade(
                migrations.url,
                directory=migrations.directory,
                patience=Patience(lock_timeout=0.1, attempts=2),
                report=said.append,
            )
    assert len(said) == 1
    assert one(session, "SELECT to_regclass('desks')") is None


def test_a_rival_whose_lock_was_cut_is_noticed(migrations: Migrations, session: Session) -> None:
    """Should the lock's session be cut, the version row still lets only one in, and the other goes on after it."""
    migrations.write(_0001_ran="CREATE TABLE ran ();", _0002_more="CREATE TABLE more ();")
    migrations.run("up", "--to", "1")
    (_, second) = files.load(migrations.directory)
    said: list[str] = []
    with session.transaction():
        session.execute("CREATE TABLE more ()")
        session.execute("INSERT INTO schema_migrations VALUES (2, 'more', %s)", (second.checksum,))
        runner = threading.Thread(
            target=upgrade,
            args=(migrations.url,),
            kwargs={"directory": migrations.directory, "report": said.append, "patience": Patience(lock_timeout=0.1)},
        )
        runner.start()
        while not said:
            runner.join(0.05)
            assert runner.is_alive()
    runner.join(30)
    assert "0002_more.sql was applied by another process." in said
    assert applied_version(session) == 2
