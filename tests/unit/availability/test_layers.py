"""What three layers say together."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bookings.availability import public_holidays
from bookings.availability.hours import ALWAYS
from bookings.availability.layers import SILENT, Caps, Layer, Window, day_of, resolve, rule, text_of

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
NINE_TO_FIVE = {"from": "09:00", "to": "17:00"}
WORKDAYS = {name: [NINE_TO_FIVE] for name in ("monday", "tuesday", "wednesday", "thursday", "friday")}
MONDAY, TUESDAY = date(2026, 7, 6), date(2026, 7, 7)


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def layer(**said: Any) -> Layer:
    return Layer.of(said)


def spans(
    day: date, business: Layer = SILENT, service: Layer | None = None, resource: Layer = SILENT, zone: ZoneInfo = BERLIN
) -> list[tuple[str, str]]:
    """The open time that begins and ends on a local date, as wall-clock times."""
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
    found = resolve(business, service, resource, zone).calendar.open_between(midnight, midnight + 86400)
    return [tuple(datetime.fromtimestamp(at, zone).strftime("%H:%M") for at in one) for one in found]  # type: ignore[misc]


def test_nobody_says_anything_is_around_the_clock() -> None:
    schedule = resolve(SILENT, None, SILENT, BERLIN)
    assert schedule.calendar.week == ALWAYS
    assert schedule.calendar.on(MONDAY) == (((0, 1440),), "default", None)
    assert (schedule.rules.notice, schedule.rules.interval, schedule.rules.window) == (0, 15, None)
    assert schedule.rules.customer_caps == ()


def test_hours_are_the_resources_else_the_businesss() -> None:
    business, resource = layer(weekly=WORKDAYS), layer(weekly={"monday": [{"from": "12:00", "to": "14:00"}]})
    assert spans(MONDAY, business) == [("09:00", "17:00")]
    assert spans(MONDAY, business, None, resource) == [("12:00", "14:00")]
    assert spans(TUESDAY, business, None, resource) == []


def test_a_service_narrows_and_never_widens() -> None:
    service = layer(weekly={"monday": [{"from": "08:00", "to": "10:00"}, {"from": "16:00", "to": "19:00"}]})
    assert spans(MONDAY, layer(weekly=WORKDAYS), service) == [("09:00", "10:00"), ("16:00", "17:00")]
    assert spans(TUESDAY, layer(weekly=WORKDAYS), service) == []


def test_the_hours_of_a_date_go_before_weekly_ones_and_holidays() -> None:
    """Resource's date, business's date, holiday, week: each shows only where nothing before it speaks."""
    business = layer(weekly=WORKDAYS, holidays="DE", days={"2026-12-25": [{"from": "10:00", "to": "11:00"}]})
    resource = layer(days={"2026-12-25": [{"from": "12:00", "to": "13:00"}]})
    christmas, new_year = date(2026, 12, 25), date(2027, 1, 1)
    assert spans(christmas, business, None, resource) == [("12:00", "13:00")]
    assert spans(christmas, business) == [("10:00", "11:00")]
    assert spans(new_year, business) == []
    calendar = resolve(business, None, SILENT, BERLIN).calendar
    assert calendar.on(christmas)[1:] == ("business day", None)
    assert calendar.on(new_year)[1:] == ("public holiday", "New Year's Day")
    assert calendar.on(date(2026, 12, 28))[1:] == ("business", None)


def test_a_resource_may_work_on_holidays() -> None:
    business, resource = layer(weekly=WORKDAYS, holidays="DE"), layer(holidays="")
    assert spans(date(2026, 12, 25), business) == []
    assert spans(date(2026, 12, 25), business, None, resource) == [("09:00", "17:00")]


def test_holidays_of_a_part_of_a_country() -> None:
    epiphany = date(2027, 1, 6)
    assert spans(epiphany, layer(weekly=WORKDAYS, holidays="DE-BY")) == []
    assert spans(epiphany, layer(weekly=WORKDAYS, holidays="DE-BE")) == [("09:00", "17:00")]


@pytest.mark.parametrize(
    "code,there",
    [("DE", True), ("DE-BY", True), ("US-CA", True), ("DE-XX", False), ("ZZ", False), ("", False), ("DE-", False)],
)
def test_known_countries(code: str, there: bool) -> None:
    assert public_holidays.known(code) is there


def test_a_closed_date_of_a_service_closes_the_service_alone() -> None:
    service = layer(days={"2026-07-06": [], "2026-07-07": [{"from": "16:00", "to": "20:00"}]})
    assert spans(MONDAY, layer(weekly=WORKDAYS), service) == []
    assert spans(TUESDAY, layer(weekly=WORKDAYS), service) == [("16:00", "17:00")]
    assert spans(date(2026, 7, 8), layer(weekly=WORKDAYS), service) == [("09:00", "17:00")]


def test_a_span_past_midnight_goes_on_though_the_next_date_is_closed() -> None:
    business = layer(weekly={"monday": [{"from": "20:00", "to": "02:00"}]}, days={"2026-07-07": []})
    calendar = resolve(business, None, SILENT, BERLIN).calendar
    found = calendar.open_between(utc("2026-07-06T00:00"), utc("2026-07-08T00:00"))
    assert found == ((utc("2026-07-06T18:00"), utc("2026-07-07T00:00")),)


def test_hours_are_those_of_the_resources_zone() -> None:
    calendar = resolve(layer(weekly=WORKDAYS), None, SILENT, NEW_YORK).calendar
    found = calendar.open_between(utc("2026-07-06T00:00"), utc("2026-07-07T00:00"))
    assert found == ((utc("2026-07-06T13:00"), utc("2026-07-06T21:00")),)


def test_a_day_on_which_clocks_go_forward_is_an_hour_shorter() -> None:
    business = layer(weekly={"sunday": [{"from": "00:00", "to": "24:00"}]})
    calendar = resolve(business, None, SILENT, BERLIN).calendar
    ((begins, ends),) = calendar.open_between(utc("2026-03-28T00:00"), utc("2026-03-30T00:00"))
    assert ends - begins == 23 * 3600


def test_the_most_specific_layer_says_a_rule() -> None:
    business = layer(rules={"minimumNoticeMinutes": 60, "slotIntervalMinutes": 30, "slotOffsetMinutes": 5})
    service, resource = layer(rules={"slotIntervalMinutes": 20}), layer(rules={"minimumNoticeMinutes": 0})
    rules = resolve(business, service, resource, BERLIN).rules
    assert (rules.notice, rules.interval, rules.offset) == (0, 20, 5)
    assert rules.source("minimumNoticeMinutes") == "resource"
    assert rules.source("slotIntervalMinutes") == "service"
    assert rules.source("slotOffsetMinutes") == "business"
    assert rules.source("bookingWindow") == "default"
    assert rule("assignment", layer(rules={"assignment": {"strategy": "priority"}}), service, SILENT) == (
        {"strategy": "priority"},
        "business",
    )


def test_what_a_layer_has_off_does_not_hold_there_whatever_others_say() -> None:
    window, no_shows = {"kind": "rolling", "days": 3}, {"count": 1, "days": 30, "then": "refuse"}
    business = layer(rules={"bookingWindow": window, "resourceCaps": {"day": 1}, "noShowRule": no_shows})
    service = layer(rules={"off": ["bookingWindow"], "maxReschedules": 1})
    resource = layer(rules={"off": ["resourceCaps", "noShowRule", "maxReschedules"]})
    rules = resolve(business, service, resource, BERLIN).rules
    assert (rules.window, rules.resource_caps, rules.policy) == (None, Caps(), {})
    assert rules.source("bookingWindow") == "service"
    assert rules.source("resourceCaps") == rules.source("noShowRule") == "resource"
    # Nothing is said of other rules, and others may say it again in front.
    again = resolve(business, service, layer(rules={"bookingWindow": window}), BERLIN).rules
    assert (again.window, again.resource_caps) == (Window.of(window), Caps(day=1))
    assert set(again.policy) == {"noShowRule", "maxReschedules"}


def test_every_layers_customer_caps_hold_and_one_layers_resource_caps() -> None:
    business = layer(rules={"customerCaps": {"day": 3}, "resourceCaps": {"day": 9, "week": 20}})
    resource = layer(rules={"customerCaps": {"week": 2}, "resourceCaps": {"month": 4}})
    rules = resolve(business, SILENT, resource, BERLIN).rules
    assert rules.customer_caps == (("business", Caps(day=3)), ("resource", Caps(week=2)))
    assert rules.resource_caps == Caps(month=4)


def test_windows() -> None:
    calendar = resolve(layer(weekly=WORKDAYS, holidays="DE"), None, SILENT, BERLIN).calendar
    thursday = date(2026, 12, 24)
    rolling, business = Window.of({"kind": "rolling", "days": 2}), Window.of({"kind": "businessDays", "days": 2})
    ranged = Window.of({"kind": "range", "from": "2027-02-01", "to": "2027-02-28"})
    assert calendar.last_date(rolling, thursday) == date(2026, 12, 26)
    # Friday is Christmas, then the weekend: Monday is the first business day.
    assert calendar.last_date(business, thursday) == date(2026, 12, 29)
    assert calendar.last_date(Window.of({"kind": "businessDays", "days": 0}), thursday) == thursday
    assert (calendar.first_date(ranged, thursday), calendar.last_date(ranged, thursday)) == (
        date(2027, 2, 1),
        date(2027, 2, 28),
    )
    assert calendar.first_date(rolling, thursday) == thursday


def test_what_clocks_never_show_is_no_business_day() -> None:
    """Samoa left out Friday, 30 December 2011, when it went over the date line; and spring has nights without 02:30."""
    one = Window.of({"kind": "businessDays", "days": 1})
    samoa = resolve(SILENT, None, SILENT, ZoneInfo("Pacific/Apia")).calendar
    assert samoa.last_date(one, date(2011, 12, 29)) == date(2011, 12, 31)
    at_night = layer(weekly={"sunday": [{"from": "02:15", "to": "02:45"}], "monday": [NINE_TO_FIVE]})
    for service in (None, layer(weekly={"sunday": [NINE_TO_FIVE, {"from": "00:00", "to": "03:00"}], **WORKDAYS})):
        berlin = resolve(at_night, service, SILENT, BERLIN).calendar
        assert berlin.last_date(one, date(2027, 3, 27)) == date(2027, 3, 29)
        assert berlin.last_date(one, date(2027, 3, 20)) == date(2027, 3, 21)


def test_a_window_of_business_days_that_never_come_ends() -> None:
    never = resolve(layer(weekly={}), None, SILENT, BERLIN).calendar
    assert never.last_date(Window.of({"kind": "businessDays", "days": 1}), MONDAY) > MONDAY


def test_closures_are_cut_out_and_hours_are_not_changed() -> None:
    noon = (utc("2026-07-06T10:00"), utc("2026-07-06T11:00"))
    schedule = resolve(layer(weekly=WORKDAYS), None, SILENT, BERLIN, [noon, noon])
    lower, upper = utc("2026-07-06T00:00"), utc("2026-07-07T00:00")
    assert schedule.closures == (noon,)
    assert schedule.free_between(lower, upper) == [
        (utc("2026-07-06T07:00"), noon[0]),
        (noon[1], utc("2026-07-06T15:00")),
    ]
    assert len(schedule.calendar.open_between(lower, upper)) == 1


def test_spans_are_shown_as_they_were_said() -> None:
    said = [{"from": "00:00", "to": "24:00"}, {"from": "22:00", "to": "06:00"}, {"from": "09:00", "to": "09:00"}]
    assert [text_of(day_of([one]))[0] for one in said] == said
    assert day_of([said[2]]) == ((540, 1980),)


def test_a_schedule_can_be_remembered() -> None:
    one = resolve(layer(weekly=WORKDAYS, days={"2026-07-06": []}), None, SILENT, BERLIN)
    other = resolve(layer(weekly=WORKDAYS, days={"2026-07-06": []}), None, SILENT, BERLIN)
    assert one == other
    assert hash(one) == hash(other)
