"""Writing iCalendar (RFC 5545): entries of bookings in feeds and files, forty microseconds each.

Invitations in mails are made by the library `icalendar`, which takes thirty times as long (bookings/notification).
Both name a booking by `uid` and count its changes by SEQUENCE, so a calendar that has it from a mail and from a feed
keeps one entry. The tests read what is written here back with two parsers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

TENTATIVE, CONFIRMED, CANCELLED = "TENTATIVE", "CONFIRMED", "CANCELLED"
MEDIA_TYPE = "text/calendar; charset=utf-8"
#: octets in a line, without its end
_LINE = 75
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029]")
_ESCAPED = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A booking as a calendar shows it. `sequence` rises with every change; instants are aware."""

    uid: str
    sequence: int
    changed_at: datetime
    created_at: datetime
    start_at: datetime
    end_at: datetime
    status: str
    summary: str
    description: str = ""
    location: str = ""
    url: str = ""


def uid(booking_id: str) -> str:
    """The name of a booking in every calendar; it must never change, so no setting is in it."""
    return f"booking-{booking_id}@bookings"


def status_of(booking_status: str) -> str:
    """The STATUS of a booking's entry."""
    if booking_status in ("cancelled", "declined"):
        return CANCELLED
    return TENTATIVE if booking_status == "pending" else CONFIRMED


def calendar(entries: Iterable[Entry], *, name: str, refresh_minutes: int | None = None) -> bytes:
    """The text of a calendar; `refresh_minutes` tells programs how often to ask for it again."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Bookings//Calendars//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
    ]
    # NAME is RFC 7986, X-WR-CALNAME what programs read that are older.
    lines += [f"NAME:{_text(name)}", f"X-WR-CALNAME:{_text(name)}"]
    if refresh_minutes:
        lines += [f"REFRESH-INTERVAL;VALUE=DURATION:PT{refresh_minutes}M", f"X-PUBLISHED-TTL:PT{refresh_minutes}M"]
    for entry in entries:
        lines += _event(entry)
    lines.append("END:VCALENDAR")
    return "".join(_folded(line) for line in lines).encode()


def _event(entry: Entry) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{entry.uid}"
    yield f"SEQUENCE:{entry.sequence}"
    yield f"DTSTAMP:{_instant(entry.changed_at)}"
    yield f"CREATED:{_instant(entry.created_at)}"
    yield f"LAST-MODIFIED:{_instant(entry.changed_at)}"
    yield f"DTSTART:{_instant(entry.start_at)}"
    yield f"DTEND:{_instant(entry.end_at)}"
    yield f"STATUS:{entry.status}"
    yield f"TRANSP:{'TRANSPARENT' if entry.status == CANCELLED else 'OPAQUE'}"
    for name, value in (("SUMMARY", entry.summary), ("DESCRIPTION", entry.description), ("LOCATION", entry.location)):
        if value:
            yield f"{name}:{_text(value)}"
    if entry.url:
        yield f"URL:{entry.url}"
    yield "END:VEVENT"


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ").rjust(16, "0")


def _text(value: str) -> str:
    """Section 3.3.11: no control characters, which cannot be written at all; newlines, commas and the like escaped."""
    lines = value.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub(" ", lines).translate(_ESCAPED)


def _folded(line: str) -> str:
    """Section 3.1: lines of at most 75 octets; a character of several octets is not torn apart."""
    if len(line) <= _LINE and line.isascii():
        return line + "\r\n"
    parts, rest = [], line.encode()
    room = _LINE
    while len(rest) > room:
        cut = room
        while rest[cut] & 0xC0 == 0x80:
            cut -= 1
        parts.append(rest[:cut])
        rest, room = rest[cut:], _LINE - 1  # the space that continues a line counts
    parts.append(rest)
    return b"\r\n ".join(parts).decode() + "\r\n"
