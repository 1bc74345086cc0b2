"""An SMTP server that keeps every mail as a file and sends none on: `mail_catcher.py PORT FOLDER`."""

from __future__ import annotations

import asyncio
import itertools
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session


class Catcher:
    """Writes each mail into a folder, whole or not at all, named so that a list of files is in order of arrival."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        folder.mkdir(parents=True, exist_ok=True)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep a mail (aiosmtpd's hook)."""
        self.keep(envelope)
        return "250 Kept"

    def keep(self, envelope: Envelope) -> None:
        """Write a mail as it came, with whom it was really for on top."""
        content = envelope.content or b""
        assert isinstance(content, bytes)
        name = f"{time.time_ns()}-{next(self._numbers)}"
        draft = self._folder / f"{name}.new"
        draft.write_bytes(f"X-Envelope-To: {', '.join(envelope.rcpt_tos)}\r\n".encode() + content)
        draft.rename(self._folder / f"{name}.eml")


async def serve(port: int, handler: Any, **options: Any) -> None:
    """Serve on 127.0.0.1 until SIGTERM or SIGINT. `options` are aiosmtpd's and asyncio's `ssl`."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    implicit_tls = options.pop("ssl", None)
    server = await loop.create_server(
        lambda: SMTP(handler, loop=loop, hostname="localhost", **options), "127.0.0.1", port, ssl=implicit_tls
    )
    await stop.wait()
    server.close()


def ready(port: int) -> bool:
    """Say whether a mail server greets on this port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            return connection.recv(4) == b"220 "
    except OSError:
        return False


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Catcher(Path(sys.argv[2]))))
