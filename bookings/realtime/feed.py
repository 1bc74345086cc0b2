"""Subscribing: from now on, or first what was missed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from bookings.db import Database
from bookings.errors import DatabaseUnavailable
from bookings.event import service
from bookings.realtime import topics as names
from bookings.realtime.connection import TRY_LATER, Connection
from bookings.realtime.errors import FeedBegun
from bookings.realtime.hub import Hub, resync

log = logging.getLogger(__name__)
_PAGE = 200
#: sockets that read from PostgreSQL at one time; after a restart all of them come at once and the others wait
_turns = threading.BoundedSemaphore(4)


@dataclass(frozen=True, slots=True)
class Beginning:
    """Events behind `position` follow; `then` is to be called when the client has been told so."""

    position: int
    then: Callable[[], None] | None = None


def subscribe(
    hub: Hub, database: Database, connection: Connection, topics: frozenset[str], after: int | None, retained: int
) -> Beginning:
    """Let a socket hear topics it is entitled to, from now on or from behind the event `after`.

    When more than `retained` events came since then, or it is of another history, the client is told to resync. Raises
    FeedBegun, DatabaseUnavailable.
    """
    if after is None:
        return Beginning(hub.join(connection, topics))
    if connection.begun:
        raise FeedBegun
    newest = service.newest(database)
    if not newest - retained <= after <= newest:
        position = hub.join(connection, topics)
        return Beginning(position, lambda: connection.send(resync(position)))
    connection.begun = True
    return Beginning(after, lambda: _catch_up(hub, database, connection, topics, after))


def _catch_up(hub: Hub, database: Database, connection: Connection, topics: frozenset[str], position: int) -> None:
    """Send what was missed, page by page, until the rest is at hand in memory. Holds no connection while sending."""
    wanted = None if names.ALL in topics else topics
    try:
        while connection.ending is None and not hub.join_at(connection, topics, position):
            with _turns:
                events, position = service.after_for(database, wanted, position, _PAGE)
            for event in events:
                connection.send(event.frame)
    except DatabaseUnavailable:
        log.warning("a socket could not catch up")
        connection.end(TRY_LATER, "What was missed cannot be read just now. Reconnect and subscribe with after.")
