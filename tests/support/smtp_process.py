"""A mail server with moods, run as a process of its own: `python -m tests.support.smtp_process PORT FOLDER [OPTIONS]`.

It reads the file `mood` in its folder at every step, so that a test changes what it does while it runs.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from devtools.mail_catcher import Catcher, serve

REPLIES = {
    "mailbox unknown": ("RCPT", "550 5.1.1 No such mailbox"),
    "mailbox busy": ("RCPT", "451 4.3.0 Try again later"),
    "mail refused": ("DATA", "554 5.7.1 We do not want this"),
    "mail postponed": ("DATA", "452 4.3.1 No space left"),
    "sender refused": ("MAIL", "553 5.7.1 You may not write as this sender"),
    "stalls at MAIL": ("MAIL", None),
    "stalls at DATA": ("DATA", None),
    "stalls at QUIT": ("QUIT", None),
    "is rude at QUIT": ("QUIT", "550 What?"),
}


class Moody(Catcher):
    """Answers as its mood says; without one it takes everything."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._mood = folder / "mood"

    async def _reply(self, step: str) -> str | None:
        mood = self._mood.read_text() if self._mood.exists() else ""
        where, reply = REPLIES.get(mood, ("", None))
        if where != step:
            return None
        if reply is None:
            await asyncio.sleep(3600)
        return reply

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Who writes."""
        if reply := await self._reply("MAIL"):
            return reply
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Who gets it."""
        if reply := await self._reply("RCPT"):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """The mail. Some moods keep it and then never say so."""
        if reply := await self._reply("DATA"):
            return reply
        mood = self._mood.read_text() if self._mood.exists() else ""
        if mood == "drops the connection before keeping":
            return self._drop(server)
        self.keep(envelope)
        if mood == "drops the connection after keeping":
            return self._drop(server)
        if mood == "keeps and stalls":
            await asyncio.sleep(3600)
        return "250 Kept"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """The end."""
        return await self._reply("QUIT") or "221 Bye"

    @staticmethod
    def _drop(server: SMTP) -> str:
        transport: Any = server.transport
        transport.abort()
        return "421 Gone"


def _authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"bookings", b"secret")
    return AuthResult(success=right, handled=False)


def _options(arguments: dict[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if arguments.get("certificate"):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(arguments["certificate"])
        if arguments["tls"] == "implicit":
            options["ssl"] = context
        else:
            options |= {"tls_context": context, "require_starttls": True}
    if arguments.get("password"):
        insecure = arguments.get("tls") != "starttls"  # aiosmtpd sees no TLS that asyncio has put around it
        options |= {"authenticator": _authenticate, "auth_required": True, "auth_require_tls": not insecure}
    return options


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Moody(Path(sys.argv[2])), **_options(json.loads(sys.argv[3]))))
