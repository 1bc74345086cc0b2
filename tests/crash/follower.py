"""A reader of the stream that goes on from where it was, like every socket process does."""

from __future__ import annotations

import contextlib
import threading
import time

import redis

from bookings.event import stream


class Follower(threading.Thread):
    """Notes the position of every event it is given."""

    def __init__(self, redis_url: str) -> None:
        super().__init__(name="follower", daemon=True)
        self._redis_url = redis_url
        self.seen: list[int] = []
        self.stop = threading.Event()

    def run(self) -> None:
        while not self.stop.is_set():
            with contextlib.suppress(redis.RedisError):
                self._follow()
            time.sleep(0.05)

    def _follow(self) -> None:
        with redis.Redis.from_url(self._redis_url, decode_responses=True, socket_timeout=2) as client:
            while not self.stop.is_set():
                events = stream.read(client, self.seen[-1] if self.seen else 0, count=500, block=0.5)
                self.seen += [event.position for event in events]
