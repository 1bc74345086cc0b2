"""Plain time, without a service, of resources whose calendars say something: judged like a service, but without a
grid."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil, floor
from typing import Any
from uuid import UUID

from bookings.availability import service as availability
from bookings.availability.picture import Picture, Terms
from bookings.availability.service import Reader
from bookings.booking import agreement, deciding, expiry, wishes
from bookings.booking.errors import NotBookable, ResourceChanged, SlotTaken
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.prepared import Prepared, Row

_RACES = 20


def create(database: Database, settings: Settings, wish: Mapping[str, Any], statement: Prepared) -> Row:
    """Book by the rules. Raises SlotTaken and NotBookable (with the next starts), ResourceChanged."""

    def once(tx: Tx) -> Row | None:
        picture = _judged(tx, settings, wish)
        if deciding.capped(picture):
            names = [f"customer:{wish['user_id']}", *deciding.locks_of(picture.candidates)]
            availability.lock(tx, names)
            picture = _judged(tx, settings, wish)
        ids, known = [str(one.id) for one in picture.candidates], [one.version for one in picture.candidates]
        expiry.clear(tx, wish)
        rules = agreement.rules_of(picture, _ids(wish)[0])
        agreed = {"policy": agreement.kept(rules), "must_confirm": bool(agreement.demand(tx, rules, wish))}
        claims = wishes.claims(wish["user_id"], ids, wish["units"], known)
        rows = tx.hot_rows(statement, {**wish, **claims, **agreed})
        return rows[0] if rows else None

    for _ in range(_RACES):
        try:
            row = database.run(once)
        except (SlotTaken, NotBookable) as error:
            if "nextFree" in error.extra:
                raise
            continue  # somebody was quicker: the next look will say so, and what is free instead
        if row is not None:
            return row
    raise ResourceChanged


def agreed(reader: Reader, settings: Settings, wish: Mapping[str, Any]) -> tuple[list[int], dict[str, Any], bool]:
    """The versions of the calendars by which the wish (its parameters) can be had, what their rules agree, and whether
    staff must confirm it; 0 for all when some resource is not there or too small, which the statement that claims finds
    out. Raises SlotTaken and NotBookable (with the next starts), TooManyNoShows."""
    ids = _ids(wish)
    try:
        picture = _judged(reader, settings, wish)
    except ResourceChanged:
        return [0] * len(ids), {}, False
    by_id = {one.id: one.version for one in picture.candidates}
    rules = agreement.rules_of(picture, ids[0])
    must_confirm = bool(agreement.demand(reader, rules, wish))
    said = {"policy": agreement.kept(rules), "no_show_rule": agreement.undemanded(rules, wish)}
    return [by_id.get(id, 0) for id in ids], said, must_confirm


def _ids(wish: Mapping[str, Any]) -> list[UUID]:
    return [UUID(id) for id in wish["resource_ids"].strip("{}").split(",")]


def _judged(reader: Reader, settings: Settings, wish: Mapping[str, Any]) -> Picture:
    ids = _ids(wish)

    def read(lower: datetime, upper: datetime) -> Picture:
        return read_plain(reader, settings, {**wish, "resource_ids": ids}, lower, upper)

    start_at: datetime = wish["start_at"]
    picture = read(start_at, start_at + timedelta(seconds=1))
    if len(picture.candidates) < len(ids) or any(one.capacity < wish["units"] for one in picture.candidates):
        raise ResourceChanged
    deciding.settle(reader, picture, read, start_at)
    return picture


def read_plain(
    reader: Reader, settings: Settings, wish: Mapping[str, Any], lower: datetime, upper: datetime
) -> Picture:
    """The picture of plain time of settled resources (`resource_ids`, a list), for starts between two instants."""
    length = ceil(wish["end_at"].timestamp()) - floor(wish["start_at"].timestamp())
    return availability.read_these(
        reader,
        settings=settings,
        resource_ids=wish["resource_ids"],
        terms=Terms(length=length, units=wish["units"], gridded=False),
        lower=lower,
        upper=upper,
        customer_id=wish["user_id"],
        ignored_booking=wish["id"],
    )
