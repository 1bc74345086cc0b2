"""A notice, its reader and settings, for tests of words and mails."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from bookings.config import Settings
from bookings.notification.wording import Notice, Reader

BOOKING_ID = "0199d1c0-0000-7000-8000-000000000001"
NOTICE_ID = UUID("0199d1c0-0000-7000-8000-000000000002")
READER_ID = UUID("0199d1c0-0000-7000-8000-000000000003")
SETTINGS = Settings(
    app_env="test",
    jwt_secret="a secret for tests, of no use anywhere",
    business_name="Praxis Müller & Söhne",
    public_url="https://book.example.com/",
    smtp_host="127.0.0.1",
    smtp_tls="none",
    mail_from="bookings@example.com",
)


def booking(**changes: Any) -> dict[str, Any]:
    """What a notification keeps of a booking."""
    return {
        "id": BOOKING_ID,
        "version": 3,
        "status": "confirmed",
        "statusReason": None,
        "startAt": "2027-03-01T09:00:00Z",
        "endAt": "2027-03-01T10:00:00Z",
        "title": "Checkup",
        "location": "Room 1",
        "partySize": 1,
        "price": None,
        **changes,
    }


def notice(cause: str = "booking_confirmed", audience: str = "customer", **changes: Any) -> Notice:
    """A notice; changes are of the booking, except `amount`, `until` and what is told of a series."""
    more = ("amount", "until", "dates", "count", "waiting", "total")
    data: dict[str, Any] = {name: changes.pop(name) for name in more if name in changes}
    return Notice(
        id=NOTICE_ID,
        cause=cause,
        audience=audience,
        data={"booking": booking(**changes), **data},
        customer="Änne Kunz",
        service=None,
        resources=("Dr. Who", "Room 1"),
        created_at=datetime(2027, 2, 1, 12, tzinfo=UTC),
    )


def reader(**changes: str) -> Reader:
    """Who reads it."""
    known = {"name": "Änne Kunz", "email": "aenne@example.com", "locale": "en", "time_zone": "Europe/Berlin"}
    return Reader(READER_ID, **(known | changes))
