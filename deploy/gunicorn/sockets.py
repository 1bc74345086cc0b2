"""The WebSockets: `gunicorn -c deploy/gunicorn/sockets.py wsgi:app`. SOCKETS_BIND and SOCKET_LIMIT shape it.

One worker, since every process reads the event stream itself; run more copies for more sockets.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from deploy.gunicorn.common import *  # noqa: F403 (gunicorn reads its settings from this module's names)
from deploy.gunicorn.common import prepare_metrics, read_settings, settle

_settings = read_settings()
bind = _settings.sockets_bind
workers = 1
# A socket occupies a thread as long as it is open; some are left for /health, /ready, /metrics and refusals.
threads = _settings.socket_limit + 16
worker_connections = threads + 64


def on_starting(server: Any) -> None:
    """Run once in the master, before the worker."""
    if _settings.enable_metrics:
        prepare_metrics("sockets")


def post_worker_init(worker: Any) -> None:
    """On SIGTERM stop accepting, then close every socket with 1012 (service restart, RFC 6455 registry).

    Without it open sockets would hold the worker until it is killed, and clients would see no reason.
    """
    from bookings.platform import health
    from bookings.realtime import hub

    def stop(number: int, frame: FrameType | None) -> None:
        health.draining.set()
        worker.handle_exit(number, frame)
        # In a thread of its own: a signal handler must not wait for locks that the interrupted code may hold.
        threading.Thread(target=hub.close_all, name="close-sockets").start()

    signal.signal(signal.SIGTERM, stop)
    settle()
