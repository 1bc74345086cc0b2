"""Splitting SQL as PostgreSQL itself would."""

from __future__ import annotations

import pytest

from bookings.migrations.errors import MigrationError
from bookings.migrations.statements import split


@pytest.mark.parametrize(
    "text, count",
    [
        ("", 0),
        (" ;; -- nothing; at all\n;", 0),
        ("SELECT 1", 1),
        ("SELECT 1; SELECT 2", 2),
        ("SELECT ';'; SELECT 'it''s;'", 2),
        (r"SELECT E'\';'; SELECT '\'", 2),
        ('SELECT 1 AS "a;""b"', 1),
        ("SELECT 1 /* ; /* nested ; */ ; */; SELECT 2", 2),
        ("SELECT 1 -- it's; not\n; SELECT 2", 2),
        ("DO $$ BEGIN PERFORM 1; END $$; SELECT 1", 2),
        ("DO $body$ BEGIN PERFORM $$;$$; END $body$", 1),
        ("SELECT a$b$c; SELECT 1", 2),
        ("SELECT $1; SELECT 1", 2),
        ("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", 1),
        ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 1", 2),
    ],
)
def test_semicolons_count_only_between_statements(text: str, count: int) -> None:
    assert len(split(text)) == count


@pytest.mark.parametrize("text", ["SELECT 1;\nSELECT 'open", 'SELECT\n"open', "SELECT 1\n/* open /* */"])
def test_what_never_ends_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(MigrationError, match=r"line 2 opens .* never ends"):
        split(text)
