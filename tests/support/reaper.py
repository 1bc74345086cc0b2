"""Stops what a test run started when the run itself is killed: it waits at the other end of a pipe that then closes.

Lines on standard input: `+PID` (watch this process), `-PID` (forget it), `/PATH` (a folder to remove at the end).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path


class Reaper:
    """The side of the test run: starts the watching process, tells it what to stop."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, text=True, start_new_session=True
        )

    def tell(self, line: str) -> None:
        """Send one line of the little protocol above."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """End it; whatever it still watches is stopped now."""
        self._process.communicate()


def main() -> None:
    """Read until the pipe closes, then stop and remove what is left."""
    pids: list[int] = []
    folders: list[str] = []
    for line in map(str.strip, sys.stdin):
        if line.startswith("+"):
            pids.append(int(line[1:]))
        elif line.startswith("-"):
            with contextlib.suppress(ValueError):  # stopped a second time
                pids.remove(int(line[1:]))
        else:
            folders.append(line)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    time.sleep(0.5 if pids else 0)  # PostgreSQL's children notice the death of their parent, then leave their files
    for folder in folders:
        shutil.rmtree(Path(folder), ignore_errors=True)


if __name__ == "__main__":
    main()
