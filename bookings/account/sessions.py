"""Staying signed in: refresh tokens that work once (RFC 9700, section 4.14.2). Only their SHA-256 is stored."""

from __future__ import annotations

import hashlib
import logging
import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from bookings import queries
from bookings.clock import now
from bookings.db import Tx
from bookings.ids import new_id

_sql = queries.load("account")
log = logging.getLogger(__name__)
#: lets secret scanners recognise a leaked token
PREFIX = "bkr_"


def new_token() -> str:
    """A refresh token: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(token: str) -> bytes:
    """What is stored of a token. A random token needs no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def start(tx: Tx, *, user_id: UUID, lifetime: timedelta) -> str:
    """Begin a family of tokens, one sign-in on one device; its first token."""
    family_id, token, at = new_id(), new_token(), now()
    tx.execute(_sql.open_family, {"id": family_id, "user_id": user_id, "now": at})
    tx.execute(
        _sql.keep_token,
        {"token_hash": hash_of(token), "family_id": family_id, "now": at, "expires_at": at + lifetime},
    )
    return token


def rotate(tx: Tx, *, token: str, lifetime: timedelta) -> tuple[dict[str, Any], str] | None:
    """Exchange a token for its successor: the user and the new token; None when it is not valid.

    Reuse revokes the family, which must be committed: so refusal is a result here, not an exception. Of two who show
    a token at once one gets the successor and the other None, without revocation.
    """
    old_hash, at = hash_of(token), now()
    stolen = tx.one(_sql.revoke_reused, {"old_hash": old_hash, "now": at})
    if stolen is not None:
        log.warning(
            "refresh token reused, family revoked",
            extra={"family_id": str(stolen["id"]), "user_id": str(stolen["user_id"])},
        )
        return None
    successor = new_token()
    user = tx.one(
        _sql.rotate,
        {"old_hash": old_hash, "new_hash": hash_of(successor), "now": at, "expires_at": at + lifetime},
    )
    return None if user is None else (user, successor)


def end(tx: Tx, *, token: str) -> None:
    """Sign out on the device that holds this token; an unknown token is signed out already."""
    tx.execute(_sql.revoke_family_of, {"token_hash": hash_of(token), "now": now()})


def end_all(tx: Tx, *, user_id: UUID) -> None:
    """Sign out everywhere."""
    tx.execute(_sql.revoke_families_of_user, {"user_id": user_id, "now": now()})


def forget_expired(tx: Tx) -> int:
    """Housekeeping: delete families whose tokens have all expired; how many."""
    return tx.execute(_sql.forget_expired, {"now": now()})
