"""The virtual environment in .venv: made, installed and repaired when needed, at once skipped when nothing changed."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from devtools.embedded import SetupError

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / ".data"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed-from"
DESCRIPTIONS = ("setup.cfg", "pyproject.toml")


def enter() -> None:
    """Make sure that this program runs in .venv with everything installed; starts itself again inside if it does not.

    Raises SetupError with the remedy when the machine does not allow it.
    """
    with locked(DATA / "venv.lock"):
        if not _is_current():
            _install()
    if Path(sys.prefix).resolve() != VENV.resolve():
        os.execv(PYTHON, [str(PYTHON), *sys.argv])  # noqa: S606 (ourselves, with the same arguments)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time into a `with` block; the system releases the lock when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another scripts/dev.py to finish ...", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fingerprint() -> str:
    """What .venv was made from: the descriptions of the package, the interpreter, and the folder it lives in."""
    digest = hashlib.sha256(f"{platform.python_implementation()} {ROOT}".encode())
    for name in DESCRIPTIONS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def _is_current() -> bool:
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text() == _fingerprint()


def _install() -> None:
    """Make .venv unless a working one is there, and install the package with its development extras."""
    if not _works():
        _make()
    print("Installing the libraries into .venv (the first time takes a minute or two) ...", flush=True)
    log = DATA / "pip.log"
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--editable", f"{ROOT}[dev]"]
    with log.open("w") as output:
        code = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False, cwd=ROOT).returncode
    if code:
        errors = [line for line in log.read_text().splitlines() if line.startswith("ERROR:")] or ["no reason given"]
        raise SetupError(
            f"pip could not install the libraries ({errors[-1].removeprefix('ERROR: ')}); "
            f"check the network and the free space, read {log.relative_to(ROOT)} and run this again."
        )
    STAMP.write_text(_fingerprint())


def _works() -> bool:
    """Say whether .venv has a Python that starts and has pip; an interrupted, outdated or moved one does not."""
    description = VENV / "pyvenv.cfg"
    if not (PYTHON.exists() and description.exists() and str(VENV) in description.read_text()):
        return False
    check = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([str(PYTHON), "-c", check], capture_output=True, check=False).returncode == 0


def _make() -> None:
    remedy = "install it (Debian and Ubuntu: apt-get install python3-venv) and run this again."
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise SetupError(f"This Python has no {module} module; {remedy}")
    print("Making .venv ...", flush=True)
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        detail = " ".join((result.stdout + result.stderr).split())[-300:]
        raise SetupError(f"python -m venv could not make .venv ({detail}); if its venv module is incomplete, {remedy}")
