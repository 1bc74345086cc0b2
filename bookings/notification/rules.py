"""What may be told, to whom, how. Pure: no Flask, no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
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
    "booking_reassigned": (CUSTOMER, PROVIDER),
    "booking_passed_on": (PROVIDER,),
    "booking_released": (CUSTOMER, PROVIDER),
    "booking_attendees_changed": (CUSTOMER, PROVIDER),
    "series_created": (CUSTOMER, PROVIDER),
    "series_rescheduled": (CUSTOMER, PROVIDER),
    "series_cancelled": (CUSTOMER, PROVIDER),
    "reminder": (CUSTOMER,),
    "payment_received": (CUSTOMER, PROVIDER),
    "payment_failed": (CUSTOMER, PROVIDER),
    "payment_refunded": (CUSTOMER, PROVIDER),
    "review_request": (CUSTOMER,),
    "waitlist_offer": (CUSTOMER,),
}
LANGUAGES = ("en", "de")

STATUSES = ("queued", "sending", "sent", "failed", "dead", "skipped")
#: DEAD has failed for good; SKIPPED was of no use any more when its turn came
QUEUED, SENDING, SENT, FAILED, DEAD, SKIPPED = STATUSES
#: what still is to be sent
OPEN = (QUEUED, SENDING, FAILED)
#: a booking that a reminder may still speak of
ACTIVE = ("pending", "confirmed", "checked_in")

#: what a notification keeps of a booking: what its words need, and no notes, which are nobody else's business
KEPT = (
    "id",
    "version",
    "userId",
    "resourceIds",
    "serviceId",
    "startAt",
    "endAt",
    "status",
    "statusReason",
    "title",
    "location",
    "partySize",
    "price",
    "paymentStatus",
)

REQUEST, CANCEL = "REQUEST", "CANCEL"
#: what is told of a booking that has its place in calendars
STANDING = ("booking_confirmed", "booking_rescheduled", "booking_reassigned")


_CAUSES_OF_EVENTS = {
    "booking.created": "booking_created",
    "booking.confirmed": "booking_confirmed",
    "booking.declined": "booking_declined",
    "booking.cancelled": "booking_cancelled",
    "booking.rescheduled": "booking_rescheduled",
    "booking.reassigned": "booking_reassigned",
    "booking.released": "booking_released",
    "booking.attendees-changed": "booking_attendees_changed",
}
#: events of payments, whose `data` is the payment: their cause, and which of its sums is told
OF_PAYMENTS = {
    "payment.received": ("payment_received", "captured"),
    "payment.failed": ("payment_failed", "amount"),
    "payment.refunded": ("payment_refunded", "refunded"),
}
#: events of series, whose `data` is the series with the bookings that a command made, moved or called off together
OF_SERIES = {
    "series.created": "series_created",
    "series.rescheduled": "series_rescheduled",
    "series.cancelled": "series_cancelled",
}
#: so many dates of a series stand in the words of a notification; a mail's calendar has all of them
DATES = 60
#: an offer to somebody who waits, whose `data` is their place in line
OFFERED = "waitlist.offered"
#: the events that somebody is told of
HEARD = (*_CAUSES_OF_EVENTS, *OF_SERIES, *OF_PAYMENTS, "booking.completed", OFFERED)


def cause_of(event: str, data: Mapping[str, Any]) -> str:
    """What the event of a booking is to people. One that needs no confirmation is told as confirmed."""
    if event == "booking.created" and data["status"] == "confirmed":
        return "booking_confirmed"
    return _CAUSES_OF_EVENTS[event]


def of_series(
    document: Mapping[str, Any], bookings: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is told of `bookings` of one series together, as the first of them and what they add up to: `dates`, all of
    them, `count`, `waiting` (to be confirmed) and perhaps `total` (money). `document` is the first one's."""
    first = {name: bookings[0][name] for name in ("version", "status", "startAt", "endAt")}
    claimed = list(dict.fromkeys(id for one in bookings for id in one["resourceIds"]))
    dates = [{name: one[name] for name in ("id", "version", "status", "startAt", "endAt")} for one in bookings]
    more: dict[str, Any] = {
        "dates": dates,
        "count": len(dates),
        "waiting": sum(one["status"] == "pending" for one in dates),
    }
    prices = [one["price"] for one in bookings if one["price"]]
    if prices:
        more["total"] = {"amount": sum(one["amount"] for one in prices), "currency": prices[0]["currency"]}
    return {**document, **first, "resourceIds": claimed, "price": None}, more


def offered(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What is offered to somebody who waits, as a booking that is none yet."""
    offer = entry["offer"]
    wished = {name: entry[name] for name in ("userId", "serviceId", "partySize")}
    times = {name: offer[name] for name in ("startAt", "endAt", "resourceIds", "price")}
    return {"id": None, "version": 0, **wished, **times}


def kept(booking: Mapping[str, Any]) -> dict[str, Any]:
    """What a notification keeps of a booking's document."""
    return {name: booking[name] for name in KEPT if name in booking}


def outdated(
    cause: str,
    told: Mapping[str, Any],
    present: tuple[str, datetime] | None,
    now: datetime,
    until: datetime | None = None,
) -> str | None:
    """Why a mail that waited must not be sent any more, or None. What has happened may be told late; what is to happen
    or is asked for must still be true. `present`: status and start of the booking as it is now; `until`: when an offer
    ends."""
    if cause == "waitlist_offer" and until is not None:
        return "The offer is over." if until <= now else None
    if present is None:
        return None
    status, start = present
    if cause == "reminder":
        if status not in ACTIVE:
            return f"The booking is {status} by now."
        if start != datetime.fromisoformat(told["startAt"]):
            return "The booking has moved to another time."
        return "The booking has begun." if start <= now else None
    if cause == "review_request" and status != "completed":
        return f"The booking is {status} by now."
    return None


def language_of(locale: str) -> str:
    """The language of the words for a BCP 47 tag such as `de-AT`; English for those we do not speak."""
    language = locale.replace("_", "-").partition("-")[0].lower()
    return language if language in LANGUAGES else LANGUAGES[0]


def invitation_method(cause: str, booking: Mapping[str, Any]) -> str | None:
    """What the calendar object of a mail asks for (RFC 5546): REQUEST puts a booking that stands into the calendar or
    moves it there, CANCEL takes it out; None: the mail carries none."""
    if cause in ("booking_cancelled", "booking_passed_on"):
        return CANCEL
    stands = booking.get("status") in ("confirmed", "checked_in")
    return REQUEST if stands and cause in STANDING else None


def is_permanent(code: int) -> bool:
    """Whether an SMTP reply says that trying again is of no use (RFC 5321, section 4.2.1)."""
    return 500 <= code < 600


def one_line(text: str | None, longest: int = 200) -> str:
    """Text for a header or a line: white space and control characters become one space each; cut when too long."""
    words = "".join(char if char.isprintable() else " " for char in text or "").split()
    line = " ".join(words)
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
