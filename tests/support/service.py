"""The service as it really runs: gunicorn for web and sockets, the worker and the relay, each a process of its own."""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bookings.account.commands import token_of
from bookings.config import Settings
from tests.support import counting
from tests.support.databases import ROOT
from tests.support.preloaded import PreloadedProcess
from tests.support.servers import START_SECONDS, Process, ValkeyServer, free_port, wait_until

PYTHON = sys.executable
COMMANDS = {
    "web": [PYTHON, "-m", "gunicorn", "-c", "deploy/gunicorn/web.py", "wsgi:app"],
    "sockets": [PYTHON, "-m", "gunicorn", "-c", "deploy/gunicorn/sockets.py", "wsgi:app"],
    "worker": [PYTHON, "-m", "bookings", "worker"],
    "relay": [PYTHON, "-m", "bookings", "relay"],
}
#: KiB. Hashing is the dearest thing the service does; tests that are about its cost ask for the default.
CHEAP_PASSWORDS = 1024
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR")


@dataclass(frozen=True)
class ServiceOptions:
    """What a test module may ask of its service, in a module variable named SERVICE.

    `durable` gives it a PostgreSQL of its own with fsync on, for tests that kill the database server. `shared` modules
    with the same options get one service together: they make their own people, count only those, and break nothing.
    `counted`: coverage looks into its processes, too, which makes them a third slower; a few modules are enough.
    """

    env: dict[str, str] = field(default_factory=dict)
    processes: tuple[str, ...] = ("web", "sockets", "worker", "relay")
    durable: bool = False
    shared: bool = False
    counted: bool = False


class Service:
    """Running processes of the service and where to reach them."""

    def __init__(self, folder: Path, database_url: str, redis: ValkeyServer, options: ServiceOptions) -> None:
        self.database_url, self.redis, self.redis_url = database_url, redis, redis.url()
        self.folder = folder
        self.web_port, self.sockets_port = free_port(), free_port()
        self.base_url = f"http://127.0.0.1:{self.web_port}"
        self.socket_url = f"ws://127.0.0.1:{self.sockets_port}/ws"
        self.env = self._environment(options.counted) | options.env
        self.processes: dict[str, Process] = {}
        try:
            for name in options.processes:
                # Coverage begins with an interpreter.
                kind = Process if options.counted else PreloadedProcess
                self.processes[name] = kind(COMMANDS[name], folder / f"{name}.log", env=self.env, cwd=ROOT)
            self.wait_ready()
        except BaseException:
            self.stop()
            raise

    def _environment(self, counted: bool) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if key in PASSED_ON}
        inherited |= counting.hidden() if counted else {}
        return inherited | {
            "APP_ENV": "test",
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "JWT_SECRET": secrets.token_urlsafe(48),
            "WEB_BIND": f"127.0.0.1:{self.web_port}",
            "SOCKETS_BIND": f"127.0.0.1:{self.sockets_port}",
            "WEB_WORKERS": "2",
            "ENABLE_METRICS": "true",
            "PASSWORD_MEMORY": str(CHEAP_PASSWORDS),
            "REPORT_DIR": str(self.folder / "reports"),
            "PYTHONUNBUFFERED": "1",
        }

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until every HTTP process answers /ready with 200."""
        ports = {"web": self.web_port, "sockets": self.sockets_port}
        for name in ports.keys() & self.processes.keys():
            wait_until(functools.partial(self._answers, name, ports[name]), name, seconds)

    def _answers(self, name: str, port: int) -> bool:
        assert self.processes[name].running, f"{name} did not start:\n{self.tail(name)}"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def children(self, name: str) -> list[int]:
        """Return the process ids of a gunicorn master's workers."""
        return [child.pid for child in psutil.Process(self.processes[name].pid).children()]

    def kill(self, name: str) -> None:
        """End a process and its children as a crash would (SIGKILL). `redis` is a name, too."""
        if name == "redis":
            self.redis.kill()
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(self.processes[name].pid).children(recursive=True)
            self.processes[name].kill()
            for child in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            psutil.wait_procs(family, timeout=10)

    def start(self, name: str) -> None:
        """Start a process again after kill(); wait until it answers if it serves HTTP."""
        if name == "redis":
            self.redis.start()
            return
        self.processes[name].start()
        if name in ("web", "sockets"):
            self.wait_ready()

    def restart(self, name: str) -> None:
        """Stop a process in an orderly way and start it again."""
        if name == "redis":
            self.redis.stop()
        else:
            self.processes[name].stop()
        self.start(name)

    def stop(self) -> None:
        """Stop everything, all at once, and Valkey last."""
        for process in self.processes.values():
            process.ask()
        for process in self.processes.values():
            process.stop()
        self.redis.stop()

    def run(self, *arguments: str) -> str:
        """Run Python with these arguments in the service's environment; returns what it prints.

        `service.run("scripts/seed.py")`.
        """
        result = subprocess.run(
            [PYTHON, *arguments], env=self.env, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, f"{arguments} failed:\n{result.stdout}{result.stderr}"
        return result.stdout.strip()

    def token(self, user: str) -> str:
        """Return an access token of this user (an id or an e-mail address)."""
        return token_of(Settings.from_env(self.env), user)

    def tail(self, name: str, lines: int = 60) -> str:
        """Return the end of a process's log."""
        log = self.folder / f"{name}.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

    def log_text(self, name: str) -> str:
        """Return a process's whole log."""
        return (self.folder / f"{name}.log").read_text(errors="replace")
