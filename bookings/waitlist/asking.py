"""Asking the line: when time may have become free, the first in line whom some of it suits gets it offered.

Whatever frees time leaves a row in waitlist_openings (the consumer in jobs.py; joining, declining). One worker at a
time asks the line about what has gathered, in the order of places. Each offer is one transaction: the hold, the offer,
its event. The rows go when everybody was asked, so whatever is killed, somebody asks again, and whoever has an offer is
not asked twice.

What is free is looked up before the first offer of a round: otherwise somebody further behind could get what became
free a moment after those before them were asked. That will have an opening of its own. A line with more different
wishes than can be looked up in a few seconds takes several rounds; each goes on where the one before ended, except for
what has opened since, which goes to those in front first.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from bookings import clock, queries
from bookings.auth import SYSTEM_CALLER
from bookings.booking import holds
from bookings.booking.errors import NotForYou, ResourceChanged, SlotTaken
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import Conflict, Invalid
from bookings.waitlist import service
from bookings.waitlist.rules import Line, Wish, first

log = logging.getLogger(__name__)
_sql = queries.load("waitlist")
#: openings, and entries, looked at in one round
_OPENINGS, _ENTRIES = 500, 2000
#: a round looks up what is free for so many seconds at most, and ends after so many: its transaction must not be idle
#: for long. It always looks up one wish and asks one person.
_LOOKS, _ROUND = 4.0, 10.0
#: what the line has been asked about for so long is finished before anything new
_PATIENCE = timedelta(minutes=1)
#: starts that are tried for one entry in one round
_TRIES = 50
_BATCH = 200


def turn(database: Database, settings: Settings) -> int:
    """See what became of offers, then ask the line about what has opened; how many events there were."""
    return settle(database) + ask(database, settings)


def settle(database: Database) -> int:
    """Write down what became of offers whose hold has ended, have the line asked about their time, and end wishes whose
    window has passed; how many."""

    def work(tx: Tx) -> int:
        ended = tx.all(_sql.ended_offers, {"limit": _BATCH})
        for offer in ended:
            _end(tx, offer)
        over = tx.all(_sql.over, {"limit": _BATCH})
        for entry in over:
            tx.execute(_sql.end_entry, {"id": entry["id"], "state": "ended", "booking_id": None})
            service.tell(tx, entry["id"], "waitlist.ended", SYSTEM_CALLER)
        return len(ended) + len(over)

    return database.run(work)


def _end(tx: Tx, offer: Mapping[str, Any]) -> None:
    """Booked, released or lapsed: not through the waitlist's own doors, which write it down themselves."""
    tx.execute(_sql.end_offer, {"hold_id": offer["hold_id"], "state": offer["outcome"]})
    if offer["outcome"] == "accepted":
        tx.execute(_sql.end_entry, {"id": offer["id"], "state": "booked", "booking_id": offer["booking_id"]})
        service.tell(tx, offer["id"], "waitlist.booked", SYSTEM_CALLER)
        return
    tx.execute(_sql.reopen, {"hold_id": offer["hold_id"]})
    tx.execute(_sql.touch, {"id": offer["id"]})
    service.tell(tx, offer["id"], f"waitlist.{offer['outcome']}", SYSTEM_CALLER)


def ask(database: Database, settings: Settings, *, everything: bool = False) -> int:
    """Ask the line about what has opened, or about everything, for one round; how many offers were made.

    Nothing happens while another worker asks.
    """
    if everything:
        database.run(lambda tx: tx.execute(_sql.open_everything))
    with database.transaction() as guard:
        if not (guard.one(_sql.lead) or {})["leads"]:
            return 0
        ids = [row["id"] for row in guard.all(_sql.openings, {"limit": _OPENINGS, "patience": _PATIENCE})]
        if not ids:
            return 0
        database.run(holds.keep_longer)
        entries = guard.all(_sql.concerned, {"ids": ids, "limit": _ENTRIES})
        a_round = Round(database, settings, entries, ids)
        place = a_round.run()
        if len(entries) < _ENTRIES and (not entries or place == entries[-1]["place"]):
            guard.execute(_sql.close, {"ids": ids})
            holds.give_back(guard, ids)
        else:
            guard.execute(_sql.go_on, {"ids": ids, "place": place})
    return a_round.offered


class Round:
    """One look at what is free, and those who wait for it, first come first."""

    def __init__(
        self, database: Database, settings: Settings, entries: list[dict[str, Any]], openings: Sequence[int]
    ) -> None:
        self._database = database
        self._settings = settings
        self._entries = entries
        self._openings = openings
        self._free: dict[Line, list[datetime]] = {}
        self.offered = 0

    def run(self) -> int:
        """Ask as many as there is time for, the first at least; the place of the last who was asked."""
        until, place = time.monotonic() + _ROUND, 0
        for entry in self._in_sight():
            self._ask(entry)
            place = entry["place"]
            if time.monotonic() > until:
                break
        return place

    def _in_sight(self) -> list[dict[str, Any]]:
        """Those in front whose times there was time to look up, the first at least."""
        until = time.monotonic() + _LOOKS
        lines: dict[Line, list[dict[str, Any]]] = {}
        for entry in self._entries:
            lines.setdefault(_line(entry), []).append(entry)
        for number, entry in enumerate(self._entries):
            line = _line(entry)
            if line not in self._free:
                if self._free and time.monotonic() > until:
                    return self._entries[:number]
                self._free[line] = self._look(lines[line])
        return self._entries

    def _look(self, waiting: list[dict[str, Any]], customer_id: UUID | None = None) -> list[datetime]:
        """The starts that are free now, for anybody who wants the same: nobody's own caps count but the customer's."""
        lower = max(min(entry["from_at"] for entry in waiting), clock.now())
        longest = timedelta(minutes=waiting[0]["minutes"])
        upper = max(entry["to_at"] for entry in waiting) - longest + timedelta(seconds=1)
        body = _body(waiting[0], lower)
        wish = {**holds.wish(self._settings, SYSTEM_CALLER, body), "user_id": customer_id}
        try:
            asked: dict[str, Any] = {"settings": self._settings, "wish": wish, "body": body, "openings": self._openings}
            return holds.starts(self._database, **asked, upper=upper)
        except Invalid:  # the service has changed: it has no such length any more, or nobody delivers it
            return []

    def _ask(self, entry: dict[str, Any]) -> None:
        free = self._free[_line(entry)]
        theirs: set[datetime] | None = None
        tries = 0
        for start in first(Wish.of(entry), free):
            if tries == _TRIES or (theirs is not None and start not in theirs):
                continue
            tries += 1
            try:
                if self._offer(entry, start):
                    self.offered += 1
                    return
            except SlotTaken:
                free.remove(start)  # for those behind, too
            except (Invalid, Conflict, NotForYou):  # not for them: a rule, or a limit of theirs
                theirs = set(self._look([entry], entry["user_id"])) if theirs is None else theirs
            except _Gone:
                return

    def _offer(self, entry: dict[str, Any], start: datetime) -> bool:
        body = _body(entry, start)
        lasts = {"ttl": self._settings.offer_ttl, "longest": self._settings.offer_ttl, "offered": True}
        for race in range(20):
            if self._database.run(lambda tx, race=race: self._take(tx, entry["id"], body, lasts, race)):  # type: ignore[misc]
                return True
        raise ResourceChanged

    def _take(self, tx: Tx, entry_id: UUID, body: dict[str, Any], lasts: Mapping[str, Any], race: int) -> bool:
        if tx.one(_sql.lock_waiting, {"id": entry_id}) is None:
            raise _Gone
        wish = holds.wish(self._settings, SYSTEM_CALLER, body)
        asked: dict[str, Any] = {"settings": self._settings, "wish": wish, "body": body, "openings": self._openings}
        claims = holds.claimable(tx, **asked, race=race)
        if holds.take(tx, {**claims, **lasts}, self._openings) is None:
            return False
        tx.execute(_sql.offer, {"id": entry_id, "hold_id": wish["id"]})
        service.tell(tx, entry_id, "waitlist.offered", SYSTEM_CALLER)
        return True


class _Gone(Exception):
    """They wait no more, or have an offer."""


def _line(entry: Mapping[str, Any]) -> Line:
    named = entry["resource_id"], tuple(entry["provider_ids"])
    return Line(entry["service_id"], entry["minutes"], entry["party_size"], *named)


def _body(entry: Mapping[str, Any], start: datetime) -> dict[str, Any]:
    """What they would ask for themselves."""
    return {
        "userId": entry["user_id"],
        "serviceId": entry["service_id"],
        "resourceId": entry["resource_id"],
        "providerIds": entry["provider_ids"],
        "partySize": entry["party_size"],
        "startAt": start,
        "endAt": start + timedelta(minutes=entry["minutes"]),
    }
