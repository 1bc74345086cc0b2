"""Who is connected to this process, and who of them hears an event."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable

import orjson

from bookings.config import Settings
from bookings.db import Database
from bookings.errors import Unavailable
from bookings.event.service import Event
from bookings.realtime import days
from bookings.realtime import topics as names
from bookings.realtime.connection import RESTART, Connection
from bookings.realtime.errors import TooManySockets
from bookings.realtime.reader import Reader

log = logging.getLogger(__name__)
#: events kept for sockets that have nearly caught up
_RECENT = 256
_START = 3.0
#: how long (seconds) sockets have for their goodbye when the process stops
_GOODBYE = 1.5

_hubs: weakref.WeakSet[Hub] = weakref.WeakSet()


def close_all() -> None:
    """Close every socket of this process with 1012 and take no more; returns within two seconds."""
    for hub in list(_hubs):
        hub.close()


def sockets() -> int:
    """How many sockets are open in this process, for metrics."""
    return sum(hub.count for hub in _hubs)


def position() -> int | None:
    """The last event that this process has handed out, for metrics; None before its first socket."""
    return max((hub.position for hub in _hubs if hub.started), default=None)


class Hub:
    """One per app. Starts its threads with the first socket, so that processes without sockets have none."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.position = 0
        self._limit = settings.socket_limit
        self.lock = self._lock = threading.Lock()
        self._connections: set[Connection] = set()
        self._by_topic: dict[str, set[Connection]] = {}
        self._recent: deque[Event] = deque(maxlen=_RECENT)
        self._closing = False
        self._reader = Reader(settings, database, self)
        self._days = days.Watch(database, self)
        _hubs.add(self)

    @property
    def count(self) -> int:
        """How many sockets are open."""
        return len(self._connections)

    @property
    def started(self) -> bool:
        """Whether it follows the events."""
        return self._reader.ready.is_set()

    def admit(self) -> None:
        """Raise TooManySockets or Unavailable unless another socket can be served."""
        if self._closing:
            raise Unavailable("The service restarts; try again in a moment.")
        if self.count >= self._limit:
            raise TooManySockets
        if self._reader.start():
            threading.Thread(target=self._sweep, name="sockets-sweep", daemon=True).start()
        if not self._reader.ready.wait(_START):
            raise Unavailable("The events cannot be read just now; try again in a moment.")

    def enter(self, connection: Connection) -> None:
        """A socket is open."""
        with self._lock:
            self._connections.add(connection)
        if self._closing:
            connection.end(*_RESTARTING)

    def leave(self, connection: Connection) -> None:
        """It is closed."""
        with self._lock:
            self._set_topics(connection, frozenset())
            self._connections.discard(connection)

    def join(self, connection: Connection, topics: frozenset[str]) -> int:
        """Let a socket hear topics from now on, or from where it is if it is behind; that position."""
        with self._lock:
            if connection.live:
                connection.position = max(connection.position, self.position)
            self._set_topics(connection, connection.topics | topics)
            return connection.position

    def join_anew(self, connection: Connection, topics: frozenset[str]) -> int:
        """Let a socket hear topics from now on, telling it first that it has missed something; that position."""
        with self._lock:
            connection.position = self.position
            connection.tell(resync(self.position))
            self._set_topics(connection, topics)
            return connection.position

    def join_behind(self, connection: Connection, topics: frozenset[str], position: int) -> None:
        """Let a socket hear topics from a position on; it is behind and has to catch up."""
        with self._lock:
            connection.position, connection.live = position, False
            self._set_topics(connection, topics)
            if any(map(names.of_days, topics)):
                self._days.back(connection, position)

    def catch(self, connection: Connection) -> bool:
        """Hand a socket that is behind the rest from memory; False when memory does not go back so far."""
        with self._lock:
            position = connection.position
            if position < self.position and not (self._recent and self._recent[0].position <= position + 1):
                return False
            connection.live = True
            for event in self._recent:
                if names.concerns(event.topics, connection.topics):
                    connection.offer(event)
            connection.position = max(position, self.position)
            return True

    def drop(self, connection: Connection, topics: Iterable[str]) -> None:
        """Let a socket hear topics no more."""
        with self._lock:
            self._set_topics(connection, connection.topics.difference(topics))

    def _set_topics(self, connection: Connection, topics: frozenset[str]) -> None:
        for topic in connection.topics - topics:
            self._by_topic[topic].discard(connection)
            if not self._by_topic[topic]:
                del self._by_topic[topic]
        for topic in topics - connection.topics:
            self._by_topic.setdefault(topic, set()).add(connection)
            if names.of_days(topic):
                self._days.listen()
        connection.topics = topics
        connection.begun = connection.begun or bool(topics)

    def deliver(self, event: Event) -> None:
        """Hand the next event to everyone entitled to it. Never waits for any of them."""
        with self._lock:
            self.position = event.position
            self._recent.append(event)
            if self._days.listening:
                self._days.note(event)
            for topic in (names.ALL, *event.topics):
                for connection in self._by_topic.get(topic, ()):
                    connection.offer(event)

    def listeners(self) -> dict[str, set[Connection]]:
        """By the id of a service or resource, who hears of its days. Call it with the lock held."""
        return {
            topic.partition(":")[2]: set(connections)
            for topic, connections in self._by_topic.items()
            if names.of_days(topic)
        }

    def tell_days(self, told: dict[Connection, days.Days], position: int) -> dict[Connection, days.Days]:
        """Tell sockets of changed days, up to this position; those that are behind have to wait and are returned."""
        with self._lock:
            waiting = {}
            for connection, found in told.items():
                if not connection.keeps_up:
                    waiting[connection] = found
                    continue
                for (subject, zone), day in found.items():
                    # What it has had already is not told under an older number.
                    connection.tell(days.frame(subject, zone, day, max(position, connection.position)))
            return {connection: found for connection, found in waiting.items() if connection in self._connections}

    def restart(self, position: int) -> None:
        """The order of events is not the one it was: everyone starts anew at this position."""
        with self._lock:
            self.position = position
            self._recent.clear()
            for connection in self._connections:
                connection.position, connection.live = position, True
                connection.tell(resync(position))

    def close(self) -> None:
        """Close every socket with 1012 (service restart), and cut those that do not take leave in time."""
        self._closing = True
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.end(*_RESTARTING)
        deadline = time.monotonic() + _GOODBYE
        while self._connections and time.monotonic() < deadline:
            time.sleep(0.02)
        with self._lock:
            for connection in self._connections:
                connection.cut()

    def _sweep(self) -> None:
        while True:
            time.sleep(1)
            with self._lock:
                connections = list(self._connections)
            for connection in connections:
                connection.cut_if_stuck()


_RESTARTING = (RESTART, "The service restarts. Reconnect and subscribe with after.")


def resync(position: int) -> str:
    """The frame that tells a client to read over HTTP what it may have missed before this position."""
    return orjson.dumps({"event": "resync", "data": {"position": str(position)}}).decode()
