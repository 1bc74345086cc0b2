"""Consumers: what follows from an event somewhere above, exactly once.

A consumer's cursor moves in the transaction of what it did, so its effects in PostgreSQL happen once, in the order of
positions, whatever is killed. Effects elsewhere (mail, a gateway) it does not have: it enqueues a job.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from redis import RedisError

from bookings import queries
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import DatabaseUnavailable
from bookings.event import stream
from bookings.job.rules import backoff, error_text
from bookings.redis_client import connect

log = logging.getLogger(__name__)
_sql = queries.load("event")
#: events handled in one transaction while all goes well
BATCH = 50
#: positions looked through at once for the wanted types
WINDOW = 2000
#: how often (seconds) a consumer looks for itself, whether or not it was woken
POLL = 1.0
#: how long (seconds) the waker waits on the stream; less than its socket's timeout
_LISTEN = 0.5
#: pauses after the failures of one event
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=1), timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Event:
    """A published fact, as consumers see it. `data` is the document as it was when the fact became true."""

    position: int
    type: str
    booking_id: UUID | None
    data: dict[str, Any]
    actor_id: UUID | None
    request_id: str | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who wants to hear of which types of events.

    `handle(tx, event)` is called for each, in order; what it writes through `tx` commits together with the cursor. It
    must do nothing that cannot be rolled back, and be quick. A failure is tried again until it works: nothing is left
    out. A new consumer begins with what happens from now on, unless it wants all events `from_beginning`.

    `handle_all(tx, events)` instead of `handle` takes several at once, in order, where that is cheaper.
    """

    name: str
    types: Collection[str]
    handle: Callable[[Tx, Event], None] | None = None
    from_beginning: bool = False
    handle_all: Callable[[Tx, Sequence[Event]], None] | None = None


class Follower:
    """One consumer in one process; `turn` after `turn` it handles what there is."""

    def __init__(self, database: Database, consumer: Consumer) -> None:
        self._database = database
        self._consumer = consumer
        self._known = False
        #: up to this position events are handled one by one, because something among them failed
        self._careful_until = 0
        #: the event in hand, whether it was alone in its transaction, and how often it has failed before
        self._in_hand: tuple[int, bool, int] | None = None

    def turn(self) -> bool:
        """Handle the next events; whether it got on. Raises DatabaseUnavailable.

        False means: nothing new, another process has the cursor, or an event has to wait for its next attempt.
        """
        if not self._known:
            params = {"name": self._consumer.name, "from_beginning": self._consumer.from_beginning}
            self._database.run(lambda tx: tx.execute(_sql.add_consumer, params))
            self._known = True
        self._in_hand = None
        try:
            return self._database.run(self._advance)
        except DatabaseUnavailable:
            raise
        except Exception as error:
            if self._in_hand is None:  # no event's fault: reading them failed
                raise
            return self._failed(error, *self._in_hand)

    def _advance(self, tx: Tx) -> bool:
        cursor = tx.one(_sql.lock_cursor, {"name": self._consumer.name})
        if cursor is None or cursor["position"] >= cursor["newest"]:
            return False
        after, up_to = cursor["position"], min(cursor["newest"], cursor["position"] + WINDOW)
        alone = cursor["failures"] > 0 or after < self._careful_until
        limit = 1 if alone else BATCH
        events = self._read(tx, after, up_to, limit)
        self._handle(tx, events, alone, cursor["failures"])
        position = events[-1].position if len(events) == limit else up_to
        tx.execute(_sql.move_cursor, {"name": self._consumer.name, "position": position})
        return True

    def _handle(self, tx: Tx, events: Sequence[Event], alone: bool, failures: int) -> None:
        if self._consumer.handle_all and events:
            self._in_hand = events[-1].position, alone, failures
            self._consumer.handle_all(tx, events)
        elif self._consumer.handle:
            for event in events:
                self._in_hand = event.position, alone, failures
                self._consumer.handle(tx, event)

    def _read(self, tx: Tx, after: int, up_to: int, limit: int) -> list[Event]:
        params = {"after": after, "up_to": up_to, "types": list(self._consumer.types), "limit": limit}
        return [Event(**row) for row in tx.all(_sql.next_for, params)]

    def _failed(self, error: Exception, position: int, alone: bool, failures: int) -> bool:
        """After a failure in a batch go on one by one; a failure of one event alone is counted, and it has to wait."""
        if not alone:
            log.warning("events of a batch go on one by one", exc_info=error, extra={"consumer": self._consumer.name})
            self._careful_until = position
            return True
        name, failures = self._consumer.name, failures + 1
        delay = backoff(failures, base=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
        params = {"name": name, "position": position, "error": error_text(error), "delay": delay}
        self._database.run(lambda tx: tx.execute(_sql.count_failure, params))
        about = {"consumer": name, "position": position, "failures": failures, "next_in": delay.total_seconds()}
        log.error("a consumer cannot get past an event", exc_info=error, extra=about)
        return False


class Consumers:
    """The consumers of one worker: a thread for each, and one that wakes them when the relay has published something.

    Several workers may have the same consumers; each name is followed by one of them at a time.
    """

    def __init__(self, settings: Settings, told: Callable[[], None] = lambda: None) -> None:
        """`told` is called after events were handled: their effects may be news, too."""
        self._settings = settings
        self._told = told
        self._consumers: dict[str, Consumer] = {}
        self._stopping = threading.Event()
        self._bells: list[threading.Event] = []
        self._threads: list[threading.Thread] = []

    def add(self, consumer: Consumer) -> None:
        """Have a consumer followed. Raises ValueError for a name that is taken."""
        if consumer.name in self._consumers:
            raise ValueError(f"there are two consumers of the name {consumer.name!r}")
        self._consumers[consumer.name] = consumer

    def start(self, database: Database) -> None:
        """Begin to follow. Each consumer takes one connection while it handles events."""
        for consumer in self._consumers.values():
            bell = threading.Event()
            self._bells.append(bell)
            self._begin(f"consumer-{consumer.name}", self._follow, Follower(database, consumer), bell)
        if self._consumers:
            self._begin("consumer-waker", self._listen)

    def stop(self, seconds: float = 10) -> None:
        """Stop after the batches in hand; a batch that takes longer is rolled back when the process ends."""
        self._stopping.set()
        self._ring()
        for thread in self._threads:
            thread.join(seconds)

    def _begin(self, name: str, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _ring(self) -> None:
        for bell in self._bells:
            bell.set()

    def _follow(self, follower: Follower, bell: threading.Event) -> None:
        while not self._stopping.is_set():
            bell.clear()
            try:
                moved = follower.turn()
            except DatabaseUnavailable:
                log.warning("%s waits for the database", threading.current_thread().name)
                moved = False
            except Exception:
                # The thread must outlive a mistake in one turn: its transaction was undone.
                log.exception("a turn of the %s failed", threading.current_thread().name)
                moved = False
            if moved:
                self._told()
            else:
                bell.wait(POLL)

    def _listen(self) -> None:
        """Ring whenever the stream grows. Without Redis nobody rings, and the consumers look once a second."""
        redis = connect(self._settings)
        seen = 0
        while not self._stopping.is_set():
            try:
                grew = bool(stream.read(redis, seen, count=1, block=_LISTEN))
                seen = stream.end(redis)
            except RedisError:
                self._stopping.wait(POLL)
                continue
            if grew:
                self._ring()
        redis.close()
