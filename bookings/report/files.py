"""Where reports lie: whole files below REPORT_DIR under names that were never used before, unfinished ones in folders
of their own. A file appears under its name in one step, when all of it is on the disk."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from bookings.ids import new_id

_UNFINISHED = "unfinished"
#: what nobody knows is removed once it is this old (seconds); younger, it may be about to become known
STRANGE = 24 * 3600


class Folder:
    """The folder of all reports of a deployment; web processes and workers need the same."""

    def __init__(self, directory: str) -> None:
        self._root = Path(directory).resolve()

    @contextmanager
    def attempt(self, report_id: UUID) -> Iterator[Path]:
        """A folder for one try to make a report. What earlier tries left behind goes, and at the end this one, too."""
        unfinished = self._root / _UNFINISHED
        unfinished.mkdir(parents=True, exist_ok=True)
        for left in unfinished.glob(f"{report_id}.*"):
            shutil.rmtree(left, ignore_errors=True)
        mine = unfinished / f"{report_id}.{new_id().hex}"
        mine.mkdir()
        try:
            yield mine
        finally:
            shutil.rmtree(mine, ignore_errors=True)

    def publish(self, written: Path, report_id: UUID) -> tuple[str, int]:
        """Give a finished file its place: its name and size in bytes. It is on the disk before it has the name."""
        with written.open("rb") as file:
            os.fsync(file.fileno())
            size = os.fstat(file.fileno()).st_size
        name = f"{report_id}-{new_id().hex}{written.suffix}"
        written.rename(self._root / name)
        handle = os.open(self._root, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        return name, size

    def path(self, name: str) -> Path:
        """Where a report's file is."""
        return self._root / name

    def remove(self, name: str | None) -> None:
        """Remove a report's file, if there is one."""
        if name:
            (self._root / name).unlink(missing_ok=True)

    def strangers(self) -> list[str]:
        """Names of files so old that a report should know them."""
        if not self._root.is_dir():
            return []
        oldest = time.time() - STRANGE
        return [path.name for path in self._root.iterdir() if path.is_file() and path.stat().st_mtime < oldest]

    def drop_unfinished(self) -> int:
        """Remove what tries long ago have left behind; how many."""
        unfinished = self._root / _UNFINISHED
        old = [path for path in unfinished.glob("*") if path.stat().st_mtime < time.time() - STRANGE]
        for path in old:
            shutil.rmtree(path, ignore_errors=True)
        return len(old)
