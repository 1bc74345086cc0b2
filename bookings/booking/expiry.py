"""Holds that end by themselves. From that instant they claim nothing for whoever reads; this takes their claims out of
the exclusion constraint, which cannot know time: whoever is refused by one calls `clear` and tries again.

Where somebody in line waits for the time of a hold that has ended, it is theirs: it is free for nobody until the sweep
has passed it on and the line was asked (`ended_for_line` in SQL). What is kept for the line ends as holds do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bookings import queries
from bookings.db import Database, Tx

_sql = queries.load("booking")
#: holds ended in one transaction by the sweep
_BATCH = 200
#: how long holds that came to nothing are kept, for those who ask what became of theirs
_KEPT = timedelta(days=30)


def clear(tx: Tx, wish: Mapping[str, Any]) -> int:
    """End the holds that have expired and still stand in the way of a wish, and what is not kept for the line any more;
    how many. Waits for whoever is just booking one of them.

    The wish names `resource_ids` and either `claim_from` and `claim_to` or `start_at` and `end_at` with their buffers.
    Call it before anything is claimed in the transaction.
    """
    return len(tx.all(_sql.lapse_in_the_way, _claimed(wish)))


def cleared(database: Database, wish: Mapping[str, Any]) -> bool:
    """The same in a transaction of its own: whether it is worth trying again."""
    return database.run(lambda tx: clear(tx, wish)) > 0


def _claimed(wish: Mapping[str, Any]) -> dict[str, Any]:
    if "claim_from" in wish:
        return {name: wish[name] for name in ("resource_ids", "claim_from", "claim_to")}
    before = timedelta(minutes=wish.get("buffer_before_minutes", 0))
    after = timedelta(minutes=wish.get("buffer_after_minutes", 0))
    return {
        "resource_ids": wish["resource_ids"],
        "claim_from": wish["start_at"] - before,
        "claim_to": wish["end_at"] + after,
    }


def sweep(database: Database) -> int:
    """End all that have expired, the oldest first; how many. What somebody in line waits for passes to the line."""
    ended = 0
    while True:
        batch = database.run(_lapse)
        ended += batch
        if batch < _BATCH:
            return ended


def _lapse(tx: Tx) -> int:
    tx.execute(_sql.unkeep_due, {"limit": _BATCH})
    tx.all(_sql.calm_due, {"limit": _BATCH})
    return len(tx.all(_sql.lapse_due, {"limit": _BATCH}))


def forget(database: Database) -> int:
    """Delete holds that came to nothing long ago; how many."""
    return database.run(lambda tx: tx.execute(_sql.forget_holds, {"age": _KEPT, "limit": 10 * _BATCH}))
