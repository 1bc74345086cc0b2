"""The processes of a set under `supervisor`: its configuration, its control, and what a crash left behind."""

from __future__ import annotations

import configparser
import contextlib
import hashlib
import http.client
import os
import shlex
import signal
import subprocess
import sys
import time
import xmlrpc.client
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from devtools import embedded, ports
from devtools.embedded import SetupError
from devtools.environment import ROOT
from devtools.layout import APPLICATION, MARK, DevSet

GRACE_SECONDS = 30


def commands(dev_set: DevSet) -> dict[str, list[str]]:
    """Return what each process of the set runs."""
    python = sys.executable
    known = {
        "postgres": lambda: cluster(dev_set).command(dev_set.postgres_port, max_connections=200, log_lock_waits="on"),
        "redis": lambda: embedded.valkey_command(dev_set.redis_port, dev_set.folder / "redis", appendonly="yes"),
        "mail": lambda: [python, "scripts/devtools/mail_catcher.py", str(dev_set.mail_port), str(dev_set.mails)],
        "web": lambda: [python, "-m", "gunicorn", "-c", "deploy/gunicorn/web.py", "wsgi:app"],
        "sockets": lambda: [python, "-m", "gunicorn", "-c", "deploy/gunicorn/sockets.py", "wsgi:app"],
        "worker": lambda: [python, "-m", "bookings", "worker"],
        "relay": lambda: [python, "-m", "bookings", "relay"],
    }
    return {name: known[name]() for name in dev_set.names}


def cluster(dev_set: DevSet) -> embedded.Postgres:
    """Return the set's PostgreSQL on disk."""
    return embedded.postgres(dev_set.folder / "postgres")


def control_socket(dev_set: DevSet) -> Path:
    """Where supervisor listens: a short path of our own, since a socket's path may have 100 characters at most."""
    folder = embedded.own_folder(Path("/tmp") / f"bookings-{os.geteuid()}")  # noqa: S108 (its owner is checked)
    return folder / (hashlib.sha256(str(dev_set.folder).encode()).hexdigest()[:16] + ".sock")


def write_configuration(dev_set: DevSet) -> Path:
    """Write supervisord.conf; secrets are not in it, they travel in the environment."""
    config = configparser.RawConfigParser()
    config["supervisord"] = {
        "logfile": str(dev_set.logs / "supervisord.log"),
        "pidfile": str(dev_set.folder / "supervisord.pid"),
        "directory": str(ROOT),
        "nocleanup": "true",
        **({"user": "root"} if os.geteuid() == 0 else {}),
    }
    config["unix_http_server"] = {"file": str(control_socket(dev_set)), "chmod": "0600"}
    factory = "supervisor.rpcinterface:make_main_rpcinterface"
    config["rpcinterface:supervisor"] = {"supervisor.rpcinterface_factory": factory}
    for name, command in commands(dev_set).items():
        config[f"program:{name}"] = _program(dev_set, name, command)
    path = dev_set.folder / "supervisord.conf"
    with path.open("w") as file:
        config.write(file)
    return path


def _program(dev_set: DevSet, name: str, command: list[str]) -> dict[str, str]:
    section = {
        "command": shlex.join(command),
        "directory": str(ROOT),
        "autostart": "false",
        "autorestart": "true",
        "startsecs": "1",
        "stopwaitsecs": str(GRACE_SECONDS),
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": str(dev_set.logs / f"{name}.log"),
        "stdout_logfile_maxbytes": "20MB",
        "stdout_logfile_backups": "1",
    }
    if name == "postgres":
        account = cluster(dev_set).account
        section |= {"directory": "/", "stopsignal": "INT"} | ({"user": account.name} if account else {})
    # supervisor expands %(name)s in every value
    return {key: value.replace("%", "%%") for key, value in section.items()}


class Supervisor:
    """Talks to the supervisord of one set over its socket."""

    def __init__(self, dev_set: DevSet) -> None:
        self._set = dev_set

    @property
    def _api(self) -> Any:
        """A connection for one call: it may have been restarted since the last one."""
        transport = SupervisorTransport(None, None, f"unix://{control_socket(self._set)}")
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor

    def state(self) -> str | None:
        """Return RUNNING, or SHUTDOWN while it is ending; None when it does not answer."""
        try:
            return str(self._api.getState()["statename"])
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return None

    def launch(self) -> None:
        """Start supervisord in the background; it starts nothing by itself."""
        self._set.logs.mkdir(parents=True, exist_ok=True)
        (self._set.folder / "redis").mkdir(exist_ok=True)
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(write_configuration(self._set))]
        environment = self._set.environment()
        result = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        deadline = time.monotonic() + 15
        while self.state() != "RUNNING":
            if result.returncode or time.monotonic() > deadline:
                detail = (result.stderr.strip() or result.stdout.strip() or "it does not answer").splitlines()[-1]
                raise SetupError(f"supervisord did not start ({detail}); read {self._set.log('supervisord')}.")
            time.sleep(0.1)

    def processes(self) -> dict[str, dict[str, Any]]:
        """Return state (lower case) and pid (or None) of each process."""
        rows = self._api.getAllProcessInfo()
        return {row["name"]: {"state": row["statename"].lower(), "pid": row["pid"] or None} for row in rows}

    def start(self, *names: str) -> None:
        """Start processes without waiting; those that run already are left alone."""
        states = self.processes()
        for name in names:
            if states[name]["state"] not in ("running", "starting"):
                self._api.startProcess(name, False)

    def stop(self, *names: str) -> None:
        """Stop processes, all at once, and wait until they have ended."""
        states = self.processes()
        waiting = [name for name in names if states[name]["state"] in ("running", "starting", "backoff")]
        for name in waiting:
            with contextlib.suppress(xmlrpc.client.Fault):  # it ended by itself in the meantime
                self._api.stopProcess(name, False)
        deadline = time.monotonic() + GRACE_SECONDS + 10
        while any(self.processes()[name]["state"] == "stopping" for name in waiting) and time.monotonic() < deadline:
            time.sleep(0.1)

    def check(self, name: str) -> None:
        """Raise SetupError with the end of its log when a process has given up."""
        state = self.processes()[name]["state"]
        if state in ("fatal", "backoff", "exited"):
            log = self._set.logs / f"{name}.log"
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else ""
            raise SetupError(f"{tail}\n{name} does not start; its log ({self._set.log(name)}) ends as above.")

    def shutdown(self) -> None:
        """Stop the application, then the databases, then supervisord itself."""
        self.stop(*(name for name in self.processes() if name in APPLICATION))
        self._api.shutdown()
        deadline = time.monotonic() + GRACE_SECONDS + 10
        while self.state() and time.monotonic() < deadline:
            time.sleep(0.1)


def leftovers(dev_set: DevSet) -> list[psutil.Process]:
    """Return processes of this set that still run, for instance after supervisord was killed."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == str(dev_set.folder) and process.pid != os.getpid():
                found.append(process)
    return found


def clear_leftovers(dev_set: DevSet) -> int:
    """Stop what an earlier crash left running, and remove lock files nobody holds; returns the number of processes."""
    processes = leftovers(dev_set)
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            is_postgres = "postgres" in process.name()
            process.send_signal(signal.SIGINT if is_postgres else signal.SIGTERM)
    _, stubborn = psutil.wait_procs(processes, timeout=GRACE_SECONDS)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=10)
    if "postgres" in dev_set.embedded:
        # Its process id may meanwhile be somebody else's, and PostgreSQL would then refuse to start.
        (cluster(dev_set).data / "postmaster.pid").unlink(missing_ok=True)
    return len(processes)


def check_ports(dev_set: DevSet) -> None:
    """Raise SetupError when somebody else listens on a port of this set."""
    for port in dev_set.ports():
        ports.check(port, instead=dev_set.port + 100)
