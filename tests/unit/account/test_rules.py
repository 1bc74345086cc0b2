"""What people switch off, and that SQL and Python know the same causes."""

from __future__ import annotations

import re

import pytest

from bookings import queries
from bookings.account.rules import CAUSES, CHANNELS, COUNTRIES, switched_off


def test_only_what_is_named_is_switched() -> None:
    off = switched_off([], {"email": {"reminder": False, "review_request": False}, "inApp": {"reminder": False}})
    assert off == ["email:reminder", "email:review_request", "in_app:reminder"]
    assert switched_off(off, {"email": {"reminder": True}}) == ["email:review_request", "in_app:reminder"]
    assert switched_off(off, {}) == off


def test_sql_knows_the_same_causes_and_channels() -> None:
    text = queries.load("account").find
    lists = re.findall(r"unnest\('\{([^}]*)\}'", text)
    assert [tuple(re.split(r",\s*", found)) for found in lists] == [CAUSES] * len(CHANNELS)
    for channel, name in CHANNELS.items():
        assert f"'{name}', (SELECT" in text
        assert f"'{channel}:'" in text


@pytest.mark.parametrize("code", ["DE", "US", "JP", "BR", "GB"])
def test_countries_are_those_of_iso_3166(code: str) -> None:
    assert code in COUNTRIES
    assert len(COUNTRIES) == 249
    assert not COUNTRIES & {"EU", "UK", "XK", "ZZ"}
