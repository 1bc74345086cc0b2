"""Instants and money as people read them, in their language and their zone (CLDR, through babel)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, get_timezone_name
from babel.numbers import format_currency, get_currency_precision

#: an en dash
_TO = " \u2013 "


@lru_cache(maxsize=256)
def locale_of(tag: str) -> Locale:
    """What CLDR knows of a BCP 47 tag, or of its language; English for what it does not know at all."""
    parts = tag.replace("_", "-").split("-")
    for known in ("-".join(parts), parts[0]):
        try:
            return Locale.parse(known, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    return Locale("en")


def zone_of(name: str) -> ZoneInfo:
    """An IANA zone; UTC for one that is not known any more."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def instant(at: datetime, zone: str, locale: Locale) -> str:
    """`Monday, March 1, 2027, 9:00 AM (Central European Standard Time)`."""
    local = at.astimezone(zone_of(zone))
    return f"{_date(local, locale)}, {_time(local, locale)} ({_zone(local, locale)})"


def period(start: datetime, end: datetime, zone: str, locale: Locale) -> str:
    """From when to when; day and zone are said once when they are the same."""
    first, last = start.astimezone(zone_of(zone)), end.astimezone(zone_of(zone))
    if first.date() != last.date() or _zone(first, locale) != _zone(last, locale):
        return f"{instant(start, zone, locale)}{_TO}{instant(end, zone, locale)}"
    times = f"{_time(first, locale)}{_TO}{_time(last, locale)}"
    return f"{_date(first, locale)}, {times} ({_zone(first, locale)})"


def money(value: dict[str, Any], locale: Locale) -> str:
    """An amount in minor units of its currency, as `45,00 €`."""
    digits = get_currency_precision(value["currency"])
    return format_currency(Decimal(value["amount"]).scaleb(-digits), value["currency"], locale=locale)


def _date(local: datetime, locale: Locale) -> str:
    return format_date(local.date(), format="full", locale=locale)


def _time(local: datetime, locale: Locale) -> str:
    # Without a zone babel takes the time for UTC and leaves it as it is, which is what is wanted here.
    return format_time(local.time(), format="short", locale=locale).replace("\u202f", " ")


def _zone(local: datetime, locale: Locale) -> str:
    return get_timezone_name(local, width="long", locale=locale)
