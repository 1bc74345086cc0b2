"""What must be true after the storm, whatever was killed. Returns sentences; each one is a broken promise."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import psycopg

import check_data
from bookings.event.service import Event
from tests.crash.traffic import LEAD, Ledger

Connection = psycopg.Connection[Any]
#: a reminder that was due this soon after its booking was made may or may not have been planned
_DOUBT = timedelta(seconds=1)
#: a job whose lease ended, or whose time came, so long ago should have been taken up by a living worker
TAKEN_UP = timedelta(seconds=15)


def broken_promises(
    connection: Connection, ledger: Ledger, published: Sequence[Event], followed: Sequence[int]
) -> list[str]:
    """All that is wrong: with what clients were told, with the stream, with the reminders, with the data itself."""
    damage = [f"{f.check}: {len(f.rows)} rows, first {f.rows[0]}" for f in check_data.look(connection) if f.rows]
    return [
        *ledger.contradictions,
        *_bookings(connection, ledger),
        *_stream(connection, published, followed),
        *_reminders(connection, ledger),
        *_notifications(connection, ledger),
        *left_jobs(connection),
        *damage,
    ]


def _bookings(connection: Connection, ledger: Ledger) -> Iterator[str]:
    """Every acknowledged booking exists, once; what was refused does not; nothing else does."""
    rows = connection.execute("SELECT id::text, status FROM bookings").fetchall()
    status = dict(rows)
    for promise in ledger.promises.values():
        if promise.booking not in status:
            yield f"{promise.key} was acknowledged and is gone"
        elif promise.cancelled and status[promise.booking] != "cancelled":
            yield f"the cancellation of {promise.key} was acknowledged and is gone"
    keys = Counter(promise.booking for promise in ledger.promises.values())
    yield from (f"{booking} answers to {count} keys" for booking, count in keys.items() if count > 1)
    yield from (f"{booking} exists, and nobody was told" for booking in status.keys() - keys.keys())
    stored = {row[0] for row in connection.execute("SELECT key FROM idempotency_keys").fetchall()}
    yield from (f"{key} was refused and has an answer" for key in ledger.refused & stored)


def _stream(connection: Connection, published: Sequence[Event], followed: Sequence[int]) -> Iterator[str]:
    """The stream is the published order, without a gap; every follower saw each event once, in order."""
    waiting = connection.execute("SELECT count(*) FROM outbox").fetchone()
    if waiting and waiting[0]:
        yield f"{waiting[0]} events were not published"
    rows = connection.execute("SELECT position, type, booking_id::text FROM events ORDER BY position").fetchall()
    if [row[0] for row in rows] != list(range(1, len(rows) + 1)):
        yield "positions are not 1, 2, 3 …"
    on_stream = [(e.position, e.type, _booking_of(e)) for e in published]
    if on_stream != rows:
        yield f"the stream holds {len(on_stream)} events, the published order {len(rows)}, or they differ"
    if list(followed) != [row[0] for row in rows]:
        yield f"a follower saw {len(followed)} events of {len(rows)}, or in another order"
    yield from _versions_in_order(published)


def _booking_of(event: Event) -> str | None:
    """The booking that an event is of; None for what else there is to tell."""
    document = json.loads(event.frame)["data"]
    return str(document["id"]) if event.type.startswith("booking.") else None


def _versions_in_order(published: Sequence[Event]) -> Iterator[str]:
    versions: dict[str, list[int]] = defaultdict(list)
    for event in published:
        document = json.loads(event.frame)["data"]
        if _booking_of(event) and event.type != "booking.reminder":
            versions[document["id"]].append(document["version"])
    for booking, told in versions.items():
        if told != list(range(1, len(told) + 1)):
            yield f"the events of {booking} came in the order {told}"


def _reminders(connection: Connection, ledger: Ledger) -> Iterator[str]:
    """Each booking that still stands was reminded of exactly once; a cancelled one at most once."""
    sent = dict(
        connection.execute(
            "SELECT booking_id::text, count(*) FROM events WHERE type = 'booking.reminder' GROUP BY booking_id"
        ).fetchall()
    )
    made = dict(connection.execute("SELECT id::text, created_at FROM bookings").fetchall())
    for promise in ledger.promises.values():
        count = sent.get(promise.booking, 0)
        doubtful = promise.cancelled or promise.start - LEAD < made.get(promise.booking, promise.start) + _DOUBT
        if count > 1:
            yield f"{promise.key} was reminded of {count} times"
        if count == 0 and not doubtful:
            yield f"{promise.key} was never reminded of"


def _notifications(connection: Connection, ledger: Ledger) -> Iterator[str]:
    """The customer of each booking was told that it was made, once, and so of each cancellation."""
    rows = connection.execute(
        """SELECT booking_id::text, CASE cause WHEN 'booking_confirmed' THEN 'booking_created' ELSE cause END, count(*)
             FROM notifications WHERE channel = 'in_app' AND audience = 'customer' GROUP BY 1, 2"""
    ).fetchall()
    told = {(booking, cause): count for booking, cause, count in rows}
    for promise in ledger.promises.values():
        for cause in ("booking_created", *(("booking_cancelled",) if promise.cancelled else ())):
            if told.get((promise.booking, cause)) != 1:
                yield f"the {cause} of {promise.key} was told {told.get((promise.booking, cause), 0)} times"


def left_jobs(connection: Connection) -> Iterator[str]:
    """What a killed worker had was taken over when its lease ended, and what is due is done by somebody."""
    rows = connection.execute(
        """SELECT id::text, kind, state, attempts, extract(epoch FROM now() - since)::integer AS late
             FROM jobs, LATERAL (SELECT CASE WHEN state = 'running' THEN leased_until
                                             WHEN state IN ('waiting', 'failed') THEN run_at END AS since) AS due
            WHERE since < now() - %s::interval ORDER BY since""",
        [TAKEN_UP],
    ).fetchall()
    for id, kind, state, attempts, late in rows:
        story = "was never taken over" if state == "running" else f"is {state} and nobody does it"
        yield f"the job {id} ({kind}, attempt {attempts}) {story}, for {late} s now"
