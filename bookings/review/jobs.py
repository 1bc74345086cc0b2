"""What the worker does for reviews: they follow their bookings."""

from __future__ import annotations

from bookings.db import Tx
from bookings.event.consumer import Consumer, Event
from bookings.review import service


def consumer() -> Consumer:
    """Withdraws the review of a booking that did not take place after all. It looks at bookings as they are, so events
    from before it was there do no harm."""

    def handle(tx: Tx, event: Event) -> None:
        if event.booking_id is not None:
            service.follow_booking(tx, booking_id=event.booking_id)

    return Consumer("review", ("booking.completed", "booking.no-show"), handle, from_beginning=True)
