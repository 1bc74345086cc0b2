"""What refuses to have a row deleted is not emptied at one blow either: triggers of rows do not see TRUNCATE."""

from __future__ import annotations

import psycopg
import pytest

from tests.factories import World

KEPT = ("audit_entries", "booking_history", "bookings", "reviews", "users")
_REFUSING = """
    SELECT DISTINCT t.tgrelid::regclass::text AS name FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
     WHERE p.proname IN ('refuse_change', 'refuse_change_but_erase') AND t.tgtype & 8 = 8 ORDER BY 1
"""


def test_whoever_refuses_to_delete_is_named_here(world: World) -> None:
    """8: the trigger is one for DELETE."""
    assert tuple(row["name"] for row in world.query(_REFUSING)) == KEPT


@pytest.mark.parametrize("erasing", ["off", "on"])
@pytest.mark.parametrize("table", KEPT)
def test_none_is_truncated(world: World, table: str, erasing: str) -> None:
    """Not by itself, not with all that refers to it, and not while somebody is erased."""
    customer = world.user()
    with psycopg.connect(world.address) as connection:
        for statement in (f"TRUNCATE ONLY {table} CASCADE", f"TRUNCATE {table} RESTART IDENTITY CASCADE"):
            connection.execute("SELECT set_config('bookings.erasing', %s, true)", [erasing])
            with pytest.raises(psycopg.errors.RestrictViolation, match="are kept as they are"):
                connection.execute(statement.encode())
            connection.rollback()
    assert world.query("SELECT id FROM users WHERE id = %s", customer.id)
