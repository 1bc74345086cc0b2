"""Booking what the catalogue offers: length, price, policy and resources follow from the service, and are kept with the
booking as they were agreed.

Two round trips: one reads the terms and who is free, one books. Who loses a race reads again and takes another, until
nobody is free: of k simultaneous requests k succeed when k are free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from bookings import clock, idempotency, queries
from bookings.answer import Answer
from bookings.auth import Caller
from bookings.booking import choosing, expiry, wishes
from bookings.booking.choosing import Candidate, Choice, Need, Strategy
from bookings.booking.errors import NotForYou, ResourceChanged, SlotTaken
from bookings.catalogue import rules as catalogue
from bookings.catalogue.service import local_date
from bookings.config import Settings
from bookings.db import Database
from bookings.errors import Invalid
from bookings.fields import instant_text
from bookings.http import versioned
from bookings.prepared import Prepared, Row, array

_sql = queries.load("booking")
_OFFER = Prepared("booking.offer", _sql.offer)
_CREATE = Prepared("booking.create_of_service", _sql.create_of_service)
#: each lost race means that somebody else has booked; whoever loses so many is told to try again
_RACES = 100
_NAMES = ("providerId", "workspaceId", "resourceId")


@dataclass(frozen=True, slots=True)
class Offer:
    """A service as somebody wants to book it."""

    service: dict[str, Any]
    deliverers: list[Candidate]
    needs: list[Need]


def create(
    database: Database,
    *,
    settings: Settings,
    caller: Caller,
    body: Mapping[str, Any],
    key: idempotency.Key | None = None,
) -> Answer:
    """Book a service. Stores its own answer under `key`.

    Raises Invalid, NotForYou, SlotTaken (with the next starts at which it could be had), ResourceChanged, KeyTaken.
    """
    wish = wishes.wish(settings, caller, body, key, clock.now())
    named = {name: body[name] for name in _NAMES if body.get(name)}
    asked = wish | {
        "service_id": body["serviceId"],
        "end_at": body.get("endAt"),
        "party_size": body.get("partySize"),
        "named": array([str(id) for id in named.values()]),
    }
    location = f"/bookings/{wish['id']}"
    for race in range(_RACES):
        row = database.hot(_OFFER, asked)
        if row is not None and row[0] is not None:
            return versioned(row[0], 1, 201, location=location)
        offer = _read(row)
        terms = _terms(settings, offer.service, wish, body)
        choice = _choose(offer, wish, named, race)
        if not choice.claimed:
            raise _taken(database, offer, terms, named)
        claims = terms | _claims(wish, terms, choice)
        try:
            booked = database.hot(_CREATE, claims)
        except SlotTaken:
            booked = None
        if booked is not None:
            return versioned(booked[0] or b"", 1, 201, location=location)
        expiry.cleared(database, claims)
    raise ResourceChanged


def claim(
    database: Database, *, settings: Settings, wish: Mapping[str, Any], body: Mapping[str, Any], race: int
) -> dict[str, Any]:
    """Who would deliver a wished service, on which terms, as parameters of a statement that claims it.

    `race` counts the attempts that somebody else was quicker in. Raises Invalid, NotForYou, SlotTaken.
    """
    named = {name: body[name] for name in _NAMES if body.get(name)}
    asked = {
        **wish,
        "service_id": body["serviceId"],
        "end_at": body.get("endAt"),
        "party_size": body.get("partySize"),
        "named": array([str(id) for id in named.values()]),
    }
    offer = _read(database.hot(_OFFER, asked))
    terms = _terms(settings, offer.service, wish, body)
    choice = _choose(offer, wish, named, race)
    if not choice.claimed:
        raise _taken(database, offer, terms, named)
    return terms | _claims(wish, terms, choice)


def _read(row: Row | None) -> Offer:
    """Raises Invalid when there is no such service, customer, or nobody to deliver it."""
    if row is None:
        raise Invalid([("serviceId", "There is no such service.")])
    service: dict[str, Any] = orjson.loads(row[2] or b"")
    if service["archivedAt"] is not None:
        raise Invalid([("serviceId", "Is not offered any more.")])
    if row[1] != b"true":
        raise Invalid([("userId", "There is no such user.")])
    deliverers = [Candidate.of(one) for one in orjson.loads(row[3] or b"")]
    needs = [
        Need(one["kind"], one["count"], tuple(Candidate.of(candidate) for candidate in one["candidates"]))
        for one in orjson.loads(row[4] or b"")
    ]
    if not deliverers and (service["resourceIds"] or not needs):
        raise Invalid([("serviceId", "Nobody delivers it at present.")])
    return Offer(service, deliverers, needs)


def _terms(
    settings: Settings, service: Mapping[str, Any], wish: Mapping[str, Any], body: Mapping[str, Any]
) -> dict[str, Any]:
    """What is agreed, as parameters of the statement that books. Raises Invalid."""
    party_size = body.get("partySize") or service["minPartySize"]
    if wrong := catalogue.party_error(service, party_size):
        raise Invalid([("partySize", wrong)])
    start_at: datetime = wish["start_at"]
    minutes, end_at = _length(service, start_at, body.get("endAt"))
    wishes.check_time(start_at, end_at, wish["now"], settings)
    quote = catalogue.quote(service, minutes=minutes, on=local_date(settings, start_at), party_size=party_size)
    payment_required = service["requiresPayment"] and quote.amount > 0
    before, after = service["bufferBeforeMinutes"], service["bufferAfterMinutes"]
    policy, reminders = service["cancellationPolicy"], service["reminderLeadMinutes"]
    own_leads = None if reminders is None else array([f"{lead} minutes" for lead in reminders])
    return {
        **wish,
        "service_id": UUID(service["id"]),
        "service_version": service["version"],
        "party_size": party_size,
        "end_at": end_at,
        "claim_from": start_at - timedelta(minutes=before),
        "claim_to": end_at + timedelta(minutes=after),
        "buffer_before_minutes": before,
        "buffer_after_minutes": after,
        "session_places": service["capacity"] if service["capacity"] > 1 else None,
        "units": catalogue.units(service, party_size),
        "price_amount": quote.amount,
        "currency": quote.currency,
        "payment_required": payment_required,
        "payment_status": "unpaid" if quote.amount > 0 else None,
        "confirm_when_paid": payment_required and not service["requiresConfirmation"],
        "status": "pending" if payment_required or service["requiresConfirmation"] else "confirmed",
        "cancellation_policy": None if policy is None else orjson.dumps(policy).decode(),
        "reminder_leads": own_leads,
        "leads": wish["leads"] if own_leads is None else own_leads,
    }


def _length(service: Mapping[str, Any], start_at: datetime, end_at: datetime | None) -> tuple[int, datetime]:
    """Minutes and end: the first duration, or the one that endAt means. Raises Invalid."""
    known = [one["minutes"] for one in service["durations"]]
    if end_at is None:
        return known[0], start_at + timedelta(minutes=known[0])
    minutes, odd = divmod(end_at - start_at, timedelta(minutes=1))
    if odd or minutes not in known:
        raise Invalid([("endAt", catalogue.duration_error(service))])
    return minutes, end_at


def _choose(offer: Offer, wish: Mapping[str, Any], named: Mapping[str, UUID], race: int) -> Choice:
    """Raises Invalid for what was named in vain, NotForYou for what the actor may not book for somebody else."""
    group = offer.service["capacity"] > 1
    strategy: Strategy = choosing.in_order if group else choosing.fewest_bookings
    strategy_of_needs: Strategy = choosing.in_order
    if race and not group:
        strategy = strategy_of_needs = choosing.spread(wish["id"].int + race)
    mine = offer if wish["unrestricted"] else _own(offer, wish["actor_id"], named)
    choice = choosing.choose(mine.deliverers, mine.needs, named, strategy, strategy_of_needs)
    if choice.wrong:
        raise Invalid(list(choice.wrong))
    if choice.claimed and not wish["unrestricted"] and not any(one.owner_id for one in choice.claimed):
        raise _not_for_you()
    return choice


def _own(offer: Offer, actor_id: UUID, named: Mapping[str, UUID]) -> Offer:
    """What a provider may book for somebody else: their own, and with it what is nobody's. Raises NotForYou."""
    everybody = [*offer.deliverers, *(one for need in offer.needs for one in need.candidates)]
    foreign = {one.id for one in everybody} - {one.id for one in choosing.permitted(everybody, actor_id)}
    if foreign & set(named.values()) or all(one.owner_id != actor_id for one in everybody):
        raise _not_for_you()
    deliverers = choosing.permitted(offer.deliverers, actor_id)
    needs = [Need(one.kind, one.count, tuple(choosing.permitted(one.candidates, actor_id))) for one in offer.needs]
    return Offer(offer.service, [one for one in deliverers if one.owner_id] or deliverers, needs)


def _not_for_you() -> NotForYou:
    return NotForYou(errors=[{"field": "userId", "message": NotForYou.title()}])


def _claims(wish: Mapping[str, Any], terms: Mapping[str, Any], choice: Choice) -> dict[str, Any]:
    first = {one.kind: one.id for one in reversed(choice.claimed)}
    return wishes.claims(wish["user_id"], [str(one.id) for one in choice.claimed], terms["units"]) | {
        "provider_id": first.get("provider"),
        "workspace_id": first.get("workspace"),
    }


def _taken(database: Database, offer: Offer, terms: Mapping[str, Any], named: Mapping[str, UUID]) -> SlotTaken:
    """The refusal, with the next starts at which the service could be had, from the one named if anybody was."""
    ids = {one.id for one in offer.deliverers}
    wanted = [id for id in named.values() if id in ids] or list(ids)
    params = {**terms, "deliverers": wanted, "length": terms["end_at"] - terms["start_at"]}
    with database.transaction() as tx:
        rows = tx.all(_sql.next_free_of_service, params)
    return SlotTaken(nextFree=[instant_text(row["candidate"]) for row in rows])
