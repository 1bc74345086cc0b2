"""Public holidays, from the `holidays` library. Pure functions; what they find is remembered for each year.

The library is imported when first asked: that takes a tenth of a second, and only who keeps a country's holidays asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache


@lru_cache(maxsize=1)
def _supported() -> dict[str, list[str]]:
    import holidays

    return holidays.list_supported_countries(include_aliases=False)


def known(code: str) -> bool:
    """Whether there are holidays for a country (`DE`) or a part of one (`DE-BY`)."""
    country, dash, part = code.partition("-")
    return country in _supported() and (not dash or part in _supported()[country])


@lru_cache(maxsize=2048)
def of_year(code: str, year: int) -> Mapping[date, str]:
    """The public holidays of a year and their English names; days given instead of those on a weekend included."""
    import holidays

    country, _, part = code.partition("-")
    return dict(holidays.country_holidays(country, subdiv=part or None, years=year, language="en_US"))


def holiday(code: str, day: date) -> str | None:
    """The name of the holiday on a date, or None. `code` is one that is known, or empty: no holidays."""
    return of_year(code, day.year).get(day) if code else None
