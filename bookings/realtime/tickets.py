"""One-time tickets: a browser cannot send an Authorization header with a WebSocket, and a token in a URL would stay in
logs and histories. A ticket is worth nothing after its first use or 30 seconds."""

from __future__ import annotations

import secrets
from typing import cast
from uuid import UUID

import orjson
from redis import Redis, RedisError

from bookings.auth import Actor
from bookings.errors import Unauthorized, Unavailable

LIFETIME = 30
_PREFIX = "bookings:ticket:"


def issue(redis: Redis, actor: Actor, expires_at: float) -> str:
    """A new ticket for an actor whose token ends at `expires_at` (seconds since 1970). Raises Unavailable."""
    ticket = secrets.token_urlsafe(32)
    value = orjson.dumps({"id": actor.id, "role": actor.role, "expiresAt": expires_at})
    try:
        redis.set(_PREFIX + ticket, value, ex=LIFETIME)
    except RedisError as error:
        raise Unavailable("Tickets cannot be issued just now; try again in a moment.") from error
    return ticket


def redeem(redis: Redis, ticket: str) -> tuple[Actor, float]:
    """The actor of a ticket and when their token ends; the ticket is gone. Raises Unauthorized, Unavailable."""
    try:
        value = cast("str | None", redis.getdel(_PREFIX + ticket))
    except RedisError as error:
        raise Unavailable("Tickets cannot be read just now; try again in a moment.") from error
    if value is None:
        raise Unauthorized("The ticket is unknown, used or older than 30 seconds.")
    held = orjson.loads(value)
    return Actor(UUID(held["id"]), held["role"]), held["expiresAt"]
