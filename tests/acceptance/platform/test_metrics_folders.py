"""Where gunicorn's workers count together, when nobody said where: gone with the gunicorn, however that ended."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from deploy.gunicorn import folders
from tests.support.service import Service, ServiceOptions

SERVICE = ServiceOptions(processes=("web", "sockets"))


def below(folder: Path, name: str) -> list[Path]:
    """The folders of the running gunicorns that serve `name`, with at least one file of counts each."""
    found = list(folder.glob(f"bookings-metrics-*/{name}"))
    assert all(list(path.glob("*.db")) for path in found)
    return found


def test_nothing_is_left_behind(service: Service, tmp_path: Path) -> None:
    """A killed gunicorn's folder is removed by the next start; one in use, and what is no such folder, stay."""
    service.env["TMPDIR"] = str(tmp_path)
    service.restart("sockets")
    service.restart("web")
    (of_sockets,), (killed,) = below(tmp_path, "sockets"), below(tmp_path, "web")
    # Workers hold the lock as well: while one outlives its master, nobody takes its files away.
    lock = (killed.parent / "in-use").stat().st_ino
    for pid in service.children("web"):
        assert any(file.stat().st_ino == lock for file in Path(f"/proc/{pid}/fd").iterdir() if file.exists())
    older = tmp_path / "bookings-metrics-without-lock"
    older.mkdir()

    service.kill("web")
    assert below(tmp_path, "web") == [killed]
    service.start("web")
    (now,) = below(tmp_path, "web")
    assert now != killed
    assert not killed.parent.exists()
    assert below(tmp_path, "sockets") == [of_sockets]

    service.processes["web"].stop()
    service.processes["sockets"].stop()
    assert list(tmp_path.glob("bookings-metrics-*")) == [older]


def test_only_what_is_certainly_left_over_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what a link points to, nor what another user made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    target, foreign, left = tmp_path / "target", tmp_path / "some-foreign", tmp_path / "some-left"
    for folder in (target, foreign, left):
        folder.mkdir()
        (folder / "in-use").touch()
    (tmp_path / "some-link").symlink_to(target)
    me = os.getuid()
    if me == 0:
        os.chown(foreign, 12345, -1)
    made = folders.make("some-")
    assert (target / "in-use").exists()
    assert not left.exists()
    assert foreign.exists() == (me == 0)
    assert folders.make("some-") != made
    assert made.exists()
