"""What becomes of a series that was booked: looking at it, changing, moving and calling off one occurrence, it and all
that follow, or all that lie ahead. Each command is one transaction: all of it happens, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from psycopg.types.json import Json

from bookings import clock, queries
from bookings.answer import Answer
from bookings.auth import Actor, Caller, seen_by
from bookings.availability import service as availability
from bookings.availability.slots import OF_TAKEN
from bookings.booking import bounds, expiry, reading, recurrence, rules, series_moves, service, wishes
from bookings.booking.errors import BookingClosed, SeriesRefused, SlotTaken
from bookings.booking.recurrence import RuleError
from bookings.config import Settings
from bookings.db import Tx
from bookings.errors import Conflict, Invalid, NotFound, PreconditionFailed
from bookings.fields import instant_text
from bookings.http import dump, versioned
from bookings.ids import new_id

_sql = queries.load("booking")
_BEGINNING = datetime(1, 1, 1)  # noqa: DTZ001 -- wall clock
_NAMED = 20
Row = dict[str, Any]


def get(tx: Tx, *, actor: Actor, series_id: UUID) -> Answer:
    """A series and where its bookings stand: those that the actor may see. Raises NotFound."""
    row = tx.one(_sql.get_series, seen_by(actor) | {"id": series_id})
    if row is None:
        raise NotFound
    return versioned(dump(row["document"] | {"occurrences": row["occurrences"]}), row["version"])


def listing(tx: Tx, *, actor: Actor, series_id: UUID, query: Mapping[str, Any]) -> Answer:
    """One page of its bookings. Raises NotFound."""
    if tx.one(_sql.get_series, seen_by(actor) | {"id": series_id}) is None:
        raise NotFound
    page = {"limit": query["limit"], "offset": (query["page"] - 1) * query["limit"]}
    rows = tx.all(_sql.list_of_series, seen_by(actor) | {"id": series_id} | page)
    total = rows[0]["total"] if rows else 0
    tail = dump({"page": query["page"], "limit": query["limit"], "total": total})
    now = clock.now()
    items = b",".join(reading.at(row["document"].encode(), now) for row in rows)
    return Answer(b'{"items":[%b],%b' % (items, tail[1:]))


def change(
    tx: Tx,
    *,
    settings: Settings,
    caller: Caller,
    series_id: UUID,
    body: Mapping[str, Any],
    versions: Sequence[int] | None = None,
) -> Answer:
    """Change details or move, by the scope in the body; the answer is the series that the changed bookings are in.

    Raises NotFound, PreconditionFailed, BookingClosed, Invalid, SeriesRefused, SlotTaken.
    """
    series = _lock(tx, caller.actor, series_id, versions)
    if body["scope"] == "this":
        _check_is_in(tx, caller.actor, series_id, body["bookingId"])
        service.change(tx, settings=settings, caller=caller, booking_id=body["bookingId"], body=body)
        return get(tx, actor=caller.actor, series_id=series_id)
    zone = ZoneInfo(series["time_zone"])
    named, rows = _affected(tx, caller.actor, series_id, body)
    by, length = _move(named, body, zone)
    moves = bool(by) or length is not None
    rows = [row for row in rows if row["status"] in (rules.MOVABLE if moves else rules.ACTIVE)]
    if not rows or (named is not None and body["scope"] == "following" and named not in rows):
        raise BookingClosed
    override, now = body.get("override", False), clock.now()
    for row in rows:
        bounds.check_override(row, override=override, reason=body.get("reason"))
    after = [_after(row, by, length, zone) for row in rows]
    if moves:
        terms = [bounds.moving(row, caller.actor, now, override=override) for row in rows]
        after = [row | more for row, more in zip(after, terms, strict=True)]
        for row in after:
            wishes.check_time(row["start_at"], row["end_at"], now, settings)
        _move_claims(tx, settings, rows, after, override=override)
    target = _divide(tx, caller, series, zone, rows, by, split=body["scope"] == "following")
    _write(tx, settings, caller, body, target, after, moves=moves)
    return get(tx, actor=caller.actor, series_id=target)


def cancel(
    tx: Tx,
    *,
    settings: Settings,
    caller: Caller,
    series_id: UUID,
    body: Mapping[str, Any],
    versions: Sequence[int] | None = None,
) -> Answer:
    """Call off, by the scope in the body. Every booking passes what it would pass alone; one that is refused stops all.

    Raises NotFound, PreconditionFailed, BookingClosed, and as `service.act`.
    """
    _lock(tx, caller.actor, series_id, versions)
    if body["scope"] == "this":
        _check_is_in(tx, caller.actor, series_id, body["bookingId"])
        ids = [body["bookingId"]]
    else:
        _, rows = _affected(tx, caller.actor, series_id, body)
        ids = [row["id"] for row in rows if row["status"] in rules.ACTIONS["cancel"].sources]
    together = body["scope"] != "this"
    extra = {"withSeries": True} if together else None
    service.cancel_all(tx, settings=settings, caller=caller, booking_ids=ids, body=body, extra=extra)
    if together:
        _tell(tx, caller, "series.cancelled", series_id, ids)
    return get(tx, actor=caller.actor, series_id=series_id)


def _lock(tx: Tx, actor: Actor, series_id: UUID, versions: Sequence[int] | None) -> Row:
    series = tx.one(_sql.lock_series, seen_by(actor) | {"id": series_id})
    if series is None:
        raise NotFound
    if versions is not None and series["version"] not in versions:
        raise PreconditionFailed(series["document"], series["version"])
    return series


def _check_is_in(tx: Tx, actor: Actor, series_id: UUID, booking_id: UUID) -> None:
    """Raise NotFound for a booking of another series."""
    params = seen_by(actor) | {"id": series_id} | {"booking_id": booking_id}
    if tx.one(_sql.occurrence_of, params) is None:
        raise NotFound


def _affected(tx: Tx, actor: Actor, series_id: UUID, body: Mapping[str, Any]) -> tuple[Row | None, list[Row]]:
    """The named booking, and those in the scope that have not begun, all locked. Raises NotFound."""
    params = seen_by(actor) | {"id": series_id}
    first = _BEGINNING
    if "bookingId" in body:
        found = tx.one(_sql.occurrence_of, params | {"booking_id": body["bookingId"]})
        if found is None:
            raise NotFound
        first = found["occurrence"] if body["scope"] == "following" else first
    rows = tx.all(_sql.lock_occurrences, params | {"from": first})
    named = next((row for row in rows if row["id"] == body.get("bookingId")), None)
    now = clock.now()
    return named, [row for row in rows if row["start_at"] > now]


def _move(named: Row | None, body: Mapping[str, Any], zone: ZoneInfo) -> tuple[timedelta, timedelta | None]:
    """How far on the wall clock the bookings move, and their new length if it changes. Raises Invalid."""
    if named is None or {"startAt", "endAt"}.isdisjoint(body):
        return timedelta(), None
    length = named["end_at"] - named["start_at"]
    start_at = body.get("startAt", named["start_at"])
    wished = body.get("endAt", start_at + length) - start_at
    if wished != length and named["service_id"]:
        raise Invalid([("endAt", "A booking of a service keeps its length.")])
    by = recurrence.wall(start_at, zone) - recurrence.wall(named["start_at"], zone)
    return by, wished if wished != length else None


def _after(row: Row, by: timedelta, length: timedelta | None, zone: ZoneInfo) -> Row:
    """A booking as it is to be. Raises Invalid for a wall-clock time that does not exist."""
    if not by and length is None:
        return row
    try:
        wall = recurrence.wall(row["start_at"], zone) + by
        start_at = recurrence.at_wall(wall, zone) if by else row["start_at"]
        occurrence = row["occurrence"] + by
    except (OverflowError, ValueError):
        raise Invalid([("startAt", "Is outside the time that can be booked.")]) from None
    if start_at is None:
        raise Invalid([("startAt", f"{wall.isoformat()} does not exist: clocks go forward over it.")])
    end_at = start_at + (length if length is not None else row["end_at"] - row["start_at"])
    return row | {"start_at": start_at, "end_at": end_at, "occurrence": occurrence}


def _move_claims(
    tx: Tx, settings: Settings, before: Sequence[Row], after: Sequence[Row], *, override: bool = False
) -> None:
    """Give up all old places and take all new ones; `override`: whatever hours, rules and closures say. Raises
    SeriesRefused naming what is closed or taken."""
    ids = list({id for row in before for id in row["resource_ids"]})
    if not override:
        # Caps count what others book at the same moment.
        locks = series_moves.locks(tx, settings, after)
        availability.lock(tx, locks[:1])
        availability.lock(tx, locks[1:])
    tx.all(_sql.keep_schedules, {"resource_ids": ids})
    tx.all(_sql.lock_exclusive, {"resource_ids": ids})
    tx.execute(_sql.drop_claims_of_many, {"ids": [row["id"] for row in before]})
    if not override and (refused := series_moves.refused(tx, settings, before, after)):
        told = [
            _told(row) if rule in OF_TAKEN else _told(row) | {"status": "refused", "rule": rule}
            for row, rule in refused[:_NAMED]
        ]
        raise SeriesRefused(f"{len(refused)} of {len(after)} times are not open.", occurrences=told)
    while lost := _lost(tx, after):
        if not sum(expiry.clear(tx, row) for row in lost):
            raise SeriesRefused(
                f"{len(lost)} of {len(after)} times are taken.", occurrences=[_told(row) for row in lost[:_NAMED]]
            )


class _NotAll(Exception):
    """Some claims could not be taken: those of these bookings."""

    def __init__(self, lost: list[Row]) -> None:
        self.lost = lost


def _lost(tx: Tx, after: Sequence[Row]) -> list[Row]:
    """Take all new places or none; the bookings that stand in the way of that by finding theirs taken."""
    try:
        with tx.savepoint():
            taken = tx.all(_sql.take_claims_of_many, {"rows": _rows(after)})
            claims = {row["booking_id"]: row["claims"] for row in taken}
            if lost := [row for row in after if claims.get(row["id"], 0) != len(row["resource_ids"])]:
                raise _NotAll(lost)
    except _NotAll as refused:
        return refused.lost
    except SlotTaken:
        # the trigger of shared resources, which does not say whose claim it was
        return list(after)
    return []


def _told(row: Row) -> dict[str, Any]:
    return {
        "occurrence": row["occurrence"].isoformat(),
        "startAt": instant_text(row["start_at"]),
        "endAt": instant_text(row["end_at"]),
        "status": "taken",
        "rule": None,
        "message": None,
        "alternatives": [],
    }


def _divide(
    tx: Tx, caller: Caller, series: Row, zone: ZoneInfo, rows: Sequence[Row], by: timedelta, *, split: bool
) -> UUID:
    """Let the series say what its bookings will say; with `split` in two, when some come before. The id of the one
    that the changed bookings belong to."""
    first = min(row["occurrence"] for row in rows)
    walls = _walls(series, zone)
    now = clock.now()
    moved = _said(series, zone, [one for one in walls if one >= first], by, {row["occurrence"] for row in rows})
    said = {**moved, "starts_at": first + by, "now": now}
    before = {row["occurrence"] for row in tx.all(_sql.earlier_occurrences, {"id": series["id"], "first": first})}
    if not split or not before:
        tx.execute(_sql.change_series, said | {"id": series["id"]})
        return UUID(str(series["id"]))
    kept = _said(series, zone, [one for one in walls if one < first], timedelta(), before)
    tx.execute(_sql.change_series, {**kept, "id": series["id"], "starts_at": series["starts_at"], "now": now})
    own = {name: series[name] for name in ("user_id", "service_id", "time_zone")}
    new = {"id": new_id(), "split_from": series["id"], "actor_id": caller.actor.id}
    tx.execute(_sql.insert_series, own | said | new)
    return UUID(str(new["id"]))


def _said(series: Row, zone: ZoneInfo, walls: Sequence[datetime], by: timedelta, booked: set[datetime]) -> Row:
    """The rule of some of a series' times, up to the last that has a booking, all of them later by `by`; and the dates
    of those that have none, being left out or called off. No rule when a booking stands for another time."""
    walls = [one for one in walls if one <= max(booked)]
    rule = recurrence.shifted(series["rrule"], zone, walls, by) if walls and booked <= {*walls} else None
    return {"rrule": rule, "exdates": sorted((one + by).date() for one in walls if rule and one not in booked)}


def _walls(series: Row, zone: ZoneInfo) -> list[datetime]:
    """All times of the series' rule that clocks show, those left out included; none when it has no rule, or one that
    could be sent when it was made and says too much."""
    if series["rrule"] is None:
        return []
    until = series["starts_at"] + timedelta(days=366 * 20)
    try:
        found = recurrence.occurrences(series["rrule"], series["starts_at"], zone, until=until)
    except RuleError:
        return []
    return [one.wall for one in found if one.at is not None]


def _write(
    tx: Tx,
    settings: Settings,
    caller: Caller,
    body: Mapping[str, Any],
    series_id: UUID,
    after: Sequence[Row],
    *,
    moves: bool,
) -> None:
    params: dict[str, Any] = {
        "rows": _rows(after),
        "series_id": series_id,
        "action": "reschedule" if moves else "update",
        "event": "booking.rescheduled" if moves else "booking.updated",
        "actor_id": caller.actor.id,
        "actor_role": caller.actor.role,
        "request_id": caller.request_id,
        "now": clock.now(),
        "leads": wishes.leads(settings),
        "reason": body.get("reason"),
        "used": Json({"override": True} if body.get("override") else {}),
    }
    for name in wishes.DETAILS:
        params |= {name: body.get(name), f"changes_{name}": name in body}
    if len(tx.all(_sql.change_occurrences, params)) != len(after):
        raise Conflict("The series changed at the same moment; try again.")
    event = "series.rescheduled" if moves else "series.updated"
    _tell(tx, caller, event, series_id, [row["id"] for row in after])


def _tell(tx: Tx, caller: Caller, event: str, series_id: UUID, booking_ids: Sequence[UUID]) -> None:
    who = {"actor_id": caller.actor.id, "request_id": caller.request_id, "now": clock.now()}
    tx.execute(_sql.tell_of_series, who | {"event": event, "id": series_id, "ids": list(booking_ids)})


_ROW = (
    "id",
    "version",
    "occurrence",
    "start_at",
    "end_at",
    "buffer_before_minutes",
    "buffer_after_minutes",
    "reschedules",
    "fee_amount",
)


def _rows(after: Sequence[Row]) -> Json:
    return Json([{name: row[name] for name in _ROW} for row in after], dumps=orjson.dumps)
