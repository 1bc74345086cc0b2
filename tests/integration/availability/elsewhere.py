"""Somebody else's web server with a calendar, and an office that reads it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep
from typing import Any
from uuid import UUID

from bookings.availability import calendars
from tests.integration.availability.office import Json, Office

TOMORROW = (datetime.now(UTC) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def ics(*hours: tuple[int, int], summary: str = "Secret meeting") -> str:
    """A calendar of tomorrow's events, from an hour (UTC) to another."""
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:{number}@example\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:{summary}\r\n"
        f"DTSTART:{stamp(begins)}\r\nDTEND:{stamp(ends)}\r\nEND:VEVENT\r\n"
        for number, (begins, ends) in enumerate(hours)
    )
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//\r\n{events}END:VCALENDAR\r\n"


def stamp(hour: int) -> str:
    return (TOMORROW + timedelta(hours=hour)).strftime("%Y%m%dT%H%M%SZ")


@dataclass
class Elsewhere:
    """Somebody else's web server: what it answers, and what it was asked."""

    text: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    etag: str | None = None
    #: seconds between two bytes of the body; 0: at once
    drip: float = 0
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/secret-token/basic.ics"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append((handler.path, dict(handler.headers)))
        if self.etag and handler.headers.get("If-None-Match") == self.etag:
            handler.send_response(304)
            handler.end_headers()
            return
        handler.send_response(self.status)
        for name, value in (self.headers | ({"ETag": self.etag} if self.etag else {})).items():
            handler.send_header(name, value)
        handler.end_headers()
        if not self.drip:
            handler.wfile.write(self.text.encode())
        for one in self.text if self.drip else "":
            handler.wfile.write(one.encode())
            sleep(self.drip)


@contextmanager
def serving() -> Iterator[Elsewhere]:
    """A server on this machine."""
    other = Elsewhere()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                other.answer(self)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    other.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield other
    server.shutdown()
    server.server_close()


class Reader(Office):
    """An office whose calendars are read when a test says so."""

    def add(self, **body: Any) -> Json:
        """A calendar of the resource, read once."""
        made = self.done("POST", f"/resources/{self.id}/calendars", body, by=self.owner)
        self.read(made["id"])
        return self.one(made["id"])

    def one(self, id: str) -> Json:
        return self.done("GET", f"/calendars/{id}", by=self.owner)

    def read(self, id: str) -> None:
        """What the worker does when it is due."""
        extensions = self.client.app.extensions
        calendars.refresh(extensions["database"], extensions["settings"], UUID(id))

    def busy(self) -> list[tuple[float, float]]:
        """The hours of tomorrow (UTC) in which other calendars say that the resource is busy."""
        found = self.done("GET", f"/closures?resourceId={self.id}&kind=busy&limit=100", by=self.owner)["items"]
        assert all(one["reason"] is None for one in found)
        return [tuple(_hours(one[name]) for name in ("startAt", "endAt")) for one in found]  # type: ignore[misc]


def _hours(text: str) -> float:
    return (datetime.fromisoformat(text) - TOMORROW) / timedelta(hours=1)
