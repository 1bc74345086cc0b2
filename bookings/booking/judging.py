"""Which of many times can be booked, and who takes each. The one place where a series asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from bookings import queries
from bookings.auth import Actor
from bookings.booking import choosing, offers
from bookings.booking.choosing import Candidate
from bookings.booking.errors import NotForYou
from bookings.config import Settings
from bookings.db import Database
from bookings.errors import Invalid
from bookings.prepared import array

_sql = queries.load("booking")
_NAMES = ("providerId", "workspaceId", "resourceId")


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
    return _of_resources(database, actor, wish, body, spans, alternatives=alternatives)


# ---- time without a service


def _of_resources(
    database: Database,
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
        lowers, uppers = [one.start_at for one in spans], [one.end_at for one in spans]
        rows = tx.all(_sql.series_room, terms | {"lowers": lowers, "uppers": uppers})
        full = {row["number"] for row in rows}
        status = "confirmed" if all(found[id]["auto_confirm"] for id in ids) else "pending"
        row = _plain_row(body, ids, found, status)
        verdicts = [Verdict("taken" if number in full else "free", span, row) for number, span in enumerate(spans)]
        if alternatives:
            verdicts = [_with_next(tx, one, terms) if one.status == "taken" else one for one in verdicts]
    return Judged(verdicts, terms, {id: found[id]["schedule_version"] for id in ids})


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


def _with_next(tx: Any, verdict: Verdict, terms: Mapping[str, Any]) -> Verdict:
    span = verdict.span
    params = {**terms, "start_at": span.start_at, "length": span.end_at - span.start_at}
    found = tuple(row["candidate"] for row in tx.all(_sql.next_free, params))
    return Verdict(verdict.status, span, verdict.row, alternatives=found)


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
    named = {name: body[name] for name in _NAMES if body.get(name)}
    read = [_read(database, wish, body, span, named) for span in spans]
    often = Counter(one.id for offer in read for one in offer.deliverers if one.free)
    verdicts: list[Verdict] = []
    common: dict[str, Any] = {}
    for offer, span in zip(read, spans, strict=True):
        now = {**wish, "start_at": span.start_at}
        terms = offers._terms(settings, offer.service, now, {**body, "endAt": span.end_at})
        common = common or terms
        choice = _chosen(offer, now, named, often)
        found = offers._taken(database, offer, terms, named).extra["nextFree"] if alternatives and not choice else []
        verdicts.append(
            Verdict(
                "free" if choice else "taken",
                span,
                _service_row(terms, choice),
                alternatives=tuple(map(datetime.fromisoformat, found)),
            )
        )
    return Judged(verdicts, common, {})


def _read(
    database: Database, wish: Mapping[str, Any], body: Mapping[str, Any], span: Span, named: Mapping[str, UUID]
) -> offers.Offer:
    asked = {
        **wish,
        "service_id": body["serviceId"],
        "start_at": span.start_at,
        "end_at": span.end_at,
        "party_size": body.get("partySize"),
        "named": array([str(id) for id in named.values()]),
    }
    return offers._read(database.hot(offers._OFFER, asked))


def _chosen(
    offer: offers.Offer, wish: Mapping[str, Any], named: Mapping[str, UUID], often: Mapping[UUID, int]
) -> tuple[Candidate, ...]:
    """Who takes one time; whoever is free at most of the times, so that a series stays in one hand. Raises Invalid,
    NotForYou."""
    mine = offer if wish["unrestricted"] else offers._own(offer, wish["actor_id"], named)

    def steady(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        return sorted(candidates, key=lambda one: -often[one.id])

    choice = choosing.choose(mine.deliverers, mine.needs, named, steady)
    if choice.wrong:
        raise Invalid(list(choice.wrong))
    return choice.claimed


def _service_row(terms: Mapping[str, Any], claimed: Sequence[Candidate]) -> dict[str, Any]:
    first = {one.kind: one.id for one in reversed(claimed)}
    names = ("status", "price_amount", "payment_required", "payment_status", "confirm_when_paid")
    return {
        **{name: terms[name] for name in names},
        "resource_ids": [one.id for one in claimed],
        "provider_id": first.get("provider"),
        "workspace_id": first.get("workspace"),
    }
