"""Cursors of lists that go by time: an instant and an id, which say after which row the next page begins."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from uuid import UUID

from bookings.errors import Invalid


def written(at: str, id: UUID | str) -> str:
    """The cursor of a row, as clients get it."""
    return base64.urlsafe_b64encode(f"{at}|{id}".encode()).decode().rstrip("=")


def read(text: str) -> tuple[datetime, UUID]:
    """The instant, in UTC, and the id in a cursor. Raises Invalid for one that `written` cannot have made."""
    try:
        at, id = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split("|")
        # In UTC, since near the years 1 and 9999 an instant with another offset is none for PostgreSQL.
        return datetime.fromisoformat(at).astimezone(UTC), UUID(id)
    except (ValueError, binascii.Error, OverflowError):
        raise Invalid([("cursor", "Is not a nextCursor of this list.")]) from None
