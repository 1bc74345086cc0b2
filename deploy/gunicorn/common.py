"""What the web and the sockets processes share; see gunicorn's settings reference for each name."""

from __future__ import annotations

import gc
import importlib
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

from bookings import log
from bookings.config import ConfigurationError, Settings
from deploy.gunicorn import folders

worker_class = "gthread"
# A balancer reuses connections for up to a minute; closing one just as it does so would lose a request.
keepalive = 75
# Less than the half minute that Kubernetes and Docker give before they kill.
graceful_timeout = 25
# Watches the worker's main loop, not single requests: statement_timeout bounds those.
timeout = 30
# Heartbeats are files; on a disk under load they would stall the workers.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 (gunicorn makes a private file there)
# Two masters of one user would fight over its path.
control_socket_disable = True
# The C parser is used silently when it happens to be installed, with rules of its own.
http_parser = "python"
# The application logs each request itself.
accesslog = None


def read_settings() -> Settings:
    """Read the environment; a mistake in it ends gunicorn with one sentence instead of a loop of dying workers."""
    try:
        return Settings.from_env()
    except ConfigurationError as error:
        sys.exit(f"bookings: {error}")


class JsonLogger(Logger):  # type: ignore[misc]
    """Writes gunicorn's own lines as the application writes its: JSON. (`logconfig_dict` would turn accesslog on.)"""

    def setup(self, cfg: Any) -> None:
        """Configure logging; called in the master before anything is logged."""
        super().setup(cfg)
        log.configure(read_settings().log_level)


logger_class = JsonLogger


#: what takes longest to load of what the workers need; none of it opens a connection or starts a thread
LIBRARIES = (
    "argon2",
    "babel.numbers",
    "flask_sock",
    "huey",
    "limits.strategies",
    "marshmallow",
    "orjson",
    "prometheus_flask_exporter",
    "psycopg.types.json",
    "psycopg_pool",
    "redis",
)


def load_libraries() -> None:
    """Load in the master, once, what every worker would load again: workers start in half the time and share the
    memory. The application itself is left to them: SIGHUP is to start workers with its new code.

    Call it after prepare_metrics: prometheus_client looks for the folder as it is imported.
    """
    for name in LIBRARIES:
        importlib.import_module(name)


def settle() -> None:
    """Tell Python's garbage collector that what a worker has loaded stays: some 120,000 objects that it would otherwise
    walk through again and again, now and then in the middle of a request."""
    gc.collect()
    gc.freeze()


_temporary: list[Path] = []


def prepare_metrics(name: str) -> None:
    """Give this master's workers an empty folder for their counters (prometheus_client's multiprocess mode).

    It lies in PROMETHEUS_MULTIPROC_DIR, or else in a temporary folder, which `on_exit` removes, or the next start if
    this master is killed.
    """
    base = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not base:
        _temporary.append(folders.make("bookings-metrics-"))
        base = str(_temporary[-1])
    folder = Path(base) / name
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob("*.db"):
        left_over.unlink()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def on_exit(server: Any) -> None:
    """Run in the master when its workers have ended."""
    for folder in _temporary:
        shutil.rmtree(folder, ignore_errors=True)


def child_exit(server: Any, worker: Any) -> None:
    """Remove what a worker counted as currently alive, also when it was killed."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)
