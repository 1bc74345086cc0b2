"""PostgreSQL and Valkey servers of our own for one test run, on free ports of 127.0.0.1."""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

import psutil

from devtools import embedded
from tests.support.patience import patient
from tests.support.reaper import Reaper

# Below the ports that the system hands to outgoing connections, so that nothing takes one between choosing and binding.
PORTS = range(20000, 30000)
#: on a quiet machine
START_SECONDS = 30

#: a file system in memory, as Linux has it; and how much must be free in it, in bytes
MEMORY = Path("/dev/shm")  # noqa: S108 (folders in it have names that nobody can guess)
PLENTY = 6 * 2**30

_reaper: Reaper | None = None


def reaper() -> Reaper:
    """Return the process that cleans up after this one, started when first needed."""
    global _reaper
    if _reaper is None:
        _reaper = Reaper()
    return _reaper


def close_reaper() -> None:
    """Stop whatever is still running; called at the end of the test run."""
    global _reaper
    if _reaper is not None:
        _reaper.close()
        _reaper = None


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    choose = random.SystemRandom()
    while True:
        port = choose.choice(PORTS)
        with contextlib.closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port


def make_folder(parent: Path | None = None) -> Path:
    """Return a new folder that every account may pass through, removed at the end of the run."""
    folder = Path(tempfile.mkdtemp(prefix="bookings-test-", dir=parent))
    folder.chmod(0o711)
    reaper().tell(str(folder))
    return folder


def make_quick_folder() -> Path:
    """Return such a folder in memory, if there is plenty of it: files are made and removed in a third of the time.

    Each module has a database of its own, which is hundreds of files.
    """
    with contextlib.suppress(OSError):
        memory = min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available)
        if os.path.ismount(MEMORY) and memory >= PLENTY:
            return make_folder(MEMORY)
    return make_folder()


def wait_until(answers: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Poll until `answers()`, on a quiet machine within `seconds`; raises AssertionError naming `what` much later."""
    deadline = time.monotonic() + patient(seconds)
    while not answers():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not answer within {patient(seconds):.0f} s")
        time.sleep(0.05)


class Running(Protocol):
    """What is used here of subprocess.Popen."""

    @property
    def pid(self) -> int:
        """Process id."""

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises subprocess.TimeoutExpired."""

    def kill(self) -> None:
        """Send SIGKILL."""


class Process:
    """One operating system process with a log file, which may be killed and started again."""

    def __init__(
        self,
        command: list[str],
        log: Path,
        account: embedded.Account | None = None,
        env: dict[str, str] | None = None,
        cwd: Path | str = "/",
    ) -> None:
        self.command, self.log, self.env, self.cwd = command, log, env, cwd
        self._account = account
        self._popen: Running | None = None
        self._asked = False
        self.start()

    def start(self) -> None:
        """Start it (again)."""
        self._asked = False
        with self.log.open("ab") as output:
            self._popen = self._launch(output)
        reaper().tell(f"+{self.pid}")

    def _launch(self, output: IO[bytes]) -> Running:
        return subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=self.env,
            cwd=self.cwd,
            **embedded.as_account(self._account),
        )

    @property
    def pid(self) -> int:
        """Process id of the last start."""
        assert self._popen is not None
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._popen is not None and self._popen.poll() is None

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._asked = False
        self.stop(signal.SIGKILL)

    def ask(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, if it runs and was not asked yet: a second signal would mean impatience."""
        if self.running and not self._asked:
            self._asked = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, by)

    def stop(self, by: signal.Signals = signal.SIGTERM, seconds: float = 40) -> int:
        """Ask it to end, wait, insist after `seconds`; returns its exit code."""
        assert self._popen is not None
        if self.running:
            self.ask(by)
            try:
                self._popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        code = self._popen.wait()
        reaper().tell(f"-{self.pid}")
        return code


class PostgresServer:
    """A PostgreSQL server with the superuser `postgres`; quick and forgetful unless `fsync` is asked for."""

    def __init__(
        self, folder: Path, version: int = embedded.EMBEDDED_VERSION, *, fsync: bool = False, **settings: str | int
    ) -> None:
        self.version = version
        self.port = free_port()
        self.log = folder / f"postgres-{version}.log"
        self._password = secrets.token_urlsafe(16)
        # A run connects thousands of times; each sign-in would cost 15 ms of hashing.
        common: dict[str, str | int] = {"scram_iterations": 1} if version >= 16 else {}
        place = folder if fsync else make_quick_folder()
        self._files = embedded.postgres(place / f"postgres-{version}", version)
        self._files.initialise(self._password, **common)
        common |= {"max_connections": 200, "log_lock_waits": "on"}
        # What nobody replays from the log need not be in it: databases are copied in half the time.
        quick: dict[str, str | int] = {
            "fsync": "off",
            "full_page_writes": "off",
            "wal_level": "minimal",
            "max_wal_senders": 0,
            # Hundreds of small databases, each looked at again and again; what needs VACUUM asks for it.
            "autovacuum": "off",
        }
        if fsync:
            quick = {}
        self._command = self._files.command(self.port, **common, **quick, **settings)
        self._process = Process(self._command, self.log, self._files.account)
        self._wait()

    def url(self, database: str = "postgres") -> str:
        """Return the DATABASE_URL of one of its databases."""
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self.port}/{database}"

    def kill(self) -> None:
        """End it as a crash would; its children notice within a second."""
        self._process.kill()

    def start(self) -> None:
        """Start it again after kill() or stop(), with recovery if needed."""
        for _ in range(50):  # while a child of the killed server still holds its shared memory, the new one gives up
            self._process.start()
            with contextlib.suppress(AssertionError):
                self._wait()
                return
            time.sleep(0.2)
        raise AssertionError(f"PostgreSQL {self.version} did not come back:\n{self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        """End it in an orderly way, throwing clients out (SIGINT is PostgreSQL's fast shutdown)."""
        self._process.stop(signal.SIGINT)

    def _wait(self) -> None:
        def answers() -> bool:
            assert self._process.running, f"PostgreSQL {self.version} did not start:\n{self.log.read_text()[-2000:]}"
            return self._files.ready(self.port)

        wait_until(answers, f"PostgreSQL {self.version}")


class ValkeyServer:
    """A Valkey server with 64 numbered databases."""

    def __init__(self, folder: Path, **settings: str | int) -> None:
        self.port = free_port()
        self.log = folder / f"valkey-{self.port}.log"
        data = folder / f"valkey-{self.port}"
        data.mkdir()
        self._process = Process(embedded.valkey_command(self.port, data, databases=64, **settings), self.log)
        wait_until(lambda: embedded.valkey_ready(self.port), "Valkey")

    def url(self, database: int = 0) -> str:
        """Return the REDIS_URL of one of its databases."""
        return f"redis://127.0.0.1:{self.port}/{database}"

    def kill(self) -> None:
        """End it as a crash would (SIGKILL); what it held is lost unless it was told to keep it."""
        self._process.kill()

    def start(self) -> None:
        """Start it again."""
        self._process.start()
        wait_until(lambda: embedded.valkey_ready(self.port), "Valkey")

    def stop(self) -> None:
        """End it in an orderly way."""
        self._process.stop()
