"""What operators do about events from the command line."""

from __future__ import annotations

import logging
import sys

from bookings.audit import service as audit
from bookings.auth import SYSTEM_CALLER
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import DatabaseUnavailable
from bookings.event import service

log = logging.getLogger(__name__)


def skip_event(settings: Settings, consumer: str, position: int) -> int:
    """Leave out the event that a consumer cannot get past; it stands in the log and in the audit trail. The exit code
    is 1 when the consumer does not fail at that event.
    """

    def skip(tx: Tx) -> str | None:
        error = service.skip(tx, consumer=consumer, position=position)
        if error is not None:
            before = {"position": position, "lastError": error}
            audit.record(tx, SYSTEM_CALLER, "consumer.skip", subject=("consumer", consumer), before=before)
        return error

    database = Database(settings, name="bookings skip-event")
    try:
        error = database.run(skip)
    except DatabaseUnavailable:
        print("bookings: PostgreSQL does not answer; see to that and run again.", file=sys.stderr)
        return 1
    finally:
        database.close()
    if error is None:
        print(f"bookings: {consumer} does not fail at event {position}; see GET /jobs/health.", file=sys.stderr)
        return 1
    log.warning("an event was left out", extra={"consumer": consumer, "position": position, "error": error})
    print(f"{consumer} goes on after event {position}, which it could not handle: {error}")
    return 0
