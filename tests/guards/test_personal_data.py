"""Whoever adds a table or a column says whether it is about people; what is, is exported and erased."""

from __future__ import annotations

import re

import psycopg

from bookings import queries
from bookings.people.export import PARTS
from tests.support.personal import HELD, IMPERSONAL

_COLUMNS = """
    SELECT c.table_name, c.column_name, c.udt_name
      FROM information_schema.columns AS c
      JOIN information_schema.tables AS t USING (table_schema, table_name)
     WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'
"""
_WORDY = {"text", "json", "jsonb", "_text", "varchar", "bytea", "xml", "hstore"}
#: how columns that name a user are called
_PERSON = re.compile(r"(^|_)(user|recipient|author|owner|requester|customer|payer|actor|person)_id$|_by$")
_HOW = "say in tests/support/personal.py what it holds; export and erase what is personal in sql/queries/people.sql"


def columns(url: str) -> dict[str, dict[str, str]]:
    """Every table's columns and their types."""
    found: dict[str, dict[str, str]] = {}
    with psycopg.connect(url) as connection:
        for table, column, kind in connection.execute(_COLUMNS):
            found.setdefault(table, {})[column] = kind
    return found


def test_every_table_is_declared(module_database_url: str) -> None:
    """A table is about people, or not; none is forgotten, none is left behind."""
    there = set(columns(module_database_url))
    assert there - HELD.keys() - IMPERSONAL.keys() == set(), _HOW
    assert (HELD.keys() | IMPERSONAL.keys()) - there == set(), "these tables are gone"
    assert not HELD.keys() & IMPERSONAL.keys()


def test_every_column_with_words_is_declared(module_database_url: str) -> None:
    """In a table about people each column that can hold words is erased, or said to be plain."""
    known = columns(module_database_url)
    for table, held in HELD.items():
        wordy = {name for name, kind in known[table].items() if kind in _WORDY}
        assert wordy - {*held.words, *held.plain} == set(), f"{table}: {_HOW}"
        assert {*held.words, *held.plain} - wordy == set(), f"{table} has no such columns any more"


def test_a_table_that_names_users_is_about_people(module_database_url: str) -> None:
    """Nothing with a column for a user's id passes as impersonal."""
    known = columns(module_database_url)
    wrong = {f"{table}.{column}" for table in IMPERSONAL for column in known[table] if _PERSON.search(column)}
    assert wrong == set(), _HOW


def test_what_is_held_is_exported() -> None:
    """Each table stands in the query of its part."""
    profile = queries.load("account").find
    for table, held in HELD.items():
        text = profile if held.part == "profile" else PARTS[held.part]
        assert re.search(rf"\b(FROM|JOIN) {table}\b", text), f"{table} is not in the part {held.part}: {_HOW}"


def test_words_are_erased() -> None:
    """Each column with words is set by some statement that erases, or its row deleted."""
    texts = "\n".join([*queries.load("people").texts.values(), queries.load("account").erase])
    for table, held in HELD.items():
        if re.search(rf"\bDELETE FROM {table}\b", texts):
            continue
        updates = re.findall(rf"UPDATE {table}\b(.*?)(?:\bWHERE\b|\Z)", texts, re.DOTALL)
        for column in held.words:
            assert any(re.search(rf"\b{column} =", update) for update in updates), f"{table}.{column}: {_HOW}"
