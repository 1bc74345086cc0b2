"""The HTTP API as an admin uses it: connections kept open, requests sent again until their outcome is known."""

from __future__ import annotations

import copy
import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_TRIES = 10
_TIMEOUT = 30


class ApiError(Exception):
    """The service cannot be used; one sentence with the remedy."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the service answered."""

    status: int
    body: dict[str, Any]
    replayed: bool

    @property
    def problem(self) -> str:
        """The code of the problem document, for messages."""
        return f"{self.status} {self.body.get('code', '')} {self.body.get('detail', '')}".strip()


class Api:
    """A service and a right to use it. `renew` gives a fresh access token; any number of threads may call."""

    def __init__(self, base_url: str, renew: Callable[[], str]) -> None:
        parts = urlsplit(base_url)
        self._host, self._prefix = parts.netloc, parts.path.rstrip("/")
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._renew, self._lock, self._local = renew, threading.Lock(), threading.local()
        self._token = renew()

    def acting(self, token: str, renew: Callable[[], str]) -> Api:
        """The same service over the same connections, for somebody else."""
        other = copy.copy(self)
        other._token, other._renew, other._lock = token, renew, threading.Lock()
        return other

    def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, if_match: str | None = None
    ) -> Reply:
        """Make a request. What may be repeated without harm is, when the connection breaks or the service is busy.

        Raises ApiError when the service stays away or does not accept the token.
        """
        headers = {"Content-Type": "application/json"}
        headers |= {"Idempotency-Key": key} if key else {}
        headers |= {"If-Match": if_match} if if_match else {}
        reason = ""
        for attempt in range(_TRIES):
            token = self._token
            try:
                reply, wait = self._once(method, path, body, headers | {"Authorization": f"Bearer {token}"})
            except (OSError, http.client.HTTPException) as error:
                self._local.connection = None
                reason, wait = str(error) or type(error).__name__, 0.1 * 2**attempt
            else:
                if reply.status == 401:
                    self._renewed(token)
                elif reply.status not in (429, 503):
                    return reply
                reason = reply.problem
            time.sleep(min(wait, 60))
        raise ApiError(f"{method} {path} was tried {_TRIES} times ({reason}); see whether the service runs.")

    def _once(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[Reply, float]:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._kind(self._host, timeout=_TIMEOUT)
        connection.request(method, self._prefix + path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        parsed = json.loads(content) if content.startswith(b"{") else {}
        wait = float(answer.headers.get("Retry-After", 0))
        return Reply(answer.status, parsed, "Idempotent-Replayed" in answer.headers), wait

    def _renewed(self, refused: str) -> None:
        with self._lock:
            if self._token == refused:
                self._token = self._renew()
            if self._token == refused:
                raise ApiError("The service does not accept the access token; give a fresh one of an admin.")


def development_set(port: int) -> tuple[str, Callable[[], str]]:
    """Base URL and admin tokens of the set that `scripts/dev.py up` started. Raises ApiError."""

    def status() -> dict[str, Any]:
        script = Path(__file__).resolve().parent.parent / "dev.py"
        command = [sys.executable, str(script), "status", "--json", "--port", str(port)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            report: dict[str, Any] = json.loads(result.stdout)
        except json.JSONDecodeError:
            raise ApiError(f"scripts/dev.py status failed: {result.stderr.strip()[-300:]}") from None
        if not report["tokens"]:
            raise ApiError(f"Bookings does not run on port {port}; start it with python3 scripts/dev.py up --detach.")
        return report

    first = status()
    tokens = [str(first["tokens"]["admin"])]
    return str(first["baseUrl"]), lambda: tokens.pop() if tokens else str(status()["tokens"]["admin"])
