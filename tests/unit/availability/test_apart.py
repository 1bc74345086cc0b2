"""Calendars that ask for endless work are given up; what is ordinary is read as ever."""

from __future__ import annotations

import resource

import pytest

from bookings.availability import apart, other_calendars
from bookings.availability.errors import UnreadableCalendar
from tests.unit.availability.test_other_calendars import BERLIN, VTIMEZONE, ics, utc

LOWER, UPPER = utc("2027-03-01"), utc("2027-04-30")
NEVER = "BYMONTH=2;BYMONTHDAY=31"
_ONE = "DTSTART;TZID=Home:20270302T090000\nDTEND;TZID=Home:20270302T100000"


def zoned(rule: str) -> str:
    """An event in a time zone that changes by a rule."""
    begins = f"DTSTART:19700101T000000\nRRULE:{rule}"
    summer = VTIMEZONE.replace("STANDARD", "DAYLIGHT").replace("TZOFFSETTO:-0330", "TZOFFSETTO:-0230")
    both = VTIMEZONE.replace("END:VTIMEZONE\n", "") + summer.partition("TZID:Home\n")[2]
    return ics(_ONE, more=both.replace("DTSTART:19700101T000000", begins))


@pytest.fixture(autouse=True)
def shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody needs to wait so long to see it end."""
    monkeypatch.setattr(apart, "READING", 1)
    monkeypatch.setattr(apart, "CHECKING", 1)


def test_what_is_ordinary_is_read() -> None:
    text = ics("DTSTART;TZID=Europe/Berlin:20270315T090000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=5\nSUMMARY:Ümläut")
    apart.check(text)
    found = apart.busy_times(text, BERLIN, LOWER, UPPER)
    assert found == other_calendars.busy_times(text, BERLIN, LOWER, UPPER)
    assert len(found) == 5


def test_what_is_wrong_is_told() -> None:
    for read in (apart.check, lambda text: apart.busy_times(text, BERLIN, LOWER, UPPER)):
        with pytest.raises(UnreadableCalendar, match="not iCalendar"):
            read("<html>")


@pytest.mark.parametrize(
    "text",
    [
        ics(*[f"DTSTART:19700101T000000Z\nRRULE:FREQ=HOURLY;{NEVER}"] * 3),
        ics(*[f"DTSTART:19700101T000000Z\nRRULE:FREQ=DAILY;{NEVER}"] * 5),
        zoned(f"FREQ=DAILY;{NEVER}"),
        zoned("FREQ=SECONDLY"),
    ],
    ids=["hourly", "daily", "a zone that never changes", "a zone that changes every second"],
)
@pytest.mark.slow
def test_what_asks_for_too_much_is_given_up(text: str) -> None:
    """All of it together may take what one may, and the process that asked has not worked at all."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with pytest.raises(UnreadableCalendar, match="too long"):
        apart.busy_times(text, BERLIN, LOWER, UPPER)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5


@pytest.mark.slow
def test_what_is_sent_is_given_up_sooner() -> None:
    with pytest.raises(UnreadableCalendar, match="too long"):
        apart.check(ics("DTSTART:20270302T090000Z\n" + "\n".join(["X:1"] * 200_000)))
