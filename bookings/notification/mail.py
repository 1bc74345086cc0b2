"""A notification as an e-mail: text, HTML and, for what belongs into a calendar, an invitation."""

from __future__ import annotations

from email import policy
from email.headerregistry import Address, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any

from bookings import clock
from bookings.config import Settings
from bookings.notification import rules, wording
from bookings.notification.invitation import calendar_of_series, invitation
from bookings.notification.rules import one_line
from bookings.notification.wording import Notice, Reader, Words


class _Unfolded(UnstructuredHeader):
    """A header that stays on one line: an address wrapped into encoded words would not be one any more."""

    def fold(self, *, policy: Any) -> str:
        return f"{self.name}: {self}{policy.linesep}"  # type: ignore[attr-defined]


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _Unfolded)  # type: ignore[arg-type]
#: everything is encoded to ASCII, because not every server on the way knows 8BITMIME or SMTPUTF8
_POLICY = policy.SMTP.clone(cte_type="7bit", header_factory=_HEADERS)


def message(settings: Settings, notice: Notice, reader: Reader, unsubscribe: str) -> EmailMessage:
    """The e-mail of a notice. Its Message-ID is the notice's own, so a second copy after a crash can be recognised.

    `unsubscribe` is the address that turns such mails off with one click (RFC 8058). Raises ValueError for an address
    that cannot be one.
    """
    method = rules.invitation_method(notice.cause, notice.booking)
    calendar = calendar_of_series(settings, notice)
    words = wording.words(settings, notice, reader, invitation=method is not None or calendar is not None)
    sender = sender_of(settings)
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = sender
    mail["To"] = Address(one_line(reader.name), addr_spec=reader.email)
    mail["Subject"] = words.subject
    mail["Date"] = format_datetime(clock.now())
    mail["Message-ID"] = f"<{notice.id}@{sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["List-Unsubscribe"] = f"<{unsubscribe}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    _fill(mail, words, unsubscribe)
    if method:
        _attach(mail, invitation(settings, notice, reader, sender, method), method)
    if calendar:
        mail.add_attachment(calendar, maintype="application", subtype="ics", filename="bookings.ics")
    mail["Content-Language"] = words.language
    return mail


def sender_of(settings: Settings) -> Address:
    """MAIL_FROM with the name of the business unless it has one of its own. Raises ValueError when it is no address."""
    name, email = parseaddr(settings.mail_from)
    return Address(one_line(name or settings.business_name), addr_spec=email)


def _fill(mail: EmailMessage, words: Words, unsubscribe: str) -> None:
    context = {
        "language": words.language,
        "subject": words.subject,
        "text": words.text,
        "facts": words.facts,
        "link": words.link,
        "link_label": words.link_label,
        "labels": words.labels,
        "unsubscribe": unsubscribe,
    }
    mail.set_content(wording.page("mail.txt.jinja", **context), cte="quoted-printable")
    mail.add_alternative(wording.page("mail.html.jinja", **context), subtype="html", cte="quoted-printable")


def _attach(mail: EmailMessage, calendar: bytes, method: str) -> None:
    """Twice: as an alternative, which is what calendars look for, and as a file for everything else."""
    mail.add_alternative(calendar.decode(), subtype="calendar", cte="base64", params={"method": method})
    mail.add_attachment(calendar, maintype="application", subtype="ics", filename="booking.ics")
