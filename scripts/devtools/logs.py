"""Reading several log files as one stream, each line under the name of its process."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path

from devtools.layout import DevSet

COLOURS = ("36", "32", "33", "35", "34", "31")


class _Tail:
    """One log file: what was added since the last look, across its rotation."""

    def __init__(self, path: Path, label: str, history: int) -> None:
        self._path, self._label = path, label
        self._file: BufferedReader | None = None
        self._rest = b""
        self._history: int | None = history

    def print_new(self) -> None:
        """Print complete lines that were added."""
        if self._file is None or self._rotated():
            self._open()
        if self._file is None:
            return
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        if self._history is not None:
            lines = lines[-self._history :] if self._history else []
            self._history = None
        for line in lines:
            print(self._label + line.decode(errors="replace"))
        if lines:
            sys.stdout.flush()

    def _open(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = self._path.open("rb") if self._path.exists() else None

    def _rotated(self) -> bool:
        assert self._file is not None
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return False
        return status.st_size < self._file.tell()


def follow(dev_set: DevSet, names: list[str], *, history: int, until: Callable[[], bool]) -> None:
    """Print the last `history` lines of each log, then what is added, until `until()` says so (asked every second)."""
    tails = [_Tail(dev_set.logs / f"{name}.log", _label(name, number), history) for number, name in enumerate(names)]
    while True:
        for _ in range(5):
            for tail in tails:
                tail.print_new()
            if until():
                return
            time.sleep(0.2)


def _label(name: str, number: int) -> str:
    text = f"{name:9} | "
    return f"\x1b[{COLOURS[number % len(COLOURS)]}m{text}\x1b[0m" if sys.stdout.isatty() else text
