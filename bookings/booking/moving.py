"""Moving a booking: it keeps its resources, and its new time is judged like that of a new booking, but as if its own
claims were not there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bookings import queries
from bookings.availability import service as availability
from bookings.availability.picture import Picture
from bookings.availability.service import Reader
from bookings.booking import deciding, expiry, overbooking, plain, refusals
from bookings.booking.errors import SlotTaken
from bookings.config import Settings
from bookings.db import Tx

_sql = queries.load("booking")


def take_place(
    tx: Tx,
    settings: Settings,
    before: Mapping[str, Any],
    after: dict[str, Any],
    body: Mapping[str, Any],
    *,
    settled: bool = False,
) -> bool:
    """Claim a new time or other resources, by the rules or, with `override`, against them; claims that stood beside the
    old ones may have their place. Whether it stands beside others now, which takes `overbook`. Raises as below."""
    beside = False
    if body.get("override"):
        beside = overbooking.move_claims(tx, after, overbook=body.get("overbook", False))
    else:
        move_claims(tx, settings, after, settled=settled)
    overbooking.fill(tx, before["resource_ids"])
    return beside


def move_claims(tx: Tx, settings: Settings, after: Mapping[str, Any], *, settled: bool = False) -> None:
    """Judge the new time and claim it instead of the old; `settled`: only the resources are new, so grid, notice and
    booking window are not asked. Raises SlotTaken and NotBookable (with the next starts)."""
    picture = _judge(tx, settings, after, settled)
    if deciding.capped(picture):
        availability.lock(tx, [f"customer:{after['user_id']}", *deciding.locks_of(picture.candidates)])
    # Calendars stay as they are from here on, so that what is read now is still true when the claims are taken.
    tx.all(_sql.keep_calendars, after)
    tx.all(_sql.lock_resources, after)
    _judge(tx, settings, after, settled)
    tx.execute(_sql.drop_claims, after)
    while not _taken(tx, after):
        if not expiry.clear(tx, after):
            raise refusals.with_alternatives(tx, SlotTaken(), after)


def _taken(tx: Tx, after: Mapping[str, Any]) -> bool:
    try:
        with tx.savepoint():
            if tx.execute(_sql.take_claims, after) != len(after["resource_ids"]):
                raise SlotTaken
    except SlotTaken:
        return False
    return True


def _judge(tx: Tx, settings: Settings, after: Mapping[str, Any], settled: bool) -> Picture:
    def read(lower: datetime, upper: datetime) -> Picture:
        picture = read_booking(tx, settings, after, lower, upper)
        return replace(picture, terms=replace(picture.terms, settled=settled))

    start_at: datetime = after["start_at"]
    picture = read(start_at, start_at + timedelta(seconds=1))
    deciding.settle(tx, picture, read, start_at)
    return picture


def read_booking(
    reader: Reader, settings: Settings, booking: Mapping[str, Any], lower: datetime, upper: datetime
) -> Picture:
    """The picture in which a booking may move, for starts between two instants: its resources, on its own terms."""
    if booking["service_id"] is None:
        return plain.read_plain(reader, settings, booking, lower, upper)
    terms = availability.terms_of_booking(booking)
    return availability.read_booking(reader, settings=settings, booking=booking, terms=terms, lower=lower, upper=upper)
