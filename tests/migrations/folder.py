"""A folder of made-up migrations, the command line pointed at it, and a look into the database."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

import migrate

ROOT = Path(__file__).resolve().parents[2]
Session = psycopg.Connection[tuple[object, ...]]


class Migrations:
    """A folder of migrations and the command line pointed at it."""

    def __init__(self, directory: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.directory, self.url, self._capsys = directory, url, capsys

    def write(self, **files: str) -> Migrations:
        """Write files: `_0001_rooms="CREATE TABLE ..."` becomes 0001_rooms.sql."""
        for name, text in files.items():
            (self.directory / f"{name.removeprefix('_')}.sql").write_text(text)
        return self

    def run(self, command: str, *arguments: str) -> tuple[int, str]:
        """Run a command here; returns its exit code and all it said."""
        database = [] if command == "new" else ["--database-url", self.url]
        self._capsys.readouterr()
        code = migrate.main([command, "--directory", str(self.directory), *database, *arguments])
        said = self._capsys.readouterr()
        return code, said.out + said.err

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `up` in a process of its own, its output in one pipe."""
        script = str(ROOT / "scripts" / "migrate.py")
        command = [sys.executable, script, "up", "--directory", str(self.directory), "--database-url", self.url]
        return subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def refusal(self, command: str, *arguments: str) -> str:
        """Run a command that must refuse; returns what it said, after checking that it is one sentence."""
        code, said = self.run(command, *arguments)
        assert code == 1, said
        last = said.strip().splitlines()[-1]
        assert last.startswith("migrate: ")
        assert last.endswith(".")
        assert "Traceback" not in said
        return last


def one(session: Session, query: str, *parameters: object) -> object:
    """The one value a query returns."""
    row = session.execute(query.encode(), parameters or None).fetchone()
    return row[0] if row else None
