"""Commands and questions about services. Admins make and change them, each change with its entry in the audit;
everybody may read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from psycopg.types.json import Jsonb

from bookings import queries
from bookings.answer import Answer
from bookings.audit import service as audit
from bookings.auth import Caller, require_admin
from bookings.catalogue import rules
from bookings.clock import now
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import Invalid, NotFound, PreconditionFailed
from bookings.http import uuid_or_none, versioned
from bookings.ids import new_id

_sql = queries.load("catalogue")
Document = dict[str, Any]


def get(database: Database, *, named: str) -> tuple[str, int]:
    """The document and version of a service, by id or slug. Raises NotFound."""
    if id := uuid_or_none(named):
        row = database.row(_sql.find, {"id": id})
    else:
        row = database.row(_sql.find_by_slug, {"slug": _slug(named)})
    if row is None:
        raise NotFound
    return row[0], row[1]


def pricing(database: Database, *, settings: Settings, named: str, query: Mapping[str, Any]) -> Document:
    """What a booking would cost. Raises NotFound, Invalid for a duration or party that the service does not take."""
    service = orjson.loads(get(database, named=named)[0])
    minutes = query.get("duration", service["durations"][0]["minutes"])
    party_size = query.get("partySize", service["minPartySize"])
    on = query.get("date") or local_date(settings, now())
    if minutes not in [one["minutes"] for one in service["durations"]]:
        raise Invalid([("duration", rules.duration_error(service))])
    if wrong := rules.party_error(service, party_size):
        raise Invalid([("partySize", wrong)])
    quote = rules.quote(service, minutes=minutes, on=on, party_size=party_size)
    return {
        "serviceId": service["id"],
        "duration": minutes,
        "date": on.isoformat(),
        "partySize": party_size,
        "price": {"amount": quote.amount, "currency": quote.currency},
        "rule": quote.rule,
    }


def local_date(settings: Settings, at: datetime) -> date:
    """The day of an instant where the business is: price rules speak of such days."""
    return at.astimezone(ZoneInfo(settings.business_time_zone)).date()


def create(tx: Tx, *, caller: Caller, body: Mapping[str, Any]) -> Answer:
    """Offer a new service. Raises Forbidden, Invalid, SlugTaken."""
    require_admin(caller.actor)
    id = new_id()
    service = dict(body)
    service.setdefault("slug", rules.slug_of(body["name"], f"service-{id.hex[-12:]}"))
    service.setdefault("maxPartySize", max(body["capacity"], body["minPartySize"]))
    _check(tx, service)
    tx.execute(_sql.insert, _columns(id, service))
    _write_parts(tx, id, service)
    document = _document(tx, id)
    audit.record(tx, caller, "service.create", subject=("service", id), before=None, after=document)
    return versioned(orjson.dumps(document), 1, 201, location=f"/services/{id}")


def change(tx: Tx, *, caller: Caller, named: str, body: Mapping[str, Any], versions: Sequence[int] | None) -> Answer:
    """Change, archive or offer again, by id or slug. Bookings keep what was agreed.

    Raises Forbidden, NotFound, PreconditionFailed, Invalid, SlugTaken.
    """
    require_admin(caller.actor)
    before = _lock(tx, _id_of(tx, named), versions)
    service_id = UUID(before["id"])
    known = _as_sent(before)
    service = known | dict(body)
    if _comparable(service) == _comparable(known):
        return versioned(orjson.dumps(before), before["version"])
    _check(tx, service)
    tx.execute(_sql.change, _columns(service_id, service))
    if not {"resourceIds", "requirements"}.isdisjoint(body):
        _write_parts(tx, service_id, service)
    after = _document(tx, service_id)
    audit.record(tx, caller, "service.change", subject=("service", service_id), before=before, after=after)
    return versioned(orjson.dumps(after), after["version"])


def archive(tx: Tx, *, caller: Caller, named: str, versions: Sequence[int] | None) -> Answer:
    """Withdraw a service. It stays, because bookings may speak of it. Raises as `change` does."""
    return change(tx, caller=caller, named=named, body={"archived": True}, versions=versions)


def _id_of(tx: Tx, named: str) -> UUID:
    if id := uuid_or_none(named):
        return id
    row = tx.one(_sql.find_by_slug, {"slug": _slug(named)})
    if row is None:
        raise NotFound
    found: UUID = row["id"]
    return found


def _slug(named: str) -> str:
    """What may be a slug. Raises NotFound for what cannot be one: PostgreSQL would refuse some of it, such as NUL."""
    if rules.slug_error(named):
        raise NotFound
    return named


def _lock(tx: Tx, id: UUID, versions: Sequence[int] | None) -> Document:
    row = tx.one(_sql.lock, {"id": id})
    if row is None:
        raise NotFound
    document: Document = row["document"]
    if versions is not None and document["version"] not in versions:
        raise PreconditionFailed(document, document["version"])
    return document


def _document(tx: Tx, id: UUID) -> Document:
    row = tx.one(_sql.lock, {"id": id})
    assert row is not None
    document: Document = row["document"]
    return document


_DERIVED = ("id", "category", "priceFrom", "rating", "archivedAt", "version", "createdAt", "updatedAt")


def _as_sent(document: Document) -> Document:
    """A service's document in the shape in which clients send one."""
    sent = {name: value for name, value in document.items() if name not in _DERIVED}
    return sent | {
        "categoryId": document["category"]["id"] if document["category"] else None,
        "archived": document["archivedAt"] is not None,
    }


def _comparable(service: Document) -> bytes:
    policy = rules.sorted_policy(service["cancellationPolicy"])
    return orjson.dumps(service | {"cancellationPolicy": policy}, option=orjson.OPT_SORT_KEYS)


def _columns(id: UUID, service: Document) -> dict[str, Any]:
    policy = rules.sorted_policy(service["cancellationPolicy"])
    return {
        "id": id,
        "slug": service["slug"],
        "name": service["name"],
        "description": service["description"],
        "category_id": service["categoryId"],
        "durations": Jsonb(service["durations"]),
        "currency": service["currency"],
        "per_person_price": service["perPersonPrice"],
        "price_rules": Jsonb(service["priceRules"]),
        "price_from": rules.price_from(service),
        "buffer_before_minutes": service["bufferBeforeMinutes"],
        "buffer_after_minutes": service["bufferAfterMinutes"],
        "capacity": service["capacity"],
        "min_party_size": service["minPartySize"],
        "max_party_size": service["maxPartySize"],
        "requires_confirmation": service["requiresConfirmation"],
        "requires_payment": service["requiresPayment"],
        "cancellation_policy": Jsonb(policy) if policy else None,
        "reminder_leads": service["reminderLeadMinutes"],
        "featured": service["featured"],
        "collective": service["collective"],
        "archived": service.get("archived", False),
        "now": now(),
    }


def _write_parts(tx: Tx, id: UUID, service: Document) -> None:
    tx.execute(_sql.drop_deliverers, {"id": id})
    tx.execute(_sql.add_deliverers, {"id": id, "resource_ids": [UUID(str(one)) for one in service["resourceIds"]]})
    needed = [one | {"resourceIds": [str(r) for r in one["resourceIds"]]} for one in service["requirements"]]
    tx.execute(_sql.drop_requirements, {"id": id})
    tx.execute(_sql.add_requirements, {"id": id, "requirements": Jsonb(needed)})


def _check(tx: Tx, service: Document) -> None:
    """Raises Invalid, naming everything that contradicts itself or does not exist."""
    wrong = list(rules.errors(service))
    if service["categoryId"] and not tx.one(_sql.find_category, {"id": service["categoryId"]}):
        wrong.append(("categoryId", "There is no such category."))
    wrong += _wrong_resources(tx, service)
    if wrong:
        raise Invalid(wrong)


def _wrong_resources(tx: Tx, service: Document) -> list[tuple[str, str]]:
    lists = [("resourceIds", None, service["resourceIds"])]
    for number, needed in enumerate(service["requirements"]):
        lists.append((f"requirements.{number}.resourceIds", needed, needed["resourceIds"]))
    ids = {UUID(str(id)) for _, _, listed in lists for id in listed}
    known = {row["id"]: row for row in tx.all(_sql.resources_named, {"resource_ids": list(ids)})}
    wrong = []
    for field, needed, listed in lists:
        named = [UUID(str(id)) for id in listed]
        if len(set(named)) < len(named):
            wrong.append((field, "Names one twice."))
        if needed and named and len(named) < needed["count"]:
            wrong.append((field, f"Names fewer than {needed['count']}."))
        wrong += [(field, f"{id}: {text}") for id in named if (text := _unfit(known.get(id), needed, service))]
    return wrong


def _unfit(resource: Mapping[str, Any] | None, needed: Document | None, service: Document) -> str | None:
    if resource is None:
        return "There is no such resource."
    if needed and resource["kind"] != needed["kind"]:
        return f"Is a resource of kind {resource['kind']}."
    if resource["capacity"] < service["capacity"]:
        return f"Has {resource['capacity']} units, fewer than a session has places (capacity)."
    return None
