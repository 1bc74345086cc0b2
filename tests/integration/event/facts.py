"""Facts written straight into the outbox, and what became of them."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import TypeVar
from uuid import uuid4

import psycopg
import redis

from bookings.event.service import Event
from bookings.event.stream import read
from tests.support.patience import patient

T = TypeVar("T")
_INSERT = """
INSERT INTO outbox (type, booking_id, topics, data, actor_id, occurred_at)
SELECT 'booking.updated', %(booking)s, %(topics)s,
       json_build_object('n', n, 'padding', repeat('x', %(size)s)), %(booking)s, clock_timestamp()
  FROM generate_series(%(first)s::int, %(last)s::int) AS n
"""


def write(url: str, first: int, last: int, *, topics: list[str] | None = None, size: int = 0) -> None:
    """Write the facts numbered from first to last, all committed at once; `size` makes them long."""
    with psycopg.connect(url) as connection:
        insert(connection, first, last, topics=topics, size=size)


def insert(
    connection: psycopg.Connection[tuple[object, ...]],
    first: int,
    last: int,
    *,
    topics: list[str] | None = None,
    size: int = 0,
) -> None:
    """Write them into a transaction that is open."""
    values = {"booking": uuid4(), "topics": topics or ["user:x"], "first": first, "last": last, "size": size}
    connection.execute(_INSERT, values)


def number(event: Event) -> int:
    """Which fact it was."""
    return int(json.loads(event.frame)["data"]["n"])


def published(url: str) -> list[Event]:
    """What is on the stream now; nothing when Redis is away."""
    with contextlib.closing(redis.Redis.from_url(url, decode_responses=True)) as client:
        try:
            return read(client, 0, count=100_000, block=0.001)
        except redis.RedisError:
            return []


def placed(url: str) -> list[tuple[int, int]]:
    """(position, number) of every event, in order."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT position, (data->>'n')::int FROM events ORDER BY position").fetchall()
    return [(row[0], row[1]) for row in rows]


def wait_published(url: str, count: int, seconds: float = 10) -> list[Event]:
    """Wait until so many are on the stream."""
    return wait_for(lambda: published(url), lambda events: len(events) >= count, seconds)


def wait_position(url: str, position: int) -> list[Event]:
    """Wait until the stream ends with this position."""
    return wait_for(lambda: published(url), lambda events: bool(events) and events[-1].position == position)


def wait_for(look: Callable[[], T], enough: Callable[[T], bool], seconds: float = 10) -> T:
    """Look again until it is enough, on a quiet machine within `seconds`; returns what was seen last."""
    deadline = time.monotonic() + patient(seconds)
    while not enough(seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"after {patient(seconds)} s only: {str(seen)[:500]}")
        time.sleep(0.02)
    return seen


@contextlib.contextmanager
def slow_commit(url: str, first: int, last: int) -> Iterator[None]:
    """A transaction that writes at the beginning of the block and commits at its end."""
    with psycopg.connect(url) as connection:
        insert(connection, first, last)
        yield
