"""Everything that is held about a person, as one JSON document that is never whole in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import LiteralString
from uuid import UUID

import orjson

from bookings import queries
from bookings.account import service as account
from bookings.clock import now
from bookings.db import Database
from bookings.fields import instant_text

_sql = queries.load("people")
#: rows read at a time; between two pages no connection is held, because a client may read slowly
_PAGE = 200
#: the lists of the document, in order
PARTS: dict[str, LiteralString] = {
    "bookings": _sql.export_bookings,
    "events": _sql.export_events,
    "holds": _sql.export_holds,
    "waitlist": _sql.export_waitlist,
    "payments": _sql.export_payments,
    "reviews": _sql.export_reviews,
    "notifications": _sql.export_notifications,
    "sessions": _sql.export_sessions,
    "answers": _sql.export_answers,
    "resources": _sql.export_resources,
    "reports": _sql.export_reports,
    "calendarFeeds": _sql.export_feeds,
    "audit": _sql.export_audit,
}


def export(database: Database, *, user_id: UUID) -> Iterator[bytes]:
    """The document in pieces. Raises NotFound before the first."""
    profile, _ = account.get(database, user_id=user_id)
    return _pieces(database, user_id, profile)


def _pieces(database: Database, user_id: UUID, profile: str) -> Iterator[bytes]:
    yield b'{"exportedAt":%b,"profile":%b' % (orjson.dumps(instant_text(now())), profile.encode())
    for name, query in PARTS.items():
        yield b",%b:[" % orjson.dumps(name)
        yield from _list(database, query, user_id)
        yield b"]"
    yield b"}"


def _list(database: Database, query: LiteralString, user_id: UUID) -> Iterator[bytes]:
    at, key, separator = datetime.min.replace(tzinfo=UTC), "", b""
    while True:
        values = {"user_id": user_id, "after_at": at, "after_key": key, "limit": _PAGE}
        with database.transaction() as tx:
            rows = tx.all(query, values)
        for row in rows:
            yield separator + row["document"].encode()
            separator = b","
        if len(rows) < _PAGE:
            return
        at, key = rows[-1]["at"], rows[-1]["key"]
