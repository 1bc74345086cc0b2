"""Which of many times can be booked, and who takes each. The one place where a series asks."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from bookings import queries
from bookings.auth import Actor
from bookings.availability import assignment, hours, matching, slots
from bookings.availability import service as availability
from bookings.availability.picture import Booked, Candidate, Picture
from bookings.availability.service import Reader
from bookings.availability.slots import OF_TAKEN, TAKEN, Found
from bookings.booking import agreement, deciding, offers, plain, wishes
from bookings.booking.errors import NotForYou
from bookings.booking.offers import Ask
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import Invalid

_sql = queries.load("booking")
_NAMES = ("providerId", "workspaceId", "resourceId")
_DAY = timedelta(days=1)
#: alternatives named on each side of a time that cannot be had
_BEFORE, _AFTER = 2, 3


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
    #: the same with whoever delivers most of the others, where a series looks for the next free time
    own: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts in the order of the times, and what they have in common."""

    verdicts: list[Verdict]
    #: parameters of the statement that books, the same for all times
    terms: dict[str, Any]
    #: the state of each resource's calendar by which it was judged
    versions: dict[UUID, int]
    #: the locks (availability.service.lock) under which caps have to be counted and turns taken, those of each list
    #: together; none: nothing depends on what others get
    locks: tuple[list[str], ...]
    #: whether whoever delivers some of it comes last for the next one
    turns: bool = False


def judge(
    database: Database,
    *,
    settings: Settings,
    actor: Actor,
    wish: Mapping[str, Any],
    body: Mapping[str, Any],
    spans: Sequence[Span],
    rest: Sequence[Verdict] | None = None,
    tx: Tx | None = None,
) -> Judged:
    """Judge every time as if the earlier ones that can be had were booked. `rest`: what the same series has besides
    instead of these, which counts, too; whoever delivers most of it comes first, and no alternatives are looked for.
    `tx`: in a transaction that has the locks of an earlier judgement.

    Raises Invalid for what is wrong whenever it is, NotForYou.
    """
    judged = _of_service if body.get("serviceId") else _of_resources
    return judged(_Asking(database, settings, actor, wish, body, rest, tx), spans)


@dataclass(frozen=True, slots=True)
class _Asking:
    """Who asks for what, and where it is read."""

    database: Database
    settings: Settings
    actor: Actor
    wish: Mapping[str, Any]
    body: Mapping[str, Any]
    rest: Sequence[Verdict] | None
    tx: Tx | None

    @property
    def reader(self) -> Database | Tx:
        return self.tx or self.database


# ---- time without a service


def _of_resources(asking: _Asking, spans: Sequence[Span]) -> Judged:
    body, wish = asking.body, asking.wish
    ids = wishes.named(body)
    terms = _plain_terms(wish, body, ids)
    found = _resources(asking, terms)
    wished = {**terms, "end_at": spans[0].end_at, "start_at": spans[0].start_at}
    picture = plain.read_plain(asking.reader, asking.settings, wished, *_bounds(spans))
    said = agreement.rules_of(picture, ids[0])
    confirmed = all(found[id]["auto_confirm"] for id in ids) and not agreement.demand(asking.reader, said, wish)
    row = _plain_row(body, ids, found, "confirmed" if confirmed else "pending") | {"policy": agreement.kept(said)}
    verdicts = _verdicts(asking, picture, spans, lambda span, free: row)
    return Judged(verdicts, terms, {one.id: one.version for one in picture.candidates}, _locks(wish, picture))


def _resources(asking: _Asking, terms: Mapping[str, Any]) -> dict[UUID, dict[str, Any]]:
    """What is asked for, by id. Raises Invalid, NotForYou."""

    def look(tx: Tx) -> dict[UUID, dict[str, Any]]:
        if not (tx.one(_sql.series_user_known, terms) or {})["known"]:
            raise Invalid([("userId", "There is no such user.")])
        return {row["id"]: row for row in tx.all(_sql.series_resources, terms)}

    found = look(asking.tx) if asking.tx else asking.database.run(look)
    _check_resources(asking.actor, asking.wish, asking.body, found)
    return found


def _bounds(spans: Sequence[Span]) -> tuple[datetime, datetime]:
    """The starts that the picture must cover: those of the times, and others on their days."""
    starts = [one.start_at for one in spans]
    return min(starts) - _DAY, max(starts) + _DAY


def _locks(wish: Mapping[str, Any], picture: Picture, turns: Sequence[str] = ()) -> tuple[list[str], ...]:
    """As bookings of services take them: whose turn it is and the customer first, then what they claim."""
    if not deciding.capped(picture):
        return (list(turns),) if turns else ()
    return [*turns, f"customer:{wish['user_id']}"], deciding.locks_of(picture.candidates)


# ---- what can be had, and what instead


def _verdicts(
    asking: _Asking, picture: Picture, spans: Sequence[Span], booked: Callable[[Span, Found], dict[str, Any]]
) -> list[Verdict]:
    """One verdict for each time; `booked` says what is then booked."""
    verdicts: list[Verdict] = []
    counting = deciding.capped(picture)
    for other in asking.rest or () if counting else ():
        picture = counted(picture, _seconds(other.span.start_at), other.row["resource_ids"])
    starts = [_seconds(span.start_at) for span in spans]
    found = iter(slots.each(picture, starts))
    for span, start in zip(spans, starts, strict=True):
        one = slots.at(picture, start) if counting else next(found)
        if not one.enough:
            verdicts.append(_cannot(picture, span, start))
            continue
        verdicts.append(Verdict("free", span, booked(span, one)))
        if counting:
            picture = counted(picture, start, verdicts[-1].row["resource_ids"])
    if asking.rest is not None:
        return verdicts
    looking = asking.body.get("onConflict") == "nextFree" and assignment.has_choice(picture)
    return _with_alternatives(picture, verdicts, _hand(verdicts) if looking else None)


def _hand(verdicts: Sequence[Verdict]) -> UUID | None:
    """Who delivers most of the times that can be had."""
    often = Counter(one.row["resource_ids"][0] for one in verdicts if one.status == "free")
    return next((id for id, _ in often.most_common(1)), None)


def _cannot(picture: Picture, span: Span, start: int) -> Verdict:
    """Why one time cannot be had."""
    if deciding.only_taken(picture, start):
        return Verdict("taken", span)
    rule = next((one for one in deciding.forbidding(picture, span.start_at) if one not in OF_TAKEN), TAKEN)
    return Verdict("refused", span, rule=rule, message=f"The rule {rule} does not allow it.")


def counted(picture: Picture, start: int, resource_ids: Sequence[UUID]) -> Picture:
    """The picture with one booking more in what caps count."""
    for one in picture.candidates:
        if one.id in resource_ids and one.schedule.rules.resource_caps:
            day = hours.local_date(start, one.schedule.calendar.zone)
            one.bookings = {**one.bookings, day: one.bookings.get(day, 0) + 1}
    service_id = UUID(picture.service["id"]) if picture.service else None
    booked = Booked(hours.local_date(start, picture.business_zone), service_id, frozenset(resource_ids))
    return replace(picture, customer=(*picture.customer, booked))


def _with_alternatives(picture: Picture, verdicts: list[Verdict], hand: UUID | None) -> list[Verdict]:
    """The times that cannot be had, each with the nearest starts that can: of the next 24 hours and those before; by
    whomever, and by who delivers most of the others (`hand`)."""
    wanting = [number for number, one in enumerate(verdicts) if one.status != "free"]
    if not wanting:
        return verdicts
    starts = [_seconds(verdicts[number].span.start_at) for number in wanting]
    free = _free_around(picture, starts)
    theirs = picture.only(lambda group: [one for one in group.candidates if one.id == hand or not group.leads])
    own = _free_around(theirs, starts) if hand else []
    for number, start in zip(wanting, starts, strict=True):
        verdicts[number] = replace(verdicts[number], alternatives=_nearest(free, start), own=_nearest(own, start))
    return verdicts


def _nearest(free: Sequence[int], start: int) -> tuple[datetime, ...]:
    at = bisect_left(free, start)
    near = [*free[max(0, at - _BEFORE) : at], *free[at : at + _AFTER]]
    return tuple(datetime.fromtimestamp(one, UTC) for one in near if abs(one - start) <= _DAY.total_seconds())


def _free_around(picture: Picture, starts: Sequence[int]) -> list[int]:
    """Starts within a day of these at which the same could be had."""
    day = int(_DAY.total_seconds())
    asked = slots.starts_of(picture)
    if not picture.terms.gridded:
        asked = sorted({*asked, *deciding.edges(picture)})
    near: set[int] = set()
    for start in starts:
        near |= set(asked[bisect_left(asked, start - day) : bisect_left(asked, start + day)])
    return [slot.start for slot in slots.find(picture, sorted(near), named=0)]


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


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
        "cancellation_policy": None,
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
    several = [found.get(id) for id in body.get("providerIds") or ()]
    if any(row is None or not row["active"] or row["kind"] != "provider" for row in several):
        wrong.append(("providerIds", "Must all be resources of kind provider."))
    elif small := [row["capacity"] for row in several if row and body["units"] > row["capacity"]]:
        wrong.append(("units", f"Only {min(small)} can be claimed at one time."))
    if wrong:
        raise Invalid(wrong)


# ---- services


def _of_service(asking: _Asking, spans: Sequence[Span]) -> Judged:
    first, wish = spans[0], asking.wish
    times = {"startAt": first.start_at, "endAt": first.end_at}
    ask = Ask(asking.settings, {**asking.body, **times}, {**wish, "start_at": first.start_at})
    if asking.tx is None:
        offers.check_customer(asking.database, ask)
    picture = ask.read(asking.reader, *_bounds(spans))
    deciding.check_no_shows(picture)
    order = _order(asking.reader, picture, spans, _hand(asking.rest or ()))

    def booked(span: Span, found: Found) -> dict[str, Any]:
        claimed = _chosen(picture, found, order)
        if not wish["unrestricted"] and not any(one.owner_id for one in claimed):
            raise NotForYou(errors=[{"field": "userId", "message": NotForYou.title()}])
        at_start = replace(ask, wish={**wish, "start_at": span.start_at})
        return _service_row(offers.asked(asking.reader, at_start, picture, claimed[0].id), claimed)

    verdicts = _verdicts(asking, picture, spans, booked)
    versions = {one.id: one.version for one in picture.candidates}
    terms = offers.terms(ask, picture) | {"units": picture.terms.units}
    turns = assignment.takes_turns(picture)
    locks = _locks(wish, picture, [offers.turns_of(ask)] if turns else ())
    return Judged(verdicts, terms, versions, locks, turns)


def _order(reader: Reader, picture: Picture, spans: Sequence[Span], hand: UUID | None) -> dict[UUID, int]:
    """Whom a series takes first, by their places in line: who has the rest of it in hand, then whoever is free at most
    of the times, so that it stays in one hand; between those the strategy decides, once for all times: by the bookings
    on their days, the turns of now or the random order of the first."""
    found = slots.each(picture, [_seconds(one.start_at) for one in spans])
    delivering = [at for at, group in enumerate(picture.groups) if group.leads]
    often = Counter(one.id for each in found for at in delivering for one in each.free[at])
    leading = [one for group in picture.groups if group.leads for one in group.candidates if often[one.id]]
    fairness: assignment.Fairness = {}
    if any(assignment.needs_fairness(picture, each) for each in found):
        fairness = availability.fairness(reader, picture, leading, [one.start_at for one in spans])
    line = assignment.ordered(picture, found[0].start, leading, fairness) if found else []
    line = sorted(line, key=lambda one: (one.id != hand, -often[one.id]))
    return {one.id: place for place, one in enumerate(line)}


def _chosen(picture: Picture, found: Found, order: Mapping[UUID, int]) -> list[Candidate]:
    """Who takes one time: of those who are free, who is first in line."""
    free = [
        sorted(one, key=lambda each: order[each.id]) if group.leads else list(one)
        for group, one in zip(picture.groups, found.free, strict=True)
    ]
    holders = [(number, one.id) for number, members in enumerate(free) for one in members]
    chosen = matching.assign([group.count for group in picture.groups], holders) or []
    by_id = {one.id: one for members in free for one in members}
    return [by_id[id] for ids in chosen for id in ids]  # type: ignore[index]


#: what may differ from one time to another, with the day and who delivers
_AGREED = (
    "status",
    "price_amount",
    "payment_required",
    "payment_status",
    "confirm_when_paid",
    "policy",
    "cancellation_policy",
)


def _service_row(terms: Mapping[str, Any], claimed: Sequence[Candidate]) -> dict[str, Any]:
    first = {one.kind: one.id for one in reversed(claimed)}
    return {
        **{name: terms[name] for name in _AGREED},
        "resource_ids": [one.id for one in claimed],
        "provider_id": first.get("provider"),
        "workspace_id": first.get("workspace"),
    }
