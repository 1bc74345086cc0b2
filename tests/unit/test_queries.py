"""The loader of named SQL. (What it refuses is in tests/guards/test_queries.py.)"""

from __future__ import annotations

from pathlib import Path

import pytest

from bookings import queries

FILE = """\
-- Things, and nothing else.

-- fragment: columns
-- What everybody wants to see.
id, name

-- name: all
-- Every thing,
-- in order.
SELECT {columns} FROM things
 -- a comment inside
 ORDER BY id;

-- name: one
-- One of them.
SELECT {columns} FROM things WHERE id = %(id)s AND tags @> '{}'
"""


@pytest.fixture
def things(tmp_path: Path) -> queries.Queries:
    """The file above, loaded."""
    (tmp_path / "things.sql").write_text(FILE)
    return queries.load("things", tmp_path)


def test_queries_are_named_and_include_fragments(things: queries.Queries) -> None:
    """Each begins with a comment that names it in pg_stat_statements and logs; explanations are left out."""
    assert things.all == "/* things.all */ SELECT id, name FROM things\n ORDER BY id"
    assert things.one == "/* things.one */ SELECT id, name FROM things WHERE id = %(id)s AND tags @> '{}'"


def test_fragments_are_no_queries(things: queries.Queries) -> None:
    """They are text for others."""
    assert set(things.texts) == {"all", "one"}


def test_a_misspelt_query_says_where_it_should_be(things: queries.Queries) -> None:
    """At the attribute, not at the database."""
    with pytest.raises(AttributeError, match=r"sql/queries/things.sql has no query 'al'"):
        _ = things.al


def test_fragments_of_other_files_are_included(tmp_path: Path) -> None:
    """`{things.columns}` is the fragment of things.sql."""
    (tmp_path / "things.sql").write_text(FILE)
    (tmp_path / "more.sql").write_text("-- name: few\n-- Some.\nSELECT {things.columns} FROM things LIMIT 3")
    assert queries.load("more", tmp_path).few == "/* more.few */ SELECT id, name FROM things LIMIT 3"


def test_fragments_of_the_service_are_included_from_elsewhere(tmp_path: Path) -> None:
    """A file that does not lie beside the service's own queries may use their fragments."""
    (tmp_path / "town.sql").write_text("-- name: told\n-- As the service tells it.\nSELECT {booking.document}")
    assert "row_to_json" in queries.load("town", tmp_path).told
