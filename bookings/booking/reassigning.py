"""Who may take over a claim of a booking: another resource of the same kind that can do the same.

What is free, open and within caps is judged where bookings are moved; here is only asked who is meant and who may.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from bookings import queries
from bookings.auth import Actor
from bookings.booking.errors import NotForYou
from bookings.db import Tx
from bookings.errors import Invalid

_sql = queries.load("booking")
Booking = Mapping[str, Any]


def replacing(tx: Tx, actor: Actor, booking: Booking, body: Mapping[str, Any]) -> UUID:
    """The claimed resource whose place the wished one takes. Raises Invalid, NotForYou."""
    wished: UUID = body["resourceId"]
    if wished in booking["resource_ids"]:
        raise Invalid([("resourceId", "Is booked already.")])
    rows = {row["id"]: row for row in tx.all(_sql.reassignable, {**booking, "wished": wished})}
    new = rows.get(wished)
    if new is None or not new["active"]:
        raise Invalid([("resourceId", "There is no such resource.")])
    if new["capacity"] < booking["units"]:
        raise Invalid([("resourceId", f"Only {new['capacity']} can be claimed at one time.")])
    old = _leaving([row for id, row in rows.items() if id != wished and row["kind"] == new["kind"]], body)
    if booking["service_id"] is not None and not _does_the_same(old, new):
        raise Invalid([("resourceId", "Does not deliver this service.")])
    if not actor.is_admin and any(one["owner_id"] not in (actor.id, None) for one in (old, new)):
        raise NotForYou("You may pass on what is yours or nobody's, to what is yours or nobody's.")
    found: UUID = old["id"]
    return found


def _leaving(candidates: list[dict[str, Any]], body: Mapping[str, Any]) -> dict[str, Any]:
    """What is replaced: what is named, else the only one of the kind. Raises Invalid."""
    named = body.get("fromResourceId")
    if named is not None:
        candidates = [one for one in candidates if one["id"] == named]
        if not candidates:
            raise Invalid([("fromResourceId", "Must be booked, and of the same kind as resourceId.")])
    if not candidates:
        raise Invalid([("resourceId", "Nothing of its kind is booked.")])
    if len(candidates) > 1:
        raise Invalid([("fromResourceId", "Several of this kind are booked: say which is replaced.")])
    return candidates[0]


def _does_the_same(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether one can stand in for the other: both deliver the service, or both serve one of its requirements."""
    return bool((old["delivers"] and new["delivers"]) or set(old["serves"]) & set(new["serves"]))


def reassigned(booking: Booking, old: UUID, new: UUID) -> dict[str, Any]:
    """What changes on the booking."""
    ids = [new if id == old else id for id in booking["resource_ids"]]
    named = {name: new if booking[name] == old else booking[name] for name in ("provider_id", "workspace_id")}
    return {"resource_ids": ids, **named}
