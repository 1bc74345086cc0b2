"""Temporary folders that a killed process does not leave behind for ever: the next one to start removes them."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

#: kept open, and with it locked, for as long as this process or one of its children lives, however they end
_locks: list[int] = []
_LOCK = "in-use"


def make(prefix: str) -> Path:
    """A new temporary folder of this process. Those with this prefix whose owner has died are removed first."""
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        _remove_if_left(folder)
    made = Path(tempfile.mkdtemp(prefix=prefix))
    # Locked before it gets its name: at no time can others find a lock that nobody holds yet.
    coming = made / f"{_LOCK}-soon"
    lock = os.open(coming, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    _locks.append(lock)
    coming.rename(made / _LOCK)
    return made


def _remove_if_left(folder: Path) -> None:
    """Remove a folder of this user that has a lock which nobody holds; leave any other alone."""
    try:
        if folder.lstat().st_uid != os.getuid():
            return
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:  # no lock: it is not one of ours, or it is just being made or removed
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:  # it is in use
        return
    finally:
        os.close(lock)
