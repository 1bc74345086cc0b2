"""scripts/dev.py as a person uses it, with everything embedded, also after crashes and mistakes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.databases import ROOT
from tests.support.patience import REQUEST, patient
from tests.support.servers import PORTS, free_port

pytestmark = [
    pytest.mark.crash,
    pytest.mark.skipif(Path(sys.prefix) != ROOT / ".venv", reason="needs .venv: run python3 scripts/dev.py test"),
]
PROCESSES = ["postgres", "redis", "mail", "web", "sockets", "worker", "relay"]
ROLES = {"customer", "provider", "admin"}


def dev(*arguments: str, code: int = 0, **env: str) -> str:
    """Run scripts/dev.py; returns all it prints, after checking its exit code and that there is no traceback."""
    hidden = ("DATABASE_URL", "REDIS_URL", "SMTP_", "JWT_SECRET")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(hidden)} | env
    command = [sys.executable, str(ROOT / "scripts" / "dev.py"), *arguments]
    result = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False, timeout=200)
    output = result.stdout + result.stderr
    assert result.returncode == code, output
    assert "Traceback" not in output, output
    return output


def status(port: int, code: int = 0) -> dict[str, Any]:
    """Return what `status --json` says."""
    report: dict[str, Any] = json.loads(dev("status", "--json", "--port", str(port), code=code))
    return report


def free_base() -> int:
    """Return a port that is free together with the four after it."""
    while True:
        base = free_port()
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(base, base + 5):
                stack.enter_context(contextlib.closing(socket.create_server(("127.0.0.1", port))))
            assert base in PORTS
            return base


@pytest.fixture(scope="module")
def base() -> Iterator[int]:
    """A running set; its first port."""
    port = free_base()
    try:
        dev("up", "--detach", "--port", str(port))
        yield port
    finally:
        dev("down", "--wipe", "--port", str(port))
        assert not (ROOT / ".data" / str(port)).exists()


def supervisor_pid(base: int) -> int:
    """Return the process id of the set's supervisord."""
    return int((ROOT / ".data" / str(base) / "supervisord.pid").read_text())


def test_status_has_the_documented_shape(base: int) -> None:
    report = status(base)
    assert list(report) == ["processes", "baseUrl", "socketUrl", "databaseUrl", "redisUrl", "users", "tokens"]
    assert list(report["processes"]) == PROCESSES
    for process in report["processes"].values():
        assert process.keys() == {"state", "pid", "url"}
        assert process["state"] == "running"
        assert psutil.pid_exists(process["pid"])
    assert report["users"].keys() == report["tokens"].keys() == ROLES


def test_tokens_are_good_for_their_roles(base: int) -> None:
    report = status(base)
    for role, token in report["tokens"].items():
        request = urllib.request.Request(f"{report['baseUrl']}/me", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=REQUEST) as answer:
            me = json.load(answer)
        assert (me["id"], me["role"]) == (report["users"][role], role)


def test_the_readmes_session_works_as_pasted(base: int) -> None:
    """Only the port is another. The second booking is refused, as the README says."""
    block = re.findall(r"## Book\n\n```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0]
    pasted = block.replace(":8000", f":{base}").replace("status --json", f"status --json --port {base}")
    first, again = (
        subprocess.run(
            ["bash", "-ec", pasted], cwd=ROOT, capture_output=True, text=True, check=True, timeout=200
        ).stdout
        for _ in range(2)
    )
    booked, listed = _documents(first)
    assert booked["status"] in ("pending", "confirmed")
    assert 0 < len(listed["items"]) <= 10
    assert listed["items"][0].keys() == booked.keys()
    refused = _documents(again)[0]
    assert (refused["code"], len(refused["nextFree"])) == ("slot-taken", 3)


def _documents(printed: str) -> list[dict[str, Any]]:
    """The JSON objects that stand one behind the other."""
    found, rest = [], printed.strip()
    while rest:
        document, end = json.JSONDecoder().raw_decode(rest)
        found.append(document)
        rest = rest[end:].strip()
    return found


def test_secrets_are_readable_by_their_owner_only(base: int) -> None:
    state = ROOT / ".data" / str(base) / "state.json"
    assert state.stat().st_mode & 0o077 == 0
    secret = json.loads(state.read_text())["jwt_secret"]
    configuration = (ROOT / ".data" / str(base) / "supervisord.conf").read_text()
    assert secret not in configuration
    assert json.loads(state.read_text())["postgres_password"] not in configuration


def test_a_second_up_says_that_it_runs(base: int) -> None:
    before = status(base)["processes"]
    output = dev("up", "--detach", "--port", str(base))
    assert f"runs already on port {base}" in output
    assert "CUSTOMER_TOKEN=" in output
    assert status(base)["processes"] == before


def test_restart_of_one_process_leaves_the_others(base: int) -> None:
    before = status(base)["processes"]
    assert dev("restart", "worker", "--port", str(base)) == "Restarted worker.\n"
    after = status(base)["processes"]
    assert {name for name in PROCESSES if before[name]["pid"] != after[name]["pid"]} == {"worker"}


def test_logs_of_one_process(base: int) -> None:
    lines = dev("logs", "web", "--port", str(base)).splitlines()
    assert lines
    assert all(line.startswith("web ") for line in lines)


def test_unknown_process_is_one_sentence(base: int) -> None:
    output = dev("restart", "nginx", "--port", str(base), code=1)
    assert output == f"There is no process nginx; choose one of {', '.join(PROCESSES)}.\n"


def test_killed_processes_are_started_again(base: int) -> None:
    names = ["postgres", "redis", "web", "relay"]
    before = status(base)["processes"]
    killed = [psutil.Process(before[name]["pid"]) for name in names]
    for process in killed:
        process.kill()
    assert not psutil.wait_procs(killed, timeout=patient(10))[1]
    dev("up", "--detach", "--port", str(base))
    after = status(base)["processes"]
    assert all(process["state"] == "running" for process in after.values())
    assert all(before[name]["pid"] != after[name]["pid"] for name in names)


def test_up_heals_what_a_killed_supervisor_left(base: int) -> None:
    before = status(base)
    os.kill(supervisor_pid(base), signal.SIGKILL)
    assert status(base, code=1)["processes"]["web"]["state"] == "stopped"
    dev("up", "--detach", "--port", str(base))
    after = status(base)
    assert {row["pid"] for row in before["processes"].values()}.isdisjoint(
        row["pid"] for row in after["processes"].values()
    )
    assert after["databaseUrl"] == before["databaseUrl"]


def test_down_clears_what_a_killed_supervisor_left_and_up_keeps_the_data(base: int) -> None:
    before = status(base)
    os.kill(supervisor_pid(base), signal.SIGKILL)
    assert dev("down", "--port", str(base)) == f"Bookings on port {base} is stopped.\n"
    assert not any(psutil.pid_exists(row["pid"]) for row in before["processes"].values())
    assert dev("down", "--port", str(base)) == f"Bookings on port {base} was not running.\n"
    dev("up", "--detach", "--port", str(base))
    assert status(base)["users"] == before["users"]


def test_a_taken_port_is_one_sentence_and_leaves_nothing_running() -> None:
    port = free_base()
    with contextlib.closing(socket.create_server(("127.0.0.1", port + 1))):
        output = dev("up", "--detach", "--port", str(port), code=1)
    assert output.startswith(f"Port {port + 1} is in use by ")
    assert f"--port {port + 100}" in output
    assert output.count("\n") == 1
    dev("down", "--wipe", "--port", str(port))


def test_given_databases_are_used_and_ctrl_c_ends_the_foreground(base: int) -> None:
    given, port = status(base), free_base()
    urls = {"DATABASE_URL": given["databaseUrl"], "REDIS_URL": given["redisUrl"].replace("/0", "/5")}
    command = [sys.executable, str(ROOT / "scripts" / "dev.py"), "up", "--port", str(port)]
    with subprocess.Popen(command, env=os.environ | urls, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert any(line.startswith("Ctrl-C") for line in process.stdout)
            report = status(port)
            assert list(report["processes"]) == PROCESSES[2:]
            assert (report["databaseUrl"], report["redisUrl"]) == (urls["DATABASE_URL"], urls["REDIS_URL"])
            process.send_signal(signal.SIGINT)
            assert "Stopping" in process.stdout.read()
            assert process.wait(60) == 0
            assert not any(psutil.pid_exists(row["pid"]) for row in report["processes"].values())
        finally:
            process.kill()
            dev("down", "--wipe", "--port", str(port))


def test_nothing_on_a_port_is_said_kindly() -> None:
    port = str(free_base())
    assert dev("down", "--port", port) == f"There is nothing on port {port}.\n"
    assert "start it with python3 scripts/dev.py up" in dev("status", "--port", port, code=1)
    assert "start it with python3 scripts/dev.py up" in dev("restart", "--port", port, code=1)
    assert "start Bookings with python3 scripts/dev.py up" in dev("logs", "--port", port, code=1)
    assert status(int(port), code=1)["tokens"] == {}


def test_without_ensurepip_the_remedy_is_named(tmp_path: Path) -> None:
    """A copy of the scripts in an empty folder, run by a Python whose ensurepip is missing as on a bare Debian."""
    for name in ("scripts", "setup.cfg", "pyproject.toml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    start = f"""
import importlib.util, runpy, sys
from tests.support.patience import REQUEST, patient
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "ensurepip" else find(name, *more)
sys.argv[1:] = ["up"]
sys.path[0] = {str(tmp_path / "scripts")!r}
runpy.run_path({str(tmp_path / "scripts" / "dev.py")!r}, run_name="__main__")
"""
    command = [sys.executable, "-c", start]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("This Python has no ensurepip module; install it")
    assert result.stderr.count("\n") == 1
