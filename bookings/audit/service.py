"""Writing and reading the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from psycopg.types.json import Json

from bookings import queries
from bookings.audit.rules import harmless
from bookings.auth import Actor, Caller, require_admin
from bookings.clock import now
from bookings.db import Database, Tx

_sql = queries.load("audit")
_NEWEST = 2**63 - 1


def record(
    tx: Tx,
    caller: Caller,
    action: str,
    *,
    subject: tuple[str, UUID | str],
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write down that the caller used a privilege, in the transaction of the change.

    `action` is `<subject type>.<verb>`, such as `user.role`. `before` and `after` hold what changed, under the names of
    the API; None: there was nothing before, or nothing is left. What is secret in them is left out.
    """
    tx.execute(
        _sql.record,
        {
            "at": now(),
            "actor_id": caller.actor.id,
            "actor_role": caller.actor.role,
            "request_id": caller.request_id,
            "action": action,
            "subject_type": subject[0],
            "subject_id": str(subject[1]),
            "before": _document(before),
            "after": _document(after),
        },
    )


def listing(database: Database, *, actor: Actor, query: Mapping[str, Any]) -> bytes:
    """One page of entries as JSON, newest first. Raises Forbidden unless the actor is an admin."""
    require_admin(actor)
    params = {
        "before_id": query.get("cursor", _NEWEST),
        "actor_id": query.get("actorId"),
        "action": query.get("action"),
        "subject_type": query.get("subjectType"),
        "subject_id": query.get("subjectId"),
        "request_id": query.get("requestId"),
        "from": query.get("from_"),
        "to": query.get("to"),
        "limit": query["limit"] + 1,
    }
    with database.transaction() as tx:
        rows = tx.all(getattr(_sql, f"list_of_{_leading(params)}"), params)
    shown = rows[: query["limit"]]
    return orjson.dumps(
        {
            "items": [orjson.Fragment(row["document"]) for row in shown],
            "limit": query["limit"],
            "nextCursor": shown[-1]["id"] if len(rows) > len(shown) else None,
        }
    )


def _leading(params: Mapping[str, Any]) -> str:
    """The filter that leaves least, whose index leads the list."""
    for name, filter in (("subject", "subject_id"), ("request", "request_id"), ("actor", "actor_id")):
        if params[filter] is not None:
            return name
    return "action" if params["action"] is not None else "all"


def _document(values: Mapping[str, Any] | None) -> Json | None:
    return None if values is None else Json(harmless(values), dumps=_dumps)


def _dumps(value: Any) -> bytes:
    return orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)
