"""The short way through validation agrees with the schema wherever it answers at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from bookings.booking import quick
from bookings.booking.schemas import NewBooking

ORDINARY = {
    "userId": "0190f3b4-9c7b-7d5e-8a1b-2c3d4e5f6a7b",
    "providerId": "0190f3b4-9c7b-7d5e-8a1b-2c3d4e5f6a7c",
    "startAt": "2027-03-01T09:00:00Z",
    "endAt": "2027-03-01T09:30:00.25Z",
    "title": "Check-up",
}
_odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=250),
    st.sampled_from(
        [
            "2027-03-01T09:00:00",
            "2027-02-30T09:00:00Z",
            "2027-03-01T09:00:00+01:00",
            "0000-01-01T00:00:00Z",
            "٢٠27-03-01T09:00:00Z",
            "2027-03-01T24:00:00Z",
            "2027-03-01T09:00:00.1234567Z",
            " padded ",
            "tab\tinside",
            "bell\x07",
            "0190F3B4-9C7B-7D5E-8A1B-2C3D4E5F6A7B",
            "0190f3b49c7b7d5e8a1b2c3d4e5f6a7b",
            "\u00a0",
            "",
        ]
    ),
)
_names = st.sampled_from([*ORDINARY, "resourceId", "workspaceId", "notes", "location", "units", "id", "status"])


def _slowly(data: dict[str, Any]) -> dict[str, Any] | None:
    try:
        loaded: dict[str, Any] = NewBooking().load(data)
        return loaded
    except ValidationError:
        return None


def test_an_ordinary_body_goes_the_short_way() -> None:
    assert quick.new_booking(ORDINARY) == _slowly(ORDINARY) is not None


@pytest.mark.slow
@given(st.dictionaries(_names, _odd, max_size=4), st.sets(st.sampled_from(list(ORDINARY)), max_size=2))
def test_whatever_goes_the_short_way_loads_alike(odd: dict[str, Any], left_out: set[str]) -> None:
    data = {name: value for name, value in ORDINARY.items() if name not in left_out} | odd
    quickly = quick.new_booking(data)
    assert quickly is None or quickly == _slowly(data)
