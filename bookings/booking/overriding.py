"""Staff book against the rules, with a reason: outside hours, notice, window and caps, and if they mean it beside what
is claimed already. What they overrode is in the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bookings import clock, idempotency, queries
from bookings.answer import Answer
from bookings.audit import service as audit
from bookings.auth import Caller
from bookings.availability import service as availability
from bookings.availability import slots
from bookings.availability.picture import Picture
from bookings.booking import agreement, deciding, expiry, offers, overbooking, plain, refusals, wishes
from bookings.booking.errors import NotForYou, SlotTaken
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import Invalid
from bookings.http import versioned
from bookings.prepared import Prepared, array

_sql = queries.load("booking")
_CREATE = Prepared("booking.create_beside", _sql.create_beside)
_RACES = 20
_SECOND = timedelta(seconds=1)


def create(
    database: Database,
    *,
    settings: Settings,
    caller: Caller,
    body: Mapping[str, Any],
    key: idempotency.Key | None = None,
) -> Answer:
    """Book whatever the rules say. Stores its own answer under `key`.

    Raises Invalid, NotForYou, KeyTaken; SlotTaken unless it is to stand beside others.
    """
    if not body.get("reason"):
        raise Invalid([("reason", "Say why you override.")])
    wish = wishes.wish(settings, caller, body, key, clock.now())
    for _ in range(_RACES):
        try:
            document = database.run(lambda tx: _create(tx, settings, caller, body, wish))
        except SlotTaken as refused:
            if "nextFree" in refused.extra:
                raise
            continue  # somebody was quicker: now it is seen
        return versioned(document, 1, 201, location=f"/bookings/{wish['id']}")
    raise SlotTaken


def _create(tx: Tx, settings: Settings, caller: Caller, body: Mapping[str, Any], wish: Mapping[str, Any]) -> bytes:
    of_service = bool(body.get("serviceId"))
    agreed, picture = (_of_service if of_service else _plain)(tx, settings, body, wish)
    _check_permitted(tx, caller, agreed)
    expiry.clear(tx, agreed)
    beside = overbooking.without_room(tx, agreed, overbook=body.get("overbook", False))
    marked = {"beside": array([str(id) for id in beside]), "overbooked": bool(beside)}
    rows = tx.hot_rows(_CREATE, {**agreed, **marked})
    if not rows:
        standing = refusals.explain(tx, caller.actor, agreed)
        if standing is None:
            raise SlotTaken
        return standing.encode()
    after = {
        "reason": body["reason"],
        "rules": deciding.forbidding(picture, wish["start_at"]),
        "overbooked": [str(id) for id in beside],
    }
    audit.record(tx, caller, "booking.override", subject=("booking", wish["id"]), after=after)
    return rows[0][0] or b""


def _check_permitted(tx: Tx, caller: Caller, agreed: Mapping[str, Any]) -> None:
    """Rules are overridden by who they protect: an admin, or whoever owns what is booked. Raises NotForYou."""
    owners = {row["owner_id"] for row in tx.all(_sql.claimable, agreed)}
    if not caller.actor.is_admin and not (caller.actor.id in owners and owners <= {caller.actor.id, None}):
        raise NotForYou("You may override for what is yours.")


def _plain(
    tx: Tx, settings: Settings, body: Mapping[str, Any], wish: Mapping[str, Any]
) -> tuple[dict[str, Any], Picture]:
    """Plain time of what is named."""
    wishes.check_time(body["startAt"], body["endAt"], wish["now"], settings)
    if body.get("providerIds"):
        refusals.check_providers(tx, body["providerIds"])
    ids = wishes.named(body)
    times = {"end_at": body["endAt"], "claim_from": body["startAt"], "claim_to": body["endAt"]}
    agreed = {**wish, **agreement.PLAIN, **times, "provider_id": body.get("providerId")}
    agreed |= wishes.claims(wish["user_id"], [str(id) for id in ids], body["units"])
    agreed["workspace_id"] = body.get("workspaceId")
    rows = {row["id"]: row for row in tx.all(_sql.claimable, agreed)}
    for kind in ("provider", "workspace"):
        found = [id for id in ids if id in rows and rows[id]["kind"] == kind]
        agreed[f"{kind}_id"] = agreed[f"{kind}_id"] or (found[0] if found else None)
    agreed["status"] = "confirmed" if all(row["auto_confirm"] for row in rows.values()) else "pending"
    start_at: datetime = body["startAt"]
    picture = plain.read_plain(tx, settings, {**agreed, "resource_ids": ids}, start_at, start_at + _SECOND)
    return {**agreed, "policy": agreement.kept(agreement.rules_of(picture, ids[0]))}, picture


def _of_service(
    tx: Tx, settings: Settings, body: Mapping[str, Any], wish: Mapping[str, Any]
) -> tuple[dict[str, Any], Picture]:
    """A service: who is free if anybody is, whatever their hours; else the first, who then may have no room."""
    ask = offers.Ask(settings, body, wish)
    availability.lock(tx, [offers.turns_of(ask)])
    start_at: datetime = wish["start_at"]
    picture = ask.read(tx, start_at, start_at + _SECOND)
    wishes.check_time(start_at, start_at + timedelta(seconds=picture.terms.length), wish["now"], settings)
    lifted = deciding.lifted(picture)
    found = slots.at(lifted, start_at)
    if not found.enough:
        found = slots.at(lifted, start_at, whatever_is_claimed=True)
    assigned = availability.assigned(tx, lifted, found, start_at)
    if assigned is None:
        raise Invalid([("serviceId", "There is nobody, or not enough of what it needs.")])
    offers.take_turn(tx, ask, assigned)
    return offers.agreed(tx, ask, picture, assigned), picture
