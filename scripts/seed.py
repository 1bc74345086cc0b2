#!/usr/bin/env python3
"""Fill a development database with something to look at, and print who is in it as JSON.

Runs any number of times: what is there already stays as it is. Refuses in production.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bookings import clock
from bookings.account.passwords import hash_password
from bookings.auth import Actor, Caller
from bookings.booking import service
from bookings.booking.errors import SlotTaken
from bookings.config import ConfigurationError, Settings
from bookings.db import Database, Tx

PASSWORD = "bookings-demo"  # noqa: S105 (not a secret: production refuses this script)
USERS = {role: UUID(int=0x7000_8000_0000_0000_0000 + n) for n, role in enumerate(("customer", "provider", "admin"), 1)}
ROOM, COURSE = UUID(int=0x7000_8000_0000_0000_0011), UUID(int=0x7000_8000_0000_0000_0012)


def main() -> int:
    """Seed and report; an operator's mistake becomes one sentence and exit code 1."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    try:
        settings = Settings.from_env()
        if settings.production:
            raise ConfigurationError("Demo data does not belong in production; set APP_ENV=development.")
    except ConfigurationError as error:
        print(f"seed: {error}", file=sys.stderr)
        return 1
    database = Database(settings, name="bookings-seed")
    database.run(_people_and_rooms)
    _bookings(database, settings)
    database.close()
    print(json.dumps({"users": {role: str(id) for role, id in USERS.items()}, "password": PASSWORD}))
    return 0


def _people_and_rooms(tx: Tx) -> None:
    hashed = hash_password(PASSWORD)
    for role, id in USERS.items():
        tx.execute(
            """INSERT INTO users (id, email, name, time_zone, role, password_hash, created_at, updated_at)
               VALUES (%(id)s, %(email)s, %(name)s, 'Europe/Berlin', %(role)s, %(hash)s, now(), now())
               ON CONFLICT DO NOTHING""",
            {"id": id, "email": f"{role}@example.com", "name": f"Demo {role}", "role": role, "hash": hashed},
        )
    provider = USERS["provider"]
    for id, kind, name, capacity, owner in (
        (provider, "provider", "Demo provider", 1, provider),
        (ROOM, "workspace", "Demo room", 1, None),
        (COURSE, "workspace", "Demo course of twelve", 12, provider),
    ):
        tx.execute(
            """INSERT INTO resources (id, kind, name, time_zone, capacity, owner_id, created_at, updated_at)
               VALUES (%(id)s, %(kind)s, %(name)s, 'Europe/Berlin', %(capacity)s, %(owner)s, now(), now())
               ON CONFLICT DO NOTHING""",
            {"id": id, "kind": kind, "name": name, "capacity": capacity, "owner": owner},
        )


def _bookings(database: Database, settings: Settings) -> None:
    customer = Caller(Actor(USERS["customer"], "customer"))
    tomorrow = datetime.combine(clock.now().date() + timedelta(days=1), time(9), UTC)
    for day in range(3):
        start = tomorrow + timedelta(days=day, hours=day)
        body = {
            "providerId": USERS["provider"],
            "workspaceId": ROOM,
            "startAt": start,
            "endAt": start + timedelta(minutes=45),
            "units": 1,
            "title": f"Demo appointment {day + 1}",
            "description": None,
            "location": None,
            "notes": None,
        }
        try:
            service.create(database, settings=settings, caller=customer, body=body)
        except SlotTaken:
            continue  # seeded before


if __name__ == "__main__":
    sys.exit(main())
