"""scripts/seed.py makes a town whole or not at all, the same for the same seed, with every invariant holding."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from datetime import time
from typing import Any

import psycopg
import pytest

import check_data
from bookings.account.passwords import Passwords
from tests.support import databases
from tests.support.run import Run

#: a week after clocks went forward, so that the weeks behind have both kinds of days
TODAY = "2026-04-06"
CUSTOMER = "00000000-0000-7000-8000-000000000001"


def seed(url: str, *options: str, code: int = 0, **environment: str) -> str:
    """Run the script; what it prints, or complains of."""
    settings = {
        "DATABASE_URL": url,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "JWT_SECRET": secrets.token_urlsafe(40),
        "APP_ENV": "test",
    }
    result = subprocess.run(
        [sys.executable, "scripts/seed.py", *options],
        cwd=databases.ROOT,
        env={**os.environ, **settings, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == code, result.stderr
    return result.stderr.replace("\r", "\n").splitlines()[-1] if code else result.stdout


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    """Whatever a query finds."""
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def number(url: str, query: str) -> int:
    """The one number that a query finds."""
    return int(rows(url, query)[0][0])


def count(url: str, what: str) -> int:
    """How many rows a table has, or what follows FROM."""
    return number(url, "SELECT count(*) FROM [what]".replace("[what]", what))


def contents(url: str) -> dict[str, str]:
    """A digest of every table but the migrations' own."""
    tables = rows(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename !~ 'migration'")
    digest = "SELECT count(*) || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {} AS t"
    return {name: rows(url, digest.format(name))[0][0] for (name,) in tables}


def damaged(url: str) -> list[check_data.Finding]:
    """The checks that found something."""
    return [finding for finding in check_data.findings(url) if finding.rows]


@pytest.fixture(scope="module")
def small(run: Run) -> Iterator[str]:
    """A database with the small town."""
    shared = run.shared()
    with databases.clone(shared.server_url, shared.template) as url:
        seed(url, "--size", "small", "--today", TODAY)
        yield url


def test_the_small_town_is_sound_and_has_something_of_everything(small: str) -> None:
    assert damaged(small) == []
    assert count(small, "bookings") == 600
    for table in ("services", "reviews", "reminders", "notifications", "payments", "audit_entries", "events"):
        assert count(small, table) > 10, table
    statuses = {status for (status,) in rows(small, "SELECT DISTINCT status FROM bookings")}
    assert statuses >= {"pending", "confirmed", "completed", "no_show", "cancelled"}
    assert count(small, "bookings WHERE service_id IS NULL") == 3  # the demo appointments
    assert count(small, f"bookings WHERE user_id = '{CUSTOMER}'") > 3


def test_its_past_is_over_and_its_future_open(small: str) -> None:
    midnight = f"'{TODAY} 00:00 Europe/Berlin'::timestamptz"
    assert count(small, f"bookings WHERE end_at < {midnight} - interval '3 hours'") > 300
    left = "status IN ('pending', 'confirmed', 'checked_in')"
    assert count(small, f"bookings WHERE {left} AND end_at < {midnight} - interval '9 hours'") == 0
    assert count(small, f"bookings WHERE {left} AND start_at > {midnight}") > 50
    assert count(small, f"booking_history WHERE at > {midnight}") == 0
    behind = "booking_history AS a JOIN booking_history AS b USING (booking_id)"
    assert count(small, f"{behind} WHERE a.version < b.version AND a.at >= b.at") == 0


def test_houses_are_open_in_their_own_time_before_and_after_clocks_change(small: str) -> None:
    """Before the change 8:00 in Berlin is 7:00 UTC, after it 6:00."""
    found = rows(
        small,
        """SELECT start_at AT TIME ZONE 'Europe/Berlin',
                  extract(hour FROM (start_at AT TIME ZONE 'Europe/Berlin') - (start_at AT TIME ZONE 'UTC'))
             FROM bookings WHERE service_id IS NOT NULL""",
    )
    assert min(local.time() for local, _ in found) == time(8)
    assert max(local.time() for local, _ in found) < time(19, 30)
    assert {int(ahead) for _, ahead in found} == {1, 2}


def test_its_houses_have_hours_and_nobody_waits_for_news_of_them(small: str) -> None:
    with_hours = number(small, "SELECT count(*) FROM schedules WHERE layer = 'resource' AND weekly ? 'monday'")
    assert 0 < with_hours == number(small, "SELECT count(*) FROM resources WHERE schedule_version = 1")
    assert count(small, "outbox WHERE type = 'calendar.changed'") == 0


def test_everybody_may_sign_in_with_the_demo_password(small: str) -> None:
    (hashed,) = rows(small, "SELECT password_hash FROM users WHERE email = 'customer@example.com'")[0]
    assert Passwords().verify("bookings-demo", hashed)
    assert number(small, "SELECT count(DISTINCT password_hash) FROM users") == 1


@pytest.mark.slow
def test_a_second_run_changes_nothing_and_another_size_is_refused(small: str) -> None:
    before = contents(small)
    assert json.loads(seed(small, "--size", "small"))["town"]["bookings"] == 600
    assert json.loads(seed(small))["users"]["customer"] == CUSTOMER
    assert "The small town is here already" in seed(small, "--size", "medium", code=1)
    assert contents(small) == before


@pytest.mark.slow
def test_the_same_seed_gives_the_same_data_and_another_does_not(small: str, run: Run) -> None:
    shared = run.shared()
    with contextlib.ExitStack() as stack:
        same, other = (stack.enter_context(databases.clone(shared.server_url, shared.template)) for _ in range(2))
        seed(same, "--size", "small", "--today", TODAY)
        assert contents(same) == contents(small)
        seed(other, "--size", "small", "--today", TODAY, "--seed", "2")
        assert contents(other)["bookings"] != contents(small)["bookings"]


@pytest.mark.slow
def test_a_reduced_medium_town_is_sound_with_all_guards_on(database_url: str) -> None:
    seed(database_url, "--size", "medium", "--bookings", "2500", "--today", TODAY)
    assert damaged(database_url) == []
    assert count(database_url, "bookings") == 2500
    assert count(database_url, "pg_trigger WHERE tgenabled <> 'O'") == 0
    assert count(database_url, "pg_constraint WHERE NOT convalidated") == 0
    assert count(database_url, "pg_index WHERE NOT indisvalid") == 0


@pytest.mark.slow
def test_a_town_that_fails_halfway_leaves_nothing(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE reviews ADD CONSTRAINT no_praise CHECK (rating < 5)")
    assert "no_praise" in seed(database_url, "--size", "small", code=1)
    assert count(database_url, "users") == 0


@pytest.fixture
def others(database_url: str) -> str:
    """A database in which somebody lives."""
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO users (id, email, name, created_at, updated_at)"
            " VALUES (gen_random_uuid(), 'somebody@example.org', 'Somebody', now(), now())"
        )
    return database_url


@pytest.mark.slow
def test_where_others_live_only_the_demo_people_come_unless_told(others: str) -> None:
    assert "Others live in this database" in seed(others, "--size", "small", code=1)
    assert count(others, "users") == 1
    assert json.loads(seed(others))["town"] == {}
    assert count(others, "users") == 4
    assert count(others, "bookings") == 0
    assert json.loads(seed(others, "--size", "small", "--beside"))["town"]["size"] == "small"
    assert damaged(others) == []


@pytest.mark.slow
def test_consumers_do_not_act_on_what_is_past(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO event_consumers (name, position) VALUES ('somebody', 0)")
    seed(database_url, "--size", "small")
    assert number(database_url, "SELECT position - (SELECT max(position) FROM events) FROM event_consumers") == 0


@pytest.mark.slow
def test_production_is_refused(database_url: str) -> None:
    assert "does not belong in production" in seed(database_url, code=1, APP_ENV="production")
