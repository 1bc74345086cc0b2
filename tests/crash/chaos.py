"""Blows to the service, in an order that a seed decides."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time

import psycopg
import redis

from tests.support.service import Service

#: what is done, and how often in comparison
BLOWS = {"web worker": 4, "web": 1, "relay": 3, "worker": 3, "redis": 2, "FLUSHALL": 2, "sessions": 3}


class Chaos:
    """Strikes about once a second for a while."""

    def __init__(self, service: Service, seed: int) -> None:
        self._service = service
        self._dice = random.Random(f"{seed} chaos")
        self.blows: list[str] = []

    def rage(self, seconds: float) -> None:
        """Strike until the time is over; every kind at least once, whatever the seed."""
        ends = time.monotonic() + seconds
        first = self._dice.sample(sorted(BLOWS), len(BLOWS))
        while time.monotonic() < ends or first:
            time.sleep(self._dice.uniform(0.3, 1.2))
            kind = first.pop() if first else self._dice.choices(list(BLOWS), list(BLOWS.values()))[0]
            self.blows.append(kind)
            self.strike(kind)

    def strike(self, kind: str) -> None:
        """One blow; what was killed is started again after a moment, as its supervisor would."""
        if kind == "web worker":
            with contextlib.suppress(ProcessLookupError, IndexError):
                os.kill(self._dice.choice(self._service.children("web")), signal.SIGKILL)
        elif kind == "FLUSHALL":
            with redis.Redis.from_url(self._service.redis_url) as client:
                client.flushall()
        elif kind == "sessions":
            with psycopg.connect(self._service.database_url, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.7"
                )
        else:
            self._service.kill(kind)
            time.sleep(self._dice.uniform(0, 1.5))
            self._service.start(kind)
