"""What may be told, to whom, how. Pure: no Flask, no database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CUSTOMER, PROVIDER = "customer", "provider"
IN_APP, EMAIL, LOG = "in_app", "email", "log"
CHANNELS = (IN_APP, EMAIL, LOG)
#: why something is told, and who is told so; each has its words in templates/<language>/<cause>.jinja
CAUSES: Mapping[str, tuple[str, ...]] = {
    "booking_created": (CUSTOMER, PROVIDER),
    "booking_confirmed": (CUSTOMER, PROVIDER),
    "booking_declined": (CUSTOMER, PROVIDER),
    "booking_cancelled": (CUSTOMER, PROVIDER),
    "booking_rescheduled": (CUSTOMER, PROVIDER),
    "reminder": (CUSTOMER,),
    "payment_received": (CUSTOMER, PROVIDER),
    "payment_failed": (CUSTOMER, PROVIDER),
    "payment_refunded": (CUSTOMER, PROVIDER),
    "review_request": (CUSTOMER,),
    "waitlist_offer": (CUSTOMER,),
}
LANGUAGES = ("en", "de")

QUEUED, SENDING, SENT, FAILED, DEAD = STATUSES = ("queued", "sending", "sent", "failed", "dead")
#: what still is to be sent
OPEN = (QUEUED, SENDING, FAILED)
#: a booking that a reminder may still speak of
ACTIVE = ("pending", "confirmed", "checked_in")

REQUEST, CANCEL = "REQUEST", "CANCEL"


def language_of(locale: str) -> str:
    """The language of the words for a BCP 47 tag such as `de-AT`; English for those we do not speak."""
    language = locale.replace("_", "-").partition("-")[0].lower()
    return language if language in LANGUAGES else LANGUAGES[0]


def invitation_method(cause: str, booking: Mapping[str, Any]) -> str | None:
    """What the calendar object of a mail asks for (RFC 5546): REQUEST puts a booking that stands into the calendar or
    moves it there, CANCEL takes it out; None: the mail carries none."""
    if cause == "booking_cancelled":
        return CANCEL
    stands = booking.get("status") in ("confirmed", "checked_in")
    return REQUEST if stands and cause in ("booking_confirmed", "booking_rescheduled") else None


def is_permanent(code: int) -> bool:
    """Whether an SMTP reply says that trying again is of no use (RFC 5321, section 4.2.1)."""
    return 500 <= code < 600


def one_line(text: str | None, longest: int = 200) -> str:
    """Text for a header or a line: white space and control characters become one space each; cut when too long."""
    words = "".join(char if char.isprintable() else " " for char in text or "").split()
    line = " ".join(words)
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
