"""Each data check of the waitlist can see: the data is damaged on purpose, and exactly the checks that should do."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookings import queries
from tests.integration.booking.api import Api
from tests.integration.waitlist.line import Line
from tests.support import damages

GUARDS = """
ALTER TABLE waitlist_offers DROP CONSTRAINT waitlist_offers_one_open;
"""
SEEN_BY = {
    "second_offer": {"waitlist.two_offers_for_one_wish", "waitlist.offer_of_nothing", "waitlist.offer_not_told"},
    "hold_of_an_offer_ends_earlier": {"waitlist.offer_of_nothing"},
    "offered_to_somebody_else": {"waitlist.offer_of_nothing"},
    "offer_outside_of_the_window": {"waitlist.offer_beside_the_wish"},
    "offer_of_one_of_two": {"waitlist.offer_beside_the_wish"},
    "offer_lost": {"waitlist.hold_offered_to_nobody"},
    "accepted_and_still_waiting": {"waitlist.booked_without_offer"},
    "left_with_an_offer": {"waitlist.offer_after_the_end"},
    "kept_after_the_line_was_asked": {"waitlist.kept_for_nothing"},
    "kept_for_a_day": {"waitlist.kept_for_nothing"},
    "kept_without_an_end": {"waitlist.opening_kept_for_ever"},
    "offer_told_twice": {"waitlist.offer_not_told"},
}
DAMAGES = queries.load("damages", Path(__file__).parent)


@pytest.fixture(scope="module")
def url(api: Api) -> str:
    """One who has booked, one who has an offer, one who waits, one for whom a time is kept."""
    line = Line(api)
    first = line.person()
    booked = line.join(first)
    line.work()
    assert first.call("POST", f"/waitlist/{booked['id']}/accept", {}).status_code == 201
    line.join(line.person(), 10, 11)
    line.join(line.person(), 10, 11)
    line.work()
    booking = line.book(first, 12)
    line.join(line.person(), 12, 13)
    assert first.act(booking, "cancel").status_code == 200
    return api.world.address


def test_a_sound_waitlist_is_found_sound(url: str) -> None:
    assert damages.found(url) == set()


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", DAMAGES.texts)
def test_damage_is_seen(url: str, name: str) -> None:
    assert damages.seen(url, DAMAGES, name, GUARDS) == SEEN_BY[name]


def test_every_check_has_a_damage() -> None:
    assert damages.each_has_its_damage("waitlist", DAMAGES, SEEN_BY)
