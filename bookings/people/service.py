"""Managing people: who sees whom, and what else changes when an account does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from bookings import queries
from bookings.account import directory
from bookings.account import service as account
from bookings.account.rules import CAUSES, CHANNELS
from bookings.auth import Actor, Caller
from bookings.db import Database, Tx
from bookings.errors import Forbidden, NotFound
from bookings.resource import service as resource

_sql = queries.load("people")
Versions = tuple[int, ...] | None
#: what a provider may write of a customer: what it takes to serve and reach them. How somebody signs in, and what they
#: want to hear of, is their own.
OF_CUSTOMERS = {"name", "phone", "timeZone", "locale", "addresses"}


def get(database: Database, *, actor: Actor, user_id: UUID) -> tuple[str, int]:
    """A user's document and version, as far as the actor may see it. Raises NotFound.

    An admin sees everyone, everybody themselves, and a provider the few fields of whoever has booked them.
    """
    if actor.is_admin or actor.id == user_id:
        return account.get(database, user_id=user_id)
    row = database.run(lambda tx: _seen_by_provider(tx, actor, user_id))
    return row["document"], row["version"]


def change(tx: Tx, *, caller: Caller, user_id: UUID, body: Mapping[str, Any], versions: Versions) -> tuple[str, int]:
    """Change a profile: the new document, as far as the actor may see it, and version.

    Admins change everyone, everybody themselves, and a provider the OF_CUSTOMERS of customers who have booked them.
    Raises NotFound for whom the actor cannot see, else Forbidden; and what directory.change does.
    """
    actor = caller.actor
    whole = actor.is_admin or actor.id == user_id
    if not whole:
        customer = _seen_by_provider(tx, actor, user_id)["role"] == "customer"
        if not customer or not body.keys() <= OF_CUSTOMERS:
            raise Forbidden(
                "A provider may change name, phone, timeZone, locale and addresses of their customers. All else is for"
                " the person themself or an admin."
            )
    changed = directory.change(tx, caller=caller, user_id=user_id, body=body, versions=versions)
    return changed if whole else (_seen_by_provider(tx, actor, user_id)["document"], changed[1])


def _seen_by_provider(tx: Tx, actor: Actor, user_id: UUID) -> dict[str, Any]:
    """What a provider sees of whoever has booked them. Raises NotFound."""
    row = None
    if actor.role == "provider":
        row = tx.one(_sql.find_customer, {"id": user_id, "provider_id": actor.id})
    if row is None:
        raise NotFound
    return row


def whole(body: Mapping[str, Any]) -> dict[str, Any]:
    """A whole profile as a change: what it leaves out is named, with its default."""
    empty: dict[str, Any] = {"phone": None, "timeZone": "UTC", "locale": "en", "addresses": []}
    wished = body.get("notifications", {})
    named = {name: {cause: wished.get(name, {}).get(cause, True) for cause in CAUSES} for name in CHANNELS.values()}
    return {**empty, **body, "notifications": named}


def disable(tx: Tx, *, caller: Caller, user_id: UUID, reason: str | None, versions: Versions) -> tuple[str, int]:
    """Disable an account; a provider's own resource takes no new bookings any more.

    Raises as `directory.disable`.
    """
    answer = directory.disable(tx, caller=caller, user_id=user_id, reason=reason, versions=versions)
    close_calendar(tx, caller=caller, user_id=user_id)
    return answer


def close_calendar(tx: Tx, *, caller: Caller, user_id: UUID) -> None:
    """A provider who cannot sign in cannot be booked; for everybody else nothing happens."""
    if resource.exists(tx, resource_id=user_id):
        resource.change(tx, caller=caller, resource_id=user_id, body={"active": False}, versions=None)


def stats(database: Database, *, actor: Actor, user_id: UUID) -> str:
    """How often somebody booked, what they spent and how often they did not come, as JSON. Raises NotFound."""
    if not actor.is_admin and actor.id != user_id:
        raise NotFound
    account.get(database, user_id=user_id)
    row = database.row(_sql.stats, {"id": user_id})
    assert row is not None
    return str(row[0])
