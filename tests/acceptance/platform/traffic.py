"""A steady mixed load from a few clients with kept-alive connections, and what became of every request."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from tests.support.patience import REQUEST

#: seconds between two requests of a client: steady traffic that leaves the machine room for others
PAUSE = 0.05


@dataclass
class Outcome:
    """What one client saw."""

    answered: int = 0
    created: list[str] = field(default_factory=list)
    resent: int = 0
    failures: list[str] = field(default_factory=list)


class Client(threading.Thread):
    """Asks one thing after the other until told to stop. `calendar` is a resource that nobody else books."""

    def __init__(self, base_url: str, token: str, calendar: str, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.outcome = Outcome()
        address = urlsplit(base_url)
        self._host, self._port, self._prefix = address.hostname or "", address.port or 80, address.path
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._calendar = calendar
        self._stop_asked = stop
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        """Create, read, list, change, read again."""
        turn = 0
        while not self._stop_asked.is_set():
            turn += 1
            made = self._ask("POST", "/bookings", self._wish(turn), 201)
            if made:
                self.outcome.created.append(made["id"])
                self._ask("GET", f"/bookings/{made['id']}", None, 200)
                self._ask("PATCH", f"/bookings/{made['id']}", {"title": f"Turn {turn}"}, 200)
            self._ask("GET", "/bookings?when=upcoming&limit=5", None, 200)
            self._ask("GET", "/me", None, 200)
        self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _wish(self, turn: int) -> dict[str, Any]:
        start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1, minutes=turn)
        return {
            "resourceId": self._calendar,
            "startAt": start.isoformat(),
            "endAt": (start + timedelta(minutes=1)).isoformat(),
        }

    def _ask(self, method: str, path: str, body: Any, expected: int) -> dict[str, Any]:
        time.sleep(PAUSE)
        headers = self._headers | ({"Idempotency-Key": str(uuid4())} if method == "POST" else {})
        reused = self._connection is not None
        try:
            try:
                status, answer = self._send(method, path, body, headers)
            except (http.client.RemoteDisconnected, ConnectionError):
                self._drop()
                if not reused:
                    raise
                # An idle connection may be closed at any time; every client library asks once more on a new one.
                self.outcome.resent += 1
                status, answer = self._send(method, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            self.outcome.failures.append(f"{method} {path}: {error!r}")
            return {}
        if status != expected:
            self.outcome.failures.append(f"{method} {path}: {status} {answer}")
            return {}
        self.outcome.answered += 1
        return answer

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._host, self._port, timeout=REQUEST)
        self._connection.request(method, self._prefix + path, json.dumps(body) if body is not None else None, headers)
        response = self._connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read() or b"{}")
        if response.will_close:
            self._drop()
        return response.status, answer
