"""What admins do with the accounts of others; over HTTP see bookings/people/."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from bookings import cursor, paging, queries
from bookings.account import invitations, service, sessions
from bookings.account.errors import OwnAccount
from bookings.account.invitations import Invitation
from bookings.account.service import Row, User
from bookings.audit import service as audit
from bookings.audit.rules import changed
from bookings.auth import Caller, require_admin
from bookings.clock import now
from bookings.db import Database, Tx

_sql = queries.load("account")
Versions = tuple[int, ...] | None
#: a word of fewer letters has no trigrams inside; it is looked for at the beginning of words
_TRIGRAM = 3


def listing(database: Database, *, caller: Caller, query: Mapping[str, Any]) -> bytes:
    """One page of users as JSON, by name. Raises Forbidden unless the caller is an admin, Invalid for a bad cursor."""
    require_admin(caller.actor)
    after = _read_cursor(query["cursor"]) if "cursor" in query else ("", paging.LOWEST_ID)
    params = {
        "role": query.get("role"),
        "disabled": query.get("disabled"),
        "pattern": _pattern(query["q"]) if "q" in query else None,
        "after_name": after[0],
        "after_id": after[1],
    } | paging.window(query)
    with database.transaction() as tx:
        tx.execute(_sql.plan_anew)
        rows = tx.all(_sql.list, params)
        total = (tx.one(_sql.total, params) or {})["total"]
    next_cursor = paging.next_cursor(query, rows, _cursor)
    return paging.answer(query, paging.documents(rows), total, nextCursor=next_cursor)


def _pattern(q: str) -> str:
    plain = q.lower().replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{plain}%" if len(q) >= _TRIGRAM else f"% {plain}%"


def _cursor(row: Row) -> str:
    return cursor.written_words([row["name"]], row["id"])


def _read_cursor(text: str) -> tuple[str, UUID]:
    (name,), id = cursor.read_words(text, 1)
    return name, id


def create(tx: Tx, *, caller: Caller, body: Mapping[str, Any], lifetime: timedelta) -> tuple[User, Invitation]:
    """A new user of any role, who chooses a password with the invitation. Raises Forbidden, EmailTaken."""
    require_admin(caller.actor)
    user = service.create(
        tx,
        email=body["email"],
        name=body["name"],
        phone=body["phone"],
        time_zone=body["timeZone"],
        locale=body["locale"],
        role=body["role"],
        password_hash=None,
    )
    after = {name: body[name] for name in ("email", "name", "role")}
    audit.record(tx, caller, "user.create", subject=("user", user["id"]), after=after)
    return user, invitations.invite(tx, caller=caller, user_id=user["id"], lifetime=lifetime)


def invite(tx: Tx, *, caller: Caller, user_id: UUID, lifetime: timedelta) -> Invitation:
    """Another token for a user who never came, or forgot their password.

    Raises Forbidden, NotFound, AccountErased, AccountDisabled.
    """
    require_admin(caller.actor)
    service.lock_enabled(tx, user_id)
    audit.record(tx, caller, "user.invite", subject=("user", user_id))
    return invitations.invite(tx, caller=caller, user_id=user_id, lifetime=lifetime)


def change(tx: Tx, *, caller: Caller, user_id: UUID, body: Mapping[str, Any], versions: Versions) -> tuple[str, int]:
    """Change somebody's profile: the new document and version. `email` is for admins; who else may change what is the
    caller's to say.

    Raises Forbidden, NotFound, AccountErased, PreconditionFailed, EmailTaken.
    """
    if "email" in body:
        require_admin(caller.actor)
    user = service.lock(tx, user_id, versions)
    values = service.wished(user, body) | {name: body[name] for name in ("email",) if name in body}
    if caller.actor.id != user_id:
        was, became = changed(user, values)
        if became:
            audit.record(tx, caller, "user.change", subject=("user", user_id), before=was, after=became)
    return service.write(tx, user, values)


def disable(tx: Tx, *, caller: Caller, user_id: UUID, reason: str | None, versions: Versions) -> tuple[str, int]:
    """Let somebody sign in no more: sessions end now, access tokens when they expire.

    Raises Forbidden, OwnAccount, LastAdmin, NotFound, AccountErased, PreconditionFailed.
    """
    require_admin(caller.actor)
    if caller.actor.id == user_id:
        raise OwnAccount
    user = service.lock(tx, user_id, versions)
    if user["disabled_at"] is None:
        after = {"disabled": True, "reason": reason}
        audit.record(tx, caller, "user.disable", subject=("user", user_id), before={"disabled": False}, after=after)
    sessions.end_all(tx, user_id=user_id)
    invitations.withdraw(tx, user_id=user_id)
    return service.write(tx, user, {"disabled_at": user["disabled_at"] or now()})


def enable(tx: Tx, *, caller: Caller, user_id: UUID, versions: Versions) -> tuple[str, int]:
    """Let somebody sign in again. Raises Forbidden, NotFound, AccountErased, PreconditionFailed."""
    require_admin(caller.actor)
    user = service.lock(tx, user_id, versions)
    if user["disabled_at"] is not None:
        subject = ("user", user_id)
        audit.record(tx, caller, "user.enable", subject=subject, before={"disabled": True}, after={"disabled": False})
    return service.write(tx, user, {"disabled_at": None})


def erase(tx: Tx, *, caller: Caller, user_id: UUID, reason: str | None) -> str:
    """Empty an account and end its sessions: the e-mail address it had. Admins erase everyone, others themselves.

    Raises Forbidden, NotFound, AccountErased, LastAdmin.
    """
    if caller.actor.id != user_id:
        require_admin(caller.actor)
    user = service.lock(tx, user_id, None)
    sessions.end_all(tx, user_id=user_id)
    invitations.withdraw(tx, user_id=user_id)
    tx.execute(_sql.erase, {"id": user_id, "now": now()})
    audit.record(tx, caller, "user.erase", subject=("user", user_id), after={"erased": True, "reason": reason})
    email: str = user["email"]
    return email
