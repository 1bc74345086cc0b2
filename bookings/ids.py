"""Identifiers: UUIDv7 (RFC 9562), ordered by time and made without asking the database."""

from __future__ import annotations

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A new UUIDv7."""
    return uuid7()
