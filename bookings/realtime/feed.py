"""Subscribing: from now on, or first what was missed."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from bookings.db import Database
from bookings.errors import DatabaseUnavailable
from bookings.event import service
from bookings.realtime import topics as names
from bookings.realtime.connection import TRY_LATER, Connection
from bookings.realtime.errors import FeedBegun
from bookings.realtime.hub import Hub

log = logging.getLogger(__name__)
_PAGE = 200
#: sockets that read from PostgreSQL at one time; after a restart all of them come at once and the others wait
_turns = threading.BoundedSemaphore(4)


@dataclass(frozen=True, slots=True)
class Feed:
    """How sockets of this process get what they missed. `retained` events back a client may resume."""

    hub: Hub
    database: Database
    retained: int

    def subscribe(self, connection: Connection, topics: frozenset[str], after: int | None) -> int:
        """Let a socket hear topics it is entitled to, from now on or from behind the event `after`; that position.

        When `after` lies too far back, or is of another history, the client is told to resync. Raises FeedBegun,
        DatabaseUnavailable.
        """
        if after is None:
            return self.hub.join(connection, topics)
        if connection.begun:
            raise FeedBegun
        newest = service.newest(self.database)
        if newest - self.retained <= after <= newest:
            self.hub.join_behind(connection, topics, after)
            return after
        return self.hub.join_anew(connection, topics)

    def catch_up(self, connection: Connection) -> None:
        """Send a socket the next page of what it missed, or make it live. No connection is held while sending."""
        if self.hub.catch(connection):
            return
        wanted = None if names.ALL in connection.topics else connection.topics
        try:
            with _turns:
                events, position = service.after_for(self.database, wanted, connection.position, _PAGE)
        except DatabaseUnavailable:
            log.warning("a socket could not catch up")
            connection.end(TRY_LATER, "What was missed cannot be read just now. Reconnect and subscribe with after.")
            return
        for event in events:
            connection.send(event.frame)
        connection.position = position
