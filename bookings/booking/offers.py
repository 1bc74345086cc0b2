"""Booking what the catalogue offers: length, price, policy and resources follow from the service, and are kept with the
booking as they were agreed.

First what matters is read and judged (bookings/availability), then one statement books, on the condition that neither
the service nor any calendar has changed in between. Who loses a race reads again, now one after the other, and takes
another: of k simultaneous requests k succeed when k are free. Where a strategy or a cap depends on what others get, all
do so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from bookings import clock, idempotency, queries
from bookings.answer import Answer
from bookings.auth import Caller
from bookings.availability import assignment
from bookings.availability import service as availability
from bookings.availability.assignment import Assigned
from bookings.availability.layers import Rules
from bookings.availability.picture import Candidate, Group, Picture
from bookings.availability.service import Reader
from bookings.booking import agreement, deciding, expiry, wishes
from bookings.booking.errors import NotBookable, NotForYou, ResourceChanged, SlotTaken
from bookings.catalogue import rules as catalogue
from bookings.catalogue.service import local_date
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import Invalid
from bookings.http import versioned
from bookings.prepared import Prepared, Row, array

_sql = queries.load("booking")
_STANDING = Prepared("booking.standing", _sql.standing)
_CREATE = Prepared("booking.create_of_service", _sql.create_of_service)
#: each lost race means that somebody else has booked; whoever loses so many is told to try again
_RACES = 100
_NAMES = ("providerId", "workspaceId", "resourceId")


@dataclass(frozen=True, slots=True)
class Ask:
    """Somebody wants a service: the request, and parameters that every new booking has."""

    settings: Settings
    body: Mapping[str, Any]
    wish: Mapping[str, Any]
    #: the hold whose claims it takes over
    hold_id: UUID | None = None
    #: the openings of the waitlist about which it is asked: what they keep for the line is free for it
    openings: Sequence[int] = ()

    @property
    def named(self) -> dict[str, UUID]:
        """Who must be claimed, by the field that says so."""
        return {name: self.body[name] for name in _NAMES if self.body.get(name)}

    def read(self, reader: Reader, lower: datetime, upper: datetime) -> Picture:
        """Everything that matters for starts between two instants. Raises Invalid, NotForYou."""
        return availability.read(
            reader,
            settings=self.settings,
            service_id=self.body["serviceId"],
            lower=lower,
            upper=upper,
            minutes=self._minutes(),
            minutes_field="endAt",
            party_size=self.body.get("partySize"),
            customer_id=self.wish["user_id"],
            for_themselves=self.wish["user_id"] == self.wish["actor_id"],
            named=self.named,
            together=self.body.get("providerIds") or (),
            permitted=None if self.wish["unrestricted"] else self._permitted,
            ignored_hold=self.hold_id,
            answered=self.openings,
        )

    def _minutes(self) -> int | None:
        """The length that endAt means; one that no service has where it means none."""
        if self.body.get("endAt") is None:
            return None
        minutes, odd = divmod(self.body["endAt"] - self.body["startAt"], timedelta(minutes=1))
        return -1 if odd else int(minutes)

    def _permitted(self, picture: Picture) -> Picture:
        """What a provider may book for somebody else: their own, and with it what is nobody's. Raises NotForYou."""
        actor_id = self.wish["actor_id"]
        foreign = {one.id for one in picture.candidates if one.owner_id not in (actor_id, None)}
        permitted = picture.permitted(actor_id)
        if permitted is None or foreign & set(self.named.values()):
            raise _not_for_you()
        return permitted


def create(
    database: Database,
    *,
    settings: Settings,
    caller: Caller,
    body: Mapping[str, Any],
    key: idempotency.Key | None = None,
) -> Answer:
    """Book a service. Stores its own answer under `key`.

    Raises Invalid, NotForYou, SlotTaken and NotBookable (with the next starts at which it could be had),
    ResourceChanged, KeyTaken.
    """
    ask = Ask(settings, body, wishes.wish(settings, caller, body, key, clock.now()))
    location = f"/bookings/{ask.wish['id']}"
    for race in range(_RACES):
        booked = None
        try:
            booked = _try(database, ask, alone=race > 0)
        except (SlotTaken, NotBookable) as error:
            if "nextFree" in error.extra and _standing(database, ask) is None:
                raise
        document = booked[0] if booked else _standing(database, ask)
        if document is not None:
            return versioned(document, 1, 201, location=location)
    raise ResourceChanged


def claim(
    tx: Tx,
    *,
    settings: Settings,
    wish: Mapping[str, Any],
    body: Mapping[str, Any],
    race: int = 0,
    openings: Sequence[int] = (),
) -> dict[str, Any]:
    """Who would deliver a wished service, on which terms, as parameters of a statement that claims it in the same
    transaction.

    `race` counts the attempts that somebody else was quicker in: between equals another comes first then. What
    `openings` keep for the line is free. Raises Invalid, NotForYou, SlotTaken, NotBookable.
    """
    ask = Ask(settings, body, wish, openings=openings)
    picture = _read(tx, ask)
    if _depends_on_others(picture):
        _settle(tx, ask, picture)
        found = _decided(tx, ask)
        if found is None:
            picture = _read(tx, ask)
            found = picture, _settle(tx, ask, picture)
        take_turn(tx, ask, found[1])
        return agreed(tx, ask, *found)
    if race:
        turn = wish["id"].int + race
        picture = picture.only(lambda group: _rotated(group, turn))
    return agreed(tx, ask, picture, _settle(tx, ask, picture))


def _rotated(group: Group, turn: int) -> list[Candidate]:
    """Another first; where all are needed, who leads stays first."""
    candidates = group.candidates
    at = turn % len(candidates) if len(candidates) > group.count else 0
    return [*candidates[at:], *candidates[:at]]


def _standing(database: Database, ask: Ask) -> bytes | None:
    """The booking itself when its first try was committed and only the answer was lost. Raises Invalid for a customer
    who is nobody."""
    row = database.hot(_STANDING, ask.wish)
    if row is None or row[1] != b"true":
        raise Invalid([("userId", "There is no such user.")])
    return row[0]


def check_customer(database: Database, ask: Ask) -> None:
    """Raises Invalid for a customer who is nobody."""
    _standing(database, ask)


def _try(database: Database, ask: Ask, *, alone: bool) -> Row | None:
    """Judge and book; no row when what was read is not true any more. Raises SlotTaken when somebody was quicker, and
    the refusals. Whoever is refused is so before any lock, so that others need not wait for what is free instead."""
    picture = _read(database, ask)
    assigned = _settle(database, ask, picture)
    if alone or _depends_on_others(picture):
        return database.run(lambda tx: _alone(tx, ask))
    return database.hot(_CREATE, agreed(database, ask, picture, assigned))


def _alone(tx: Tx, ask: Ask) -> Row | None:
    """The same, decided under locks. No row, too, when it cannot be had any more."""
    found = _decided(tx, ask)
    if found is None:
        return None
    picture, assigned = found
    booking = agreed(tx, ask, picture, assigned)
    expiry.clear(tx, booking)
    rows = tx.hot_rows(_CREATE, booking)
    if rows:
        take_turn(tx, ask, assigned)
    return rows[0] if rows else None


def _decided(tx: Tx, ask: Ask) -> tuple[Picture, Assigned] | None:
    """Who is claimed while nobody else chooses for this service or books for this customer; and with the caps of what
    is chosen counted under their locks."""
    availability.lock(tx, [turns_of(ask), f"customer:{ask.wish['user_id']}"])
    picture = _read(tx, ask)
    assigned = _allowed(ask, deciding.choose(tx, picture, ask.wish["start_at"]))
    if assigned and (capped := deciding.locks_of(assigned.claimed)):
        availability.lock(tx, capped)
        chosen = set(assigned.claimed_ids)
        picture = _read(tx, ask).only(lambda group: [one for one in group.candidates if one.id in chosen])
        assigned = deciding.choose(tx, picture, ask.wish["start_at"], assigned)
    return (picture, assigned) if assigned else None


def turns_of(ask: Ask) -> str:
    """The lock (availability.service.lock) under which it is chosen who delivers a service."""
    return f"assignment:{ask.body['serviceId']}"


def take_turn(tx: Tx, ask: Ask, assigned: Assigned) -> None:
    """Whoever was chosen comes last for the next one, where turns are taken. The caller holds the lock `turns_of`."""
    if assigned.is_turn:
        availability.take_turn(tx, service_id=ask.body["serviceId"], resource_id=assigned.claimed[0].id)


def _read(reader: Reader, ask: Ask) -> Picture:
    """The picture of the wished start. Raises Invalid for a time that nobody can book."""
    start_at: datetime = ask.wish["start_at"]
    picture = ask.read(reader, start_at, start_at + timedelta(seconds=1))
    end_at = start_at + timedelta(seconds=picture.terms.length)
    wishes.check_time(start_at, end_at, ask.wish["now"], ask.settings)
    return picture


def _depends_on_others(picture: Picture) -> bool:
    """Whether a strategy or a cap depends on what others get at the same moment."""
    several = assignment.has_choice(picture)
    return deciding.capped(picture) or (several and assignment.strategy_of(picture) != assignment.LEAST_BUSY)


def _settle(reader: Reader, ask: Ask, picture: Picture) -> Assigned:
    """Who is claimed. Raises NotForYou, and as deciding does."""

    def read(lower: datetime, upper: datetime) -> Picture:
        return ask.read(reader, lower, upper)

    assigned = deciding.settle(reader, picture, read, ask.wish["start_at"])
    _allowed(ask, assigned)
    return assigned


def _allowed(ask: Ask, assigned: Assigned | None) -> Assigned | None:
    """Raises NotForYou for a provider who books for somebody else what is nobody's."""
    if assigned and not ask.wish["unrestricted"] and not any(one.owner_id for one in assigned.claimed):
        raise _not_for_you()
    return assigned


def _not_for_you() -> NotForYou:
    return NotForYou(errors=[{"field": "userId", "message": NotForYou.title()}])


def agreed(reader: Reader, ask: Ask, picture: Picture, assigned: Assigned) -> dict[str, Any]:
    """What is agreed, what is claimed and why, as parameters of the statement that books. Raises TooManyNoShows."""
    found = asked(reader, ask, picture, assigned.claimed[0].id)
    told = orjson.dumps(assignment.document(assigned)).decode() if assigned.chosen else None
    return {**found, **claims(ask.wish["user_id"], picture, assigned), "assignment": told}


def asked(reader: Reader, ask: Ask, picture: Picture, leading: UUID) -> dict[str, Any]:
    """The terms by the rules of who delivers, and what they ask of a customer who has not come too often. Raises
    TooManyNoShows."""
    rules = agreement.rules_of(picture, leading)
    found = terms(ask, picture, rules)
    demand = agreement.demand(reader, rules, ask.wish, price=found["price_amount"])
    found |= {"no_show_rule": agreement.undemanded(rules, ask.wish)}
    return {**found, **agreement.demanded(found, demand)}


def terms(ask: Ask, picture: Picture, rules: Rules | None = None) -> dict[str, Any]:
    """What is agreed: price, payment, policy, buffers, reminders; by the rules of who delivers."""
    rules = agreement.rules_of(picture) if rules is None else rules
    wish, service, placed = ask.wish, picture.service or {}, picture.terms
    start_at: datetime = wish["start_at"]
    end_at = start_at + timedelta(seconds=placed.length)
    party_size = ask.body.get("partySize") or service["minPartySize"]
    on = local_date(ask.settings, start_at)
    quote = catalogue.quote(service, minutes=placed.length // 60, on=on, party_size=party_size)
    payment_required = service["requiresPayment"] and quote.amount > 0
    reminders = service["reminderLeadMinutes"]
    cancelling = agreement.cancellation_policy(rules, service["cancellationPolicy"])
    own_leads = None if reminders is None else array([f"{lead} minutes" for lead in reminders])
    return {
        **wish,
        "service_id": UUID(service["id"]),
        "service_version": service["version"],
        "party_size": party_size,
        "end_at": end_at,
        "claim_from": start_at - timedelta(seconds=placed.before),
        "claim_to": end_at + timedelta(seconds=placed.after),
        "buffer_before_minutes": placed.before // 60,
        "buffer_after_minutes": placed.after // 60,
        "session_places": placed.places,
        "price_amount": quote.amount,
        "place_price": catalogue.place_price(service, quote),
        "currency": quote.currency,
        "payment_required": payment_required,
        "payment_status": "unpaid" if quote.amount > 0 else None,
        "confirm_when_paid": payment_required and not service["requiresConfirmation"],
        "status": "pending" if payment_required or service["requiresConfirmation"] else "confirmed",
        "cancellation_policy": None if cancelling is None else orjson.dumps(cancelling).decode(),
        "policy": agreement.kept(rules),
        "overbooked": False,
        "reminder_leads": own_leads,
        "leads": wish["leads"] if own_leads is None else own_leads,
    }


def claims(user_id: Any, picture: Picture, assigned: Assigned) -> dict[str, Any]:
    """What is claimed, by which versions of the calendars, and who may therefore hear of it."""
    first = {one.kind: one.id for one in reversed(assigned.claimed)}
    ids = [str(one.id) for one in assigned.claimed]
    return wishes.claims(user_id, ids, picture.terms.units, [one.version for one in assigned.claimed]) | {
        "provider_id": first.get("provider"),
        "workspace_id": first.get("workspace"),
    }
