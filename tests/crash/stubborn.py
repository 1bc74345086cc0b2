"""Somebody who goes on, whatever happens to the service, on a connection that is kept for as long as it lives."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from abc import abstractmethod
from typing import Any
from urllib.parse import urlsplit

from bookings.auth import Actor, Tokens
from bookings.config import Settings
from tests.support.service import Service


class Stubborn(threading.Thread):
    """Takes turns with pauses (seconds, from … to) until told to stop; `failure` is what a turn died of."""

    #: how long (seconds) to wait for an answer
    timeout = 30
    pauses = (0.0, 0.1)

    def __init__(self, name: str, seed: int, service: Service, actor: Actor) -> None:
        super().__init__(name=name, daemon=True)
        self._dice = random.Random(f"{seed} {name}")
        self._address = urlsplit(service.base_url)
        self._token = Tokens(Settings.from_env(service.env)).issue(actor)
        self._connection: http.client.HTTPConnection | None = None
        #: when the latest connection was opened (time.monotonic)
        self._opened = 0.0
        self.stop = threading.Event()
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                self._turn()
                self.stop.wait(self._dice.uniform(*self.pauses))
            self._leave()
        except BaseException as failure:  # noqa: BLE001 (the test tells of it)
            self.failure = failure
        self._hang_up()

    @abstractmethod
    def _turn(self) -> None:
        """Do something."""

    def _leave(self) -> None:
        """What is still to be done in the end."""

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _once(self, method: str, path: str, body: Any, key: str | None) -> tuple[int, dict[str, Any]]:
        """One try. Raises OSError and HTTPException; then hang up."""
        if self._connection is None:
            host, port = self._address.hostname or "", self._address.port
            self._connection = http.client.HTTPConnection(host, port, timeout=self.timeout)
            self._opened = time.monotonic()
        headers = {"Authorization": f"Bearer {self._token}"} | ({"Idempotency-Key": key} if key else {})
        headers |= {"Content-Type": "application/json"} if body is not None else {}
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
