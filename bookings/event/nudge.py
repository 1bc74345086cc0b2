"""Wakes the relay after a commit, so that an event is published in milliseconds and not at the next poll."""

from __future__ import annotations

import logging
import os
import threading
import time

from redis import Redis, RedisError

from bookings.config import Settings
from bookings.redis_client import connect

log = logging.getLogger(__name__)
#: a list of at most one element: a bell that stays rung until the relay has heard it
KEY = "bookings:nudge"
#: at most one message to Redis in this time (seconds), however many requests ring
_PAUSE = 0.03
#: Redis is left alone this long (seconds) after an error; the relay polls meanwhile
_REST = 1.0


class Nudge:
    """One per process. Ringing costs about a microsecond; a thread that starts with the first ring does the talking."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pid = 0
        self._lock = threading.Lock()
        self._bell = threading.Event()

    def ring(self) -> None:
        """Say that there may be news. Never blocks, never raises; when it is lost, the relay's next poll finds them."""
        if self._pid != os.getpid():
            self._start()
        if not self._bell.is_set():
            self._bell.set()

    def _start(self) -> None:
        with self._lock:
            if self._pid != os.getpid():
                self._bell = threading.Event()
                threading.Thread(target=self._talk, args=(self._bell,), name="nudge", daemon=True).start()
                self._pid = os.getpid()

    def _talk(self, bell: threading.Event) -> None:
        redis = connect(self._settings)
        while True:
            bell.wait()
            bell.clear()
            time.sleep(_PAUSE if _tell(redis) else _REST)


def _tell(redis: Redis) -> bool:
    try:
        with redis.pipeline(transaction=False) as pipe:
            pipe.lpush(KEY, 1)
            pipe.ltrim(KEY, 0, 0)
            pipe.execute()
    except RedisError as error:
        log.debug("the relay was not nudged", extra={"error": str(error)})
        return False
    return True


def wait(redis: Redis, seconds: float) -> None:
    """Wait until someone rings, at most so long. Raises RedisError."""
    redis.blpop([KEY], timeout=seconds)
