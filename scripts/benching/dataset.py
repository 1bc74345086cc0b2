"""The data of the benchmark: users, providers, and bookings whose ids and times follow from a number."""

from __future__ import annotations

import psycopg

USERS = 1000
PROVIDERS = 200

FLOOR_INSERT = """INSERT INTO floor_bookings (id, user_id, provider_id, during, title)
VALUES (%(id)s, %(userId)s, %(providerId)s, tstzrange(%(startAt)s::timestamptz, %(endAt)s::timestamptz), %(title)s)
RETURNING json_build_object('id', id, 'userId', user_id, 'providerId', provider_id, 'title', title)::text"""

_LOAD = """
INSERT INTO users (id, email, name, role, created_at, updated_at)
SELECT user_id(n), 'user' || n || '@example.com', 'User ' || n, 'customer', now(), now()
  FROM generate_series(1, {users}) AS n;
INSERT INTO users (id, email, name, role, created_at, updated_at)
SELECT provider_id(n), 'provider' || n || '@example.com', 'Provider ' || n, 'provider', now(), now()
  FROM generate_series(1, {providers}) AS n;
INSERT INTO resources (id, kind, name, time_zone, owner_id, created_at, updated_at)
SELECT provider_id(n), 'provider', 'Provider ' || n, 'UTC', provider_id(n), now(), now()
  FROM generate_series(1, {providers}) AS n;
INSERT INTO bookings (id, user_id, resource_ids, provider_id, start_at, end_at, status, title, created_by, created_at,
                      updated_at)
SELECT booking_id(n), user_id(1 + n % {users}), ARRAY[provider_id(1 + n % {providers})],
       provider_id(1 + n % {providers}),
       start_at, start_at + interval '30 minutes', 'confirmed', 'Booking ' || n, user_id(1 + n % {users}), now(), now()
  FROM generate_series(0, {bookings} - 1) AS n,
       LATERAL (SELECT date_trunc('hour', now()) - interval '100 days' + n / {providers} * interval '12 hours')
               AS t (start_at);
INSERT INTO allocations (resource_id, exclusive, during, booking_id, start_at)
SELECT provider_id, true, tstzrange(start_at, end_at), id, start_at FROM bookings;
INSERT INTO booking_history (booking_id, version, action, status, start_at, end_at, actor_id, at)
SELECT id, 1, 'create', 'pending', start_at, end_at, user_id, created_at FROM bookings;
CREATE TABLE floor_bookings (id uuid PRIMARY KEY, user_id uuid NOT NULL, provider_id uuid NOT NULL,
    during tstzrange NOT NULL, title text, created_at timestamptz NOT NULL DEFAULT now(),
    EXCLUDE USING gist (provider_id WITH =, during WITH &&));
"""

_IDS = """
CREATE FUNCTION user_id(n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS
    $$ SELECT ('00000000-0000-7000-8001-' || lpad(to_hex(n), 12, '0'))::uuid $$;
CREATE FUNCTION provider_id(n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS
    $$ SELECT ('00000000-0000-7000-8002-' || lpad(to_hex(n), 12, '0'))::uuid $$;
CREATE FUNCTION booking_id(n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS
    $$ SELECT ('00000000-0000-7000-8003-' || lpad(to_hex(n), 12, '0'))::uuid $$;
"""


def load(database_url: str, bookings: int) -> None:
    """Fill a freshly migrated database, and let PostgreSQL learn what is in it."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(_IDS)
        connection.execute(_LOAD.format(users=USERS, providers=PROVIDERS, bookings=bookings))
        connection.execute("VACUUM ANALYZE")


def user_id(n: int) -> str:
    """The id of user n, from 1 to USERS."""
    return f"00000000-0000-7000-8001-{n:012x}"
