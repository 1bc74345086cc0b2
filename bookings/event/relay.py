"""The relay: gives committed facts their place in the order and publishes them. `python -m bookings relay`.

Each turn places a batch (PostgreSQL), then publishes a batch (Redis). Nothing it knows lives only in memory: what is to
be placed is in the outbox, what is to be published lies between the end of the stream and the end of the order.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from dataclasses import replace

import psycopg
from redis import RedisError

from bookings.config import Settings
from bookings.db import Database
from bookings.errors import DatabaseUnavailable
from bookings.event import nudge, service
from bookings.event.leadership import Leadership
from bookings.event.stream import Stream
from bookings.redis_client import connect

log = logging.getLogger(__name__)
BATCH = 500
#: a turn that had something to do is this long (seconds) before the next: each costs the same for one event as for many
GATHER = 0.02
#: how long (seconds) a lost nudge may delay an event
POLL = 0.25
#: how long to wait (seconds) before trying again what has failed, and between two looks whether the leader is gone
PAUSE = 1.0
#: how often (seconds) to look whether the stream is still there while nothing happens
LOOK = 1.0


def run(settings: Settings) -> int:
    """Relay until SIGTERM or SIGINT; the batch in hand is finished. Returns the exit code."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    relay = Relay(settings)
    failing = False
    while not stop.is_set():
        try:
            if not relay.turn():
                stop.wait(PAUSE)
            failing = False
        except (DatabaseUnavailable, psycopg.Error) as error:
            if not failing:
                log.warning("PostgreSQL is not usable, trying again until it is", extra={"error": str(error).strip()})
            failing = True
            stop.wait(PAUSE)
    relay.close()
    return 0


class Relay:
    """One relay; `turn` after `turn` it does what there is to do."""

    def __init__(self, settings: Settings) -> None:
        # Without prepared statements: a plan made while the outbox and events are small reads all of them later.
        self._database = Database(replace(settings, db_pool_size=1, db_prepare=False), name="bookings relay")
        self._leadership = Leadership(settings)
        self._redis = connect(settings)
        self._stream = Stream(self._redis, settings.stream_length)
        self._length = settings.stream_length
        #: the end of the order and of the stream as last seen; None: look first
        self._newest = 0
        self._end: int | None = None
        self._looked = 0.0
        self._redis_failing = False
        self._redis_rests_until = 0.0

    def turn(self) -> bool:
        """Place and publish one batch each, or wait for news; False when another relay leads.

        Raises DatabaseUnavailable and psycopg.Error. Redis failing only postpones the publishing.
        """
        if not self._leadership.held():
            self._end = None
            return False
        began = time.monotonic()
        moved = self._place()
        published = self._publish()
        if not moved and not published:
            self._wait()
        elif max(moved, published) < BATCH:
            time.sleep(max(0.0, began + GATHER - time.monotonic()))
        return True

    def close(self) -> None:
        """Let go of everything, leadership first."""
        self._leadership.release()
        self._database.close()
        self._redis.close()

    def _place(self) -> int:
        try:
            moved, self._newest = service.place(self._database, BATCH)
        except psycopg.errors.UniqueViolation:
            log.warning("another relay placed events at the same moment")
            return 0
        return moved

    def _publish(self) -> int:
        if time.monotonic() < self._redis_rests_until:
            return 0
        try:
            return self._append()
        except RedisError as error:
            self._redis_failed(error)
            return 0

    def _append(self) -> int:
        """Append the next batch to the stream; how many events it were."""
        end = self._look() if self._end is None or self._must_look(self._end) else self._end
        # An empty stream begins with what it has room for, not with the first event there ever was.
        begin = end or max(0, self._newest - self._length)
        if begin >= self._newest:
            return 0
        events = service.after(self._database, begin, BATCH)
        if self._stream.append(end, events) != events[-1].position:
            self._end = None  # the stream is not what it was: look again
            return 0
        self._end = events[-1].position
        return len(events)

    def _must_look(self, end: int) -> bool:
        return end >= self._newest and time.monotonic() - self._looked > LOOK

    def _look(self) -> int:
        end = self._stream.end()
        if end > self._newest and end > service.newest(self._database):
            log.warning("the stream is ahead of the database, which must be another one; it starts anew")
            self._stream.discard()
            end = 0
        self._end, self._looked = end, time.monotonic()
        self._redis_failing = False
        return end

    def _wait(self) -> None:
        if time.monotonic() < self._redis_rests_until:
            time.sleep(POLL)
            return
        try:
            nudge.wait(self._redis, POLL)
        except RedisError as error:
            self._redis_failed(error)

    def _redis_failed(self, error: RedisError) -> None:
        if not self._redis_failing:
            log.warning("Redis is not usable, events are kept until it is", extra={"error": str(error)})
        self._redis_failing = True
        self._end = None
        self._redis_rests_until = time.monotonic() + PAUSE
