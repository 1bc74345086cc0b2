"""What the migration tests run against: an empty database of a plain owner, on each supported PostgreSQL."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from tests.migrations.folder import Migrations, Session
from tests.support import databases
from tests.support.servers import PostgresServer


@pytest.fixture(
    scope="session", params=[pytest.param(15, marks=pytest.mark.slow), 18], ids=["postgres15", "postgres18"]
)
def server(request: pytest.FixtureRequest, pg_server: Callable[..., PostgresServer]) -> PostgresServer:
    """The oldest and the newest PostgreSQL that the service runs on."""
    return pg_server(request.param)


@pytest.fixture
def role(server: PostgresServer) -> Iterator[str]:
    """A role that may sign in and nothing else; gone after the database that it owns."""
    name = f"role_{secrets.token_hex(6)}"
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'owner'").format(sql.Identifier(name)))
        yield name
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture
def admin_url(server: PostgresServer, role: str) -> Iterator[str]:
    """An empty database, seen by the superuser."""
    with databases.clone(server.url(), "template1") as url:
        yield url


@pytest.fixture
def other_url(server: PostgresServer) -> Iterator[str]:
    """A second empty database."""
    with databases.clone(server.url(), "template1") as url:
        yield url


@pytest.fixture
def url(server: PostgresServer, role: str, admin_url: str) -> str:
    """The same database, seen by its owner, who is nothing more than that."""
    name = urlsplit(admin_url).path.lstrip("/")
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(name), sql.Identifier(role)))
    return f"postgresql://{role}:owner@127.0.0.1:{server.port}/{name}"


@pytest.fixture
def session(url: str) -> Iterator[Session]:
    """A session of the owner's own, to look and to disturb."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def migrations(tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]) -> Migrations:
    """An empty folder of migrations for an empty database."""
    directory = tmp_path / "migrations"
    directory.mkdir()
    return Migrations(directory, url, capsys)
