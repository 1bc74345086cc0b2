"""Words: every cause in every language, times in the reader's zone, nothing of a stranger's taken for markup."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from babel import Locale

from bookings.notification import formats, rules, wording
from bookings.notification.rules import CAUSES, LANGUAGES, one_line
from tests.unit.notification.examples import SETTINGS, notice, reader

EVERY = [(cause, audience) for cause, audiences in CAUSES.items() for audience in audiences]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("cause,audience", EVERY)
def test_every_cause_speaks_every_language(language: str, cause: str, audience: str) -> None:
    """With and without what is optional; a name that a template misses would raise."""
    examples: tuple[dict[str, Any], ...] = (
        {},
        {"amount": {"amount": 4550, "currency": "EUR"}, "until": "2027-03-01T08:00:00Z"},
        {"count": 3, "waiting": 2},
    )
    for more in examples:
        told = wording.words(SETTINGS, notice(cause, audience, **more), reader(locale=language))
        assert told.language == language
        assert told.subject
        assert told.text[0].isupper() or told.text.startswith(("Änne", "€"))
        assert "  " not in told.text
        assert not {"{", "}", "None", "invitation"} & set(told.text.split())


@pytest.mark.parametrize("cause,audience", EVERY)
def test_languages_differ(cause: str, audience: str) -> None:
    texts = {wording.words(SETTINGS, notice(cause, audience), reader(locale=one)).text for one in LANGUAGES}
    assert len(texts) == len(LANGUAGES)


@pytest.mark.parametrize(
    "locale,language",
    [("de", "de"), ("de-AT", "de"), ("DE", "de"), ("en-GB", "en"), ("fr", "en"), ("xx", "en"), ("den", "en")],
)
def test_other_languages_read_english(locale: str, language: str) -> None:
    assert rules.language_of(locale) == language
    assert wording.words(SETTINGS, notice(), reader(locale=locale)).language == language


@pytest.mark.parametrize(
    "zone,locale,shown",
    [
        ("Europe/Berlin", "de", "Montag, 1. März 2027, 10:00 – 11:00 (Mitteleuropäische Normalzeit)"),
        ("America/New_York", "en", "Monday, March 1, 2027, 4:00 AM – 5:00 AM (Eastern Standard Time)"),
        ("Asia/Tokyo", "en-GB", "Monday, 1 March 2027, 18:00 – 19:00 (Japan Standard Time)"),
        ("UTC", "en-GB", "Monday, 1 March 2027, 09:00 – 10:00 (Coordinated Universal Time)"),
        ("Not/AZone", "en-GB", "Monday, 1 March 2027, 09:00 – 10:00 (Coordinated Universal Time)"),
    ],
)
def test_times_are_the_readers(zone: str, locale: str, shown: str) -> None:
    told = wording.words(SETTINGS, notice(), reader(time_zone=zone, locale=locale))
    assert shown in [value for _, value in told.facts]


def test_a_night_over_the_change_of_clocks_names_both() -> None:
    """28 March 2027, 01:00 UTC: Berlin's clocks go from 02:00 to 03:00."""
    start, end = datetime(2027, 3, 28, 0, 30, tzinfo=UTC), datetime(2027, 3, 28, 1, 30, tzinfo=UTC)
    shown = formats.period(start, end, "Europe/Berlin", Locale("de"))
    assert "01:30 (Mitteleuropäische Normalzeit)" in shown
    assert "03:30 (Mitteleuropäische Sommerzeit)" in shown


@pytest.mark.parametrize(
    "amount,currency,locale,shown",
    [
        (4550, "EUR", "de", "45,50\xa0€"),
        (4550, "EUR", "en", "€45.50"),
        (4550, "JPY", "en", "¥4,550"),
        (4550, "KWD", "en", "KWD4.550"),
        (1, "USD", "en", "$0.01"),
    ],
)
def test_money_has_its_currencys_digits(amount: int, currency: str, locale: str, shown: str) -> None:
    assert formats.money({"amount": amount, "currency": currency}, Locale(locale)) == shown


def test_each_side_reads_of_the_other() -> None:
    customers, providers = (
        dict(wording.words(SETTINGS, notice("booking_created", audience), reader()).facts)
        for audience in ("customer", "provider")
    )
    assert customers["With"] == "Dr. Who, Room 1"
    assert "Customer" not in customers
    assert providers["Customer"] == "Änne Kunz"
    assert "With" not in providers


def test_the_reason_is_told_where_it_matters() -> None:
    facts = wording.words(SETTINGS, notice("booking_cancelled", statusReason="Ill\nsorry"), reader()).facts
    assert ("Reason", "Ill sorry") in facts
    assert "Reason" not in dict(wording.words(SETTINGS, notice("booking_confirmed", statusReason="x"), reader()).facts)


def test_links_begin_with_the_public_url() -> None:
    assert wording.words(SETTINGS, notice(), reader()).link.startswith("https://book.example.com/bookings/0199")


def test_a_service_is_named_before_a_title() -> None:
    from dataclasses import replace

    assert wording.what(notice()) == "Checkup"
    assert wording.what(replace(notice(), service="Massage")) == "Massage"
    assert wording.what(notice(title=None)) == "Dr. Who, Room 1"
    assert wording.what(replace(notice(title=None), resources=())) == "…"


@pytest.mark.parametrize(
    "text,line",
    [
        ("a\r\nBcc: b", "a Bcc: b"),
        ("  a \t b\x00\x1b[31m ", "a b [31m"),
        ("\u202egnp.exe", "gnp.exe"),
        ("a\u2028b", "a b"),
        (None, ""),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_one_line_is_one_line(text: Any, line: str) -> None:
    assert one_line(text) == line


def test_html_holds_no_markup_of_strangers() -> None:
    from dataclasses import replace

    hostile = replace(notice("booking_created", "provider", title='<img src=x onerror="a()">'), customer="<b>Eve</b>")
    told = wording.words(SETTINGS, hostile, reader(name="<i>me</i>"))
    html = wording.page(
        "mail.html.jinja",
        language="en",
        subject=told.subject,
        text=told.text,
        facts=told.facts,
        link=told.link,
        link_label=told.link_label,
        labels=told.labels,
        unsubscribe="https://book.example.com/unsubscribe/x",
    )
    assert "&lt;b&gt;Eve&lt;/b&gt;" in html
    assert not any(tag in html for tag in ("<b>", "<i>", "<img"))


@pytest.mark.parametrize(
    "cause,status,method",
    [
        ("booking_confirmed", "confirmed", "REQUEST"),
        ("booking_rescheduled", "confirmed", "REQUEST"),
        ("booking_rescheduled", "pending", None),
        ("booking_reassigned", "confirmed", "REQUEST"),
        ("booking_passed_on", "confirmed", "CANCEL"),
        ("booking_cancelled", "cancelled", "CANCEL"),
        ("booking_created", "pending", None),
        ("booking_declined", "declined", None),
        ("reminder", "confirmed", None),
    ],
)
def test_what_goes_into_calendars(cause: str, status: str, method: str | None) -> None:
    assert rules.invitation_method(cause, {"status": status}) == method


def test_what_waits_of_a_series_is_said() -> None:
    told = wording.words(SETTINGS, notice("series_created", "provider", count=5, waiting=2), reader())
    assert "Of these bookings 2 wait" in told.text
    assert "wait" not in wording.words(SETTINGS, notice("series_created", "provider", count=5), reader()).text
