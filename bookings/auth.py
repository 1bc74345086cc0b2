"""Who is calling: access tokens, the actor they stand for, and the guards that blueprints are registered with.

An access token is a JWT (RFC 7519) signed with HS256, typed `at+jwt` (RFC 9068). It lives ACCESS_TOKEN_TTL; a role
change or a disabled account takes effect when it ends.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jwt
from flask import current_app, g, request

from bookings.clock import now
from bookings.config import Settings
from bookings.errors import Forbidden, Unauthorized

_ISSUER = "bookings"
_ALGORITHM = "HS256"
_TYPE = "at+jwt"
#: verified tokens remembered per process; at this many the memory starts anew
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Actor:
    """The user on whose behalf a command runs."""

    id: UUID
    role: str

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """An actor and the request it makes: what a command needs to know to write history and events."""

    actor: Actor
    request_id: str | None = None


#: on whose behalf jobs and event consumers act; no user has this id
SYSTEM = Actor(UUID(int=0), "admin")
SYSTEM_CALLER = Caller(SYSTEM)


class Tokens:
    """Issues and verifies access tokens."""

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.jwt_secret
        self._ttl = settings.access_token_ttl
        self._verified: dict[str, tuple[Actor, float]] = {}

    @property
    def lifetime(self) -> int:
        """How long a token is valid, in seconds."""
        return int(self._ttl.total_seconds())

    def issue(self, actor: Actor) -> str:
        """A new access token for an actor."""
        issued = now()
        claims = {
            "iss": _ISSUER,
            "aud": _ISSUER,
            "sub": str(actor.id),
            "role": actor.role,
            "iat": issued,
            "exp": issued + self._ttl,
        }
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM, headers={"typ": _TYPE})

    def verify(self, token: str) -> tuple[Actor, float]:
        """The actor of a token and when it expires (seconds since 1970). Raises Unauthorized."""
        known = self._verified.get(token)
        if known and known[1] > time.time():
            return known
        found = self._decode(token)
        if len(self._verified) >= _REMEMBERED:
            self._verified.clear()
        self._verified[token] = found
        return found

    def _decode(self, token: str) -> tuple[Actor, float]:
        try:
            decoded: dict[str, Any] = jwt.decode_complete(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=_ISSUER,
                options={"require": ["exp", "iat", "sub", "iss", "aud"], "enforce_minimum_key_length": True},
            )
            if decoded["header"].get("typ") != _TYPE:
                raise Unauthorized("This is not an access token.")
            claims = decoded["payload"]
            return Actor(UUID(claims["sub"]), str(claims["role"])), float(claims["exp"])
        except jwt.ExpiredSignatureError:
            raise Unauthorized("The access token has expired.") from None
        except (jwt.PyJWTError, KeyError, ValueError, RecursionError):
            raise Unauthorized("The access token is not valid.") from None


def public() -> None:
    """Guard: anyone may call."""


def signed_in() -> None:
    """Guard: a valid access token is needed; the caller becomes `g.actor`. Raises Unauthorized."""
    g.actor = _actor()


def _actor() -> Actor:
    scheme, _, token = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized
    actor: Actor = current_app.extensions["tokens"].verify(token.strip())[0]
    return actor


def if_signed_in() -> Actor | None:
    """The caller of a route for everybody, if a token says who it is. Raises Unauthorized for one that is not valid."""
    if "HTTP_AUTHORIZATION" not in request.environ:
        return None
    signed_in()
    actor: Actor = g.actor
    return actor


def known() -> Actor | None:
    """Whose valid token the request carries, if any. It refuses nothing: only for what must not depend on it."""
    if "HTTP_AUTHORIZATION" not in request.environ:
        return None
    try:
        return _actor()
    except Unauthorized:
        return None


def admins() -> None:
    """Guard: a valid access token of an admin is needed. Raises Unauthorized, Forbidden."""
    signed_in()
    require_admin(g.actor)


def seen_by(actor: Actor) -> dict[str, Any]:
    """Who looks, as parameters of queries that show everybody only their own."""
    return {"actor_id": actor.id, "is_admin": actor.is_admin}


def scope_of(actor: Actor, user_id: UUID | None, rows: str) -> str:
    """Whose rows a list has, such as payments: a `user`'s, those of what the actor is `owner` of, or `all`.

    Raises Forbidden when somebody else than an admin asks for another's.
    """
    if not actor.is_admin and user_id not in (None, actor.id):
        raise Forbidden(f"You may list your own {rows}.")
    if user_id is not None or actor.role == "customer":
        return "user"
    return "all" if actor.is_admin else "owner"


def require_admin(actor: Actor) -> None:
    """Raise Forbidden unless the actor is an admin."""
    if not actor.is_admin:
        raise Forbidden("Only an admin may do this.")
