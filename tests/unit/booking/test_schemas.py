"""What is understood as a wish, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from bookings.booking.schemas import ActionBody, BookingChange, ListQuery, NewBooking, StatusChange

WISH = {"resourceId": str(uuid4()), "startAt": "2030-01-01T09:00:00Z", "endAt": "2030-01-01T10:00:00Z"}
EARLIEST, LATEST = (datetime.fromisoformat(text) for text in ("1900-01-01", "2200-01-01"))


def wrong(schema: Any, data: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        schema.load(data)
    assert isinstance(refused.value.messages, dict)
    return sorted(refused.value.messages)


def test_a_wish_with_everything_left_out_that_may_be() -> None:
    wish = NewBooking().load(WISH)
    assert (wish["units"], wish["title"], wish["notes"]) == (1, None, None)
    assert wish["startAt"] == datetime(2030, 1, 1, 9, tzinfo=UTC)
    assert wish["startAt"].tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "2030-01-01T09:00:00",
        "2030-01-01",
        "2030-01-01T09:00:00+25:00",
        "2030-02-30T09:00:00Z",
        "2030-W01-1T09:00:00Z",
        "20300101T090000Z",
        "0001-01-01T00:00:00+02:00",
        "9999-12-31T23:59:59-02:00",
        "2030-01-01T09:00:60Z",
        "",
        1893488400,
        None,
        True,
        ["2030-01-01T09:00:00Z"],
    ],
)
def test_what_is_no_instant(text: Any) -> None:
    assert wrong(NewBooking(), WISH | {"startAt": text}) == ["startAt"]


@pytest.mark.parametrize("text", ["2030-01-01T10:00:00+01:00", "2030-01-01T09:00Z", "2030-01-01t04:00:00.000-05:00"])
def test_spellings_of_one_instant(text: str) -> None:
    assert NewBooking().load(WISH | {"startAt": text})["startAt"] == datetime(2030, 1, 1, 9, tzinfo=UTC)


@pytest.mark.slow
@given(st.datetimes(EARLIEST, LATEST, timezones=st.timezones()))
def test_any_zone_arrives_as_the_same_instant(value: datetime) -> None:
    offset = value.utcoffset()
    if offset is None or offset.total_seconds() % 60:
        return  # local mean time of old: RFC 3339 cannot write seconds in an offset
    assert NewBooking().load(WISH | {"startAt": value.isoformat()})["startAt"] == value.astimezone(UTC)


@pytest.mark.parametrize("units", [0, -1, 100_001, "2", 1.5, True, None])
def test_what_is_no_number_of_units(units: Any) -> None:
    assert wrong(NewBooking(), WISH | {"units": units}) == ["units"]


@pytest.mark.parametrize("name, longest", [("title", 200), ("description", 4000), ("location", 500), ("notes", 4000)])
def test_texts_are_bounded(name: str, longest: int) -> None:
    assert NewBooking().load(WISH | {name: "ä" * longest})[name] == "ä" * longest
    assert wrong(NewBooking(), WISH | {name: "ä" * (longest + 1)}) == [name]
    assert wrong(NewBooking(), WISH | {name: "a\x00"}) == [name]
    assert wrong(BookingChange(), {name: "a" * (longest + 1)}) == [name]


def test_a_missing_resource_is_named_beside_other_mistakes() -> None:
    assert wrong(NewBooking(), {"startAt": "x"}) == ["endAt", "providerId", "startAt"]
    assert wrong(NewBooking(), WISH | {"resourceId": None}) == ["providerId"]


def test_overriding_is_said_with_true_and_nothing_else() -> None:
    assert ActionBody().load({}) == {"reason": None, "override": False}
    for value in ("true", 1, "yes", None):
        assert wrong(ActionBody(), {"override": value}) == ["override"]


def test_nobody_sets_a_booking_back_to_pending() -> None:
    assert wrong(StatusChange(), {"status": "pending"}) == ["status"]
    assert wrong(StatusChange(), {}) == ["status"]


def test_a_list_without_wishes() -> None:
    assert ListQuery().load({}) == {"page": 1, "limit": 10}
