"""Commands and questions about resources. Admins make them; everyone signed in may read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
import psycopg

from bookings import paging, queries
from bookings.audit import service as audit
from bookings.audit.rules import changed
from bookings.auth import Actor, Caller, require_admin
from bookings.clock import now
from bookings.db import Database, Tx
from bookings.errors import Conflict, Forbidden, Invalid, NotFound, PreconditionFailed
from bookings.ids import new_id
from bookings.resource.errors import CapacityClaimed
from bookings.resource.rules import beyond_owner, may_own

_sql = queries.load("resource")
Row = dict[str, Any]
_COLUMNS = {
    "name": "name",
    "description": "description",
    "location": "location",
    "timeZone": "time_zone",
    "capacity": "capacity",
    "ownerId": "owner_id",
    "autoConfirm": "auto_confirm",
    "active": "active",
    "amenities": "amenities",
    "photoUrl": "photo_url",
}
#: how claims refuse a smaller capacity; for other commands these names mean other things
_CLAIMS = ("allocations_no_overlap", "allocations_within_capacity")


def create(tx: Tx, *, caller: Caller, body: Mapping[str, Any]) -> tuple[str, int, UUID]:
    """Make something bookable: document, version and id. A provider takes the id, and unless told otherwise name and
    time zone, of their user. Raises Forbidden, Invalid for an unfit owner, ProviderExists.
    """
    require_admin(caller.actor)
    is_provider = body["kind"] == "provider"
    owner = _owner(tx, body)
    values = {
        "id": owner["id"] if is_provider and owner else new_id(),
        "kind": body["kind"],
        "name": body.get("name") or (owner["name"] if owner else None),
        "description": body["description"],
        "location": body["location"],
        "time_zone": body.get("timeZone") or (owner["time_zone"] if owner else None),
        "capacity": body["capacity"],
        "owner_id": owner["id"] if owner else None,
        "auto_confirm": body["autoConfirm"],
        "amenities": body["amenities"],
        "photo_url": body["photoUrl"],
        "now": now(),
    }
    created = tx.one(_sql.insert, values)
    assert created is not None
    made = {name: values[column] for name, column in _COLUMNS.items() if column in values}
    audit.record(
        tx, caller, "resource.create", subject=("resource", values["id"]), after={"kind": values["kind"], **made}
    )
    return created["document"], created["version"], values["id"]


def _owner(tx: Tx, body: Mapping[str, Any]) -> Row | None:
    field = "userId" if body.get("userId") else "ownerId"
    owner_id = body.get(field)
    return _fit_owner(tx, field, owner_id, body["kind"]) if owner_id else None


def _fit_owner(tx: Tx, field: str, owner_id: UUID, kind: str) -> Row:
    owner = tx.one(_sql.lock_owner, {"id": owner_id})
    if owner is None:
        raise Invalid([(field, "There is no such user.")])
    if not may_own(owner["role"], kind):
        raise Invalid([(field, f"Is a {owner['role']}; only a provider can own a {kind}.")])
    return owner


def get(database: Database, *, resource_id: UUID) -> tuple[str, int]:
    """The document and version of a resource. Raises NotFound."""
    row = database.row(_sql.find, {"id": resource_id})
    if row is None:
        raise NotFound
    return row[0], row[1]


def exists(tx: Tx, *, resource_id: UUID) -> bool:
    """Whether there is such a resource."""
    return tx.one(_sql.exists, {"id": resource_id}) is not None


def change(
    tx: Tx, *, caller: Caller, resource_id: UUID, body: Mapping[str, Any], versions: tuple[int, ...] | None
) -> tuple[str, int]:
    """Change a resource: the new document and version. By an admin it is written to the audit trail.

    Raises NotFound, Forbidden, PreconditionFailed, Invalid for an unfit owner, CapacityClaimed.
    """
    of_calendar = not {"capacity", "timeZone"}.isdisjoint(body)
    resource = tx.one(_sql.lock_calendar if of_calendar else _sql.lock, {"id": resource_id})
    if resource is None:
        raise NotFound
    _check_may_change(caller.actor, resource, body)
    if versions is not None and resource["version"] not in versions:
        raise PreconditionFailed(orjson.loads(resource["document"]), resource["version"])
    _check_owner(tx, resource, body)
    values = {_COLUMNS[name]: value for name, value in body.items()}
    if all(resource[column] == value for column, value in values.items()):
        return resource["document"], resource["version"]
    if caller.actor.id != resource["owner_id"]:
        was, became = changed({name: resource[_COLUMNS[name]] for name in body}, body)
        audit.record(tx, caller, "resource.change", subject=("resource", resource_id), before=was, after=became)
    return _write(tx, {**resource, **values, "now": now()})


def _check_may_change(actor: Actor, resource: Row, body: Mapping[str, Any]) -> None:
    if actor.is_admin:
        return
    if resource["owner_id"] != actor.id:
        raise Forbidden("Only its owner or an admin may change a resource.")
    if refused := beyond_owner(body):
        raise Forbidden(f"Only an admin may change {', '.join(refused)}.")


def _check_owner(tx: Tx, resource: Row, body: Mapping[str, Any]) -> None:
    if "ownerId" not in body or body["ownerId"] == resource["owner_id"]:
        return
    if resource["kind"] == "provider":
        raise Invalid([("ownerId", "A provider is their own owner.")])
    if body["ownerId"] is not None:
        _fit_owner(tx, "ownerId", body["ownerId"], resource["kind"])


def _write(tx: Tx, values: Mapping[str, Any]) -> tuple[str, int]:
    try:
        changed = tx.one(_sql.change, values)
    except psycopg.IntegrityError as error:
        if error.diag.constraint_name in _CLAIMS:
            raise CapacityClaimed from error
        raise
    if changed is None:
        raise Conflict("The resource changed meanwhile; try again.")
    return changed["document"], changed["version"]


def listing(database: Database, *, query: Mapping[str, Any]) -> bytes:
    """One page of resources as JSON, by name."""
    row = database.row(
        _sql.list,
        {
            "kind": query.get("kind"),
            "owner_id": query.get("ownerId"),
            "q": query.get("q"),
            "active": query["active"],
        }
        | paging.window(query),
    )
    documents, total = row or ("", 0)
    return paging.answer(query, documents.encode(), total)
