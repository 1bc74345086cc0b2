"""Many clients at the same moment: each with a connection of its own, all let go together."""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from bookings.auth import Actor, Tokens
from bookings.config import Settings
from tests.support.patience import REQUEST
from tests.support.service import Service

#: how often a crowd tries; `dev.py test --quick` tries less often
ROUNDS = int(os.environ.get("RACE_ROUNDS", "20"))
#: a day that is far enough away for every test here
DAY = (datetime.now(UTC) + timedelta(days=45)).replace(hour=0, minute=0, second=0, microsecond=0)


def at(hour: float) -> str:
    """The instant this many hours into the test day."""
    return (DAY + timedelta(hours=hour)).isoformat()


@dataclass(frozen=True)
class Request:
    """One request of one person."""

    method: str
    path: str
    body: dict[str, Any]
    actor: Actor
    key: str | None = None


@dataclass(frozen=True)
class Reply:
    """What came back, and after how many seconds."""

    status: int
    body: dict[str, Any]
    seconds: float
    headers: dict[str, str] = field(default_factory=dict)


def create(actor: Actor, start: float, end: float, *, key: Any = None, **wish: Any) -> Request:
    """A booking from `start` to `end` o'clock of the test day."""
    named = {name: value if isinstance(value, int) else str(value) for name, value in wish.items()}
    return Request("POST", "/bookings", {"startAt": at(start), "endAt": at(end)} | named, actor, key)


class Crowd:
    """`size` connections to a service, opened by their first request and kept open as browsers and balancers do."""

    def __init__(self, service: Service, size: int) -> None:
        self._tokens = Tokens(Settings.from_env(service.env))
        address = urlsplit(service.base_url)
        self._connections = [
            http.client.HTTPConnection(address.hostname or "", address.port, timeout=REQUEST) for _ in range(size)
        ]
        self._pool = ThreadPoolExecutor(size)

    def close(self) -> None:
        """Hang up."""
        self._pool.shutdown()
        for connection in self._connections:
            connection.close()

    def together(self, requests: Sequence[Request]) -> list[Reply]:
        """Send all requests at once, each on a connection of its own; the replies in the order of the requests."""
        gate = threading.Barrier(len(requests))
        pairs = zip(self._connections, requests, strict=False)
        sent = [self._pool.submit(self._send, connection, request, gate) for connection, request in pairs]
        return [reply.result() for reply in sent]

    def one(self, request: Request) -> Reply:
        """Send one request."""
        return self.together([request])[0]

    def _send(self, connection: http.client.HTTPConnection, request: Request, gate: threading.Barrier) -> Reply:
        headers = {"Authorization": f"Bearer {self._tokens.issue(request.actor)}", "Content-Type": "application/json"}
        if request.key:
            headers["Idempotency-Key"] = request.key
        body = json.dumps(request.body)
        gate.wait()
        began = time.perf_counter()
        connection.request(request.method, request.path, body, headers)
        answer = connection.getresponse()
        parsed = json.loads(answer.read() or b"{}")
        return Reply(answer.status, parsed, time.perf_counter() - began, dict(answer.headers))


def statuses(replies: Sequence[Reply]) -> dict[int, int]:
    """How many replies there are of each status."""
    return dict(Counter(reply.status for reply in replies))


def slowest(replies: Sequence[Reply]) -> float:
    """The longest anyone waited, in seconds."""
    return max(reply.seconds for reply in replies)
