"""The REST API: `gunicorn -c deploy/gunicorn/web.py wsgi:app`. WEB_BIND, WEB_WORKERS and WEB_THREADS shape it."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from deploy.gunicorn.common import *  # noqa: F403 (gunicorn reads its settings from this module's names)
from deploy.gunicorn.common import load_libraries, prepare_metrics, read_settings, settle

_settings = read_settings()
bind = _settings.web_bind
workers = _settings.web_workers
threads = _settings.web_threads
# A socket would keep one of these few threads to itself; sockets have a process of their own.
raw_env = ["SOCKET_LIMIT=0"]


def on_starting(server: Any) -> None:
    """Run once in the master, before the first worker."""
    if _settings.enable_metrics:
        prepare_metrics("web")
    load_libraries()


def post_worker_init(worker: Any) -> None:
    """On SIGTERM answer 503 at /ready, so that balancers which keep their connections look elsewhere at once."""
    from bookings.platform import health

    def stop(number: int, frame: FrameType | None) -> None:
        health.draining.set()
        worker.handle_exit(number, frame)

    signal.signal(signal.SIGTERM, stop)
    settle()
