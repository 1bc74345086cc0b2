"""Sending the mails: one job a mail. What the server says decides whether the job is done, tried again, or given up."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from bookings import clock, queries
from bookings.account import service as account
from bookings.account.service import Recipient
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.job.errors import GiveUp, Later
from bookings.job.service import Job, Registry
from bookings.notification import mail, rules, smtp, unsubscribe
from bookings.notification.service import DELIVER
from bookings.notification.wording import notice_of, reader_of

log = logging.getLogger(__name__)
_sql = queries.load("notification")
#: how long a mail lets earlier ones of the same booking go first, and how often it looks
_PATIENCE, _LOOK = timedelta(minutes=30), timedelta(seconds=5)
#: of a worker's six jobs: neither many mails nor a server that stalls may keep refunds and reports waiting
_AT_ONCE = 4
#: what a mail takes at most: so many times the server may be silent for SMTP_TIMEOUT
_SILENCES = 12


class Delivery:
    """Sends mails, with this worker's settings."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    def register(self, registry: Registry) -> None:
        """Offer the kind of job; without a mail server there is nothing to offer."""
        if not self._settings.smtp_host:
            log.warning("e-mail is off because SMTP_HOST is not set; notifications go to the app and to the log")
            return
        timeout = _SILENCES * self._settings.smtp_timeout + timedelta(seconds=30)
        registry.register(DELIVER, self.run, timeout=timeout, on_dead=self.bury, at_once=_AT_ONCE, patient=True)

    def run(self, payload: Mapping[str, Any], job: Job) -> None:
        """Send one mail, unless that was done or became pointless: then the mail is skipped and says why, and the job
        is done, because nobody has to look at it. Raises GiveUp, Later, Postponed."""
        id = UUID(payload["id"])
        row = self._database.run(lambda tx: self._begin(tx, id, job))
        if row is None or row["status"] == rules.SKIPPED:
            return
        if row["status"] == rules.DEAD:
            raise GiveUp("This mail is given up; send it after all with POST /admin/notifications/{id}/retry.")
        if row["waits"]:
            raise Later(_LOOK)
        if row["pointless"]:
            return
        try:
            self._send(row)
        except smtp.Refused as error:
            raise GiveUp(str(error)) from error
        except smtp.Postponed as error:
            self._note(id, rules.FAILED, str(error))
            raise
        self._database.run(lambda tx: tx.execute(_sql.finish, {"id": id, "delivered": False}))

    def bury(self, payload: Mapping[str, Any], error: str) -> None:
        """The job has failed for good: so has the mail."""
        self._note(UUID(payload["id"]), rules.DEAD, error)

    def _begin(self, tx: Tx, id: UUID, job: Job) -> dict[str, Any] | None:
        row = tx.one(_sql.take, {"id": id, "patience": _PATIENCE})
        if row is None or row["waits"] or row["status"] in (rules.DEAD, rules.SKIPPED):
            return row
        reader = account.preferences_of(tx, [row["recipient_id"]])[row["recipient_id"]]
        row |= {"reader": reader, "pointless": _pointless(row, reader)}
        if row["pointless"]:
            tx.execute(_sql.fail, {"id": id, "status": rules.SKIPPED, "error": row["pointless"], "bounced": False})
            job.complete(tx)  # together: whoever retries the mail at once needs a job of its own
        else:
            tx.execute(_sql.begin, {"id": id})
        return row

    def _send(self, row: Mapping[str, Any]) -> None:
        reader = reader_of(row["reader"])
        link = unsubscribe.link(self._settings, reader.id, row["cause"])
        try:
            message = mail.message(self._settings, notice_of(row), reader, link)
        except ValueError as error:
            raise smtp.Refused(f"This cannot be written as a mail: {error}") from error
        smtp.send(self._settings, message)

    def _note(self, id: UUID, status: str, error: str) -> None:
        values = {"id": id, "status": status, "error": error, "bounced": False}
        self._database.run(lambda tx: tx.execute(_sql.fail, values))


def _pointless(row: Mapping[str, Any], reader: Recipient) -> str | None:
    if reader.disabled or reader.erased:
        return "The account is closed."
    if not reader.wants(rules.EMAIL, row["cause"]):
        return "The recipient has turned such mails off."
    present = (row["booking_status"], row["booking_start"]) if row["booking_status"] else None
    until = datetime.fromisoformat(row["data"]["until"]) if row["data"].get("until") else None
    return rules.outdated(row["cause"], row["data"]["booking"], present, clock.now(), until)
