"""Connections to Redis, with the retries and timeouts said aloud: the library's defaults differ by constructor."""

from __future__ import annotations

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bookings.config import Settings


def connect(settings: Settings, *, timeout: float = 1.0, decode: bool = True) -> Redis:
    """A client that fails within `timeout` seconds instead of repeating: callers know what a retry would mean.

    Blocking calls must block for less than the timeout.
    """
    return Redis.from_url(
        settings.redis_url,
        decode_responses=decode,
        socket_timeout=timeout,
        socket_connect_timeout=min(timeout, 1.0),
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
    )
