"""The Huey object: background tasks over Redis. Huey may lose a task when a worker dies, so no task owns anything:
each only hurries what is a row in PostgreSQL, and a sweep finds the rows whose task was lost."""

from __future__ import annotations

import hashlib

from huey import RedisHuey
from huey.serializer import SignedSerializer
from redis import ConnectionPool, Redis

from bookings.config import Settings


def make_huey(settings: Settings) -> RedisHuey:
    """The task queue. Tasks are signed, because Huey's messages are pickles: whoever can write to Redis but does not
    know JWT_SECRET cannot make a worker run anything."""
    secret = hashlib.sha256(b"huey:" + settings.jwt_secret.encode()).hexdigest()
    pool = ConnectionPool.from_url(settings.redis_url, socket_timeout=5, socket_connect_timeout=1)
    return RedisHuey(
        "bookings",
        connection_pool=pool,
        serializer=SignedSerializer(secret),
        results=False,
        # BRPOP blocks for less than the socket's timeout.
        read_timeout=2,
    )


def lengths(redis: Redis, settings: Settings) -> tuple[int, int]:
    """How many tasks wait to be run, and how many for their time. Raises RedisError."""
    storage = make_huey(settings).storage
    return redis.llen(storage.queue_key), redis.zcard(storage.schedule_key)
