"""A WebSocket client for tests: asks, and keeps the events that come in between."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import websocket

from tests.support.patience import patient

Events = list[dict[str, Any]]


class Client:
    """One socket. `events` holds every event received so far, in order of arrival."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        headers: dict[str, str] | None = None,
        sockopt: Sequence[tuple[int, int, int]] = (),
    ) -> None:
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self.socket = websocket.create_connection(
            url, timeout=10, header=headers, suppress_origin=True, sockopt=sockopt
        )
        self.events: Events = []
        self._refs = itertools.count(1)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.shutdown()  # type: ignore[no-untyped-call]

    def ask(self, event: str, data: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
        """Send a message and return its answer."""
        ref = next(self._refs)
        self.socket.send(json.dumps({"event": event, "data": data or {}, "ref": ref, **members}))
        while True:
            frame = self.receive()
            if frame.get("ref") == ref:
                return frame

    def receive(self, seconds: float = patient(10)) -> dict[str, Any]:
        """The next frame. Raises WebSocketTimeoutException, or WebSocketConnectionClosedException after the end."""
        self.socket.settimeout(seconds)
        frame: dict[str, Any] = json.loads(self.socket.recv())
        if "id" in frame:
            self.events.append(frame)
        return frame

    def receive_until(self, enough: Callable[[Events], bool], seconds: float = patient(15)) -> Events:
        """Receive until the events are enough."""
        deadline = time.monotonic() + seconds
        while not enough(self.events):
            left = deadline - time.monotonic()
            assert left > 0, f"only {len(self.events)} events, the last {str(self.events[-1:])[:200]}"
            self.receive(left)
        return self.events

    def receive_count(self, count: int, seconds: float = patient(15)) -> Events:
        """Receive until there are so many events."""
        return self.receive_until(lambda events: len(events) >= count, seconds)

    def quiet(self, seconds: float = 0.5) -> bool:
        """Whether nothing comes for a while."""
        try:
            self.receive(seconds)
        except websocket.WebSocketTimeoutException:
            return True
        return False

    def closed(self, seconds: float = patient(10)) -> tuple[int, str]:
        """Read until the server closes; the close code and reason."""
        self.socket.settimeout(seconds)
        while True:
            opcode, data = self.socket.recv_data(control_frame=True)
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return int.from_bytes(data[:2], "big"), data[2:].decode()


def numbers(events: Events) -> list[int]:
    """Which facts the events tell of (tests.integration.event.facts numbers them)."""
    return [event["data"]["n"] for event in events]


def positions(events: Events) -> list[int]:
    """The positions of events."""
    return [int(event["id"]) for event in events]
