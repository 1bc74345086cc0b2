"""From a client's message to the answer: `{"event", "data", "status", "ref"}`, or the problem in the shape of HTTP."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import Any

import orjson

from bookings import problems
from bookings.answer import Answer
from bookings.errors import BadRequest, DomainError, Invalid
from bookings.http import load, parse_object
from bookings.idempotency import Key
from bookings.ids import new_id
from bookings.realtime import commands, schemas
from bookings.realtime.commands import Context
from bookings.realtime.connection import Connection

log = logging.getLogger(__name__)
access_log = logging.getLogger("bookings.access")
_FRAME = schemas.Frame()
_INTERNAL = {
    "type": "/problems/internal",
    "title": "The service made a mistake",
    "status": 500,
    "detail": "The operators can find it in the log under this requestId.",
    "code": "internal",
}


@dataclass(slots=True)
class _Message:
    """What is known of a message so far; enough to answer it whatever becomes of it."""

    request_id: str
    name: str | None = None
    ref: str | int | None = None


class Messages:
    """Handles messages one at a time with the parts of the app."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def handle(self, connection: Connection, text: str | bytes) -> None:
        """Carry out one message and send the answer. Raises only what sending raises."""
        began = time.perf_counter()
        message = _Message(new_id().hex)
        try:
            outcome, reply = self._run(connection, text, message)
            status, answer = outcome.status, _answer(message, reply, outcome)
        except DomainError as error:
            status, answer = problems.status_of(error), _problem(message, problems.document(error))
        except Exception:
            log.exception("unexpected error", extra={"request_id": message.request_id})
            status, answer = 500, _problem(message, _INTERNAL)
        connection.send(answer)
        _log(connection, message, status, began)

    def _run(self, connection: Connection, text: str | bytes, message: _Message) -> tuple[Answer, str]:
        if isinstance(text, bytes):
            raise BadRequest("Send text, not binary.")
        raw = parse_object(text)
        message.ref = raw["ref"] if schemas.is_ref(raw.get("ref")) else None
        frame = load(_FRAME, raw)
        message.name = frame["event"]
        command = commands.COMMANDS.get(frame["event"])
        if command is None:
            raise Invalid([("event", f"Must be one of: {', '.join(commands.COMMANDS)}.")])
        data = load(command.schema, frame["data"])
        context = replace(
            self._context, connection=connection, request_id=message.request_id, key=_key(connection, frame)
        )
        return command.run(context, data), command.reply


def _key(connection: Connection, frame: dict[str, Any]) -> Key | None:
    """The same key as over HTTP, so that a request begun there may be repeated here."""
    if frame["idempotencyKey"] is None:
        return None
    if frame["event"] != "create-booking":
        raise Invalid([("idempotencyKey", "Only create-booking takes one.")])
    return Key.of(connection.actor.id, frame["idempotencyKey"], "POST", "/bookings", orjson.dumps(frame["data"]))


def _answer(message: _Message, reply: str, outcome: Answer) -> str:
    document: dict[str, Any] = {
        "event": reply,
        "data": orjson.Fragment(outcome.body),
        "status": outcome.status,
        "ref": message.ref,
    }
    if "Idempotent-Replayed" in outcome.headers:
        document["replayed"] = True
    return orjson.dumps(document).decode()


def _problem(message: _Message, document: dict[str, Any]) -> str:
    document = document | {"requestId": message.request_id}
    return orjson.dumps({"event": "error", "for": message.name, "data": document, "ref": message.ref}).decode()


def _log(connection: Connection, message: _Message, status: int, began: float) -> None:
    access_log.info(
        "message",
        extra={
            "request_id": message.request_id,
            "event": message.name if message.name in commands.COMMANDS else None,
            "status": status,
            "ms": round((time.perf_counter() - began) * 1000, 2),
            "user_id": str(connection.actor.id),
        },
    )
