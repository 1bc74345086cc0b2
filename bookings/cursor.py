"""Cursors: the instant (or the words) and the id that say after which row of a list the next page begins."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import orjson

from bookings.errors import Invalid

_WRONG = "Is not a nextCursor of this list."


def written(at: str, id: UUID | str) -> str:
    """The cursor of a row, as clients get it."""
    return _sealed(f"{at}|{id}".encode())


def read(text: str) -> tuple[datetime, UUID]:
    """The instant, in UTC, and the id in a cursor. Raises Invalid for one that `written` cannot have made."""
    try:
        at, id = _opened(text).decode().split("|")
        # In UTC, since near the years 1 and 9999 an instant with another offset is none for PostgreSQL.
        return datetime.fromisoformat(at).astimezone(UTC), UUID(id)
    except (ValueError, OverflowError):
        raise Invalid([("cursor", _WRONG)]) from None


def written_words(words: Sequence[str], id: UUID | str) -> str:
    """The cursor of a row in a list that goes by words."""
    return _sealed(orjson.dumps([*words, str(id)]))


def read_words(text: str, count: int) -> tuple[list[str], UUID]:
    """So many words and the id in a cursor. Raises Invalid for one that `written_words` cannot have made."""
    try:
        *words, id = parts = orjson.loads(_opened(text))
        if len(words) != count or not all(isinstance(part, str) and "\0" not in part for part in parts):
            raise ValueError
        return words, UUID(id)
    except (ValueError, TypeError):
        raise Invalid([("cursor", _WRONG)]) from None


def _sealed(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _opened(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
