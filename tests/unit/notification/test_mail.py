"""E-mails as their readers' programs see them: parsed by the standard library, invitations by two parsers."""

from __future__ import annotations

import email
import itertools
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from typing import Any

import icalendar
import pytest
import vobject

from bookings.notification import mail, unsubscribe
from bookings.notification.rules import CAUSES, LANGUAGES
from bookings.notification.wording import Notice, Reader
from tests.unit.notification.examples import BOOKING_ID, NOTICE_ID, READER_ID, SETTINGS, notice, reader

LINK = unsubscribe.link(SETTINGS, READER_ID, "booking_confirmed")


def received(told: Notice, to: Reader | None = None, settings: object = SETTINGS) -> EmailMessage:
    """The mail after its way over the wire."""
    sent = mail.message(settings, told, to or reader(), LINK)  # type: ignore[arg-type]
    parsed = email.message_from_bytes(sent.as_bytes(), policy=default)
    assert isinstance(parsed, EmailMessage)
    assert not parsed.defects
    return parsed


def part(message: EmailMessage, kind: str) -> EmailMessage:
    """The one part of a media type."""
    (found,) = [one for one in message.walk() if one.get_content_type() == kind]
    assert isinstance(found, EmailMessage)
    return found


def event(message: EmailMessage) -> Any:
    """The one event of the attached calendar, which is the same as the alternative part."""
    attached: bytes = part(message, "application/ics").get_content()
    assert part(message, "text/calendar").get_payload(decode=True) == attached
    calendar: Any = icalendar.Calendar.from_ical(attached)
    (found,) = calendar.events
    assert not calendar.errors + found.errors
    return found


def test_headers() -> None:
    message = received(notice())
    assert message["To"].addresses[0].addr_spec == "aenne@example.com"
    assert message["To"].addresses[0].display_name == "Änne Kunz"
    assert message["From"].addresses[0].display_name == "Praxis Müller & Söhne"
    assert message["From"].addresses[0].addr_spec == "bookings@example.com"
    assert message["Subject"] == "Confirmed: Checkup"
    assert message["Message-ID"] == f"<{NOTICE_ID}@example.com>"
    assert message["Content-Language"] == "en"
    assert message["Auto-Submitted"] == "auto-generated"
    assert abs((message["Date"].datetime - datetime.now(UTC)).total_seconds()) < 60


def test_one_click_is_readable_as_it_stands() -> None:
    """Not wrapped into encoded words, whatever its length (RFC 8058, section 3.1)."""
    raw = mail.message(replace(SETTINGS, public_url="https://" + "a" * 60 + ".example.com"), notice(), reader(), LINK)
    line = next(line for line in raw.as_bytes().split(b"\r\n") if line.startswith(b"List-Unsubscribe:"))
    assert line == f"List-Unsubscribe: <{LINK}>".encode()
    assert raw["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_text_and_html_say_the_same() -> None:
    message = received(notice(), reader(locale="de"))
    text = message.get_body(("plain",))
    html = message.get_body(("html",))
    assert text is not None
    assert html is not None
    for body in (text.get_content(), html.get_content().replace("&amp;", "&")):
        assert "Ihre Buchung ist bestätigt." in body
        assert "10:00 – 11:00 (Mitteleuropäische Normalzeit)" in body
        assert f"https://book.example.com/bookings/{BOOKING_ID}" in body
        assert LINK in body
    assert text.get_content().splitlines()[0] == "Guten Tag Änne Kunz!"


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_travels_as_ascii(language: str) -> None:
    for cause, audiences in CAUSES.items():
        for audience in audiences:
            raw = mail.message(SETTINGS, notice(cause, audience), reader(locale=language), LINK).as_bytes()
            assert raw.isascii()
            assert max(map(len, raw.split(b"\r\n"))) <= 998
            assert b"\n" not in raw.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    "bad", ["\r\nBcc: eve@example.com", "\nBcc: eve@example.com", "\r\n\r\nbody", "\x00", '"<a@b>']
)
def test_nobody_writes_headers(bad: str) -> None:
    """Names and titles cannot end a header, add one, or begin the body."""
    ordinary = received(notice("booking_created", "provider"))
    hostile = replace(notice("booking_created", "provider", title=f"T{bad}", location=f"L{bad}"), customer=f"C{bad}")
    message = received(hostile, reader(name=f"N{bad}"), replace(SETTINGS, business_name=f"B{bad}"))
    assert message.keys() == ordinary.keys()
    assert [one.addr_spec for one in message["To"].addresses] == ["aenne@example.com"]
    assert [one.addr_spec for one in message["From"].addresses] == ["bookings@example.com"]


def test_an_invitation_in_two_readings() -> None:
    message = received(notice(title='Cut; "wash", dry\\now', location="Room; 1, left"))
    assert part(message, "text/calendar").get_param("method") == "REQUEST"
    found = event(message)
    assert found["uid"] == f"booking-{BOOKING_ID}@bookings"
    assert found["sequence"] == 3
    assert found.start == datetime(2027, 3, 1, 9, tzinfo=UTC)
    assert found.end == datetime(2027, 3, 1, 10, tzinfo=UTC)
    assert found["dtstamp"].dt == datetime(2027, 2, 1, 12, tzinfo=UTC)
    assert found["summary"] == 'Cut; "wash", dry\\now'
    assert found["organizer"] == "mailto:bookings@example.com"
    assert found["organizer"].params["cn"] == "Praxis Müller & Söhne"
    assert found["attendee"] == "mailto:aenne@example.com"
    assert found["status"] == "CONFIRMED"
    attached: bytes = part(message, "application/ics").get_content()
    other = vobject.readOne(attached.decode())
    assert other.method.value == "REQUEST"
    assert other.vevent.uid.value == found["uid"]
    assert other.vevent.sequence.value == "3"
    assert other.vevent.dtstart.value == found.start
    assert other.vevent.dtend.value == found.end
    assert other.vevent.summary.value == found["summary"]
    assert other.vevent.location.value == "Room; 1, left"
    assert other.vevent.organizer.value == "mailto:bookings@example.com"


def test_the_life_of_an_invitation() -> None:
    """One UID; the sequence rises with the version; a cancellation takes it out."""
    steps = [
        ("booking_confirmed", "confirmed", 2, "REQUEST", "CONFIRMED"),
        ("booking_rescheduled", "confirmed", 3, "REQUEST", "CONFIRMED"),
        ("booking_cancelled", "cancelled", 4, "CANCEL", "CANCELLED"),
    ]
    events = []
    for cause, status, version, method, shown in steps:
        message = received(notice(cause, status=status, version=version))
        assert part(message, "text/calendar").get_param("method") == method
        events.append(event(message))
        assert events[-1]["status"] == shown
    assert len({str(one["uid"]) for one in events}) == 1
    assert all(early["sequence"] < late["sequence"] for early, late in itertools.pairwise(events))


def test_only_what_stands_is_invited_to() -> None:
    kinds = {one.get_content_type() for one in received(notice("booking_created", status="pending")).walk()}
    assert kinds == {"multipart/alternative", "text/plain", "text/html"}


def test_names_cannot_leave_their_parameter() -> None:
    hostile = received(notice(), reader(name='E";X=1:mailto:eve@example.com\r\nATTENDEE:mailto:eve@example.com'))
    attendee = event(hostile)["attendee"]
    assert attendee == "mailto:aenne@example.com"
    assert set(attendee.params) == {"CN", "PARTSTAT", "ROLE", "RSVP"}


def test_unsubscribe_tokens() -> None:
    token = LINK.rpartition("/")[2]
    assert unsubscribe.read(SETTINGS, token) == (READER_ID, "booking_confirmed")
    assert unsubscribe.read(SETTINGS, token[:-1] + ("a" if token[-1] != "a" else "b")) is None
    assert unsubscribe.read(replace(SETTINGS, jwt_secret="another secret of thirty-two bytes"), token) is None
    for wrong in ("", "a", "a.b", "é", "x" * 10_000):
        assert unsubscribe.read(SETTINGS, wrong) is None


def test_unsubscribe_links_of_old_mails_go_on_working() -> None:
    """Their tokens had no prefix."""
    token = LINK.rpartition("/")[2]
    assert token.startswith("bku_")
    assert unsubscribe.read(SETTINGS, token.removeprefix("bku_")) == (READER_ID, "booking_confirmed")
