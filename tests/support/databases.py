"""A database migrated once, and cheap clones of it."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

import check_data

ROOT = Path(__file__).resolve().parents[2]


def with_database(url: str, name: str) -> str:
    """Return `url` pointing at another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def name_of(url: str) -> str:
    """Return the name of the database that `url` points at."""
    return urlsplit(url).path.lstrip("/")


def create(server_url: str, template: str | None = None) -> str:
    """Create a database of our own, a copy of `template` if given; returns its URL.

    Files are copied whole, which takes a third of what it takes to read them page by page, PostgreSQL's usual way.
    """
    name = f"test_{secrets.token_hex(6)}"
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template:
        statement += sql.SQL(" TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(template))
    _execute(server_url, statement)
    return with_database(server_url, name)


def drop(server_url: str, name: str) -> None:
    """Drop a database made by `create`, throwing out whoever is still connected."""
    _execute(server_url, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextlib.contextmanager
def clone(server_url: str, template: str) -> Iterator[str]:
    """Lend a copy of the template for the length of a `with` block."""
    url = create(server_url, template)
    try:
        yield url
    finally:
        drop(server_url, name_of(url))


def migrate(url: str) -> None:
    """Bring a database to the newest schema with the script that people run."""
    command = [sys.executable, str(ROOT / "scripts" / "migrate.py"), "up"]
    environment = {**os.environ, "DATABASE_URL": url, "APP_ENV": "test"}
    result = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"scripts/migrate.py up failed:\n{result.stdout}{result.stderr}")


def migrated_template(server_url: str) -> str:
    """Create and migrate the database that tests copy; returns its name."""
    url = create(server_url)
    migrate(url)
    return name_of(url)


def damage(url: str) -> list[check_data.Finding]:
    """Return what the checks in sql/checks/ find in a database; nothing when the data keeps its invariants."""
    return [finding for finding in check_data.findings(url) if finding.rows]


def _execute(server_url: str, statement: sql.Composed) -> None:
    with psycopg.connect(server_url, autocommit=True, connect_timeout=5) as connection:
        connection.execute(statement)
