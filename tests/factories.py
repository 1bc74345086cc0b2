"""People and things to book, written straight into a database, so that a test begins with what it is about."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row

from bookings.auth import Actor

#: Sets the terms that a new booking's notes hold as JSON: every answer and event of it is then as if it had been sold.
_SELLING = """
CREATE OR REPLACE FUNCTION test_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.notes LIKE '{%' THEN
        NEW := jsonb_populate_record(NEW, NEW.notes::jsonb || '{"notes": null}');
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER test_terms BEFORE INSERT ON bookings FOR EACH ROW EXECUTE FUNCTION test_terms();
"""


def terms(amount: int = 5000, *, required: bool = True, confirm: bool = False, policy: Any = None) -> str:
    """The notes of a booking that costs something, in a database whose world sells (`World.sell`)."""
    return json.dumps(
        {
            "price_amount": amount,
            "currency": "EUR",
            "payment_required": required,
            "payment_status": "unpaid",
            "confirm_when_paid": confirm,
            "cancellation_policy": policy,
        }
    )


class World:
    """Makes users and resources in one database; every one is new, so tests may share the database."""

    def __init__(self, database_url: str) -> None:
        self.address = database_url
        self._connection = psycopg.connect(database_url, autocommit=True, row_factory=dict_row)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def sell(self) -> None:
        """From now on, bookings may be made with a price: see `terms`."""
        self._connection.execute(_SELLING)

    def query(self, statement: str, *params: Any) -> list[dict[str, Any]]:
        """Run any SQL and return its rows (none for a command)."""
        cursor = self._connection.execute(statement.encode(), params or None)
        return cursor.fetchall() if cursor.description else []

    def user(self, role: str = "customer") -> Actor:
        """A new user who cannot sign in with a password."""
        id = uuid4()
        self.query(
            "INSERT INTO users (id, email, name, role, created_at, updated_at) VALUES (%s, %s, %s, %s, now(), now())",
            id,
            f"{id}@example.com",
            f"Test {role}",
            role,
        )
        return Actor(id, role)

    def admin(self) -> Actor:
        """A new admin."""
        return self.user("admin")

    def provider(self, *, auto_confirm: bool = False) -> Actor:
        """A new provider with the resource that carries the same id."""
        actor = self.user("provider")
        self.resource("provider", id=actor.id, owner=actor, auto_confirm=auto_confirm)
        return actor

    def resource(
        self,
        kind: str = "workspace",
        *,
        capacity: int = 1,
        owner: Actor | None = None,
        auto_confirm: bool = False,
        active: bool = True,
        id: UUID | None = None,
    ) -> UUID:
        """A new resource; a shared room unless told otherwise."""
        id = id or uuid4()
        self.query(
            """INSERT INTO resources (id, kind, name, time_zone, capacity, owner_id, auto_confirm, active,
                                      created_at, updated_at)
               VALUES (%s, %s, %s, 'Europe/Berlin', %s, %s, %s, %s, now(), now())""",
            id,
            kind,
            f"Test {kind}",
            capacity,
            owner.id if owner else None,
            auto_confirm,
            active,
        )
        return id
