"""What contradicts itself in opening hours and rules. Pure functions; fields are named as clients know them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from bookings.availability.hours import MIDNIGHT
from bookings.availability.layers import WEEKDAYS, day_of, week_of

Error = tuple[str, str]
#: dates with other hours that one layer may have
MOST_DAYS = 1000
#: local dates that an answer covers at most
LONGEST_RANGE = 62


def day_error(spans: Sequence[Mapping[str, str]]) -> str | None:
    """What is wrong with the spans of one date."""
    for earlier, later in pairwise(day_of(spans)):
        if later[0] < earlier[1]:
            return "Two of these spans overlap."
    return None


def week_errors(weekly: Mapping[str, Sequence[Mapping[str, str]]]) -> Iterator[Error]:
    """(weekday, message): spans that overlap within a day, or with what the day before leaves past midnight."""
    week = week_of(weekly)
    for number, name in enumerate(WEEKDAYS):
        if wrong := day_error(weekly.get(name) or ()):
            yield name, wrong
            continue
        spilled = max((ends - MIDNIGHT for _, ends in week[number - 1]), default=0)
        if any(begins < spilled for begins, _ in week[number]):
            yield name, "Begins before a span of the day before has ended."


def rules_errors(rules: Mapping[str, Any]) -> Iterator[Error]:
    """(rule, message) of what does not fit together."""
    interval, offset = rules.get("slotIntervalMinutes"), rules.get("slotOffsetMinutes")
    if interval is not None and offset is not None and offset >= interval:
        yield "slotOffsetMinutes", "Must be less than slotIntervalMinutes."
    for name in ("resourceCaps", "customerCaps"):
        caps = rules.get(name)
        if caps is not None and not any(value is not None for value in caps.values()):
            yield name, "Name at least one of day, week and month; leave it out for no caps."
    for name in rules.get("off") or ():
        if rules.get(name) is not None:
            yield name, "Is off: say it, or name it in off."


def window_errors(window: Mapping[str, Any]) -> Iterator[Error]:
    """(field, message): a window of days says how many, a range from when to when."""
    ranged = window["kind"] == "range"
    needed, foreign = (("from", "to"), ("days",)) if ranged else (("days",), ("from", "to"))
    for name in needed:
        if window.get(name) is None:
            yield name, f"A window of kind {window['kind']} needs it."
    for name in foreign:
        if window.get(name) is not None:
            yield name, f"Means nothing in a window of kind {window['kind']}."
    if ranged and window.get("from") and window.get("to") and window["from"] > window["to"]:
        yield "to", "Is before from."
