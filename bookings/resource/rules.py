"""Who may change what of a resource. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable

KINDS = ("provider", "workspace", "equipment")
#: what owners may change of what is theirs; the rest decides about other people's bookings and is for admins
OWNERS_FIELDS = frozenset({"name", "description", "location", "timeZone", "autoConfirm", "amenities", "photoUrl"})


def beyond_owner(fields: Iterable[str]) -> list[str]:
    """Those of the fields that only an admin may change."""
    return sorted(set(fields) - OWNERS_FIELDS)


def may_own(role: str, kind: str) -> bool:
    """Whether a user of this role can own a resource of this kind: a provider is a person who provides."""
    return role == "provider" or (role == "admin" and kind != "provider")
