"""Business hours: read from a setting, counted in elapsed time."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bookings.opening import open_seconds, parse

BERLIN = ZoneInfo("Europe/Berlin")


def hours(text: str, lower: str, upper: str) -> float:
    """Hours open between two wall-clock times in Berlin."""
    instants = [datetime.fromisoformat(one).replace(tzinfo=BERLIN) for one in (lower, upper)]
    return open_seconds(parse(text), BERLIN, *instants) / 3600


@pytest.mark.parametrize(
    "text,lower,upper,expected",
    [
        ("00:00-24:00", "2027-03-01", "2027-03-02", 24),
        ("00:00-24:00", "2027-03-28", "2027-03-29", 23),
        ("00:00-24:00", "2026-10-25", "2026-10-26", 25),
        ("00:00-24:00", "2026-10-01", "2026-11-01", 31 * 24 + 1),
        ("Mo-Fr 09:00-17:00", "2027-03-01", "2027-03-08", 40),
        ("Mo-Fr 09:00-17:00, Sa 10:00-14:00", "2027-03-01", "2027-03-08", 44),
        ("Mo-Fr 09:00-12:00, Mo-Fr 13:00-17:00", "2027-03-01T11:00", "2027-03-01T14:00", 2),
        ("Sa-Mo 09:00-10:00", "2027-03-01", "2027-03-08", 3),
        ("Su 01:00-04:00", "2027-03-28", "2027-03-29", 2),
        ("We 09:00-17:00", "2027-03-01", "2027-03-03", 0),
    ],
)
def test_open(text: str, lower: str, upper: str, expected: float) -> None:
    assert hours(text, lower, upper) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "always",
        "9-17",
        "Mo-Fr 17:00-09:00",
        "25:00-26:00",
        "09:00-24:30",
        "09:60-10:00",
        "Xx 09:00-10:00",
        "09:00-12:00, Mo 11:00-13:00",
    ],
)
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"hours|begin"):
        parse(text)
