"""The words of a notification in its reader's language, from the templates beside this file.

The sentences are templates of plain text. They enter HTML only through templates that escape whatever they are given,
so a name such as `<script>` stays a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from bookings.account.service import Recipient
from bookings.config import Settings
from bookings.notification import formats, rules
from bookings.notification.rules import one_line

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who is told. `locale` is a BCP 47 tag, `time_zone` an IANA name."""

    id: UUID
    name: str
    email: str
    locale: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told: the facts as they were when it became true, and what people and things are called today."""

    id: UUID
    cause: str
    audience: str
    #: `booking`, and where it has them `amount` (money) and `until` (an instant)
    data: Mapping[str, Any]
    customer: str
    service: str | None
    resources: tuple[str, ...]
    created_at: datetime

    @property
    def booking(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.data["booking"]
        return found


@dataclass(frozen=True, slots=True)
class Words:
    """A notification for people: a line, a sentence or two, facts with their labels, and where to see more."""

    language: str
    subject: str
    text: str
    facts: tuple[tuple[str, str], ...]
    link: str
    link_label: str
    labels: Mapping[str, str]


def reader_of(recipient: Recipient) -> Reader:
    """Somebody as words need them."""
    return Reader(recipient.id, recipient.name, recipient.email, recipient.locale, recipient.time_zone)


def notice_of(row: Mapping[str, Any]) -> Notice:
    """A row of the table, with what is called how, as words need it."""
    return Notice(
        id=row["id"],
        cause=row["cause"],
        audience=row["audience"],
        data=row["data"],
        customer=row["customer"] or "",
        service=row["service"],
        resources=tuple(row["resources"]),
        created_at=row["created_at"],
    )


def words(settings: Settings, notice: Notice, reader: Reader, *, invitation: bool = False) -> Words:
    """Put a notice into words for its reader. `invitation`: a calendar object goes with it."""
    language, locale = rules.language_of(reader.locale), formats.locale_of(reader.locale)
    context = {
        "business": settings.business_name,
        "recipient": one_line(reader.name),
        "customer": one_line(notice.customer),
        "what": what(notice),
        "amount": _amount(notice, locale),
        "until": _until(notice, reader, locale),
        "count": notice.data.get("count", 1),
        "waiting": notice.data.get("waiting", 0),
        "invitation": invitation,
    }
    labels = labels_of(language, context)
    return Words(
        language=language,
        subject=one_line(_block(language, notice.cause, f"{notice.audience}_subject", context)),
        text=_block(language, notice.cause, f"{notice.audience}_text", context),
        facts=tuple(_facts(notice, reader, locale, labels)),
        link=_link(settings, notice),
        link_label=labels[{"review_request": "review_link", "waitlist_offer": "offer_link"}.get(notice.cause, "link")],
        labels=labels,
    )


def what(notice: Notice) -> str:
    """What a booking is called: its service, else its title, else what it claims."""
    named = notice.service or notice.booking.get("title") or ", ".join(notice.resources)
    return one_line(named, 120) or "…"


def labels_of(language: str, context: Mapping[str, Any]) -> dict[str, str]:
    """The words around the sentence, such as `When`. Context: business, recipient."""
    template = _plain().get_template(f"{language}/labels.jinja")
    return {name: _rendered(template, name, context) for name in template.blocks}


def page(name: str, **context: Any) -> str:
    """Fill one of the templates that several languages share, such as `mail.html.jinja`."""
    environment = _escaping() if name.endswith(".html.jinja") else _plain()
    return environment.get_template(name).render(context)


def _facts(notice: Notice, reader: Reader, locale: Any, labels: Mapping[str, str]) -> list[tuple[str, str]]:
    booking = notice.booking
    with_ = ", ".join(notice.resources) if notice.audience == rules.CUSTOMER else notice.customer
    rows = [
        ("what", what(notice)),
        ("when", "" if "dates" in notice.data else _when(booking, reader, locale)),
        ("where", one_line(booking.get("location"))),
        ("who" if notice.audience == rules.CUSTOMER else "customer", one_line(with_)),
        ("party", str(booking["partySize"]) if _counts_people(notice) else ""),
        ("price", formats.money(booking["price"], locale) if booking.get("price") else ""),
        ("total", formats.money(notice.data["total"], locale) if notice.data.get("total") else ""),
        ("amount", _amount(notice, locale)),
        ("reason", one_line(booking.get("statusReason"), 500) if notice.cause in _REASONED else ""),
    ]
    return [(labels[name], value) for name, value in rows if value] + _dates(notice, reader, locale, labels)


def _dates(notice: Notice, reader: Reader, locale: Any, labels: Mapping[str, str]) -> list[tuple[str, str]]:
    """The first dates of a series, numbered, and how many more there are."""
    shown = notice.data.get("dates", [])[: rules.DATES]
    rows = [(f"{labels['when']} {n}", _when(one, reader, locale)) for n, one in enumerate(shown, 1)]
    rest = notice.data.get("count", 1) - len(shown)
    return [*rows, (labels["more"], str(rest))] if shown and rest else rows


def _when(booking: Mapping[str, Any], reader: Reader, locale: Any) -> str:
    start, end = (datetime.fromisoformat(booking[name]) for name in ("startAt", "endAt"))
    return formats.period(start, end, reader.time_zone, locale)


_REASONED = ("booking_declined", "booking_cancelled", "series_cancelled")


def _counts_people(notice: Notice) -> bool:
    """How many come goes without saying when it is one, unless they were more."""
    size: int = notice.booking.get("partySize", 1)
    return size > 1 or notice.cause == "booking_attendees_changed"


def _amount(notice: Notice, locale: Any) -> str:
    amount = notice.data.get("amount")
    return formats.money(amount, locale) if amount else ""


def _until(notice: Notice, reader: Reader, locale: Any) -> str:
    until = notice.data.get("until")
    return formats.instant(datetime.fromisoformat(until), reader.time_zone, locale) if until else ""


def _link(settings: Settings, notice: Notice) -> str:
    home = settings.public_url.rstrip("/")
    if notice.data.get("entryId"):
        return f"{home}/waitlist/{notice.data['entryId']}"
    return link_to(settings, notice.booking["id"])


def link_to(settings: Settings, booking_id: str) -> str:
    """Where people see a booking."""
    return f"{settings.public_url.rstrip('/')}/bookings/{booking_id}"


def _block(language: str, cause: str, block: str, context: Mapping[str, Any]) -> str:
    return _rendered(_plain().get_template(f"{language}/{cause}.jinja"), block, context)


def _rendered(template: Template, block: str, context: Mapping[str, Any]) -> str:
    return "".join(template.blocks[block](template.new_context(dict(context)))).strip()


@cache
def _plain() -> Environment:
    """For plain text: nothing to escape. A name that a template needs and nobody gave is an error, not a gap."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701
        keep_trailing_newline=True,
    )


@cache
def _escaping() -> Environment:
    """For HTML."""
    return Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True)
