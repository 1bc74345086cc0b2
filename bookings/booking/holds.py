"""Holds: time kept for a customer who fills in a form or pays. A hold is claims that end by themselves and a row that
says what was agreed; booking it makes the claims a booking's. docs/scheduling.md draws its states.

The terms (price, policy, buffers …) are those of the moment when the hold was made: they are what was shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from bookings import clock, idempotency, queries
from bookings.answer import Answer
from bookings.audit import service as audit
from bookings.auth import Actor, Caller, seen_by
from bookings.availability import service as availability
from bookings.availability import slots
from bookings.availability.layers import RESOURCE
from bookings.availability.service import Reader
from bookings.booking import agreement, expiry, offers, plain, refusals, wishes
from bookings.booking.errors import HoldAtLimit, HoldEnded, ResourceChanged, SlotTaken, TooManyHolds
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import Invalid, NotFound, PreconditionFailed
from bookings.http import versioned

_sql = queries.load("booking")
_RACES = 100
Row = dict[str, Any]


def make(
    database: Database,
    *,
    settings: Settings,
    caller: Caller,
    body: Mapping[str, Any],
    key: idempotency.Key | None = None,
) -> Answer:
    """Keep a time for `ttlSeconds` (HOLD_TTL), no longer than HOLD_MAX and never past its start. Stores its own answer
    under `key`.

    Raises Invalid, NotForYou, TooManyHolds, SlotTaken (with the next free starts), ResourceChanged, KeyTaken.
    """
    asked = _timed(body)
    wish = wishes.wish(settings, caller, asked, None, clock.now())
    lasts = {"ttl": _ttl(settings, body), "longest": settings.hold_max, "offered": False}

    def work(tx: Tx, race: int) -> tuple[Row, Answer | None]:
        _check_limit(tx, settings, wish["user_id"])
        claims = claimable(tx, settings=settings, wish=wish, body=asked, race=race) | lasts
        held = take(tx, claims)
        if held is None:
            return claims, None
        if caller.actor.id != wish["user_id"]:
            after = {"userId": str(wish["user_id"])}
            audit.record(tx, caller, "hold.create", subject=("hold", wish["id"]), after=after)
        document = _explained(held["document"], claims.get("assignment"))
        answer = versioned(document, held["version"], 201, location=f"/holds/{wish['id']}")
        return claims, idempotency.store(tx, key, answer) if key else answer

    for race in range(_RACES):
        claims, answer = database.run(lambda tx, race=race: work(tx, race))  # type: ignore[misc]
        if answer is not None:
            return answer
        if "service_version" not in claims:
            database.run(lambda tx, claims=claims: refusals.explain(tx, caller.actor, claims))  # type: ignore[misc]
    raise ResourceChanged


def _explained(document: str, assignment: str | None) -> str:
    """A hold's document that also says why they were chosen."""
    return f'{document[:-1]},"assignment":{assignment}}}' if assignment else document


def claimable(
    tx: Tx,
    *,
    settings: Settings,
    wish: Mapping[str, Any],
    body: Mapping[str, Any],
    race: int = 0,
    openings: Sequence[int] = (),
) -> Row:
    """Whether a wish can be had, who takes it, on which terms: parameters for `take` in the same transaction. The one
    place that asks. What is counted (caps of customers and resources) is counted under the locks that bookings take.
    What `openings` of the waitlist keep for the line is free for a service.

    Raises Invalid, NotForYou, SlotTaken, NotBookable.
    """
    if body.get("serviceId"):
        claims = offers.claim(tx, settings=settings, wish=wish, body=body, race=race, openings=openings)
        agreed = {name: value for name, value in claims.items() if name not in (*wish, "assignment") or name == "leads"}
        return claims | {"terms": orjson.dumps(agreed, default=str).decode()}
    wishes.check_time(wish["start_at"], body["endAt"], wish["now"], settings)
    if body.get("providerIds"):
        refusals.check_providers(tx, body["providerIds"])
    ids = [str(id) for id in wishes.named(body)]
    asked = {**wish, **wishes.claims(wish["user_id"], ids, body["units"]), "end_at": body["endAt"]}
    availability.lock(tx, [f"customer:{wish['user_id']}", *(f"{RESOURCE}:{id}" for id in ids)])
    versions, said, must_confirm = plain.agreed(tx, settings, asked)
    agreed = {**agreement.PLAIN, **said}
    return {
        **wish,
        **wishes.claims(wish["user_id"], ids, body["units"], versions),
        **agreed,
        "must_confirm": must_confirm,
        "provider_id": body.get("providerId"),
        "workspace_id": body.get("workspaceId"),
        "end_at": body["endAt"],
        "claim_from": wish["start_at"],
        "claim_to": body["endAt"],
        "terms": orjson.dumps({**agreed, "leads": wish["leads"]}).decode(),
    }


def wish(settings: Settings, caller: Caller, body: Mapping[str, Any]) -> Row:
    """What a hold for somebody starts from, for those who make one in their own transaction."""
    return wishes.wish(settings, caller, {**dict.fromkeys(wishes.DETAILS), **body}, None, clock.now())


def starts(
    reader: Reader,
    *,
    settings: Settings,
    wish: Mapping[str, Any],
    body: Mapping[str, Any],
    upper: datetime,
    openings: Sequence[int] = (),
) -> list[datetime]:
    """When a wished service could be had from its start on, before `upper`, earliest first; what `openings` keep for
    the line is free. Raises Invalid."""
    picture = offers.Ask(settings, body, wish, openings=openings).read(reader, body["startAt"], upper)
    return [datetime.fromtimestamp(slot.start, UTC) for slot in slots.find(picture, named=0)]


def take(tx: Tx, claims: Mapping[str, Any], openings: Sequence[int] = ()) -> Row | None:
    """Claim what `claimable` found, until the hold ends: document, version and end; None when somebody was quicker.

    Holds that have ended are cleared away first. What `openings` keep for the line makes way, and the rest of it stays.
    """
    expiry.clear(tx, claims)
    try:
        with tx.savepoint():
            kept = tx.all(_sql.make_way, {**claims, "ids": list(openings)}) if openings else []
            held = tx.one(_sql.hold_service if "service_version" in claims else _sql.hold_time, claims)
            if held is None:
                raise SlotTaken
            for row in kept:
                tx.execute(_sql.keep_rest, row)
            return held
    except SlotTaken:
        return None


def keep_longer(tx: Tx) -> None:
    """The line is being asked: what is kept for it stays so meanwhile."""
    tx.execute(_sql.keep_longer)


def give_back(tx: Tx, openings: Sequence[int]) -> None:
    """The line was asked about these: what they still keep for it is everybody's."""
    tx.execute(_sql.give_back, {"ids": list(openings)})


def _timed(body: Mapping[str, Any]) -> Row:
    """The body as one of a booking: a length makes an end."""
    asked = {**dict.fromkeys(wishes.DETAILS), **body}
    if body.get("duration"):
        asked["endAt"] = body["startAt"] + timedelta(minutes=body["duration"])
    return asked


def _ttl(settings: Settings, body: Mapping[str, Any]) -> timedelta:
    wished = timedelta(seconds=body["ttlSeconds"]) if body.get("ttlSeconds") else settings.hold_ttl
    return min(wished, settings.hold_max)


def _check_limit(tx: Tx, settings: Settings, user_id: UUID) -> None:
    if tx.one(_sql.lock_customer, {"user_id": user_id}) is None:
        raise Invalid([("userId", "There is no such user.")])
    live = (tx.one(_sql.count_holds, {"user_id": user_id}) or {})["live"]
    if live >= settings.hold_limit:
        raise TooManyHolds(limit=settings.hold_limit)


def get(database: Database, *, actor: Actor, hold_id: UUID) -> tuple[str, int]:
    """The document and version of a hold. Raises NotFound when it is not the actor's to see."""
    row = database.row(_sql.get_hold, seen_by(actor) | {"id": hold_id})
    if row is None:
        raise NotFound
    return row[0], row[1]


def extend(
    tx: Tx,
    *,
    settings: Settings,
    caller: Caller,
    hold_id: UUID,
    body: Mapping[str, Any],
    versions: Sequence[int] | None = None,
) -> Answer:
    """Keep it for `ttlSeconds` (HOLD_TTL) from now, within its limit. Raises NotFound, PreconditionFailed, HoldEnded,
    HoldAtLimit."""
    before = _lock(tx, caller.actor, hold_id, versions)
    params = {"id": hold_id, "ttl": _ttl(settings, body), **_by(caller)}
    try:
        with tx.savepoint():
            row = tx.one(_sql.extend_hold, params)
    except SlotTaken:  # it ended at this very moment, and somebody has its place in a shared resource
        row = None
    if row is None:
        raise _ended(before)
    if orjson.loads(row["document"])["expiresAt"] == before["document"]["expiresAt"]:
        raise HoldAtLimit(expiresAt=before["document"]["expiresAt"])
    _audit(tx, caller, "hold.extend", before)
    return versioned(row["document"], row["version"])


def release(tx: Tx, *, caller: Caller, hold_id: UUID, versions: Sequence[int] | None = None) -> Answer:
    """Give the time back at once. Raises NotFound, PreconditionFailed, HoldEnded."""
    before = _lock(tx, caller.actor, hold_id, versions)
    row = tx.one(_sql.release_hold, {"id": hold_id, **_by(caller)})
    if row is None:
        raise _ended(before)
    _audit(tx, caller, "hold.release", before)
    return versioned(row["document"], row["version"])


def release_all(tx: Tx, *, caller: Caller, user_id: UUID) -> None:
    """Give back everything that is kept for somebody or of theirs, because they leave."""
    for row in tx.all(_sql.holds_of_leaver, {"user_id": user_id}):
        tx.one(_sql.release_hold, {"id": row["id"], **_by(caller)})


def book(
    database: Database,
    *,
    settings: Settings,
    caller: Caller,
    body: Mapping[str, Any],
    key: idempotency.Key | None = None,
) -> Answer:
    """Turn a hold into a booking, on the terms of the hold, with the details of the body. Stores its own answer under
    `key`. Raises Invalid for a hold that is not the caller's to see, HoldEnded, TooManyNoShows, KeyTaken."""
    try:
        return database.run(lambda tx: convert(tx, settings=settings, caller=caller, body=body, key=key))
    except NotFound:
        raise Invalid([("holdId", "There is no such hold.")]) from None
    except SlotTaken:  # it ended at this very moment, and somebody has its place in a shared resource
        raise HoldEnded(holdState="lapsed") from None


def convert(
    tx: Tx, *, settings: Settings, caller: Caller, body: Mapping[str, Any], key: idempotency.Key | None = None
) -> Answer:
    """The same within a transaction, for those who have more to write with it. Raises NotFound, HoldEnded, SlotTaken,
    TooManyNoShows; then the transaction must be undone."""
    hold = _lock(tx, caller.actor, body["holdId"], None)
    wish = wishes.wish(settings, caller, _details(body, hold), key, clock.now())
    ids = [str(id) for id in hold["resource_ids"]]
    terms = agreement.convert(tx, hold["terms"], wish)
    agreed = {"provider_id": None, "workspace_id": None, "policy": None, "overbooked": False, **terms}
    params = {**wish, **agreed, **wishes.claims(hold["user_id"], ids, hold["units"])}
    params |= {name: hold[name] for name in ("start_at", "end_at", "service_id")} | {"hold_id": hold["id"]}
    tx.all(_sql.lock_shared, params)
    row = tx.one(_sql.book_hold, params)
    if row is None:
        raise _ended(hold)
    return versioned(row["document"], row["version"], 201, location=f"/bookings/{wish['id']}")


def _details(body: Mapping[str, Any], hold: Row) -> Row:
    details = {name: body.get(name) for name in wishes.DETAILS}
    return {**details, "userId": hold["user_id"], "startAt": hold["start_at"]}


def _lock(tx: Tx, actor: Actor, hold_id: UUID, versions: Sequence[int] | None) -> Row:
    hold = tx.one(_sql.lock_hold, seen_by(actor) | {"id": hold_id})
    if hold is None:
        raise NotFound
    if versions is not None and hold["version"] not in versions:
        raise PreconditionFailed(hold["document"], hold["version"])
    return hold


def _ended(hold: Row) -> HoldEnded:
    """It was over when it was locked, or its time ran out since."""
    return HoldEnded(holdState="lapsed" if hold["state"] == "active" else hold["state"])


def _audit(tx: Tx, caller: Caller, action: str, hold: Row) -> None:
    if caller.actor.id not in (hold["user_id"], hold["created_by"]):
        audit.record(tx, caller, action, subject=("hold", hold["id"]), before={"userId": str(hold["user_id"])})


def _by(caller: Caller) -> Row:
    return {"actor_id": caller.actor.id, "request_id": caller.request_id}
