"""The rules of bookings by themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings.booking import rules

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def errors(start: timedelta, end: timedelta) -> list[str]:
    found = rules.time_errors(NOW + start, NOW + end, now=NOW, longest=2 * DAY, ahead=30 * DAY)
    return [field for field, _ in found]


@pytest.mark.parametrize(
    "start, end, wrong",
    [
        (timedelta(0), HOUR, []),
        (-timedelta(microseconds=1), HOUR, ["startAt"]),
        (30 * DAY, 30 * DAY + HOUR, []),
        (30 * DAY + timedelta(microseconds=1), 30 * DAY + HOUR, ["startAt"]),
        (HOUR, HOUR, ["endAt"]),
        (HOUR, HOUR - timedelta(microseconds=1), ["endAt"]),
        (HOUR, HOUR + 2 * DAY, []),
        (HOUR, HOUR + 2 * DAY + timedelta(microseconds=1), ["endAt"]),
        (-HOUR, -2 * HOUR, ["startAt", "endAt"]),
        (31 * DAY, 34 * DAY, ["startAt", "endAt"]),
    ],
)
def test_the_edges_of_what_can_be_booked(start: timedelta, end: timedelta, wrong: list[str]) -> None:
    assert errors(start, end) == wrong


seconds = st.integers(-40 * 86400, 40 * 86400).map(lambda value: timedelta(seconds=value))


@given(start=seconds, end=seconds)
def test_what_passes_is_in_the_future_ordered_and_bounded(start: timedelta, end: timedelta) -> None:
    fine = timedelta(0) <= start <= 30 * DAY and start < end <= start + 2 * DAY
    assert (errors(start, end) == []) == fine


@pytest.mark.parametrize(
    "length, text", [(90 * DAY, "90 days"), (25 * HOUR, "25 hours"), (timedelta(minutes=90), "90 minutes")]
)
def test_lengths_are_said_in_the_largest_whole_unit(length: timedelta, text: str) -> None:
    found = dict(rules.time_errors(NOW, NOW + length + DAY, now=NOW, longest=length, ahead=DAY))
    assert text in found["endAt"]


@pytest.mark.parametrize("name, opens", [("confirm", None), ("decline", None), ("cancel", None)])
def test_some_actions_need_no_start(name: str, opens: None) -> None:
    assert rules.opens_at(rules.ACTIONS[name], NOW, HOUR) is opens


@pytest.mark.parametrize("name, opens", [("check-in", NOW - HOUR), ("complete", NOW), ("no-show", NOW)])
def test_others_open_with_it_or_a_while_before(name: str, opens: datetime) -> None:
    assert rules.opens_at(rules.ACTIONS[name], NOW, HOUR) == opens


def test_allowed_actions_of_staff_and_customer() -> None:
    staff = {"is_staff": True, "is_owned": True}
    customer, alone = {"is_staff": False, "is_owned": True}, {"is_staff": False, "is_owned": False}
    assert rules.allowed_actions("pending", staff) == ["confirm", "decline", "cancel"]
    assert rules.allowed_actions("pending", customer) == ["cancel"]
    assert rules.allowed_actions("cancelled", staff) == []
    assert rules.allowed_actions("confirmed", customer) == ["cancel"]
    assert rules.allowed_actions("confirmed", alone) == ["cancel", "check-in"]


def test_each_status_but_the_first_is_reached_by_one_action() -> None:
    assert set(rules.BY_TARGET) == set(rules.STATUSES) - {"pending"}
    assert len(rules.BY_TARGET) == len(rules.ACTIONS)


def test_released_active_and_over_divide_the_statuses() -> None:
    over = {"completed", "no_show"}
    assert set(rules.STATUSES) == {*rules.ACTIVE, *rules.RELEASED, *over}
    assert len(rules.STATUSES) == len(rules.ACTIVE) + len(rules.RELEASED) + len(over)
    assert set(rules.MOVABLE) < set(rules.ACTIVE)
