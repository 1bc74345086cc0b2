"""Commands on reviews. Each is one transaction: the review, its totals (by a trigger), its event and, where staff act,
the audit entry are written together or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from bookings import clock, queries
from bookings.answer import Answer
from bookings.audit import service as audit
from bookings.auth import Actor, Caller, require_admin, seen_by
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import Conflict, NotFound, PreconditionFailed
from bookings.fields import instant_text
from bookings.http import dump, versioned
from bookings.ids import new_id
from bookings.review import rules
from bookings.review.errors import (
    AlreadyReviewed,
    AuthorOnly,
    CustomerOnly,
    NotCompleted,
    ReplyNotForYou,
    ReviewWindowClosed,
)

_sql = queries.load("review")
Row = dict[str, Any]


def create(tx: Tx, *, settings: Settings, caller: Caller, body: Mapping[str, Any]) -> Answer:
    """Review a booking, once and for ever.

    Raises NotFound for a booking that is not the caller's to see, CustomerOnly, NotCompleted, AlreadyReviewed,
    ReviewWindowClosed.
    """
    booking = tx.one(_sql.lock_booking, seen_by(caller.actor) | {"booking_id": body["bookingId"]})
    if booking is None:
        raise NotFound
    if booking["user_id"] != caller.actor.id:
        raise CustomerOnly
    if booking["reviewed"]:
        raise AlreadyReviewed
    if booking["status"] != "completed":
        raise NotCompleted(bookingStatus=booking["status"])
    now = clock.now()
    _check_open(rules.closed_since(booking["over_at"], settings.review_window, now))
    id = new_id()
    made = tx.one(
        _sql.insert,
        {
            "id": id,
            "booking_id": body["bookingId"],
            **{name: booking[name] for name in ("service_id", "provider_id", "workspace_id", "resource_ids")},
            "rating": body["rating"],
            "text": body["text"] or None,
            **_told(caller, "review.created", now),
        },
    )
    assert made is not None
    return versioned(made["document"], made["version"], 201, location=f"/reviews/{id}")


def get(database: Database, *, actor: Actor, review_id: UUID) -> tuple[str, int]:
    """The document and version of a review; hidden ones only for those who have to do with it. Raises NotFound."""
    row = database.row(_sql.find, seen_by(actor) | {"id": review_id})
    if row is None:
        raise NotFound
    return row[0], row[1]


def change(
    tx: Tx,
    *,
    settings: Settings,
    caller: Caller,
    review_id: UUID,
    body: Mapping[str, Any],
    versions: Sequence[int] | None = None,
) -> Answer:
    """Change rating or text, as the author. Raises NotFound, AuthorOnly, PreconditionFailed, ReviewWindowClosed."""
    review = _lock(tx, caller.actor, review_id, versions)
    if review["author_id"] != caller.actor.id:
        raise AuthorOnly
    now = clock.now()
    _check_open(rules.closed_since(review["created_at"], settings.review_edit_window, now))
    wished = {name: body[name] or None for name in ("rating", "text") if name in body}
    if all(review[name] == value for name, value in wished.items()):
        return _as_it_is(review)
    return _write(tx, caller, review, "review.updated", now, edited_at=now, **wished)


def delete(tx: Tx, *, caller: Caller, review_id: UUID, versions: Sequence[int] | None = None) -> None:
    """Remove what a review said, for ever; as its author or an admin.

    Raises NotFound, AuthorOnly, PreconditionFailed.
    """
    review = _lock(tx, caller.actor, review_id, versions)
    if not (caller.actor.is_admin or review["author_id"] == caller.actor.id):
        raise AuthorOnly("Only its author or an admin may delete a review.")
    now = clock.now()
    nothing = dict.fromkeys(("rating", "text", "reply", "replied_by", "replied_at"))
    _write(tx, caller, review, "review.deleted", now, deleted_at=now, **nothing)


def reply(
    tx: Tx, *, caller: Caller, review_id: UUID, text: str | None, versions: Sequence[int] | None = None
) -> Answer:
    """Reply for everybody to read, or with None take the reply back; as whoever provides what was booked, or an admin.

    Raises NotFound, ReplyNotForYou, PreconditionFailed.
    """
    review = _lock(tx, caller.actor, review_id, versions)
    if not review["is_staff"]:
        raise ReplyNotForYou
    if review["reply"] == text:
        return _as_it_is(review)
    now = clock.now()
    event = "review.replied" if text else "review.reply-removed"
    signed = {"replied_by": caller.actor.id, "replied_at": now} if text else {"replied_by": None, "replied_at": None}
    return _write(tx, caller, review, event, now, reply=text, **signed)


def hide(tx: Tx, *, caller: Caller, review_id: UUID, reason: str, versions: Sequence[int] | None = None) -> Answer:
    """Take a review out of sight and out of the average. Raises Forbidden, NotFound, PreconditionFailed."""
    require_admin(caller.actor)
    review = _lock(tx, caller.actor, review_id, versions)
    if review["hidden_reason"] == reason:
        return _as_it_is(review)
    now = clock.now()
    return _write(tx, caller, review, "review.hidden", now, hidden_at=review["hidden_at"] or now, hidden_reason=reason)


def unhide(
    tx: Tx, *, caller: Caller, review_id: UUID, reason: str | None, versions: Sequence[int] | None = None
) -> Answer:
    """Show a hidden review again. Raises Forbidden, NotFound, PreconditionFailed."""
    require_admin(caller.actor)
    review = _lock(tx, caller.actor, review_id, versions)
    if review["hidden_at"] is None:
        return _as_it_is(review)
    return _write(tx, caller, review, "review.unhidden", clock.now(), why=reason, hidden_at=None, hidden_reason=None)


def follow_booking(tx: Tx, *, booking_id: UUID) -> None:
    """Withdraw the review of a booking that did not take place after all, or show it again when it did."""
    tx.execute(_sql.follow_booking, {"booking_id": booking_id, "now": clock.now()})


def _lock(tx: Tx, actor: Actor, review_id: UUID, versions: Sequence[int] | None) -> Row:
    review = tx.one(_sql.lock, seen_by(actor) | {"id": review_id})
    if review is None:
        raise NotFound
    if versions is not None and review["version"] not in versions:
        raise PreconditionFailed(review["document"], review["version"])
    return review


def _write(
    tx: Tx, caller: Caller, review: Row, event: str, now: datetime, *, why: str | None = None, **values: Any
) -> Answer:
    changed = tx.one(_sql.change, review | values | _told(caller, event, now))
    if changed is None:
        raise Conflict("The review changed at the same moment; try again.")
    if review["author_id"] != caller.actor.id:
        before = {name: review[name] for name in values if name not in _STAMPS}
        after = {name: value for name, value in values.items() if name not in _STAMPS} | ({"why": why} if why else {})
        audit.record(tx, caller, event, subject=("review", review["id"]), before=before, after=after)
    return versioned(changed["document"], changed["version"])


#: columns whose values the audit entry says better itself
_STAMPS = frozenset({"hidden_at", "deleted_at", "replied_at", "replied_by"})


def _told(caller: Caller, event: str, now: datetime) -> Row:
    return {"event": event, "actor_id": caller.actor.id, "request_id": caller.request_id, "now": now}


def _as_it_is(review: Row) -> Answer:
    return versioned(dump(review["document"]), review["version"])


def _check_open(closed_since: datetime | None) -> None:
    if closed_since is not None:
        raise ReviewWindowClosed(closedAt=instant_text(closed_since))
