"""One socket: what waits to be sent to it, when and why it ends.

Two threads serve a socket. simple-websocket's own reads, answers pings and notices dead peers. The one that gunicorn
gave the request runs `serve`: it alone handles messages and sends data, one after the other. Everybody else only puts
something into the queue and wakes it, which never blocks.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from simple_websocket import ConnectionClosed
from wsproto.utilities import LocalProtocolError

from bookings.auth import Actor
from bookings.event.service import Event
from bookings.realtime.wire import WholeSocket

log = logging.getLogger(__name__)
#: frames that may wait for one socket; one that has fallen further behind reads on from PostgreSQL, at its own pace
QUEUE = 256
#: messages a client may send in a second, and in a burst
RATE, BURST = 50, 100
#: messages read ahead; a client that sends more waits
_INBOX = 8
#: a client may leave a frame unread so long (seconds) …
_SEND_LIMIT = 10.0
#: … and, once the socket is to be closed, so long before it is cut
_CLOSE_LIMIT = 5.0
#: look at least so often (seconds) whether the reading thread lives
_LOOK = 30.0

# Close codes: RFC 6455 section 7.4.1, the IANA registry, and one of our own from the private range.
POLICY, INTERNAL, RESTART, TRY_LATER, EXPIRED = 1008, 1011, 1012, 1013, 4401
_GONE = (ConnectionClosed, OSError, LocalProtocolError)


class Connection:
    """One socket of one user."""

    def __init__(self, ws: Any, sock: WholeSocket, actor: Actor, expires_at: float) -> None:
        self.actor = actor
        #: when the access token ends (seconds since 1970)
        self.expires_at = expires_at
        #: kept by the hub: what it hears, up to which position it has heard it, whether it ever heard anything
        self.topics: frozenset[str] = frozenset()
        self.position = 0
        self.begun = False
        #: whether the hub hands it events; otherwise it is behind and its own thread fetches them
        self.live = True
        #: the close code and reason, once it is to end
        self.ending: tuple[int, str] | None = None
        self._ending_since = 0.0
        self._ws = ws
        self._sock = sock
        self._queue: deque[str] = deque()
        self._allowance, self._counted = float(BURST), time.monotonic()
        sock.full = lambda: len(ws.input_buffer) > _INBOX and self.ending is None

    @property
    def keeps_up(self) -> bool:
        """Whether it has had everything that happened, and room for more."""
        return self.live and len(self._queue) < QUEUE

    def offer(self, event: Event) -> None:
        """Queue an event unless it has had it or is behind. Called by the hub alone."""
        if not self.live or event.position <= self.position or self.ending:
            return
        if len(self._queue) >= QUEUE:
            self.live = False
            return
        self.position = event.position
        self.tell(event.frame)

    def tell(self, frame: str) -> None:
        """Queue a frame."""
        self._queue.append(frame)
        self._ws.event.set()

    def end(self, code: int, reason: str) -> None:
        """Have it closed soon; the first reason given counts."""
        if self.ending is None:
            self._ending_since = time.monotonic()
            self.ending = (code, reason)
            self._ws.event.set()

    def cut_if_stuck(self) -> None:
        """Cut it when its client has not read for too long; called once a second."""
        since, now = self._sock.sending_since, time.monotonic()
        if self.ending and now - self._ending_since > _CLOSE_LIMIT:
            self._sock.cut()
        elif since is not None and now - since > _SEND_LIMIT:
            self.end(TRY_LATER, "Too slow: a frame was not read in time.")

    def cut(self) -> None:
        """Cut it without a goodbye."""
        self._sock.cut()

    def send(self, frame: str) -> None:
        """Send a frame now, before those in the queue. For the serving thread alone. Raises what `serve` handles."""
        self._ws.send(frame)

    def serve(self, handle: Callable[[Connection, str | bytes], None], catch_up: Callable[[Connection], None]) -> None:
        """Handle messages, send what is queued, catch up when behind, until the socket ends; then say goodbye."""
        try:
            while self.ending is None and self._ws.connected and self._ws.thread.is_alive():
                self._turn(handle, catch_up)
        except _GONE:
            log.debug("the client is gone")
        except Exception:
            log.exception("unexpected error on a socket")
            self.end(INTERNAL, "The service made a mistake; reconnect and subscribe with after.")
        self._close()

    def _turn(self, handle: Callable[[Connection, str | bytes], None], catch_up: Callable[[Connection], None]) -> None:
        while self._ws.input_buffer and self.ending is None:
            if not self._allowed():
                self.end(POLICY, f"More than {RATE} messages a second.")
                return
            handle(self, self._ws.input_buffer.pop(0))
            self._flush()
        self._flush()
        left = self.expires_at - time.time()
        if left <= 0:
            self.end(EXPIRED, "The access token has expired. Get a new one and reconnect.")
        elif not self.live:
            catch_up(self)
        else:
            self._ws.event.wait(min(left, _LOOK))
            self._ws.event.clear()

    def _flush(self) -> None:
        while self._queue and self.ending is None:
            self._ws.send(self._queue.popleft())

    def _allowed(self) -> bool:
        now = time.monotonic()
        self._allowance = min(BURST, self._allowance + (now - self._counted) * RATE) - 1
        self._counted = now
        return self._allowance >= 0

    def _close(self) -> None:
        code, reason = self.ending or (None, None)
        try:
            self._ws.close(code, reason)
        except _GONE:
            log.debug("the client was gone first")
        self._sock.linger(self._ws.thread)
        log.info("socket closed", extra={"code": code or int(self._ws.close_reason), "reason": reason})
