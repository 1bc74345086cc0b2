"""Claims that staff take on purpose beside others.

Such a claim is marked, and the constraints leave it out: for everybody else they hold as if it were not there. When the
claim beside it leaves, the marked one becomes a claim like any other in the same transaction, before anybody else can
take the place; where that cannot be seen (a hold ends by itself), a sweep finds it within a minute. The booking goes on
saying that it was overbooked: that is how it was made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from bookings import queries
from bookings.booking import expiry, refusals
from bookings.booking.errors import SlotTaken
from bookings.db import Database, Tx

_sql = queries.load("booking")
_RACES = 20


def without_room(tx: Tx, wish: Mapping[str, Any], *, overbook: bool) -> list[UUID]:
    """Of what is to be claimed, that which has no room left. Raises SlotTaken unless that is meant."""
    taken = [row["id"] for row in tx.all(_sql.claimable, wish) if not row["has_room"]]
    if taken and not overbook:
        raise refusals.with_alternatives(tx, SlotTaken(), wish)
    return taken


def move_claims(tx: Tx, after: dict[str, Any], *, overbook: bool) -> bool:
    """Claim a booking's new time or resources whatever the rules say; whether anything stands beside others then.
    Raises SlotTaken unless that is meant."""
    claims = {
        **after,
        "claim_from": after["start_at"] - timedelta(minutes=after["buffer_before_minutes"]),
        "claim_to": after["end_at"] + timedelta(minutes=after["buffer_after_minutes"]),
    }
    expiry.clear(tx, claims)
    tx.all(_sql.lock_resources, after)
    tx.execute(_sql.drop_claims, after)
    for _ in range(_RACES):
        beside = without_room(tx, claims, overbook=overbook)
        try:
            with tx.savepoint():
                if tx.execute(_sql.take_claims_beside, {**claims, "beside": beside}) == len(after["resource_ids"]):
                    return bool(beside)
                raise SlotTaken
        except SlotTaken:
            continue  # somebody was quicker: now it is seen
    raise refusals.with_alternatives(tx, SlotTaken(), after)


def fill(tx: Tx, resource_ids: Sequence[UUID] | None) -> int:
    """Claims have left these resources (None: any): let marked ones take their place; how many did."""
    joined = 0
    for row in tx.all(_sql.beside, {"resource_ids": None if resource_ids is None else list(resource_ids)}):
        try:
            with tx.savepoint():
                joined += tx.execute(_sql.join, row)
        except SlotTaken:
            continue  # one before it has taken the place, or somebody quicker
    return joined


def sweep(database: Database) -> int:
    """The same for what left unseen; how many."""
    return database.run(lambda tx: fill(tx, None))
