"""The clock of reports, a thread of the worker: has made what is due, throws away what is too old. It needs no Redis,
and any number of workers may have one."""

from __future__ import annotations

import logging
import time

from bookings import clock, queries
from bookings.config import Settings
from bookings.db import Database
from bookings.loops import Loop
from bookings.report import schedules
from bookings.report.files import Folder

log = logging.getLogger(__name__)
_sql = queries.load("report")
#: how often (seconds) it looks for what is due, and for what is too old
_INTERVAL, _TIDY = 2.0, 600.0
_BATCH = 200


class Scheduler(Loop):
    """Runs until `stop` is called."""

    def __init__(self, database: Database, settings: Settings) -> None:
        super().__init__("report-scheduler", self.turn, _INTERVAL)
        self._database, self._settings = database, settings
        self._tidied = 0.0

    def turn(self) -> None:
        """Have made what is due; from time to time, tidy up."""
        if made := schedules.run_due(self._database, self._settings):
            log.info("reports are due", extra={"reports": made})
        if time.monotonic() - self._tidied > _TIDY or not self._tidied:
            self._tidied = time.monotonic()
            tidy(self._database, self._settings)


def tidy(database: Database, settings: Settings) -> int:
    """Throw away reports whose time is over, with their files, and files that no report knows; how many reports."""
    folder, dropped = Folder(settings.report_dir), 0
    while True:
        gone = database.run(lambda tx: tx.all(_sql.drop_expired, {"now": clock.now(), "limit": _BATCH}))
        for report in gone:
            folder.remove(report["file"])
        dropped += len(gone)
        if len(gone) < _BATCH:
            break
    strangers = folder.strangers()
    known = database.run(lambda tx: tx.all(_sql.known_files, {"files": strangers}))
    for name in set(strangers) - {row["file"] for row in known}:
        folder.remove(name)
    unfinished = folder.drop_unfinished()
    if dropped or unfinished:
        log.info("old reports are gone", extra={"reports": dropped, "unfinished": unfinished})
    return dropped
