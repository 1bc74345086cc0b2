"""Who may change when something is open, and how a change and a booking never pass each other unseen: whoever changes
locks the resources that it concerns and counts their `schedule_version` up; whoever books names the version it has
judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bookings import queries
from bookings.audit import service as audit
from bookings.auth import Caller, require_admin
from bookings.availability.layers import BUSINESS, RESOURCE, SERVICE
from bookings.clock import now
from bookings.db import Tx
from bookings.errors import Forbidden, Invalid, NotFound

_sql = queries.load("availability")
NIL = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose layer it is: the business (nil id), a service or a resource."""

    layer: str
    id: UUID = NIL

    @property
    def params(self) -> dict[str, Any]:
        """As the queries name it."""
        return {"layer": self.layer, "subject_id": self.id}


@dataclass(frozen=True, slots=True)
class Locked:
    """A subject that nobody books by, or changes, until the transaction ends."""

    subject: Subject
    #: the caller owns it: then nothing is written to the audit trail
    own: bool


def lock(tx: Tx, *, caller: Caller, subject: Subject) -> Locked:
    """Lock what a change concerns. Raises NotFound, Forbidden for whoever may not change it."""
    if subject.layer == RESOURCE:
        return Locked(subject, lock_resources(tx, caller=caller, ids=[subject.id]))
    require_admin(caller.actor)
    if subject.layer == SERVICE:
        if tx.one(_sql.lock_service, {"id": subject.id}) is None:
            raise NotFound
    else:
        lock_all(tx)
    return Locked(subject, own=False)


def lock_all(tx: Tx) -> None:
    """Lock every resource, and keep new ones from appearing."""
    tx.one(_sql.lock_business)
    tx.one(_sql.lock_all_resources)


def lock_resources(tx: Tx, *, caller: Caller, ids: Sequence[UUID], field: str | None = None) -> bool:
    """Lock some resources that the caller may change: an admin, or who owns all of them, which is what it returns.

    Raises NotFound for one that is not there (Invalid, where a field of the request names them), Forbidden.
    """
    rows = tx.all(_sql.lock_resources_named, {"resource_ids": list(ids)})
    if missing := set(ids) - {row["id"] for row in rows}:
        if field is None:
            raise NotFound
        raise Invalid([(field, f"{id}: There is no such resource.") for id in sorted(missing)])
    own = all(row["owner_id"] == caller.actor.id for row in rows)
    if not own and not caller.actor.is_admin:
        raise Forbidden("Only its owner or an admin may change when a resource is open.")
    return own


def lock_quietly(tx: Tx, *, ids: Sequence[UUID]) -> None:
    """Lock some resources for a change that nobody asks for."""
    tx.all(_sql.lock_resources_named, {"resource_ids": list(ids)})


def count_up(tx: Tx, *, subject: Subject) -> None:
    """Have everybody who has judged by what held before judge anew."""
    if subject.layer == BUSINESS:
        tx.execute(_sql.count_up_all)
    elif subject.layer == SERVICE:
        tx.execute(_sql.count_up_service, {"id": subject.id, "now": now()})
    else:
        count_up_resources(tx, ids=[subject.id])


def count_up_resources(tx: Tx, *, ids: Sequence[UUID]) -> None:
    """The same of some resources."""
    tx.execute(_sql.count_up_resources, {"resource_ids": list(ids)})


def record(tx: Tx, *, caller: Caller, locked: Locked, verb: str, before: Any, after: Any) -> None:
    """Write a change to the audit trail, unless it is of the caller's own."""
    if not locked.own:
        layer = locked.subject.layer
        audit.record(
            tx,
            caller,
            f"{layer}.{verb}",
            subject=(layer, locked.subject.id),
            before=before or None,
            after=after or None,
        )
