"""Handing a mail to the server, and what its refusals mean."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from email.message import EmailMessage

from bookings.config import Settings
from bookings.notification.rules import is_permanent, one_line


class Refused(Exception):
    """The server will never take this mail for this recipient; the message says why."""


class Postponed(Exception):
    """The server did not take the mail this time: it is away, slow, busy or not set up; the message says why."""


def send(settings: Settings, mail: EmailMessage) -> None:
    """Hand a mail over; when this returns, the server has taken responsibility for it.

    Raises Refused when it says 5xx to the recipient or to the mail, Postponed for everything else. A server that goes
    away after the last dot may have taken the mail or not: that is Postponed, so the mail may arrive twice.
    """
    try:
        server = _connect(settings)
        try:
            server.send_message(mail)
            # It has said 250: what it says to QUIT, if anything, changes nothing any more.
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.quit()
        finally:
            server.close()
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        raise _refusal(code, text, permanent=is_permanent(code)) from error
    except smtplib.SMTPDataError as error:
        raise _refusal(error.smtp_code, error.smtp_error, permanent=is_permanent(error.smtp_code)) from error
    except smtplib.SMTPResponseException as error:
        # The greeting, TLS, the password or the sender: our operator's to mend, so the mail must outlive it.
        raise _refusal(error.smtp_code, error.smtp_error, permanent=False) from error
    except (OSError, smtplib.SMTPException) as error:
        raise Postponed(one_line(f"{type(error).__name__}: {error}", 500)) from error


def _connect(settings: Settings) -> smtplib.SMTP:
    seconds = settings.smtp_timeout.total_seconds()
    if settings.smtp_tls == "implicit":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            settings.smtp_host, settings.smtp_port, timeout=seconds, context=ssl.create_default_context()
        )
    else:
        server = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=seconds)
    try:
        if settings.smtp_tls == "starttls":
            server.starttls(context=ssl.create_default_context())
        if settings.smtp_username:
            server.login(settings.smtp_username, settings.smtp_password)
    except BaseException:
        server.close()
        raise
    return server


def _refusal(code: int, text: bytes | str, *, permanent: bool) -> Refused | Postponed:
    said = text.decode(errors="replace") if isinstance(text, bytes) else text
    return (Refused if permanent else Postponed)(one_line(f"{code} {said}", 500))
