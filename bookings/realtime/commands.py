"""What clients may ask over a socket. Each command validates as its HTTP twin does and calls the same service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from marshmallow import Schema

from bookings import http, idempotency
from bookings.answer import Answer
from bookings.auth import Caller, Tokens
from bookings.booking import listing, service
from bookings.booking.schemas import ListQuery, NewBooking
from bookings.config import Settings
from bookings.db import Database
from bookings.errors import Forbidden
from bookings.fields import instant_text
from bookings.realtime import schemas
from bookings.realtime import topics as names
from bookings.realtime.connection import Connection
from bookings.realtime.feed import Feed
from bookings.realtime.hub import Hub


@dataclass(frozen=True, slots=True)
class Context:
    """What commands work with: the socket that asks and the parts of the app."""

    connection: Connection
    feed: Feed
    database: Database
    settings: Settings
    tokens: Tokens
    request_id: str
    #: only for create-booking
    key: idempotency.Key | None = None

    @property
    def hub(self) -> Hub:
        return self.feed.hub

    @property
    def caller(self) -> Caller:
        return Caller(self.connection.actor, self.request_id)


Run = Callable[[Context, dict[str, Any]], Answer]


@dataclass(frozen=True, slots=True)
class Command:
    """One kind of message: its shape and what it does; `reply` names the answer when that is not `<name>:result`."""

    name: str
    schema: Schema
    run: Run
    reply: str


COMMANDS: dict[str, Command] = {}


def command(name: str, schema: type[Schema], reply: str | None = None) -> Callable[[Run], Run]:
    """Register a command."""

    def register(run: Run) -> Run:
        COMMANDS[name] = Command(name, schema(), run, reply or f"{name}:result")
        return run

    return register


def _answer(data: dict[str, Any]) -> Answer:
    return Answer(http.dump(data))


@command("ping", schemas.Nothing, reply="pong")
def ping(context: Context, data: dict[str, Any]) -> Answer:
    """Whether anyone is there."""
    return _answer({"position": str(context.hub.position)})


@command("authenticate", schemas.Authenticate)
def authenticate(context: Context, data: dict[str, Any]) -> Answer:
    """Go on with a newer token of the same user; what it is not entitled to any more is unsubscribed."""
    connection = context.connection
    actor, expires_at = context.tokens.verify(data["token"])
    if actor.id != connection.actor.id:
        raise Forbidden("The token is another user's; open a socket of its own for it.")
    kept = names.permitted(context.database, actor, connection.topics)
    connection.actor, connection.expires_at = actor, expires_at
    context.hub.drop(connection, connection.topics - kept)
    return _answer(
        {"expiresAt": instant_text(datetime.fromtimestamp(expires_at, UTC)), "topics": sorted(connection.topics)}
    )


@command("subscribe", schemas.Subscribe)
def subscribe(context: Context, data: dict[str, Any]) -> Answer:
    """Hear topics."""
    actor = context.connection.actor
    if "topics" in data:
        topics = names.named(context.database, actor, names.spelt_out(actor, data["topics"]))
    else:
        topics = names.usual(context.database, actor)
    return _subscribed(context, topics, data.get("after"))


@command("join-user-room", schemas.Room)
def join_user_room(context: Context, data: dict[str, Any]) -> Answer:
    """Hear the topic of one user."""
    topics = frozenset([f"user:{data['userId']}"])
    names.check(context.database, context.connection.actor, topics)
    return _subscribed(context, topics, None)


def _subscribed(context: Context, topics: frozenset[str], after: int | None) -> Answer:
    position = context.feed.subscribe(context.connection, topics, after)
    return _answer({"topics": sorted(context.connection.topics), "position": str(position)})


@command("unsubscribe", schemas.Unsubscribe)
def unsubscribe(context: Context, data: dict[str, Any]) -> Answer:
    """Hear topics no more; all of them when none is named."""
    connection = context.connection
    given, dropped = data.get("topics"), connection.topics
    if given is not None:
        dropped = names.with_days(names.spelt_out(connection.actor, given))
    context.hub.drop(connection, dropped)
    return _answer({"topics": sorted(connection.topics)})


@command("leave-user-room", schemas.Room)
def leave_user_room(context: Context, data: dict[str, Any]) -> Answer:
    """Hear the topic of one user no more."""
    context.hub.drop(context.connection, [f"user:{data['userId']}"])
    return _answer({"topics": sorted(context.connection.topics)})


@command("create-booking", NewBooking)
def create_booking(context: Context, data: dict[str, Any]) -> Answer:
    """The same as POST /bookings, Idempotency-Key included."""
    answer = http.replayable(
        context.key,
        lambda: service.create(
            context.database, settings=context.settings, caller=context.caller, body=data, key=context.key
        ),
    )
    http.nudge()
    return answer


@command("get-bookings", ListQuery)
def get_bookings(context: Context, data: dict[str, Any]) -> Answer:
    """The same as GET /bookings."""
    return listing.listing(context.database, actor=context.connection.actor, query=data)


@command("update-booking", schemas.UpdateBooking)
def update_booking(context: Context, data: dict[str, Any]) -> Answer:
    """The same as PATCH /bookings/{id}."""
    booking_id, versions = data.pop("id"), _versions(data)
    answer = context.database.run(
        lambda tx: service.change(
            tx, settings=context.settings, caller=context.caller, booking_id=booking_id, body=data, versions=versions
        )
    )
    http.nudge()
    return answer


@command("delete-booking", schemas.DeleteBooking)
def delete_booking(context: Context, data: dict[str, Any]) -> Answer:
    """The same as POST /bookings/{id}/cancel."""
    booking_id, versions = data.pop("id"), _versions(data)
    answer = context.database.run(
        lambda tx: service.act(
            tx,
            settings=context.settings,
            caller=context.caller,
            booking_id=booking_id,
            action="cancel",
            reason=data["reason"],
            override=data["override"],
            versions=versions,
        )
    )
    http.nudge()
    return answer


def _versions(data: dict[str, Any]) -> tuple[int, ...] | None:
    version = data.pop("version", None)
    return None if version is None else (version,)
