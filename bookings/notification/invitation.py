"""The calendar object of a booking (RFC 5545, RFC 5546): what puts it into people's own calendars and takes it out."""

from __future__ import annotations

from datetime import UTC, datetime
from email.headerregistry import Address

from icalendar import Calendar, Event, vCalAddress, vText

from bookings import ical
from bookings.config import Settings
from bookings.notification import rules, wording
from bookings.notification.rules import one_line
from bookings.notification.wording import Notice, Reader


def invitation(settings: Settings, notice: Notice, reader: Reader, sender: Address, method: str) -> bytes:
    """The iCalendar text. UID is the booking's for good and SEQUENCE its version, so that a calendar keeps one entry
    and ignores what it gets out of order. Times are UTC; the calendar shows them in its owner's zone."""
    booking, words = notice.booking, wording.words(settings, notice, reader)
    event = Event()
    event.add("uid", ical.uid(str(booking["id"])))
    event.add("sequence", int(booking["version"]))
    event.add("dtstamp", notice.created_at.astimezone(UTC).replace(microsecond=0))
    event.add("dtstart", _instant(booking["startAt"]))
    event.add("dtend", _instant(booking["endAt"]))
    event.add("summary", _summary(notice))
    event.add("description", "\n".join([words.text, *(f"{label}: {value}" for label, value in words.facts)]))
    if booking.get("location"):
        event.add("location", one_line(booking["location"]))
    event.add("url", words.link)
    event.add("status", "CANCELLED" if method == rules.CANCEL else "CONFIRMED")
    event.add("organizer", _person(sender.addr_spec, settings.business_name))
    event.add("attendee", _attendee(reader))
    calendar = Calendar()
    calendar.add("prodid", "-//Bookings//Notifications//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    calendar.add_component(event)
    text: bytes = calendar.to_ical()
    return text


def calendar_of_series(settings: Settings, notice: Notice) -> bytes | None:
    """All bookings of a series that are told of and have a place in calendars, or lose it, each an entry under its own
    UID as its feeds and invitations write it. None when there are none.

    Published, because an invitation (RFC 5546, section 3.2.2) is of one UID."""
    called_off = notice.cause == "series_cancelled"
    standing = ("cancelled",) if called_off else ("confirmed", "checked_in")
    at = notice.created_at
    entries = [
        ical.Entry(
            uid=ical.uid(one["id"]),
            sequence=one["version"],
            changed_at=at,
            created_at=at,
            start_at=_instant(one["startAt"]),
            end_at=_instant(one["endAt"]),
            status=ical.status_of(one["status"]),
            summary=_summary(notice),
            location=one_line(notice.booking.get("location")),
            url=wording.link_to(settings, one["id"]),
        )
        for one in notice.data.get("dates", ())
        if one["status"] in standing
    ]
    return ical.calendar(entries, name=settings.business_name) if entries else None


def _summary(notice: Notice) -> str:
    named = wording.what(notice)
    return f"{named} ({one_line(notice.customer)})" if notice.audience == rules.PROVIDER else named


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _person(email: str, name: str) -> vCalAddress:
    person = vCalAddress(f"mailto:{email}")
    # In a parameter a quotation mark cannot be written at all (RFC 5545, section 3.2).
    person.params["cn"] = vText(one_line(name).replace('"', "'"))
    return person


def _attendee(reader: Reader) -> vCalAddress:
    """Nobody answers an invitation to what they booked themselves."""
    person = _person(reader.email, reader.name)
    person.params["role"] = vText("REQ-PARTICIPANT")
    person.params["partstat"] = vText("ACCEPTED")
    person.params["rsvp"] = vText("FALSE")
    return person
