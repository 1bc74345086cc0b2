"""What people ask: when can I come. Reads a picture, asks slots.py, writes the answer (explaining.py: why not then)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from bookings import clock
from bookings.auth import Actor
from bookings.availability import hours, service, slots
from bookings.availability.lanes import dates_of
from bookings.availability.picture import Picture
from bookings.availability.slot_schemas import MOST_DAYS, MOST_STARTS
from bookings.availability.slots import Slot
from bookings.config import Settings
from bookings.db import Database
from bookings.errors import Forbidden, Invalid, Unauthorized

_DAY = 86_400
_FIRST = date(1970, 1, 1).toordinal()
#: how far a search looks when nobody says it
A_WEEK = timedelta(days=7)
Answer = dict[str, Any]


def find(database: Database, *, settings: Settings, actor: Actor | None, query: Mapping[str, Any]) -> Answer:
    """Every start that can be booked between two bounds, by local date. Raises Invalid, Unauthorized, Forbidden."""
    zone = ZoneInfo(query.get("timeZone") or settings.business_time_zone)
    lower, upper = bounds(query.get("from_"), query.get("to"), zone)
    picture = read(database, settings, actor, query, lower, upper)
    starts = _few(slots.starts_of(picture), upper - lower)
    found = slots.find(picture, starts)
    told = _ranges(starts, found, zone) if query["format"] == "range" else _times(found, zone)
    return {
        "serviceId": query["serviceId"],
        "timeZone": zone.key,
        "from": _text(picture.lower),
        "to": _text(picture.upper),
        "duration": picture.terms.length // 60,
        "days": told,
    }


def _few(starts: list[int], asked: timedelta) -> list[int]:
    """The starts, if an answer may look at so many. Raises Invalid."""
    if len(starts) > MOST_STARTS:
        days = asked / timedelta(days=1) * MOST_STARTS / len(starts)
        fit = f"{int(days)} days" if days >= 2 else f"{int(days * 24)} hours"
        raise Invalid([("to", f"More than {MOST_STARTS:,} starts lie in that time; ask for {fit} at a time.")])
    return starts


def bounds(first: date | datetime | None, last: date | datetime | None, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first instant and the one behind the last. Raises Invalid for what is empty or longer than 62 days."""
    now = clock.now().replace(microsecond=0)
    lower = now if first is None else _instant(first, zone)
    if last is None:
        upper = lower + A_WEEK
    else:
        upper = _instant(last, zone) if isinstance(last, datetime) else _instant(last + timedelta(days=1), zone)
    if upper <= lower:
        raise Invalid([("to", "Must be after from.")])
    # A local day may have an hour or two more than others.
    if upper - lower > timedelta(days=MOST_DAYS, hours=0 if isinstance(last, datetime) else 2):
        raise Invalid([("to", f"Is more than {MOST_DAYS} days after from; ask for less at a time.")])
    return lower, upper


def _instant(bound: date | datetime, zone: ZoneInfo) -> datetime:
    if isinstance(bound, datetime):
        return bound.astimezone(UTC)
    return datetime.fromtimestamp(hours.instant(bound, 0, zone), UTC)


def read(
    database: Database,
    settings: Settings,
    actor: Actor | None,
    query: Mapping[str, Any],
    lower: datetime,
    upper: datetime,
) -> Picture:
    """The picture of what somebody would book, for starts between two instants.

    Raises Invalid, Unauthorized, Forbidden.
    """
    customer_id = query.get("userId", actor.id if actor else None)
    if customer_id and actor is None:
        raise Unauthorized
    if booking_id := query.get("rescheduleBookingId"):
        return _read_booking(database, settings, actor, query, booking_id, lower, upper)
    return service.read(
        database,
        settings=settings,
        service_id=query["serviceId"],
        lower=lower,
        upper=upper,
        minutes=query.get("duration"),
        party_size=query.get("partySize"),
        customer_id=customer_id,
        for_themselves=actor is not None and customer_id == actor.id,
        named={"resourceId": query["resourceId"]} if query.get("resourceId") else None,
        together=query.get("providerIds", ()),
        permitted=_permission(actor, customer_id),
    )


def _permission(actor: Actor | None, customer_id: UUID | None) -> Callable[[Picture], Picture] | None:
    """What takes out of a picture whom the actor may not book for a customer; None: nobody. Raises Forbidden."""
    if actor is None or actor.is_admin or customer_id == actor.id:
        return None
    if actor.role == "customer":
        raise Forbidden("Customers book for themselves.")

    def permitted(picture: Picture) -> Picture:
        theirs = picture.permitted(actor.id)
        if theirs is None:
            raise Forbidden("You may book for others what is yours.")
        return theirs

    return permitted


def _read_booking(
    database: Database,
    settings: Settings,
    actor: Actor | None,
    query: Mapping[str, Any],
    booking_id: UUID,
    lower: datetime,
    upper: datetime,
) -> Picture:
    if actor is None:
        raise Unauthorized
    found = service.read_move(
        database,
        settings=settings,
        actor=actor,
        booking_id=booking_id,
        service_id=query["serviceId"],
        lower=lower,
        upper=upper,
    )
    if found is None:
        raise Invalid([("rescheduleBookingId", "There is no such booking of this service.")])
    booking, picture = found
    if query.get("userId", UUID(booking["user_id"])) != UUID(booking["user_id"]):
        raise Invalid([("userId", "A booking that moves keeps its customer.")])
    length, ids = picture.terms.length, {UUID(id) for id in booking["resource_ids"]}
    if query.get("duration", length // 60) * 60 != length:
        raise Invalid([("duration", f"A booking that moves keeps its length of {length // 60} minutes.")])
    if query.get("partySize", booking["party_size"]) != booking["party_size"]:
        raise Invalid([("partySize", f"A booking that moves keeps its party of {booking['party_size']}.")])
    if query.get("resourceId") and query["resourceId"] not in ids:
        raise Invalid([("resourceId", "A booking that moves keeps its resources.")])
    if not set(query.get("providerIds", ())) <= ids:
        raise Invalid([("providerIds", "A booking that moves keeps its resources.")])
    return picture


def _times(found: Sequence[Slot], zone: ZoneInfo) -> list[Answer]:
    texts: dict[int, orjson.Fragment] = {}

    def ids(slot: Slot) -> orjson.Fragment:
        """Many slots share one and the same tuple of candidates: written once, used by all of them."""
        known = texts.get(id(slot.candidates))
        if known is None:
            known = texts[id(slot.candidates)] = orjson.Fragment(orjson.dumps([one.text for one in slot.candidates]))
        return known

    return [
        {
            "date": day.isoformat(),
            "slots": [
                {
                    "startAt": _text(slot.start),
                    "endAt": _text(slot.end),
                    "places": slot.places,
                    "resourceCount": slot.count,
                    "resourceIds": ids(slot),
                }
                for slot in group
            ],
        }
        for day, group in _by_date(found, zone)
    ]


def _by_date(found: Sequence[Slot], zone: ZoneInfo) -> Iterable[tuple[date, Sequence[Slot]]]:
    for day, lower, upper in dates_of([slot.start for slot in found], zone):
        yield day, found[lower:upper]


def _ranges(starts: Sequence[int], found: Sequence[Slot], zone: ZoneInfo) -> list[Answer]:
    number = {start: at for at, start in enumerate(starts)}
    days = []
    for day, group in _by_date(found, zone):
        runs: list[list[Slot]] = []
        for slot in group:
            if runs and number[slot.start] == number[runs[-1][-1].start] + 1:
                runs[-1].append(slot)
            else:
                runs.append([slot])
        days.append({"date": day.isoformat(), "ranges": [_range(run) for run in runs]})
    return days


def _range(run: Sequence[Slot]) -> Answer:
    return {
        "startAt": _text(run[0].start),
        "lastStartAt": _text(run[-1].start),
        "endAt": _text(run[-1].end),
        "starts": len(run),
        "places": min(slot.places for slot in run),
    }


@lru_cache(maxsize=16384)
def _text(seconds: int) -> str:
    """As fields.instant_text writes it. Remembered, like its parts: an answer has thousands, the next one the same."""
    day, second = divmod(seconds, _DAY)
    return _date_text(day) + _clock_text(second)


@lru_cache(maxsize=1024)
def _date_text(day: int) -> str:
    return date.fromordinal(_FIRST + day).isoformat()


@lru_cache(maxsize=4096)
def _clock_text(second: int) -> str:
    return f"T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
