"""What admins see and do: every row and what became of it, dead letters, and reports of those who send for us."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from bookings import paging, queries
from bookings.audit import service as audit
from bookings.auth import Actor, Caller, require_admin
from bookings.db import Database, Tx
from bookings.errors import NotFound
from bookings.notification import rules, service
from bookings.notification.errors import NotDead, NotMail

_sql = queries.load("notification")
#: how many dead letters one request revives at most
REVIVED = 1000


def listing(database: Database, *, actor: Actor, query: Mapping[str, Any]) -> bytes:
    """One page of all notifications as JSON, newest first. Raises Forbidden unless the actor is an admin, Invalid."""
    require_admin(actor)
    names = {"status": "status", "channel": "channel", "cause": "cause", "recipient_id": "recipientId"}
    filters = {column: query.get(name) for column, name in (names | {"booking_id": "bookingId"}).items()}
    params = filters | paging.newest_first(query)
    with database.transaction() as tx:
        rows = tx.all(_sql.rows, params)
        total = tx.one(_sql.total_rows, params)
    next_cursor = paging.next_cursor(query, rows, paging.by_time)
    return paging.answer(query, paging.documents(rows), total["total"] if total else 0, nextCursor=next_cursor)


def get(database: Database, *, actor: Actor, notification_id: UUID) -> str:
    """One notification as JSON. Raises Forbidden, NotFound."""
    require_admin(actor)
    with database.transaction() as tx:
        return _document(tx, notification_id)


def retry(tx: Tx, *, caller: Caller, notification_id: UUID) -> str:
    """Send a dead letter, or a mail that was skipped, after all: its JSON. Raises Forbidden, NotFound, NotDead."""
    before = _lock(tx, caller, notification_id)
    if not tx.execute(_sql.revive, {"id": notification_id}):
        raise NotDead(f"This one is {before['status']}.", notificationStatus=before["status"])
    service.enqueue(tx, notification_id)
    return _audited(tx, caller, "notification.retry", notification_id, before)


def retry_all(tx: Tx, *, caller: Caller, body: Mapping[str, Any]) -> dict[str, int]:
    """Send the oldest dead letters after all, REVIVED at most, and nothing that was skipped: how many. Raises
    Forbidden."""
    require_admin(caller.actor)
    cause = body.get("cause")
    revived = tx.all(_sql.revive_oldest, {"cause": cause, "limit": REVIVED})
    for row in revived:
        service.enqueue(tx, row["id"])
    after = {"retried": len(revived)}
    audit.record(tx, caller, "notification.retry-all", subject=("notification", "dead"), before=None, after=after)
    return after


def delivered(tx: Tx, *, caller: Caller, notification_id: UUID) -> str:
    """Somebody who sends for us says that a mail has arrived: its JSON. Raises Forbidden, NotFound, NotMail."""
    before = _lock_mail(tx, caller, notification_id)
    tx.execute(_sql.finish, {"id": notification_id, "delivered": True})
    return _audited(tx, caller, "notification.delivered", notification_id, before)


def failed(tx: Tx, *, caller: Caller, notification_id: UUID, body: Mapping[str, Any]) -> str:
    """Somebody who sends for us says that a mail came back, also when it counted as sent. Raises Forbidden, NotFound,
    NotMail."""
    before = _lock_mail(tx, caller, notification_id)
    values = {"id": notification_id, "status": rules.DEAD, "error": body["error"], "bounced": True}
    tx.execute(_sql.fail, values)
    return _audited(tx, caller, "notification.failed", notification_id, before)


def _lock(tx: Tx, caller: Caller, notification_id: UUID) -> dict[str, Any]:
    require_admin(caller.actor)
    row = tx.one(_sql.lock_row, {"id": notification_id})
    if row is None:
        raise NotFound
    document: dict[str, Any] = row["document"]
    return document


def _lock_mail(tx: Tx, caller: Caller, notification_id: UUID) -> dict[str, Any]:
    before = _lock(tx, caller, notification_id)
    if before["channel"] != rules.EMAIL:
        raise NotMail
    return before


def _audited(tx: Tx, caller: Caller, action: str, notification_id: UUID, before: Mapping[str, Any]) -> str:
    row = tx.one(_sql.lock_row, {"id": notification_id})
    assert row is not None
    changed = {name: value for name, value in row["document"].items() if value != before[name]}
    if changed:
        was = {name: before[name] for name in changed}
        audit.record(tx, caller, action, subject=("notification", notification_id), before=was, after=changed)
    return _document(tx, notification_id)


def _document(tx: Tx, notification_id: UUID) -> str:
    row = tx.one(_sql.row, {"id": notification_id})
    if row is None:
        raise NotFound
    document: str = row["document"]
    return document
