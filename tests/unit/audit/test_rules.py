"""Nothing secret gets into the audit trail, whatever a caller hands over."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from bookings.account.passwords import hash_password
from bookings.account.sessions import hash_of, new_token
from bookings.audit.rules import REMOVED, changed, harmless
from bookings.auth import Actor, Tokens
from tests.guards.app import SETTINGS


@pytest.mark.parametrize(
    "name",
    ["password", "passwordHash", "password_hash", "refreshToken", "clientSecret", "jwt_secret", "apiKey", "cardNumber"],
)
def test_what_has_the_name_of_a_secret_is_removed(name: str) -> None:
    assert harmless({"kept": "x", name: "hush", "deep": [{name: "hush"}]}) == {
        "kept": "x",
        name: REMOVED,
        "deep": [{name: REMOVED}],
    }


@pytest.mark.parametrize(
    "secret",
    [
        hash_password("correct horse battery staple"),
        new_token(),
        f"Bearer {Tokens(SETTINGS).issue(Actor(UUID(int=1), 'admin'))}",
        hash_of("token"),
        "whsec_0123456789abcdef",
        "-----BEGIN PRIVATE KEY-----",
    ],
    ids=["password hash", "refresh token", "access token", "bytes", "webhook key", "pem"],
)
def test_what_looks_like_a_secret_is_removed_under_any_name(secret: Any) -> None:
    assert harmless({"note": secret, "list": [secret]}) == {"note": REMOVED, "list": [REMOVED]}


def test_ordinary_values_stay_and_long_texts_are_cut() -> None:
    values = {"name": "Room 1", "capacity": 3, "active": True, "ownerId": None}
    assert harmless(values) == values
    assert len(harmless("a" * 100_000)) == 2000


def test_only_what_differs_is_told() -> None:
    assert changed({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}) == ({"b": 2, "c": None}, {"b": 3, "c": 4})
