"""What the waitlist takes for time that became free."""

from __future__ import annotations

from uuid import uuid4

import pytest

from bookings.waitlist.jobs import openings

ROOM = uuid4()
BOOKING = {"startAt": "2030-01-01T10:00:00Z", "endAt": "2030-01-01T11:00:00Z", "resourceIds": [str(ROOM)]}


@pytest.mark.parametrize("event", ["booking.cancelled", "booking.declined", "booking.released"])
def test_a_booking_that_leaves_opens_what_it_had(event: str) -> None:
    assert [one["resource_id"] for one in openings(event, BOOKING)] == [ROOM]


def test_whoever_does_not_come_keeps_the_time_unless_they_gave_it_back() -> None:
    """Calling off too late may count as not come; then the time is free."""
    assert openings("booking.no-show", BOOKING | {"releasedAt": None}) == []
    assert len(openings("booking.no-show", BOOKING | {"releasedAt": "2030-01-01T09:50:00Z"})) == 1
