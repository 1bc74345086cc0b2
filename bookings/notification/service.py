"""Telling people: the rows of a fact, each once, and the delivery of reminders: once, or late; never twice, never for a
cancelled or moved booking."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Json

from bookings import queries
from bookings.account import service as account
from bookings.account.service import Recipient
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.ids import new_id
from bookings.job import service as job_service
from bookings.notification import rules

log = logging.getLogger(__name__)
_sql = queries.load("notification")

#: reminders are scheduled as tasks when they come this near
HORIZON = timedelta(seconds=60)
#: how long after its time a reminder's task counts as lost
GRACE = timedelta(seconds=3)
_BATCH = 500
#: the kind of the jobs that send mails
DELIVER = "notification.deliver"
#: with pauses that grow to JOB_RETRY_LIMIT (an hour), a mail outlives a mail server that is away for half a day
ATTEMPTS = 30


@dataclass(frozen=True, slots=True)
class Fact:
    """Something to be told. `subject` is what it is of, such as `booking:<id>:<version>`: of one subject nobody is told
    the same cause twice. `booking` is its document, `more` holds `amount` (money), `until` or `reminder`."""

    cause: str
    subject: str
    booking: Mapping[str, Any]
    more: Mapping[str, Any] = field(default_factory=dict)
    reminder_id: UUID | None = None
    #: the resource that the booking has left: its owner is told instead, unless the booking concerns them still
    left: UUID | None = None


def lease_upcoming(database: Database) -> list[tuple[UUID, datetime]]:
    """Take charge of the reminders that come due within HORIZON: their ids and due instants."""
    params = {"grace": GRACE, "horizon": HORIZON, "limit": _BATCH}
    rows = database.run(lambda tx: tx.all(_sql.lease_upcoming, params))
    return [(row["id"], row["due_at"]) for row in rows]


def deliver(database: Database, settings: Settings, reminder_id: UUID | None = None) -> int:
    """Deliver one reminder if it is still true, or with no id all that are overdue; how many it delivered."""
    params = {"id": reminder_id, "grace": GRACE, "limit": _BATCH}

    def work(tx: Tx) -> list[dict[str, Any]]:
        rows = tx.all(_sql.deliver, params)
        for row in rows:
            more = {"reminder": row["reminder"]}
            tell(tx, settings, Fact("reminder", f"reminder:{row['id']}", row["document"], more, row["id"]))
        return rows

    rows = database.run(work)
    for row in rows:
        log.info(
            "reminder",
            extra={
                "reminder_id": str(row["id"]),
                "booking_id": str(row["booking_id"]),
                "user_id": str(row["recipient_id"]),
                "due_at": row["due_at"].isoformat(),
            },
        )
    return len(rows)


def tell(tx: Tx, settings: Settings, fact: Fact) -> int:
    """Write a row for everyone whom a fact concerns, on every channel that is on and that they want; how many are new.

    Mails are put into the queue of jobs with it. What is repeated changes nothing.
    """
    audiences = _audiences(tx, fact, fact.booking["resourceIds"])
    if fact.left is not None:
        still = audiences
        audiences = {id: one for id, one in _audiences(tx, fact, [fact.left]).items() if id not in still}
    return tell_to(tx, settings, fact, audiences)


def tell_to(
    tx: Tx, settings: Settings, fact: Fact, audiences: Mapping[UUID, str], mailed: Mapping[str, Any] | None = None
) -> int:
    """The same to people that are named, by their audience. Mails hold `mailed` instead of what the fact has `more`."""
    rows = [
        {"id": str(new_id()), "recipient_id": str(one.id), "audience": audiences[one.id], **row}
        for one in account.preferences_of(tx, audiences).values()
        for row in _rows(_channels(settings, one, fact.cause))
    ]
    if mailed is None:
        return _tell(tx, fact, rows, fact.more)
    mails = [row for row in rows if row["channel"] == rules.EMAIL]
    return _tell(tx, fact, mails, mailed) + _tell(tx, fact, [row for row in rows if row not in mails], fact.more)


def _tell(tx: Tx, fact: Fact, rows: list[dict[str, str]], more: Mapping[str, Any]) -> int:
    booking = rules.kept(fact.booking)
    values = {
        "rows": Json(rows),
        "booking_id": booking["id"],
        "cause": fact.cause,
        "subject": fact.subject,
        "reminder_id": fact.reminder_id,
        "data": Json({"booking": booking, **more}),
    }
    written = tx.all(_sql.write, values)
    for row in written:
        _hand_over(tx, row, fact)
    return len(written)


def _audiences(tx: Tx, fact: Fact, resource_ids: Sequence[Any]) -> dict[UUID, str]:
    concerned = tx.all(_sql.recipients, {"user_id": fact.booking["userId"], "resource_ids": resource_ids})
    return {row["id"]: row["audience"] for row in concerned if row["audience"] in rules.CAUSES[fact.cause]}


def _rows(channels: Iterable[str]) -> list[dict[str, str]]:
    return [
        {"channel": channel, "status": rules.QUEUED if channel == rules.EMAIL else rules.SENT} for channel in channels
    ]


def _channels(settings: Settings, recipient: Recipient, cause: str) -> list[str]:
    """The log is always on: it says that somebody was to be told, whatever they want to hear."""
    on = [rules.IN_APP] + ([rules.EMAIL] if settings.smtp_host else [])
    return [*(channel for channel in on if recipient.wants(channel, cause)), rules.LOG]


def _hand_over(tx: Tx, row: Mapping[str, Any], fact: Fact) -> None:
    if row["channel"] == rules.EMAIL:
        enqueue(tx, row["id"])
    elif row["channel"] == rules.LOG and fact.cause != "reminder":
        about = {"cause": fact.cause, "booking_id": str(fact.booking["id"]), "user_id": str(row["recipient_id"])}
        log.info("notification", extra=about)


def enqueue(tx: Tx, notification_id: UUID) -> None:
    """Have a mail sent after this transaction."""
    id = str(notification_id)
    job_service.enqueue(tx, kind=DELIVER, payload={"id": id}, key=id, max_attempts=ATTEMPTS)
