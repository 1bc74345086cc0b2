"""Erasing a person: at once what is theirs alone, then, in a job, their words wherever copies were kept.

What counts stays: bookings, times, amounts, stars, who did what when. docs/people.md says what becomes of each table.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from bookings import queries
from bookings.account import directory
from bookings.auth import SYSTEM, SYSTEM_CALLER, Caller
from bookings.booking import holds
from bookings.booking import service as booking
from bookings.clock import now
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.event.stream import Stream
from bookings.job import service as jobs
from bookings.job.service import Job
from bookings.people.errors import OthersAhead, TooManyAhead
from bookings.redis_client import connect
from bookings.waitlist import service as waitlist

_sql = queries.load("people")
#: the kind of the job that does the rest
KIND = "people.erase"
#: bookings cancelled together, in the request that erases
MOST_AHEAD = 200
_NAMED = 20
#: rows in one step of the job: each step is a transaction of about a second at most
_BOOKINGS, _WINDOW = 200, 20_000
_NOBODY = UUID(int=0)
_MARGIN = timedelta(minutes=1)


def erase(tx: Tx, *, settings: Settings, caller: Caller, user_id: UUID, reason: str | None) -> int:
    """Empty the account, cancel what lies ahead and leave the rest to a job: how many bookings were cancelled.

    Raises as `directory.erase`, OthersAhead, TooManyAhead.
    """
    others = tx.all(_sql.ahead_of_others, {"user_id": user_id, "limit": _NAMED})
    if others:
        raise OthersAhead(bookings=[str(row["id"]) for row in others])
    email = directory.erase(tx, caller=caller, user_id=user_id, reason=reason)
    cancelled = _cancel_ahead(tx, settings, caller, user_id)
    waitlist.leave_all(tx, caller=caller, user_id=user_id)
    holds.release_all(tx, caller=caller, user_id=user_id)
    tx.execute(_sql.empty_resource, {"user_id": user_id, "now": now()})
    tx.execute(_sql.end_feeds, {"user_id": user_id})
    tx.execute(_sql.forget_in_failures, {"email": email})
    tx.execute(_sql.forget_as_guest, {"email": email})
    # The second job comes when no access token of theirs can have written anything any more.
    for key, delay in ((str(user_id), timedelta(0)), (f"{user_id} again", settings.access_token_ttl + _MARGIN)):
        jobs.enqueue(tx, kind=KIND, payload={"userId": str(user_id)}, key=key, run_at=now() + delay)
    return cancelled


def _cancel_ahead(tx: Tx, settings: Settings, caller: Caller, user_id: UUID) -> int:
    ahead = tx.all(_sql.ahead_as_customer, {"user_id": user_id, "limit": MOST_AHEAD + 1})
    if len(ahead) > MOST_AHEAD:
        raise TooManyAhead
    for row in ahead:  # whoever erases: on the customer's terms, and never too late
        booking.act(tx, settings=settings, caller=caller, booking_id=row["id"], action="cancel", leaving=True)
    return len(ahead)


class Eraser:
    """Does the job: takes a person's words out of every copy. It may run twice."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    def __call__(self, payload: dict[str, Any], job: Job) -> None:
        """Bookings first: whatever is written about them from then on is clean. Then what was written before."""
        user_id = UUID(payload["userId"])
        self._database.run(lambda tx: _cancel_ahead(tx, self._settings, SYSTEM_CALLER, user_id))
        while self._run(lambda tx: self._empty_bookings(tx, user_id)):
            job.check()
        job.progress(20)
        for number, part in enumerate(_PARTS):
            self._run(lambda tx, name=part: tx.execute(_PARTS[name], _who(user_id)))  # type: ignore[misc]
            job.progress(20 + 3 * number)
        self._empty_notifications(user_id, job)
        job.progress(60)
        self._empty_events(user_id, job)
        # A cache of the newest events: the relay fills it again from what was just emptied.
        Stream(connect(self._settings), self._settings.stream_length).discard()

    def _run(self, work: Callable[[Tx], Any]) -> Any:
        def erasing(tx: Tx) -> Any:
            tx.execute(_sql.let_go)
            return work(tx)

        return self._database.run(erasing)

    def _empty_bookings(self, tx: Tx, user_id: UUID) -> int:
        return len(tx.all(_sql.empty_bookings, _who(user_id) | {"actor_id": SYSTEM.id, "limit": _BOOKINGS}))

    def _empty_notifications(self, user_id: UUID, job: Job) -> None:
        after: dict[str, Any] | None = {"created_at": datetime.min.replace(tzinfo=UTC), "id": _NOBODY}
        while after is not None:
            window = {"after_at": after["created_at"], "after_id": after["id"], "limit": _WINDOW}
            after = self._run(lambda tx, w=window: tx.one(_sql.empty_notifications, _who(user_id) | w))  # type: ignore[misc]
            job.check()

    def _empty_events(self, user_id: UUID, job: Job) -> None:
        newest = self._database.run(lambda tx: (tx.one(_sql.newest_event) or {})["position"])
        for after in range(0, newest, _WINDOW):
            values = _who(user_id) | {"after": after, "limit": _WINDOW}
            self._run(lambda tx, v=values: tx.execute(_sql.empty_events, v))  # type: ignore[misc]
            job.progress(60 + 40 * after // newest)


_PARTS = {
    "reviews": _sql.empty_reviews,
    "history": _sql.empty_history,
    "attendees": _sql.empty_attendees,
    "payments": _sql.empty_payments,
    "operations": _sql.empty_operations,
    "notices": _sql.empty_notices,
    "schedules": _sql.end_schedules,
    "closures": _sql.empty_closures,
    "days": _sql.empty_days,
    "calendars": _sql.empty_calendars,
    "audit": _sql.empty_audit,
    "answers": _sql.empty_answers,
    "outbox": _sql.empty_outbox,
}


def _who(user_id: UUID) -> dict[str, Any]:
    return {"user_id": user_id, "now": now()}
