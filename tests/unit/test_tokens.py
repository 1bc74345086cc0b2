"""Access tokens: only ours, only whole, only while they live."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest

from bookings.auth import Actor, Tokens
from bookings.config import Settings
from bookings.errors import Unauthorized

SECRET = "a secret that is long enough for HS256 and even for HS512, which we refuse"
ACTOR = Actor(uuid4(), "provider")


@pytest.fixture
def tokens() -> Tokens:
    """With nothing remembered."""
    return Tokens(Settings(jwt_secret=SECRET))


def claims(**changes: Any) -> dict[str, Any]:
    """What a good token says, with changes; None takes a claim away."""
    now = datetime.now(UTC)
    good = {
        "iss": "bookings",
        "aud": "bookings",
        "sub": str(ACTOR.id),
        "role": "provider",
        "iat": now,
        "exp": now + timedelta(minutes=5),
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def signed(payload: dict[str, Any], *, key: str = SECRET, typ: str = "at+jwt", alg: str = "HS256") -> str:
    """A token of our own making."""
    return jwt.encode(payload, key, algorithm=alg, headers={"typ": typ})


def test_what_is_issued_is_verified(tokens: Tokens) -> None:
    """The actor comes back, with the end of the token's life."""
    actor, expires = tokens.verify(tokens.issue(ACTOR))
    assert actor == ACTOR
    assert 0 < expires - datetime.now(UTC).timestamp() <= tokens.lifetime == 900


def test_one_made_by_hand_is_verified(tokens: Tokens) -> None:
    """The tokens below are refused for what is wrong with them, not for how they were made."""
    assert tokens.verify(signed(claims()))[0] == ACTOR


@pytest.mark.parametrize(
    "token",
    [
        signed(claims(), key="another secret that is long enough too"),
        signed(claims(), typ="JWT"),
        signed(claims(), alg="HS512"),
        signed(claims(exp=datetime.now(UTC) - timedelta(seconds=1))),
        signed(claims(iss="somebody")),
        signed(claims(aud="somebody")),
        signed(claims(sub="not-a-uuid")),
        *(signed(claims(**{name: None})) for name in ("iss", "aud", "sub", "role", "iat", "exp")),
        "",
        "x",
        "a.b.c",
        "é.é.é",
    ],
)
def test_all_others_are_refused(tokens: Tokens, token: str) -> None:
    """Forged, expired, for something else, incomplete, or no token at all."""
    with pytest.raises(Unauthorized):
        tokens.verify(token)


def test_an_unsigned_token_is_refused(tokens: Tokens) -> None:
    """`alg: none` (RFC 8725, section 2.1)."""
    parts = ({"alg": "none", "typ": "at+jwt"}, claims(iat=1, exp=9999999999))
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    with pytest.raises(Unauthorized):
        tokens.verify(f"{head}.{body}.")


def test_a_remembered_token_still_expires(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verified once is not verified for ever."""
    token = tokens.issue(ACTOR)
    _, expires = tokens.verify(token)
    monkeypatch.setattr("bookings.auth.time.time", lambda: expires + 1)
    monkeypatch.setattr("jwt.api_jwt.datetime", _Later)
    with pytest.raises(Unauthorized, match="expired"):
        tokens.verify(token)


class _Later(datetime):
    """A clock an hour ahead."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        """In an hour."""
        return datetime.now(tz) + timedelta(hours=1)


def test_memory_is_bounded(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any number of users leaves it small."""
    monkeypatch.setattr("bookings.auth._REMEMBERED", 3)
    for _ in range(10):
        tokens.verify(tokens.issue(Actor(uuid4(), "customer")))
    assert len(tokens._verified) <= 3
