"""The processes a benchmark runs against: PostgreSQL with fsync, Valkey, the service, and the floors beside it."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtools import embedded, ports

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Bench:
    """Where things are while a benchmark runs."""

    database_url: str
    web: str
    floor: str
    env: dict[str, str]
    programs: Path
    worker: subprocess.Popen[bytes]

    @contextmanager
    def following(self) -> Iterator[None]:
        """Let the worker do what follows from events meanwhile; it stands still otherwise."""
        self.worker.send_signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.worker.send_signal(signal.SIGSTOP)


@contextmanager
def running(folder: Path, port: int, *, workers: int, threads: int) -> Iterator[Bench]:
    """Start everything on `port` and the four above it; stop it all at the end. Raises embedded.SetupError."""
    for number in range(5):
        ports.check(port + number, instead=port + 100)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    password = secrets.token_urlsafe(12)
    cluster = embedded.postgres(folder / "postgres")
    cluster.initialise(password)
    env = _environment(folder, port, password, workers, threads)
    processes: list[subprocess.Popen[bytes]] = []

    def start(name: str, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        with (folder / f"{name}.log").open("wb") as log:
            processes.append(subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, **{"env": env, **options}))
        return processes[-1]

    python = [sys.executable, "-m"]
    gunicorn = [*python, "gunicorn", "-c", "deploy/gunicorn/web.py"]
    try:
        start("postgres", _postgres(cluster, port), **embedded.as_account(cluster.account), env=None)
        start("valkey", embedded.valkey_command(port + 3, folder))
        _wait(lambda: cluster.ready(port + 2) and embedded.valkey_ready(port + 3), "The servers")
        subprocess.run([sys.executable, "scripts/migrate.py", "up"], cwd=ROOT, env=env, check=True, capture_output=True)
        start("relay", [*python, "bookings", "relay"])
        worker = start("worker", [*python, "bookings", "worker"])
        start("web", [*gunicorn, "wsgi:app"])
        floor_env = env | {"WEB_BIND": f"127.0.0.1:{port + 4}", "PYTHONPATH": str(ROOT / "scripts")}
        start("floor", [*gunicorn, "benching.floors:app"], env=floor_env | {"ENABLE_METRICS": "false"})
        bench = Bench(
            env["DATABASE_URL"],
            f"http://127.0.0.1:{port}",
            f"http://127.0.0.1:{port + 4}",
            env,
            cluster.programs,
            worker,
        )
        _wait(lambda: _answers(bench.web + "/health") and _answers(bench.floor + "/constant"), "gunicorn")
        worker.send_signal(signal.SIGSTOP)
        yield bench
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def _environment(folder: Path, port: int, password: str, workers: int, threads: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "APP_ENV": "production",
        "DATABASE_URL": f"postgresql://postgres:{password}@127.0.0.1:{port + 2}/postgres",
        "REDIS_URL": f"redis://127.0.0.1:{port + 3}/0",
        "JWT_SECRET": secrets.token_urlsafe(48),
        "ENABLE_METRICS": "true",
        "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"),
        "WEB_BIND": f"127.0.0.1:{port}",
        "WEB_WORKERS": str(workers),
        "WEB_THREADS": str(threads),
        "DB_POOL_SIZE": str(threads),
        "RATE_LIMIT": "100000/second",
        "PUBLIC_RATE_LIMIT": "off",
    }


def _postgres(cluster: embedded.Postgres, port: int) -> list[str]:
    statistics = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "all"}
    return cluster.command(port + 2, shared_buffers="512MB", max_wal_size="4GB", max_connections=200, **statistics)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status)
    except urllib.error.HTTPError:
        return True
    except (urllib.error.URLError, OSError):
        return False


def _wait(ready: Any, what: str) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        if time.monotonic() > deadline:
            raise embedded.SetupError(f"{what} did not start; read the logs under .data/bench.")
        time.sleep(0.2)
