"""Follows the published order, one thread a process: the stream while it is whole, PostgreSQL wherever it is not."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

import psycopg
from redis import Redis, RedisError

from bookings.config import Settings
from bookings.db import Database
from bookings.errors import DatabaseUnavailable
from bookings.event import service, stream
from bookings.redis_client import connect

if TYPE_CHECKING:
    from bookings.realtime.hub import Hub

log = logging.getLogger(__name__)
#: entries read at once; small, so that the threads which send them get their turn
_BATCH = 100
#: how long (seconds) to wait for an entry; less than the timeout of the connection
_BLOCK, _TIMEOUT = 0.8, 2.0
#: how often (seconds) to look into PostgreSQL while the stream is silent or away
_SILENCE, _PAUSE = 5.0, 1.0


class Reader:
    """Hands every event to the hub, in order, none twice: it knows the position of the last one and what follows."""

    def __init__(self, settings: Settings, database: Database, hub: Hub) -> None:
        self._settings = settings
        self._database = database
        self._hub = hub
        self._lock = threading.Lock()
        self._started = False
        self._heard = 0.0
        self._failing = False
        #: set when the position is known from which on everything is handed out
        self.ready = threading.Event()

    def start(self) -> bool:
        """Start the thread; False when it was running."""
        with self._lock:
            if self._started:
                return False
            self._started = True
        threading.Thread(target=self._run, name="events", daemon=True).start()
        return True

    def _run(self) -> None:
        redis = connect(self._settings, timeout=_TIMEOUT)
        while True:
            try:
                if self.ready.is_set():
                    self._turn(redis)
                else:
                    self._hub.position = service.newest(self._database)
                    self.ready.set()
                self._failing = False
            except (DatabaseUnavailable, psycopg.Error) as error:
                self._failed(error)
            except Exception:
                log.exception("unexpected error while following the events")
                time.sleep(_PAUSE)

    def _turn(self, redis: Redis) -> None:
        """Hand out what comes next. Raises DatabaseUnavailable."""
        try:
            events = stream.read(redis, self._hub.position, count=_BATCH, block=_BLOCK)
        except RedisError:
            self._read_database()
            time.sleep(_PAUSE)
            return
        now = time.monotonic()
        if events:
            self._heard = now
            self._hand_out(events)
        elif now - self._heard > _SILENCE:
            self._heard = now
            self._read_database()

    def _hand_out(self, events: list[service.Event]) -> None:
        for event in events:
            if event.position > self._hub.position + 1:
                self._read_database()
            if event.position == self._hub.position + 1:
                self._hub.deliver(event)

    def _read_database(self) -> None:
        """Catch up from PostgreSQL, which has everything."""
        while events := service.after(self._database, self._hub.position, _BATCH):
            for event in events:
                self._hub.deliver(event)
        newest = service.newest(self._database)
        if newest < self._hub.position:
            log.warning("the database has fewer events than were handed out, so it is another one")
            self._hub.restart(newest)

    def _failed(self, error: Exception) -> None:
        if not self._failing:
            log.warning("events cannot be read, trying again until they can", extra={"error": str(error).strip()})
        self._failing = True
        time.sleep(_PAUSE)
