"""Is this process alive, and should it be sent requests?"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

from psycopg.errors import UndefinedTable
from redis import Redis, RedisError

from bookings import queries
from bookings.config import Settings
from bookings.db import Database
from bookings.errors import DatabaseUnavailable
from bookings.migrations import expected_version

_sql = queries.load("platform")
#: an answer is reused this long (seconds), so that anyone may ask without costing the database anything
_FRESH = 0.5

#: set when this process has been told to stop: balancers should send requests elsewhere, those that come are served
draining = threading.Event()


def probe_database(settings: Settings) -> Database:
    """A connection of its own for probes and scrapes: one that queued with requests would call a busy service dead.

    What takes longer than 250 ms is cancelled: a scrape is never worth more.
    """
    short = replace(
        settings, db_pool_size=1, db_pool_timeout=timedelta(seconds=1), db_statement_timeout=timedelta(milliseconds=250)
    )
    return Database(short, name="bookings probe")


class Health:
    """Looks at what this process needs, at most every half second."""

    def __init__(self, database: Database, redis: Redis) -> None:
        self._database = database
        self._redis = redis
        self._expected = expected_version()
        self._lock = threading.Lock()
        self._seen: tuple[float, dict[str, dict[str, Any]]] | None = None

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Whether requests should come here, and the state of each part that decides it. Redis is told, not required.

        A database ahead of this code is fine: a newer release is being rolled out beside this one.
        """
        parts = {**self._parts(), "process": {"ok": not draining.is_set(), "required": True}}
        if draining.is_set():
            parts["process"]["error"] = "This process is about to stop."
        ready = all(part["ok"] for part in parts.values() if part["required"])
        return ready, {"status": "ready" if ready else "not ready", "parts": parts}

    def close(self) -> None:
        """Give back the connection for probes."""
        self._database.close()

    def _parts(self) -> dict[str, dict[str, Any]]:
        with self._lock:
            if self._seen is None or time.monotonic() - self._seen[0] > _FRESH:
                parts = {**self._postgres(), "redis": self._redis_part()}
                self._seen = (time.monotonic(), parts)
            return self._seen[1]

    def _postgres(self) -> dict[str, dict[str, Any]]:
        began = time.perf_counter()
        schema: dict[str, Any] = {"ok": False, "required": True, "expected": self._expected}
        try:
            row = self._database.row(_sql.schema_version)
        except DatabaseUnavailable:
            unknown = "PostgreSQL does not answer within 250 ms."
            return {"postgres": {"ok": False, "required": True, "error": unknown}, "schema": schema}
        except UndefinedTable:
            row = (0,)
        assert row is not None
        schema |= {"ok": row[0] >= self._expected, "version": row[0]}
        if not schema["ok"]:
            schema["error"] = "The database is older than this code; run scripts/migrate.py up."
        return {"postgres": {"ok": True, "required": True, "ms": _milliseconds(began)}, "schema": schema}

    def _redis_part(self) -> dict[str, Any]:
        began = time.perf_counter()
        try:
            self._redis.ping()
        except RedisError:
            return {"ok": False, "required": False, "error": "Redis does not answer; events and reminders are late."}
        return {"ok": True, "required": False, "ms": _milliseconds(began)}


def _milliseconds(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 2)
