"""Each data check of availability can see: damaged on purpose, exactly the checks that should notice do."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookings import queries
from tests.factories import World
from tests.integration.availability.counter import at, booked, says
from tests.integration.availability.office import NINE_TO_FIVE, WORKDAYS, Office
from tests.integration.booking.api import Api
from tests.integration.catalogue.shop import Shop
from tests.support import damages
from tests.support.people import Client, settings_for

SEEN_BY = {
    "resource_that_nobody_told": {"availability.hours_unheeded"},
    "service_that_was_never_there": {"availability.schedule_of_nothing"},
    "half_past_twenty_four": {"availability.hours_unreadable"},
    "eighth_day_of_the_week": {"availability.hours_unreadable"},
    "date_without_an_end": {"availability.hours_unreadable"},
    "busy_for_nobody": {"availability.closure_of_no_calendar"},
    "busy_time_lost": {"availability.busy_times_miscounted"},
    "same_turn_for_two": {"availability.turn_twice"},
    "turn_before_the_first": {"availability.turn_twice"},
    "turn_of_a_stranger": {"availability.turn_of_nobody"},
}
DAMAGES = queries.load("damages", Path(__file__).parent)


@pytest.fixture(scope="module")
def url(module_database_url: str, world: World, api: Api) -> str:
    """A resource with hours; and a service that three took turns at, of whom one delivers it no more."""
    client = Client(settings_for(module_database_url, "redis://127.0.0.1:1/0"))
    office = Office(client, world)
    office.done("PUT", office.path, {"weekly": WORKDAYS})
    office.done("PUT", f"{office.path}/days/2027-12-24", {"hours": [NINE_TO_FIVE]})
    office.done("POST", f"/resources/{office.id}/calendars", {"ics": "BEGIN:VCALENDAR\nEND:VCALENDAR"})
    client.close()
    take_turns(Shop(api, world), api, world)
    return module_database_url


def take_turns(shop: Shop, api: Api, world: World) -> None:
    """Three deliver by turns; then the first is taken off the service."""
    people = [str(world.provider().id) for _ in range(3)]
    service = shop.offered(resourceIds=people)
    says(shop, f"services/{service['id']}", rules={"assignment": {"strategy": "round_robin"}})
    given = [booked(api.as_(world.user()), service, at(hour))["providerId"] for hour in (9, 11, 13, 15)]
    assert given == [*people, people[0]]
    answer = shop.admin.call("PATCH", f"/services/{service['id']}", {"resourceIds": people[1:]})
    assert answer.status_code == 200, answer.text


def test_a_sound_calendar_is_found_sound(url: str) -> None:
    assert damages.found(url) == set()


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", DAMAGES.texts)
def test_damage_is_seen(url: str, name: str) -> None:
    assert damages.seen(url, DAMAGES, name) == SEEN_BY[name]


def test_every_check_has_a_damage() -> None:
    assert damages.each_has_its_damage("availability", DAMAGES, SEEN_BY)
