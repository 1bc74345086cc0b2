"""Which of several relays is the active one."""

from __future__ import annotations

import logging
import time

import psycopg
from psycopg import Connection

from bookings import queries
from bookings.config import Settings

log = logging.getLogger(__name__)
_sql = queries.load("event")
#: the advisory lock's key: "relay" in ASCII
_LOCK = 0x72656C6179
#: PostgreSQL deposes a leader that has been silent so long (milliseconds)
_SILENCE = 15_000
#: the leader says so often (seconds) that it lives, and learns so soon that it does not lead any more
_HEARTBEAT = 1.0


class Leadership:
    """An advisory lock on a connection of its own, held by a transaction that stays open.

    A transaction and not the session, because PgBouncer lends server connections by transaction. Between statements it
    holds no snapshot, so it does not keep VACUUM from its work. It is an economy, not what keeps the order: that is
    kept by the primary key of events and by the comparing append to the stream, whoever believes to lead.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: Connection[tuple[object, ...]] | None = None
        self._held = False
        self._checked = 0.0

    def held(self) -> bool:
        """Whether this process leads, becoming the leader if nobody does. Raises psycopg.Error."""
        if self._held and time.monotonic() - self._checked < _HEARTBEAT:
            return True
        try:
            held = self._confirm() if self._held else self._try()
        except psycopg.Error:
            self.release()
            raise
        if held != self._held:
            log.info("this relay is the active one now")
        self._held, self._checked = held, time.monotonic()
        return held

    def release(self) -> None:
        """Let another relay take over at once."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._held = None, False

    def _confirm(self) -> bool:
        assert self._connection is not None
        self._connection.execute(_sql.still_leading)
        return True

    def _try(self) -> bool:
        connection = self._connection = self._connection or self._connect()
        connection.execute(_sql.bound_leadership, {"milliseconds": _SILENCE})
        row = connection.execute(_sql.try_lead, {"key": _LOCK}).fetchone()
        if row and row[0]:
            return True
        connection.rollback()
        return False

    def _connect(self) -> Connection[tuple[object, ...]]:
        return psycopg.connect(
            self._settings.database_url,
            connect_timeout=3,
            tcp_user_timeout=5000,
            application_name="bookings relay leadership",
            prepare_threshold=None,
        )
