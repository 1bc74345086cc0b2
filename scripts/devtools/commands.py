"""What `scripts/dev.py up`, `down`, `restart`, `status` and `logs` do."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

import psycopg
from psycopg import sql

from devtools import embedded, logs, mail_catcher
from devtools.embedded import SetupError
from devtools.environment import ROOT, locked
from devtools.layout import APPLICATION, DevSet
from devtools.supervise import Supervisor, check_ports, clear_leftovers, cluster

READY_SECONDS = 90


def up(port: int, *, detach: bool) -> int:
    """Start the set, or say that it runs; without `detach` stay and show its logs until Ctrl-C, which stops it."""
    dev_set = DevSet.load(port) or DevSet(port)
    supervisor = Supervisor(dev_set)
    with locked(dev_set.folder / "lock"):
        if supervisor.state() == "RUNNING":
            _continue(dev_set, supervisor)
            print(f"Bookings runs already on port {port}; stop it with {_command('down', port)}.")
            print(describe(dev_set))
            return 0
        _start_everything(dev_set, supervisor)
    print(describe(dev_set), flush=True)
    if detach:
        return 0
    print("Ctrl-C stops everything. What follows are the logs.\n", flush=True)
    try:
        logs.follow(dev_set, dev_set.names, history=0, until=lambda: supervisor.state() != "RUNNING")
    except KeyboardInterrupt:
        print("\nStopping ...", flush=True)
        with locked(dev_set.folder / "lock"):
            _stop_everything(dev_set, supervisor)
    return 0


def _start_everything(dev_set: DevSet, supervisor: Supervisor) -> None:
    """Databases first, then the schema and the demo data, then the service; on failure nothing keeps running."""
    clear_leftovers(dev_set)
    dev_set.adopt_environment()
    dev_set.save()
    check_ports(dev_set)
    if "postgres" in dev_set.embedded:
        cluster(dev_set).initialise(dev_set.postgres_password)
    supervisor.launch()
    try:
        _continue(dev_set, supervisor)
    except BaseException:
        _stop_everything(dev_set, supervisor)
        raise


def _continue(dev_set: DevSet, supervisor: Supervisor) -> None:
    """Bring a set whose supervisor runs to the point where everything answers."""
    supervisor.start(*dev_set.embedded)
    _wait_for_servers(dev_set, supervisor)
    _make_database(dev_set)
    _run(dev_set, "scripts/migrate.py", "up")
    dev_set.users = json.loads(_run(dev_set, "scripts/seed.py"))["users"]
    dev_set.save()
    supervisor.start(*APPLICATION)
    _wait_until_ready(dev_set, supervisor)


def _wait_for_servers(dev_set: DevSet, supervisor: Supervisor) -> None:
    answers = {
        "postgres": lambda: cluster(dev_set).ready(dev_set.postgres_port),
        "redis": lambda: embedded.valkey_ready(dev_set.redis_port),
        "mail": lambda: mail_catcher.ready(dev_set.mail_port),
    }
    for name in dev_set.embedded:
        deadline = time.monotonic() + READY_SECONDS
        while not answers[name]():
            supervisor.check(name)
            if time.monotonic() > deadline:
                raise SetupError(f"{name} did not answer in {READY_SECONDS} s; read {dev_set.log(name)}.")
            time.sleep(0.1)


def _make_database(dev_set: DevSet) -> None:
    """Create the role and the database of an embedded PostgreSQL: an owner, not a superuser, as in production."""
    if "postgres" not in dev_set.embedded:
        return
    password = dev_set.postgres_password
    server = f"postgresql://postgres:{password}@127.0.0.1:{dev_set.postgres_port}/postgres"
    try:
        with psycopg.connect(server, autocommit=True, connect_timeout=5) as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'bookings'").fetchone():
                connection.execute(sql.SQL("CREATE ROLE bookings LOGIN CREATEDB PASSWORD {}").format(password))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'bookings'").fetchone():
                connection.execute("CREATE DATABASE bookings OWNER bookings")
    except psycopg.OperationalError as error:
        raise SetupError(
            f"The database in {dev_set.folder.relative_to(ROOT)} refuses us ({str(error).strip().splitlines()[-1]}); "
            f"forget it with {_command('down --wipe', dev_set.port)} and run this again."
        ) from None


def _run(dev_set: DevSet, *arguments: str) -> str:
    """Run one of our scripts in the set's environment; returns what it prints. Its complaint becomes ours."""
    command = [sys.executable, *arguments]
    environment = dev_set.environment()
    result = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SetupError(f"{' '.join(arguments)} failed: {(result.stderr.strip() or result.stdout.strip())[-2000:]}")
    return result.stdout


def _wait_until_ready(dev_set: DevSet, supervisor: Supervisor) -> None:
    deadline = time.monotonic() + READY_SECONDS
    waiting = {"web": dev_set.base_url, "sockets": f"http://127.0.0.1:{dev_set.port + 1}"}
    while waiting:
        for name in APPLICATION:
            supervisor.check(name)
        waiting = {name: url for name, url in waiting.items() if not _is_ready(url)}
        if waiting and time.monotonic() > deadline:
            name = next(iter(waiting))
            raise SetupError(f"{name} did not become ready in {READY_SECONDS} s; read {dev_set.log(name)}.")
        time.sleep(0.1)
    while any(supervisor.processes()[name]["state"] == "starting" for name in APPLICATION):
        time.sleep(0.1)
    for name in APPLICATION:
        supervisor.check(name)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def down(port: int, *, wipe: bool) -> int:
    """Stop the set; with `wipe` forget its data, logs and secrets, too."""
    dev_set = DevSet.load(port) or DevSet(port)
    if not dev_set.folder.exists():
        print(f"There is nothing on port {port}.")
        return 0
    with locked(dev_set.folder / "lock"):
        stopped = _stop_everything(dev_set, Supervisor(dev_set))
    if wipe:
        embedded.forget(dev_set.folder / "postgres")
        shutil.rmtree(dev_set.folder)
    print(f"Bookings on port {port} {'is stopped' if stopped else 'was not running'}{'; its data is gone' * wipe}.")
    return 0


def _stop_everything(dev_set: DevSet, supervisor: Supervisor) -> bool:
    """Stop supervisor and whatever it left; returns whether there was anything to stop."""
    was_running = supervisor.state() is not None
    if was_running:
        supervisor.shutdown()
    return bool(clear_leftovers(dev_set)) or was_running


def restart(port: int, name: str | None) -> int:
    """Restart one process, or all of the service's own (after migrating), and wait until they are ready."""
    dev_set, supervisor = _running(port)
    if name and name not in dev_set.names:
        raise SetupError(f"There is no process {name}; choose one of {', '.join(dev_set.names)}.")
    with locked(dev_set.folder / "lock"):
        supervisor.stop(*([name] if name else APPLICATION))
        _continue(dev_set, supervisor)
    print(f"Restarted {name or ', '.join(APPLICATION)}.")
    return 0


def status(port: int, *, as_json: bool) -> int:
    """Print the state of the set; exit code 1 when it does not run, or not all of it."""
    dev_set = DevSet.load(port)
    supervisor = Supervisor(dev_set) if dev_set else None
    running = bool(supervisor and supervisor.state() == "RUNNING")
    report = _report(dev_set or DevSet(port), supervisor.processes() if supervisor and running else {})
    if as_json:
        print(json.dumps(report, indent=2))
    elif not running or dev_set is None:
        print(f"Bookings does not run on port {port}; start it with {_command('up', port)}.")
    else:
        print(describe(dev_set, report))
    return 0 if running and all(row["state"] == "running" for row in report["processes"].values()) else 1


def _report(dev_set: DevSet, processes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The shape of `status --json`; without processes the set does not run and there are no tokens."""
    unknown = {"state": "stopped", "pid": None}
    return {
        "processes": {name: processes.get(name, unknown) | {"url": dev_set.url(name)} for name in dev_set.names},
        "baseUrl": dev_set.base_url,
        "socketUrl": dev_set.socket_url,
        "databaseUrl": dev_set.database_url or None,
        "redisUrl": dev_set.redis_url or None,
        "users": dev_set.users,
        "tokens": _tokens(dev_set) if processes and dev_set.users else {},
    }


def _tokens(dev_set: DevSet) -> dict[str, str]:
    """Fresh access tokens of the demo users."""
    command = [sys.executable, "-m", "bookings", "token", *dev_set.users.values()]
    maker = subprocess.run(command, env=dev_set.environment(), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if maker.returncode:
        remedy = f"reload the demo data with {_command('restart', dev_set.port)}."
        raise SetupError(f"There are no tokens for the demo users; {remedy}")
    return dict(zip(dev_set.users, maker.stdout.split(), strict=True))


def describe(dev_set: DevSet, report: dict[str, Any] | None = None) -> str:
    """The set for a person: addresses, processes, and tokens ready to paste."""
    report = report or _report(dev_set, Supervisor(dev_set).processes())
    processes = [
        f"  {name:9} {row['state']:9} {row['pid'] or '':>8}  {row['url'] or ''}".rstrip()
        for name, row in report["processes"].items()
    ]
    tokens = [f"{role.upper()}_TOKEN={token}" for role, token in report["tokens"].items()]
    example = f'curl -H "Authorization: Bearer $CUSTOMER_TOKEN" {dev_set.base_url}/me'
    mails = f"Mails are kept in {dev_set.mails} and sent to nobody.\n" if "mail" in dev_set.embedded else ""
    documents = mails + f"API documents: {dev_set.base_url}/docs and {dev_set.base_url}/redoc"
    heading = f"Bookings on {dev_set.base_url}, sockets on {dev_set.socket_url}"
    tail = f"Tokens, valid for a quarter of an hour ({_command('status', dev_set.port)} makes new ones):"
    return "\n".join([heading, "", *processes, "", documents, tail, "", *tokens, example, ""])


def show_logs(port: int, names: list[str], *, follow: bool) -> int:
    """Print the end of the logs, and with `follow` what is added until Ctrl-C."""
    dev_set = DevSet.load(port)
    if dev_set is None:
        raise SetupError(f"There are no logs for port {port}; start Bookings with {_command('up', port)}.")
    unknown = set(names) - {*dev_set.names, "supervisord"}
    if unknown:
        raise SetupError(f"There is no process {unknown.pop()}; choose one of {', '.join(dev_set.names)}.")
    with contextlib.suppress(KeyboardInterrupt):
        logs.follow(dev_set, names or dev_set.names, history=200 if names else 40, until=lambda: not follow)
    return 0


def _running(port: int) -> tuple[DevSet, Supervisor]:
    """Return the set on this port; raises SetupError when it does not run."""
    dev_set = DevSet.load(port)
    if dev_set is None or Supervisor(dev_set).state() != "RUNNING":
        raise SetupError(f"Bookings does not run on port {port}; start it with {_command('up', port)}.")
    return dev_set, Supervisor(dev_set)


def _command(what: str, port: int) -> str:
    """The command line that a person would type."""
    return f"python3 scripts/dev.py {what}" + (f" --port {port}" if port != 8000 else "")
