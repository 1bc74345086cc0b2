"""A real mail server of a test: its moods, its mailbox, and killing it."""

from __future__ import annotations

import contextlib
import email
import json
import os
import socket
import sys
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from tests.support.databases import ROOT
from tests.support.servers import Process, free_port, make_folder, wait_until


class MailServer:
    """A process that takes mails on 127.0.0.1. Options: `certificate` (a file), `tls`, `password`."""

    def __init__(self, **options: Any) -> None:
        self.port, self.folder = free_port(), make_folder()
        self.tls = options.get("tls", "none")
        command = [sys.executable, "-m", "tests.support.smtp_process", str(self.port), str(self.folder)]
        environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'scripts'}"}
        self._process = Process([*command, json.dumps(options)], self.folder / "log", env=environment, cwd=ROOT)
        self._wait()

    def _wait(self) -> None:
        def answers() -> bool:
            assert self._process.running, (self.folder / "log").read_text()
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
                return True
            return False

        wait_until(answers, "the mail server", 30)

    def mood(self, mood: str = "") -> None:
        """What it does from now on: see tests/support/smtp_process.py; nothing: take every mail."""
        draft = self.folder / "mood.new"
        draft.write_text(mood)
        draft.rename(self.folder / "mood")

    def mails(self) -> list[EmailMessage]:
        """What it has kept, in order of arrival."""
        return [_parsed(file) for file in sorted(self.folder.glob("*.eml"))]

    def empty(self) -> None:
        """Forget what it has kept."""
        for file in self.folder.glob("*.eml"):
            file.unlink()

    def kill(self) -> None:
        """Take it away as a crash would."""
        self._process.kill()

    def start(self) -> None:
        """Bring it back, on the same port."""
        self._process.start()
        self._wait()

    def stop(self) -> None:
        """Stop it for good."""
        self._process.stop()


def _parsed(file: Path) -> EmailMessage:
    message = email.message_from_bytes(file.read_bytes(), policy=default)
    assert isinstance(message, EmailMessage)
    return message
