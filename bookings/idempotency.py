"""Idempotency-Key: the same request sent again is answered again, not done again.

The answer is stored in the transaction of its effect, last, so the ordinary case needs no look-up first: a twin either
waits for the key's row or is refused by what the first one did, and only then looks for the stored answer. Refused
requests store nothing and may be tried again. Keys belong to the caller and live IDEMPOTENCY_TTL.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from uuid import UUID

import orjson
from psycopg.types.json import Json

from bookings import queries
from bookings.answer import Answer
from bookings.db import Database, Tx
from bookings.errors import Conflict, IdempotencyKeyReused, Invalid

_sql = queries.load("idempotency")


class KeyTaken(Conflict):
    """A request with this Idempotency-Key has just been done."""

    code = "idempotency-key-taken"
    constraints = ("idempotency_keys_once",)


@dataclass(frozen=True, slots=True)
class Key:
    """A client's key and the fingerprint of the request it came with."""

    actor_id: UUID
    text: str
    fingerprint: bytes

    @classmethod
    def of(cls, actor_id: UUID, text: str, method: str, path: str, body: bytes) -> Key:
        """Make a key. The body counts by its JSON value, not its spelling. Raises Invalid."""
        if not 1 <= len(text) <= 255 or not text.isprintable():
            raise Invalid([("Idempotency-Key", "Must be 1 to 255 printable characters.")])
        try:
            canonical = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS) if body else b""
        except orjson.JSONDecodeError:
            canonical = body
        return cls(actor_id, text, hashlib.sha256(b"\n".join((method.encode(), path.encode(), canonical))).digest())


def store(tx: Tx, key: Key, answer: Answer) -> Answer:
    """Keep an answer under its key. Raises KeyTaken, which undoes the command, when a twin was quicker."""
    body = answer.body if isinstance(answer.body, str) else answer.body.decode()
    tx.execute(
        _sql.store,
        {
            "actor_id": key.actor_id,
            "key": key.text,
            "fingerprint": key.fingerprint,
            "status": answer.status,
            "headers": Json(answer.headers),
            "body": body,
        },
    )
    return answer


def find(database: Database, key: Key) -> Answer | None:
    """The stored answer, marked as replayed. Raises IdempotencyKeyReused when the key came with another request."""
    row = database.row(_sql.find, {"actor_id": key.actor_id, "key": key.text})
    if row is None:
        return None
    fingerprint, status, headers, body = row
    if bytes(fingerprint) != key.fingerprint:
        raise IdempotencyKeyReused
    return Answer(body, status, {**headers, "Idempotent-Replayed": "true"})
