"""sql/schema.sql: what the migrations make, the same from every PostgreSQL, and whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookings.migrations import dump, expected_version, files, upgrade
from bookings.migrations.connection import connect
from tests.migrations.folder import ROOT

EVERYTHING = Path(__file__).with_name("everything")


def dumped(url: str, directory: Path) -> str:
    with connect(url) as connection:
        return dump.dump(connection, directory)


@pytest.mark.slow
def test_the_services_migrations_make_exactly_schema_sql(url: str) -> None:
    assert upgrade(url, report=lambda line: None) == expected_version()
    assert dumped(url, files.DIRECTORY) == (ROOT / "sql" / "schema.sql").read_text()


@pytest.mark.slow
def test_each_file_can_be_applied_in_a_session_of_its_own(url: str) -> None:
    """As databases meet them that have come half the way: nothing an earlier file left in the session may be needed."""
    for version in range(1, expected_version() + 1):
        assert upgrade(url, to=version, report=lambda line: None) == version


def test_every_kind_of_object_dumps_alike_and_loads_again(url: str, other_url: str) -> None:
    """Both versions of PostgreSQL must give the text that is kept, and a database made from it must give it again."""
    kept = (EVERYTHING / "schema.sql").read_text()
    upgrade(url, directory=EVERYTHING / "migrations", report=lambda line: None)
    assert dumped(url, EVERYTHING / "migrations") == kept
    with connect(other_url) as connection:
        connection.execute(kept.encode())
        connection.execute("DISCARD ALL")
        assert dump.schema(connection) == kept.partition("\n\n")[2]
