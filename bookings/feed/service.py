"""Calendar feeds: made and ended by their user, read by whoever has the address."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from bookings import clock, ical, queries
from bookings.audit import service as audit
from bookings.auth import Actor, Caller
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import NotFound
from bookings.feed import rules
from bookings.feed.errors import TooManyFeeds
from bookings.ids import new_id

_sql = queries.load("feed")
#: lets secret scanners, and our own log, recognise the secret
PREFIX = "bkc_"
#: feeds of one user, entries of one feed
MOST, MOST_ENTRIES = 20, 5000


@dataclass(frozen=True, slots=True)
class State:
    """A feed at this moment: who reads it, and what tells whether its text is still the same."""

    feed: Mapping[str, Any]
    params: Mapping[str, Any]
    etag: str
    changed_at: datetime

    @property
    def id(self) -> UUID:
        found: UUID = self.feed["id"]
        return found


def create(tx: Tx, *, settings: Settings, caller: Caller, body: Mapping[str, Any]) -> str:
    """A new feed: its document with the address, which is told here and never again. Raises NotFound, TooManyFeeds."""
    resource_id, actor = body["resourceId"], caller.actor
    if resource_id is not None:
        row = tx.one(_sql.owner_of, {"resource_id": resource_id})
        if row is None or not (actor.is_admin or row["owner_id"] == actor.id):
            raise NotFound
        if row["owner_id"] != actor.id:
            made = {"kind": body["kind"]}
            audit.record(tx, caller, "feed.create", subject=("resource", resource_id), after=made)
    row = tx.one(_sql.lock_user, {"user_id": actor.id})
    if row is None or row["feeds"] >= MOST:
        raise TooManyFeeds(most=MOST)
    token = PREFIX + secrets.token_urlsafe(32)
    values = {"id": new_id(), "user_id": actor.id, "token_hash": _hash(token), "now": clock.now()}
    row = tx.one(_sql.insert, values | {"resource_id": resource_id, "kind": body["kind"], "name": body["name"]})
    assert row is not None
    document = orjson.loads(row["document"]) | {"url": f"{_base(settings)}/calendar/{token}.ics"}
    return orjson.dumps(document).decode()


def listing(tx: Tx, *, actor: Actor) -> str:
    """The actor's feeds, without their addresses."""
    row = tx.one(_sql.list, {"user_id": actor.id})
    assert row is not None
    return f'{{"items":[{row["documents"]}]}}'


def end(tx: Tx, *, actor: Actor, feed_id: UUID) -> None:
    """From now on its address shows nothing. Raises NotFound."""
    if tx.one(_sql.delete, {"id": feed_id, "user_id": actor.id}) is None:
        raise NotFound


def state(database: Database, *, token: str) -> State:
    """The feed behind a secret, by one statement that reads no texts. Raises NotFound."""
    now = clock.now()
    params = {
        "token_hash": _hash(token),
        "now": now,
        "since": now - rules.BACK,
        "earliest_start": now - rules.BACK - rules.LONGEST,
        "until": now + rules.AHEAD,
        "ahead": rules.AHEAD,
    }
    feed = database.run(lambda tx: tx.one(_sql.state, params))
    if feed is None:
        raise NotFound
    seen = "|".join(str(feed[name]) for name in ("id", "kind", "versions", "title", "entries", "sum", "locale"))
    return State(feed, params, hashlib.sha256(seen.encode()).hexdigest()[:32], feed["changed_at"])


def text(database: Database, settings: Settings, *, found: State) -> bytes:
    """The calendar of a feed; notes at most once an hour that it was read."""
    feed = found.feed

    def read(tx: Tx) -> list[dict[str, Any]]:
        rows = tx.all(_sql.entries, {**found.params, "limit": MOST_ENTRIES})
        if feed["unread"]:
            tx.execute(_sql.was_read, {"id": feed["id"], "now": found.params["now"]})
        return rows

    mine, base = feed["resource_id"] is None, _base(settings)
    shown = [
        rules.entry(row, kind=feed["kind"], mine=mine, locale=feed["locale"], base=base) for row in database.run(read)
    ]
    title = settings.business_name if feed["kind"] == "busy" else f"{feed['title']}, {settings.business_name}"
    return ical.calendar(shown, name=title, refresh_minutes=rules.REFRESH)


def single(database: Database, settings: Settings, *, actor: Actor, booking_id: UUID) -> tuple[bytes, str]:
    """One booking as a calendar of its own, and what tells it from others. Raises NotFound."""
    params = {"id": booking_id, "actor_id": actor.id, "is_admin": actor.is_admin}
    row = database.run(lambda tx: tx.one(_sql.booking, params))
    if row is None:
        raise NotFound
    shown = rules.entry(row, kind="full", mine=row["mine"], locale="en", base=_base(settings))
    text = ical.calendar([shown], name=settings.business_name)
    # Names of service, customer and resources are in it, which change without the booking.
    return text, hashlib.sha256(text).hexdigest()[:32]


def _base(settings: Settings) -> str:
    return settings.public_url.rstrip("/")


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
