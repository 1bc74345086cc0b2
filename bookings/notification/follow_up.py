"""What is told of events: the consumer that turns them into notifications, and the request for a review some hours
after a booking was completed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from bookings import queries
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.event.consumer import Consumer, Event
from bookings.job import service as job_service
from bookings.job.service import Job, Registry
from bookings.notification import of_series, rules, service
from bookings.notification.service import Fact

_sql = queries.load("notification")
ASK = "notification.review-request"


class FollowUp:
    """Listens to events and writes what people are to hear of them."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    @property
    def consumer(self) -> Consumer:
        """Who hears which events."""
        return Consumer("notification", rules.HEARD, self.handle)

    def register(self, registry: Registry) -> None:
        """Offer the kind of job that asks for reviews."""
        registry.register(ASK, self.ask)

    def handle(self, tx: Tx, event: Event) -> None:
        """Tell of one event, in the transaction that moves the cursor."""
        if event.type == "booking.completed":
            due = event.occurred_at + self._settings.review_request_after
            id = event.data["id"]
            job_service.enqueue(tx, kind=ASK, payload={"bookingId": id}, key=id, run_at=due)
        elif event.type == rules.OFFERED:
            self._of_offer(tx, event)
        elif event.type in rules.OF_PAYMENTS:
            self._of_payment(tx, event)
        elif event.type in rules.OF_SERIES:
            of_series.tell(tx, self._settings, event)
        elif not event.data.get("withSeries"):
            cause = rules.cause_of(event.type, event.data)
            subject = f"booking:{event.data['id']}:{event.data['version']}"
            service.tell(tx, self._settings, Fact(cause, subject, event.data))
            if event.type == "booking.reassigned":
                left = UUID(event.data["reassignedFrom"])
                service.tell(tx, self._settings, Fact("booking_passed_on", subject, event.data, left=left))

    def _of_offer(self, tx: Tx, event: Event) -> None:
        """Somebody who waits is told of what is kept for them; each offer once. It may be over already."""
        offer = event.data["offer"]
        if offer is not None:
            more = {"until": offer["expiresAt"], "entryId": event.data["id"]}
            subject = f"offer:{offer['holdId']}"
            service.tell(tx, self._settings, Fact("waitlist_offer", subject, rules.offered(event.data), more))

    def _of_payment(self, tx: Tx, event: Event) -> None:
        """Refunds add up: what is told is what came with this one."""
        cause, sum_ = rules.OF_PAYMENTS[event.type]
        payment = event.data
        values = {"booking_id": payment["bookingId"], "id": payment["id"], "position": event.position}
        row = tx.one(_sql.payment_told, values)
        if row is not None:
            before = row["refunded"] if cause == "payment_refunded" else 0
            more = {"amount": {"amount": payment[sum_] - before, "currency": payment["currency"]}}
            subject = f"payment:{payment['id']}:{payment['version']}"
            service.tell(tx, self._settings, Fact(cause, subject, row["document"], more))

    def ask(self, payload: Mapping[str, Any], job: Job) -> None:
        """Ask the customer how it was, once, if it still took place."""

        def work(tx: Tx) -> None:
            row = tx.one(_sql.review_due, {"id": UUID(payload["bookingId"])})
            if row is not None:
                fact = Fact("review_request", f"review:{row['document']['id']}", row["document"])
                service.tell(tx, self._settings, fact)
            job.complete(tx)

        self._database.run(work)
