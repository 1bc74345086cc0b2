"""Each data check of holds can see: the data is damaged on purpose, and exactly the checks that should notice do."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookings import queries
from tests.integration.booking.api import Api
from tests.integration.booking.test_holds import held
from tests.support import damages

SEEN_BY = {
    "claim_of_a_hold_lost": {"hold.keeps_nothing"},
    "claim_ends_later_than_its_hold": {"hold.keeps_nothing", "hold.claim_of_no_hold"},
    "claim_of_a_hold_that_never_was": {"hold.keeps_nothing", "hold.claim_of_no_hold"},
    "claim_kept_by_a_released_hold": {"hold.claim_of_no_hold", "hold.end_not_told"},
    "hold_said_to_be_booked": {"hold.booked_for_somebody_else", "hold.end_not_told"},
    "hold_booked_for_another": {"hold.booked_for_somebody_else", "event.told_to_the_wrong"},
    "end_told_twice": {"hold.end_not_told"},
}
DAMAGES = queries.load("hold_damages", Path(__file__).parent)


@pytest.fixture(scope="module")
def url(api: Api) -> str:
    """A hold that stands, one that was released, one that became a booking."""
    api.world.user()
    customer, room = api.as_(api.world.user()), api.world.resource()
    held(customer, 9, 10, workspaceId=room)
    customer.call("DELETE", f"/holds/{held(customer, 11, 12, workspaceId=room)['id']}")
    booked = held(customer, 13, 14, workspaceId=room)
    assert customer.call("POST", "/bookings", {"holdId": booked["id"]}).status_code == 201
    return api.world.address


def test_sound_holds_are_found_sound(url: str) -> None:
    assert damages.found(url) == set()


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", DAMAGES.texts)
def test_damage_is_seen(url: str, name: str) -> None:
    assert damages.seen(url, DAMAGES, name) == SEEN_BY[name]


def test_every_check_has_a_damage() -> None:
    assert damages.each_has_its_damage("hold", DAMAGES, SEEN_BY)
