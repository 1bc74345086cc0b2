"""/health and /ready, with real servers that come and go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from bookings.platform import health
from tests.conftest import PgServer
from tests.support import databases
from tests.support.patience import soon
from tests.support.people import NO_REDIS, Client, settings_for
from tests.support.run import Run


def ready(client: Client) -> tuple[int, dict[str, Any]]:
    """The status of /ready and its parts, asked freshly."""
    time.sleep(health._FRESH + 0.05)
    answer = client.call("GET", "/ready")
    return answer.status_code, answer.get_json()["parts"]


@pytest.fixture
def client(database_url: str, redis_url: str) -> Iterator[Client]:
    """The app with everything it needs."""
    client = Client(settings_for(database_url, redis_url))
    yield client
    _close(client)


def _close(client: Client) -> None:
    client.app.extensions["health"].close()
    client.close()


@pytest.mark.slow
def test_ready_names_every_part(client: Client) -> None:
    """All well: 200, and how long each took."""
    status, parts = ready(client)
    assert status == 200
    assert {name: part["ok"] for name, part in parts.items()} == dict.fromkeys(parts, True)
    assert {name for name, part in parts.items() if part["required"]} == {"postgres", "schema", "process"}
    assert parts["postgres"]["ms"] >= 0
    assert parts["schema"]["version"] == parts["schema"]["expected"]


@pytest.mark.slow
def test_an_older_schema_is_not_ready(client: Client, database_url: str) -> None:
    """With the remedy."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)")
    status, parts = ready(client)
    assert status == 503
    assert parts["schema"]["error"] == "The database is older than this code; run scripts/migrate.py up."
    assert parts["postgres"]["ok"]


@pytest.mark.slow
def test_a_database_without_any_schema_is_not_ready(empty_database_url: str, redis_url: str) -> None:
    """A fresh database."""
    client = Client(settings_for(empty_database_url, redis_url))
    status, parts = ready(client)
    assert (status, parts["schema"]["version"]) == (503, 0)
    _close(client)


@pytest.mark.slow
def test_a_newer_schema_is_ready(client: Client, database_url: str) -> None:
    """A newer release is being rolled out beside this one."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, 'later', '')")
    assert ready(client)[0] == 200


@pytest.mark.slow
def test_without_redis_it_is_ready(database_url: str) -> None:
    """Redis is told, not required."""
    client = Client(settings_for(database_url, NO_REDIS))
    status, parts = ready(client)
    assert status == 200
    assert parts["redis"] == {
        "ok": False,
        "required": False,
        "error": "Redis does not answer; events and reminders are late.",
    }
    _close(client)


@pytest.mark.slow
def test_a_process_that_is_about_to_stop_is_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Balancers send requests elsewhere; it is still alive."""
    monkeypatch.setattr(health, "draining", _set())
    status, parts = ready(client)
    assert status == 503
    assert not parts["process"]["ok"]
    assert client.call("GET", "/health").status_code == 200


def _set() -> Any:
    import threading

    event = threading.Event()
    event.set()
    return event


def test_answers_are_reused_for_half_a_second(client: Client, database_url: str) -> None:
    """Anyone may ask: a thousand probes are one query."""
    client.call("GET", "/ready")

    def asked() -> int:
        statement = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        with psycopg.connect(database_url, autocommit=True) as connection:
            row = connection.execute(statement).fetchone()
            assert row is not None
            return int(row[0])

    before = asked()
    for _ in range(200):
        client.call("GET", "/ready")
    assert asked() - before < 100


@pytest.mark.crash
def test_it_follows_the_database_down_and_up(pg_server: PgServer, run: Run, redis_url: str) -> None:
    """Not ready within two seconds of a crash, alive all the time, ready soon after the database is back."""
    server = pg_server(18, fresh=True)
    client = Client(settings_for(server.url(databases.migrated_template(server.url())), redis_url))
    assert ready(client)[0] == 200
    server.kill()
    began = time.monotonic()
    status, parts = ready(client)
    assert time.monotonic() - began < soon(3)
    assert (status, parts["postgres"]["ok"]) == (503, False)
    assert client.call("GET", "/health").status_code == 200
    time.sleep(5)
    assert ready(client)[0] == 503
    server.start()
    came_back = time.monotonic()
    while ready(client)[0] != 200:
        assert time.monotonic() - came_back < soon(5)
    _close(client)


@pytest.mark.slow
def test_a_slow_database_is_not_ready(client: Client, database_url: str) -> None:
    """What does not answer within 250 ms is cancelled: here somebody holds the table."""
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE schema_migrations IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        status, parts = ready(client)
        assert time.monotonic() - began < soon(2)
    assert (status, parts["postgres"]["ok"]) == (503, False)
    assert ready(client)[0] == 200
