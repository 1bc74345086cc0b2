"""What people find in the app. The words are made when it is read: in today's language, with nobody's name kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from bookings import paging, queries
from bookings.account import service as account
from bookings.auth import Actor
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import NotFound
from bookings.fields import instant_text
from bookings.notification import wording
from bookings.notification.wording import Reader, notice_of, reader_of

_sql = queries.load("notification")
Json = dict[str, Any]


def listing(database: Database, settings: Settings, *, actor: Actor, query: Mapping[str, Any]) -> Json:
    """One page of somebody's own notifications, newest first. Raises Invalid for a cursor that is none."""
    params = {"user_id": actor.id, "unread": query["unread"], **paging.newest_first(query)}
    with database.transaction() as tx:
        reader = _reader(tx, actor.id)
        rows = tx.all(_sql.list, params)
        total = tx.one(_sql.total, params)
    items = [_document(settings, row, reader) for row in rows]
    next_cursor = paging.next_cursor(query, rows, paging.by_time)
    return {"items": items, **paging.summary(query, total["total"] if total else 0, nextCursor=next_cursor)}


def unread_count(database: Database, *, actor: Actor) -> Json:
    """How many somebody has not read yet; exact up to paging.TOTAL_BOUND."""
    bound = paging.TOTAL_BOUND
    row = database.row(_sql.total, {"user_id": actor.id, "unread": True, "total_bound": bound + 1})
    total = row[0] if row else 0
    return {"unread": min(total, bound), "unreadIsExact": total <= bound}


def get(database: Database, settings: Settings, *, actor: Actor, notification_id: UUID) -> Json:
    """One of somebody's own. Raises NotFound."""
    with database.transaction() as tx:
        return _get(tx, settings, actor, notification_id)


def read(tx: Tx, settings: Settings, *, actor: Actor, notification_id: UUID) -> Json:
    """Mark one as read; again changes nothing. Raises NotFound."""
    tx.execute(_sql.read, {"id": notification_id, "user_id": actor.id})
    return _get(tx, settings, actor, notification_id)


def read_all(tx: Tx, *, actor: Actor) -> Json:
    """Mark all as read; how many that were."""
    return {"read": tx.execute(_sql.read_all, {"user_id": actor.id})}


def _get(tx: Tx, settings: Settings, actor: Actor, notification_id: UUID) -> Json:
    row = tx.one(_sql.get, {"id": notification_id, "user_id": actor.id})
    if row is None:
        raise NotFound
    return _document(settings, row, _reader(tx, actor.id))


def _reader(tx: Tx, user_id: UUID) -> Reader:
    known = account.preferences_of(tx, [user_id])
    if user_id not in known:
        raise NotFound
    return reader_of(known[user_id])


def _document(settings: Settings, row: Mapping[str, Any], reader: Reader) -> Json:
    words = wording.words(settings, notice_of(row), reader)
    return {
        "id": row["id"],
        "cause": row["cause"],
        "audience": row["audience"],
        "bookingId": row["booking_id"],
        "title": words.subject,
        "text": words.text,
        "facts": [{"label": label, "value": value} for label, value in words.facts],
        "link": words.link,
        "data": row["data"],
        "readAt": instant_text(row["read_at"]) if row["read_at"] else None,
        "createdAt": instant_text(row["created_at"]),
    }
