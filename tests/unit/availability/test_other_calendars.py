"""What other calendars say, as times."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bookings.availability.errors import UnreadableCalendar
from bookings.availability.other_calendars import busy_times

BERLIN = ZoneInfo("Europe/Berlin")
VTIMEZONE = """BEGIN:VTIMEZONE
TZID:Home
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:-0330
TZOFFSETTO:-0330
END:STANDARD
END:VTIMEZONE
"""


def ics(*events: str, more: str = "") -> str:
    """A calendar of events, each given by its lines."""
    bodies = "".join(
        f"BEGIN:VEVENT\nUID:{number}@example\nDTSTAMP:20270101T000000Z\n{lines}\nEND:VEVENT\n"
        for number, lines in enumerate(events)
    )
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//\n{more}{bodies}END:VCALENDAR\n".replace("\n", "\r\n")


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def busy(text: str, lower: str = "2027-03-01", upper: str = "2027-04-30") -> list[tuple[str, str]]:
    found = busy_times(text, BERLIN, utc(lower), utc(upper))
    return [tuple(datetime.fromtimestamp(at, UTC).strftime("%m-%d %H:%M") for at in one) for one in found]  # type: ignore[misc]


@pytest.mark.parametrize(
    "lines,expected",
    [
        ("DTSTART:20270302T090000Z\nDTEND:20270302T100000Z", [("03-02 09:00", "03-02 10:00")]),
        ("DTSTART;TZID=America/New_York:20270302T090000\nDURATION:PT90M", [("03-02 14:00", "03-02 15:30")]),
        # without a zone: where the resource is, in summer two hours before UTC
        ("DTSTART:20270302T090000\nDTEND:20270302T100000", [("03-02 08:00", "03-02 09:00")]),
        ("DTSTART:20270402T090000\nDTEND:20270402T100000", [("04-02 07:00", "04-02 08:00")]),
        # a time that clocks leave out begins when they go on
        ("DTSTART:20270328T023000\nDTEND:20270328T040000", [("03-28 01:00", "03-28 02:00")]),
        # whole days, one of 23 hours
        ("DTSTART;VALUE=DATE:20270327\nDTEND;VALUE=DATE:20270329", [("03-26 23:00", "03-28 22:00")]),
        ("DTSTART;VALUE=DATE:20270302", [("03-01 23:00", "03-02 23:00")]),
        ("DTSTART:20270302T090000Z", []),  # a moment
        ("DTSTART:20270302T090000Z\nDTEND:20270302T100000Z\nTRANSP:TRANSPARENT", []),
        ("DTSTART:20270302T090000Z\nDTEND:20270302T100000Z\nTRANSP:OPAQUE", [("03-02 09:00", "03-02 10:00")]),
        ("DTSTART:20270302T090000Z\nDTEND:20270302T100000Z\nSTATUS:CANCELLED", []),
        # cut off at the bounds
        ("DTSTART:20270220T000000Z\nDTEND:20270302T000000Z", [("03-01 00:00", "03-02 00:00")]),
        ("DTSTART:20280302T090000Z\nDTEND:20280302T100000Z", []),
    ],
)
def test_single_events(lines: str, expected: list[tuple[str, str]]) -> None:
    assert busy(ics(lines)) == expected


def test_a_zone_of_its_own() -> None:
    text = ics("DTSTART;TZID=Home:20270302T090000\nDTEND;TZID=Home:20270302T100000", more=VTIMEZONE)
    assert busy(text) == [("03-02 12:30", "03-02 13:30")]


def test_what_recurs_keeps_its_wall_time_and_knows_exceptions() -> None:
    weekly = (
        "DTSTART;TZID=Europe/Berlin:20270315T090000\nDTEND;TZID=Europe/Berlin:20270315T100000\n"
        "RRULE:FREQ=WEEKLY;COUNT=5\nEXDATE;TZID=Europe/Berlin:20270322T090000\nRDATE;TZID=Europe/Berlin:20270416T090000"
    )
    assert busy(ics(weekly)) == [
        ("03-15 08:00", "03-15 09:00"),
        ("03-29 07:00", "03-29 08:00"),
        ("04-05 07:00", "04-05 08:00"),
        ("04-12 07:00", "04-12 08:00"),
        ("04-16 07:00", "04-16 08:00"),
    ]


def test_a_changed_occurrence_moves() -> None:
    daily = "DTSTART:20270302T090000Z\nDTEND:20270302T100000Z\nRRULE:FREQ=DAILY;COUNT=2"
    moved = "RECURRENCE-ID:20270303T090000Z\nDTSTART:20270303T150000Z\nDTEND:20270303T160000Z\nSEQUENCE:1"
    text = ics(daily, moved).replace("UID:1@example", "UID:0@example")
    assert busy(text) == [("03-02 09:00", "03-02 10:00"), ("03-03 15:00", "03-03 16:00")]


def test_a_cancelled_occurrence_takes_no_time() -> None:
    daily = "DTSTART:20270302T090000Z\nDTEND:20270302T100000Z\nRRULE:FREQ=DAILY;COUNT=2"
    gone = "RECURRENCE-ID:20270303T090000Z\nDTSTART:20270303T090000Z\nDTEND:20270303T100000Z\nSTATUS:CANCELLED"
    assert busy(ics(daily, gone).replace("UID:1@example", "UID:0@example")) == [("03-02 09:00", "03-02 10:00")]


def test_what_overlaps_is_one_time() -> None:
    first, second = (
        "DTSTART:20270302T090000Z\nDTEND:20270302T100000Z",
        "DTSTART:20270302T093000Z\nDTEND:20270302T110000Z",
    )
    assert busy(ics(first, second)) == [("03-02 09:00", "03-02 11:00")]


def test_an_empty_calendar_is_free() -> None:
    assert busy(ics()) == []


def free_busy(*lines: str) -> str:
    """A calendar that tells no events."""
    return ics(more="BEGIN:VFREEBUSY\nUID:1\nDTSTAMP:20270101T000000Z\n" + "\n".join(lines) + "\nEND:VFREEBUSY\n")


def test_a_calendar_may_say_only_when_it_is_busy() -> None:
    one, two = "20270302T090000Z/20270302T100000Z", "20270303T090000Z/PT90M"
    expected = [("03-02 09:00", "03-02 10:00"), ("03-03 09:00", "03-03 10:30")]
    assert busy(free_busy(f"FREEBUSY:{one},{two}")) == expected
    assert busy(free_busy(f"FREEBUSY;FBTYPE=BUSY-TENTATIVE:{one}", f"FREEBUSY;FBTYPE=BUSY:{two}")) == expected
    assert busy(free_busy(f"FREEBUSY;FBTYPE=FREE:{one}", f"FREEBUSY:{two}")) == expected[1:]
    assert busy(free_busy(f"FREEBUSY:{one}"), lower="2027-03-03") == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "",
        free_busy("FREEBUSY:tomorrow"),
        free_busy("FREEBUSY:20270302T090000Z"),
        "<html><body>Sign in</body></html>",
        "BEGIN:VCALENDAR",
        "BEGIN:VEVENT\r\nEND:VEVENT",
        ics("SUMMARY:never"),
        ics("DTSTART:20270302T090000Z\nDTEND:20270302T090001Z\nRRULE:FREQ=SECONDLY"),
        ics("DTSTART:20270302T090000Z\nDTEND:20270302T090001Z\nRRULE:FREQ=MINUTELY"),
        ics("DTSTART:20270302T090000Z\nRRULE:FREQ=DAILY;BYHOUR=0,1,2,3;BYMINUTE=0,1,2,3,4,5,6,7"),
        ics("DTSTART:00010302T090000Z\nDTEND:00010302T100000Z\nRRULE:FREQ=DAILY"),
        ics(*["DTSTART:20270302T090000Z\nDTEND:20270302T100000Z"] * 5001),
    ],
)
def test_what_cannot_be_read_says_so(text: str) -> None:
    with pytest.raises(UnreadableCalendar) as refused:
        busy_times(text, BERLIN, utc("2027-03-01"), utc("2027-04-01"))
    assert "Sign in" not in str(refused.value)


def test_too_many_busy_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bookings.availability.other_calendars.MOST_TIMES", 10)
    with pytest.raises(UnreadableCalendar, match="more than 10"):
        busy(ics("DTSTART:20270302T090000Z\nDTEND:20270302T100000Z\nRRULE:FREQ=DAILY;COUNT=11"))
