"""The socket below a WebSocket, made safe for several threads and slow clients."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

#: what simple-websocket is told: notice dead peers, refuse what is larger than an HTTP body may be
OPTIONS = {"ping_interval": 25, "max_message_size": 64 * 1024}
#: how long (seconds) to wait for the peer's goodbye before the connection is cut
LINGER = 1.0
_DRAIN = 1024 * 1024


class WholeSocket:
    """Stands in for the socket that simple-websocket 1.1 uses.

    That library calls `send`, which may write half a frame, from two threads, and closes the socket as soon as it has
    said goodbye, which makes the kernel throw the goodbye away when something is still unread. Here a frame is sent
    whole and alone, and closing is left to `linger`, called by the thread that serves the socket: if it were left to
    gunicorn, its main loop would wait for the peer.
    """

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw
        self._lock = threading.Lock()
        #: while it says so, nothing more is read: a client that writes faster than it is served feels it
        self.full: Callable[[], bool] = lambda: False
        #: since when (time.monotonic) a frame has been waiting for the peer to read; None: nothing waits
        self.sending_since: float | None = None
        self._cut = False

    def send(self, data: bytes) -> int:
        """Send all of it, as one. Raises OSError."""
        with self._lock:
            self.sending_since = time.monotonic()
            self._raw.sendall(data)
            self.sending_since = None
        return len(data)

    def recv(self, size: int) -> bytes:
        """Read, once there is room for it. Raises OSError."""
        while self.full() and not self._cut:
            time.sleep(0.02)
        return self._raw.recv(size)

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        """Nothing yet; see `linger`."""

    def cut(self) -> None:
        """End it now; whoever reads or writes at this moment gets an error or the end."""
        self._cut = True
        with contextlib.suppress(OSError):
            self._raw.shutdown(socket.SHUT_RDWR)

    def linger(self, reader: threading.Thread) -> None:
        """Close, giving the peer a moment to read what was sent last (RFC 6455, section 7.1.1)."""
        deadline = time.monotonic() + LINGER
        reader.join(LINGER)
        with contextlib.suppress(OSError):
            self._raw.shutdown(socket.SHUT_WR)
            self._drain(deadline)
        self.cut()
        reader.join(LINGER)
        self._raw.close()

    def _drain(self, deadline: float) -> None:
        drained = 0
        while drained < _DRAIN and (left := deadline - time.monotonic()) > 0:
            self._raw.settimeout(left)
            data = self._raw.recv(65536)
            if not data:
                return
            drained += len(data)
