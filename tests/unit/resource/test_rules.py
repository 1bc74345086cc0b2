"""Who may own and change resources."""

from __future__ import annotations

import pytest

from bookings.resource.rules import beyond_owner, may_own


@pytest.mark.parametrize(
    "role, kind, allowed",
    [
        ("provider", "provider", True),
        ("provider", "equipment", True),
        ("admin", "workspace", True),
        ("admin", "provider", False),
        ("customer", "provider", False),
        ("customer", "workspace", False),
    ],
)
def test_owners(role: str, kind: str, allowed: bool) -> None:
    assert may_own(role, kind) is allowed


def test_fields_beyond_an_owner() -> None:
    assert beyond_owner(["name", "description", "location", "timeZone", "autoConfirm"]) == []
    assert beyond_owner(["ownerId", "name", "active", "capacity"]) == ["active", "capacity", "ownerId"]
