"""The Dockerfile, step by step in a clean folder, and the service running from what they made."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from devtools import embedded
from tests.support import dockerfile
from tests.support.databases import ROOT
from tests.support.servers import Process, free_port, make_folder, wait_until

# It downloads and installs every library.
pytestmark = pytest.mark.load


@pytest.fixture(scope="module")
def image() -> dockerfile.Stage:
    """What `docker build` would make."""
    return dockerfile.build(make_folder())


def test_image_is_lean_and_runs_as_nobody_special(image: dockerfile.Stage) -> None:
    assert image.user.isdigit()
    assert image.user != "0"
    assert not list(image.path("/opt/venv/bin").glob("pip*"))
    assert {path.name for path in image.path("/app").iterdir()} == {"bookings", "sql", "scripts", "deploy", "wsgi.py"}


def test_image_serves_and_is_healthy(image: dockerfile.Stage, database_url: str, redis_url: str) -> None:
    port, account = free_port(), _account(image)
    env = dockerfile.environment(image) | {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "JWT_SECRET": "q8Zr1Xw5Tn7Kc3Vb9Mf2Lh6Pd4Sg0JyWe8",
        "WEB_BIND": f"127.0.0.1:{port}",
    }
    as_user = embedded.as_account(account)
    folder = image.path("/app")
    migrate = ["python", "scripts/migrate.py", "up"]
    subprocess.run(_found(image, migrate), env=env, cwd=folder, check=True, capture_output=True, **as_user)

    web = Process(_found(image, image.cmd), image.root / "web.log", account, env, folder)
    check = [part.replace(":8000", f":{port}") for part in _found(image, image.healthcheck)]

    def healthy() -> bool:
        assert web.running, (image.root / "web.log").read_text()
        return subprocess.run(check, env=env, cwd=folder, check=False, capture_output=True, **as_user).returncode == 0

    try:
        wait_until(healthy, "the image's web process")
    finally:
        code = web.stop()
    assert code == 0
    assert healthy_is_not_always(check, env, folder)


def healthy_is_not_always(check: list[str], env: dict[str, str], folder: Path) -> bool:
    """Say that the health check fails once the process has ended."""
    return subprocess.run(check, env=env, cwd=folder, check=False, capture_output=True).returncode != 0


def test_the_image_gets_no_secrets_and_no_rubbish() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert not {"!.env", "!.data", "!.venv", "!.git"} & set(ignored)


def _found(image: dockerfile.Stage, command: list[str]) -> list[str]:
    """Return the command with its program looked up on the image's PATH."""
    program = shutil.which(command[0], path=dockerfile.environment(image)["PATH"])
    assert program is not None
    return [program, *command[1:]]


def _account(image: dockerfile.Stage) -> embedded.Account | None:
    """Return an unprivileged account like the image's; our own where only root can reach this Python."""
    account = embedded.unprivileged_account()
    try:
        command = [str(image.path("/opt/venv/bin/python")), "-c", "import psycopg"]
        subprocess.run(command, check=True, capture_output=True, cwd="/", **embedded.as_account(account))
    except (PermissionError, subprocess.CalledProcessError):
        return None
    return account
