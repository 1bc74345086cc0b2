"""Which of many times can be booked, and who takes each. The one place where a series asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from bookings import queries
from bookings.auth import Actor
from bookings.availability import matching, slots
from bookings.availability.picture import Candidate, Picture
from bookings.availability.slots import Found
from bookings.booking import agreement, deciding, offers, plain
from bookings.booking.deciding import Read
from bookings.booking.errors import NotForYou
from bookings.booking.offers import Ask
from bookings.config import Settings
from bookings.db import Database
from bookings.errors import Invalid

_sql = queries.load("booking")
_NAMES = ("providerId", "workspaceId", "resourceId")
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when somebody wants to come; both aware."""

    start_at: datetime
    end_at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of one time: `free`, with what is then booked; `taken`; or `refused`, by which rule."""

    status: str
    span: Span
    #: parameters of the statement that books, for this time alone
    row: dict[str, Any] = field(default_factory=dict)
    rule: str | None = None
    message: str | None = None
    alternatives: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts in the order of the times, and what they have in common."""

    verdicts: list[Verdict]
    #: parameters of the statement that books, the same for all times
    terms: dict[str, Any]
    #: the state of each resource's calendar by which it was judged
    versions: dict[UUID, int]


def judge(
    database: Database,
    *,
    settings: Settings,
    actor: Actor,
    wish: Mapping[str, Any],
    body: Mapping[str, Any],
    spans: Sequence[Span],
    alternatives: bool = True,
) -> Judged:
    """Judge every time by itself, as if nothing of the series were booked yet.

    Raises Invalid for what is wrong whenever it is, NotForYou.
    """
    if body.get("serviceId"):
        return _of_service(database, settings, wish, body, spans, alternatives=alternatives)
    return _of_resources(database, settings, actor, wish, body, spans, alternatives=alternatives)


# ---- time without a service


def _of_resources(
    database: Database,
    settings: Settings,
    actor: Actor,
    wish: Mapping[str, Any],
    body: Mapping[str, Any],
    spans: Sequence[Span],
    *,
    alternatives: bool,
) -> Judged:
    ids = list(dict.fromkeys(body[name] for name in _NAMES if body.get(name)))
    terms = _plain_terms(wish, body, ids)
    with database.transaction() as tx:
        found = {row["id"]: row for row in tx.all(_sql.series_resources, terms)}
        if not (tx.one(_sql.series_user_known, terms) or {})["known"]:
            raise Invalid([("userId", "There is no such user.")])
        _check_resources(actor, wish, body, found)
    length = {"end_at": spans[0].end_at, "start_at": spans[0].start_at}

    def read(lower: datetime, upper: datetime) -> Picture:
        return plain.read_plain(database, settings, {**terms, **length}, lower, upper)

    picture = read(*_bounds(spans))
    said = agreement.rules_of(picture, ids[0])
    confirmed = all(found[id]["auto_confirm"] for id in ids) and not agreement.demand(database, said, wish)
    row = _plain_row(body, ids, found, "confirmed" if confirmed else "pending") | {"policy": agreement.kept(said)}
    free = [slots.at(picture, span.start_at) for span in spans]
    verdicts = [
        Verdict("free", span, row) if one.enough else _cannot(picture, read, span, alternatives)
        for span, one in zip(spans, free, strict=True)
    ]
    return Judged(verdicts, terms, {one.id: one.version for one in picture.candidates})


def _bounds(spans: Sequence[Span]) -> tuple[datetime, datetime]:
    starts = [one.start_at for one in spans]
    return min(starts), max(starts) + _SECOND


def _cannot(picture: Picture, read: Read, span: Span, alternatives: bool) -> Verdict:
    """Why one time cannot be had, and what could be instead."""
    instead = deciding.next_free(read, span.start_at, gridded=picture.terms.gridded) if alternatives else []
    starts = tuple(map(datetime.fromisoformat, instead))
    if slots.at(picture, span.start_at, whatever_is_claimed=True).enough:
        return Verdict("taken", span, alternatives=starts)
    forbidding = deciding.forbidding(picture, span.start_at)
    rule = next((one for one in forbidding if one != "claims"), "claims")
    return Verdict("refused", span, rule=rule, message="Opening hours or rules do not allow it.", alternatives=starts)


def _plain_terms(wish: Mapping[str, Any], body: Mapping[str, Any], ids: list[UUID]) -> dict[str, Any]:
    none = ("service_id", "service_version", "currency", "session_places", "cancellation_policy", "reminder_leads")
    return {
        **wish,
        **dict.fromkeys(none),
        "resource_ids": ids,
        "units": body["units"],
        "party_size": 1,
        "place_price": None,
        "buffer_before_minutes": 0,
        "buffer_after_minutes": 0,
    }


def _plain_row(
    body: Mapping[str, Any], ids: list[UUID], found: Mapping[UUID, Mapping[str, Any]], status: str
) -> dict[str, Any]:
    first = {found[id]["kind"]: id for id in reversed(ids)}
    return {
        "resource_ids": ids,
        "provider_id": body.get("providerId") or first.get("provider"),
        "workspace_id": body.get("workspaceId") or first.get("workspace"),
        "status": status,
        "price_amount": None,
        "payment_required": False,
        "payment_status": None,
        "confirm_when_paid": False,
    }


def _check_resources(
    actor: Actor, wish: Mapping[str, Any], body: Mapping[str, Any], found: Mapping[UUID, Mapping[str, Any]]
) -> None:
    """Raises NotForYou, Invalid naming the wrong fields."""
    if not wish["unrestricted"]:
        owners = {row["owner_id"] for row in found.values()}
        if actor.id not in owners or not owners <= {actor.id, None}:
            raise NotForYou(errors=[{"field": "userId", "message": NotForYou.title()}])
    wrong = []
    for name in _NAMES:
        row = found.get(body[name]) if body.get(name) else None
        if body.get(name) and (row is None or not row["active"]):
            wrong.append((name, "There is no such resource."))
        elif row is not None and name != "resourceId" and row["kind"] != name.removesuffix("Id"):
            wrong.append((name, f"Is a resource of kind {row['kind']}; send it as resourceId."))
        elif row is not None and body["units"] > row["capacity"]:
            wrong.append(("units", f"Only {row['capacity']} can be claimed at one time."))
    if wrong:
        raise Invalid(wrong)


# ---- services


def _of_service(
    database: Database,
    settings: Settings,
    wish: Mapping[str, Any],
    body: Mapping[str, Any],
    spans: Sequence[Span],
    *,
    alternatives: bool,
) -> Judged:
    first = spans[0]
    ask = Ask(
        settings, {**body, "startAt": first.start_at, "endAt": first.end_at}, {**wish, "start_at": first.start_at}
    )
    offers.check_customer(database, ask)

    def read(lower: datetime, upper: datetime) -> Picture:
        return ask.read(database, lower, upper)

    picture = read(*_bounds(spans))
    found = [slots.at(picture, span.start_at) for span in spans]
    often = Counter(one.id for each in found for one in each.free[0])
    verdicts: list[Verdict] = []
    for span, one in zip(spans, found, strict=True):
        claimed = _chosen(picture, one, often)
        if claimed is None:
            verdicts.append(_cannot(picture, read, span, alternatives))
            continue
        if not wish["unrestricted"] and not any(each.owner_id for each in claimed):
            raise NotForYou(errors=[{"field": "userId", "message": NotForYou.title()}])
        terms = offers.asked(database, replace(ask, wish={**wish, "start_at": span.start_at}), picture, claimed[0].id)
        verdicts.append(Verdict("free", span, _service_row(terms, claimed)))
    versions = {one.id: one.version for one in picture.candidates}
    return Judged(verdicts, offers.terms(ask, picture) | {"units": picture.terms.units}, versions)


def _chosen(picture: Picture, found: Found, often: Mapping[UUID, int]) -> list[Candidate] | None:
    """Who takes one time; whoever is free at most of the times, so that a series stays in one hand."""
    if not found.enough:
        return None
    free = [
        sorted(one, key=lambda each: -often[each.id]) if group.leads else list(one)
        for group, one in zip(picture.groups, found.free, strict=True)
    ]
    holders = [(number, one.id) for number, members in enumerate(free) for one in members]
    chosen = matching.assign([group.count for group in picture.groups], holders) or []
    by_id = {one.id: one for members in free for one in members}
    return [by_id[id] for ids in chosen for id in ids]  # type: ignore[index]


def _service_row(terms: Mapping[str, Any], claimed: Sequence[Candidate]) -> dict[str, Any]:
    first = {one.kind: one.id for one in reversed(claimed)}
    names = ("status", "price_amount", "payment_required", "payment_status", "confirm_when_paid", "policy")
    return {
        **{name: terms[name] for name in names},
        "resource_ids": [one.id for one in claimed],
        "provider_id": first.get("provider"),
        "workspace_id": first.get("workspace"),
    }
