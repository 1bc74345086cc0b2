#!/usr/bin/env python3
"""Make a town to look at: clinics, salons and co-working spaces with weeks of bookings behind and ahead of them.

Prints who may sign in as JSON: a demo customer, provider and admin, the same at every size. Without --size it sees to
these three, and makes the small town if there is nothing yet; that may be repeated. The same --seed and --today give
the same data, ids included. The town is written in one transaction through COPY, constraints and triggers on: it is
there whole or not at all. Its clock stands at the beginning of today. Refuses in production, and with --size also a
database in which others live.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

try:
    import psycopg
    import tqdm  # noqa: F401 (the other library this needs)
except ImportError:  # started with a Python that has nothing installed
    from devtools import environment

    environment.enter()

from bookings import clock
from bookings.account.passwords import hash_password
from bookings.config import ConfigurationError, Settings
from seeding import load
from seeding.town import DEMO_COURSE, DEMO_ROOM, DEMO_USERS, SIZES, ZONE

PASSWORD = "bookings-demo"  # noqa: S105 (not a secret: production refuses this script)


def main(arguments: list[str] | None = None) -> int:
    """Seed and report; an operator's mistake becomes one sentence and exit code 1."""
    options = _options(arguments)
    try:
        settings = Settings.from_env()
        if settings.production:
            raise ConfigurationError("Demo data does not belong in production; set APP_ENV=development.")
        made = seed(settings.database_url, options)
    except (ConfigurationError, load.NotEmpty) as error:
        print(f"seed: {error}", file=sys.stderr)
        return 1
    except psycopg.Error as error:
        print(f"seed: PostgreSQL answered {' '.join(str(error).split())!r}; nothing was written.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("seed: Interrupted; nothing was written.", file=sys.stderr)
        return 1
    print(json.dumps({"users": {role: str(id) for role, id in DEMO_USERS.items()}, "password": PASSWORD, "town": made}))
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = ", ".join(f"{name}: {size.bookings:,} bookings" for name, size in SIZES.items())
    parser.add_argument("--size", choices=list(SIZES), help=sizes)
    parser.add_argument("--bookings", type=int, metavar="N", help="another number of bookings (with --size)")
    parser.add_argument("--today", type=date.fromisoformat, metavar="YYYY-MM-DD", help="what is ahead begins here")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="another town (default 1)")
    parser.add_argument("--beside", action="store_true", help="although others live in the database (with --size)")
    options = parser.parse_args(arguments)
    if not options.size and (options.bookings is not None or options.beside):
        parser.error("--bookings and --beside go with --size.")
    if options.bookings is not None and options.bookings < 1:
        parser.error("--bookings must be 1 or more.")
    return options


def seed(url: str, options: argparse.Namespace) -> dict[str, object]:
    """Write what is missing; the town that is there afterwards. Raises NotEmpty, psycopg.Error."""
    size = options.size or "small"
    plan = load.Plan(size, options.bookings or SIZES[size].bookings, options.today or clock.now().date(), options.seed)
    with psycopg.connect(url, connect_timeout=5) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('bookings seed', 0))")
        hashed = _hash()
        _people_and_rooms(connection, hashed, plan.now)
        there = load.seeded(connection)
        if there:
            if options.size and there.size != options.size:
                raise load.NotEmpty(f"The {there.size} town is here already; choose an empty database.")
            return there.shown()
        if load.strangers(connection) and not options.beside:
            if options.size:
                raise load.NotEmpty("Others live in this database; choose an empty one, or say --beside.")
            print("seed: There is other data here, so only the demo's people were looked after.", file=sys.stderr)
            return {}
        load.load(connection, plan, hashed)
    if plan.bookings >= SIZES["medium"].bookings:
        _tidy(url)
    return load.Seeded(plan.size, str(plan.today), plan.bookings).shown()


def _hash() -> str:
    """The hash of the password that everybody has; its salt follows from it, so that the same seed gives the same."""
    return hash_password(PASSWORD, salt=hashlib.sha256(PASSWORD.encode()).digest()[:16])


def _tidy(url: str) -> None:
    """Let PostgreSQL look at what is new before somebody waits for it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")


def _people_and_rooms(connection: load.Connection, hashed: str, now: int) -> None:
    at = datetime.fromtimestamp(now, UTC)
    for role, id in DEMO_USERS.items():
        connection.execute(
            """INSERT INTO users (id, email, name, time_zone, role, password_hash, created_at, updated_at)
               VALUES (%(id)s, %(email)s, %(name)s, %(zone)s, %(role)s, %(hash)s, %(at)s, %(at)s)
               ON CONFLICT DO NOTHING""",
            {
                "id": id,
                "email": f"{role}@example.com",
                "name": f"Demo {role}",
                "zone": ZONE,
                "role": role,
                "hash": hashed,
                "at": at,
            },
        )
    provider = DEMO_USERS["provider"]
    for id, kind, name, capacity, owner in (
        (provider, "provider", "Demo provider", 1, provider),
        (DEMO_ROOM, "workspace", "Demo room", 1, None),
        (DEMO_COURSE, "workspace", "Demo course of twelve", 12, provider),
    ):
        connection.execute(
            """INSERT INTO resources (id, kind, name, time_zone, capacity, owner_id, created_at, updated_at)
               VALUES (%(id)s, %(kind)s, %(name)s, %(zone)s, %(capacity)s, %(owner)s, %(at)s, %(at)s)
               ON CONFLICT DO NOTHING""",
            {"id": id, "kind": kind, "name": name, "zone": ZONE, "capacity": capacity, "owner": owner, "at": at},
        )


if __name__ == "__main__":
    sys.exit(main())
