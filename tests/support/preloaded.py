"""Python programs that start as forks of a process which has loaded their modules: that saves each a second of CPU.

What runs is what runs in production (gunicorn with its own configuration, the worker, the relay), each a process of its
own with an environment, a log and signals of its own; only the interpreter is not begun anew. That they also start
from nothing is what the tests of scripts/dev.py and of the image see.
"""

from __future__ import annotations

import atexit
import functools
import io
import multiprocessing
import multiprocessing.forkserver
import os
import runpy
import subprocess
import sys
from typing import IO

from tests.support.databases import ROOT
from tests.support.servers import Process, Running

#: loaded before the fork
LIBRARIES = (
    "gunicorn.app.wsgiapp",
    "gunicorn.workers.gthread",
    "argon2",
    "babel.numbers",
    "flask_sock",
    "huey",
    "jinja2",
    "limits.strategies",
    "marshmallow",
    "orjson",
    "psycopg.types.json",
    "psycopg_pool",
    "redis",
)
#: reads the environment as it is imported, so each process does so by itself; and what of ours needs it
ENVIRONMENT_READER = "prometheus_client"
ITS_READERS = frozenset(
    {"bookings.requests", "bookings.metrics", "bookings.platform.collectors", "bookings.platform.routes"}
)
_CONTEXT = multiprocessing.get_context("forkserver")


class PreloadedProcess(Process):
    """One such program; its command is `python -m MODULE ARGUMENTS`."""

    def _launch(self, output: IO[bytes]) -> Running:
        _python, _m, module, *arguments = self.command
        return Forked(module, arguments, self.env or {}, str(self.cwd), output.name)


class Forked:
    """What runs of it, as subprocess.Popen would show it."""

    def __init__(self, module: str, arguments: list[str], env: dict[str, str], cwd: str, log: str) -> None:
        _ensure_running()
        self._process = _CONTEXT.Process(target=_become, args=(module, arguments, env, cwd, log), daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None as long as it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises subprocess.TimeoutExpired after so many seconds."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return self._process.exitcode

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()


@functools.cache
def modules() -> tuple[str, ...]:
    """What is loaded before the fork: the libraries and our own package."""
    files = [path.relative_to(ROOT).with_suffix("") for path in sorted((ROOT / "bookings").rglob("*.py"))]
    ours = {".".join(path.parts).removesuffix(".__init__") for path in files if path.name != "__main__"}
    return (*LIBRARIES, *sorted(ours - ITS_READERS))


@functools.cache
def _ensure_running() -> None:
    """Start the process to fork from, in which coverage does not count (`counting.hide`)."""
    _CONTEXT.set_forkserver_preload(list(modules()))
    multiprocessing.forkserver.ensure_running()


def _become(module: str, arguments: list[str], env: dict[str, str], cwd: str, log: str) -> None:
    """Turn this fork into the program; what it registered with atexit still runs when it ends."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.close(output)
    for text in (sys.stdout, sys.stderr):
        assert isinstance(text, io.TextIOWrapper)
        text.reconfigure(write_through=True)
    # Whatever cannot be loaded multiprocessing passes over in silence.
    assert {name for name in modules() if name not in sys.modules} == set()
    assert ENVIRONMENT_READER not in sys.modules
    sys.path[:] = [cwd, *(path for path in sys.path if not path.startswith(cwd + os.sep) or "site-packages" in path)]
    sys.argv = ["-m", *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()
