"""Choosing a password without knowing the old one: with a token from an admin. Only its SHA-256 is stored."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from bookings import queries
from bookings.account import sessions
from bookings.account.errors import InvalidInvitation
from bookings.auth import Caller
from bookings.clock import now
from bookings.db import Database, Tx

_sql = queries.load("account")
#: lets secret scanners recognise a leaked token
PREFIX = "bki_"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the admin hands over. The token is told here once and never again."""

    token: str
    expires_at: datetime


def invite(tx: Tx, *, caller: Caller, user_id: UUID, lifetime: timedelta) -> Invitation:
    """A token for a user, in place of an older one."""
    at = now()
    invitation = Invitation(PREFIX + secrets.token_urlsafe(32), at + lifetime)
    tx.execute(
        _sql.invite,
        {
            "user_id": user_id,
            "token_hash": sessions.hash_of(invitation.token),
            "invited_by": caller.actor.id,
            "now": at,
            "expires_at": invitation.expires_at,
        },
    )
    return invitation


def email_of(database: Database, *, token: str) -> str:
    """The e-mail address behind a token. Raises InvalidInvitation."""
    row = database.row(_sql.invited, {"token_hash": sessions.hash_of(token), "now": now()})
    if row is None:
        raise InvalidInvitation
    return str(row[0])


def accept(tx: Tx, *, token: str, password_hash: str, lifetime: timedelta) -> tuple[dict[str, Any], str]:
    """Set the password, sign out everywhere and begin a session: the user and a refresh token.

    Raises InvalidInvitation.
    """
    values = {"token_hash": sessions.hash_of(token), "password_hash": password_hash, "now": now()}
    user = tx.one(_sql.accept, values)
    if user is None:
        raise InvalidInvitation
    sessions.end_all(tx, user_id=user["id"])
    return user, sessions.start(tx, user_id=user["id"], lifetime=lifetime)


def withdraw(tx: Tx, *, user_id: UUID) -> None:
    """Let an unused token work no more."""
    tx.execute(_sql.withdraw_invitation, {"user_id": user_id})


def forget_expired(tx: Tx) -> int:
    """Housekeeping: delete tokens whose time is over; how many."""
    return tx.execute(_sql.forget_invitations, {"now": now()})
