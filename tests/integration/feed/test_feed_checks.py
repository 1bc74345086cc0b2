"""Each data check of calendar feeds can see: damaged on purpose, exactly the check that should notice does."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookings import queries
from tests.factories import World
from tests.integration.booking.api import Api
from tests.support import damages

SEEN_BY = {
    "feed_that_outlived_its_user": {"feed.feed_of_somebody_erased"},
    "departure_that_came_back": {"feed.departed_and_there"},
    "feeds_without_end": {"feed.too_many_feeds"},
}
DAMAGES = queries.load("damages", Path(__file__).parent)


@pytest.fixture(scope="module")
def url(module_database_url: str, world: World, api: Api) -> str:
    """Somebody with a feed and a booking."""
    customer = api.as_(world.user())
    assert customer.call("POST", "/calendar-feeds", {}).status_code == 201
    customer.booked(providerId=world.provider().id)
    return module_database_url


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", DAMAGES.texts)
def test_damage_is_seen(url: str, name: str) -> None:
    seen = damages.seen(url, DAMAGES, name)
    assert {check for check in seen if check.startswith("feed.")} == SEEN_BY[name]


def test_every_check_has_a_damage() -> None:
    assert damages.each_has_its_damage("feed", DAMAGES, SEEN_BY)
