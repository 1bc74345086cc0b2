"""Old events go as far as nobody can ask for them, and nobody notices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import check_data
from bookings import create_app
from bookings.auth import Caller
from bookings.booking import service as booking
from bookings.db import Database
from bookings.event import service
from bookings.event.pruning import prune
from tests.factories import World
from tests.support.people import NO_REDIS, settings_for


class Past:
    """Bookings and their events, as old as a test wants."""

    def __init__(self, url: str) -> None:
        self.settings = settings_for(
            url,
            NO_REDIS,
            event_retention=timedelta(days=90),
            stream_length=3,
        )
        create_app(self.settings)  # registers the errors that constraints become
        self.database = Database(self.settings, name="test pruning")
        self.world = World(url)
        # The service's own consumers have read nothing here, and nothing goes before they have.
        self.world.query("DELETE FROM event_consumers")
        self.customer, self.provider = world_people(self.world)
        self.hour = 0

    def close(self) -> None:
        """Let go of the connections."""
        self.database.close()
        self.world.close()

    def book(self, count: int, *, days_ago: float) -> None:
        """So many bookings, made and told so long ago."""
        for _ in range(count):
            self.hour += 1
            start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30, hours=self.hour)
            wish: dict[str, Any] = dict.fromkeys(("title", "description", "location", "notes"))
            wish |= {
                "providerId": self.provider.id,
                "startAt": start,
                "endAt": start + timedelta(minutes=30),
                "units": 1,
            }
            booking.create(self.database, settings=self.settings, caller=Caller(self.customer), body=wish)
        self.world.query("SET session_replication_role = replica")
        past = timedelta(days=days_ago)
        self.world.query("UPDATE booking_history SET at = at - %s WHERE at > now() - interval '1 hour'", past)
        self.world.query("UPDATE outbox SET occurred_at = occurred_at - %s", past)
        self.world.query("SET session_replication_role = DEFAULT")
        first = service.newest(self.database) + 1
        service.place(self.database, 1000)
        self.world.query("UPDATE events SET placed_at = placed_at - %s WHERE position >= %s", past, first)
        # What the dashboard's consumer would have done before anything went.
        self.world.query("SELECT overview_recount_bookings('2000-01-01Z', '9000-01-01Z')")

    def left(self) -> list[int]:
        """The positions that are left."""
        return [row["position"] for row in self.world.query("SELECT position FROM events ORDER BY position")]


def world_people(world: World) -> tuple[Any, Any]:
    """Somebody who books and somebody to be booked."""
    return world.user(), world.provider()


@pytest.fixture
def past(database_url: str) -> Iterator[Past]:
    """A database with a past; after the test it keeps its invariants."""
    past = Past(database_url)
    yield past
    assert [finding for finding in check_data.findings(database_url) if finding.rows] == []
    past.close()


def test_only_what_is_old_goes(past: Past) -> None:
    past.book(10, days_ago=91)
    past.book(7, days_ago=89)
    assert prune(past.database, past.settings, batch=4) == 10
    assert past.left() == list(range(11, 18))
    assert prune(past.database, past.settings) == 0


def test_the_last_ones_stay_and_positions_go_on(past: Past) -> None:
    past.book(10, days_ago=365)
    assert prune(past.database, past.settings) == 7
    assert past.left() == [8, 9, 10]
    past.book(2, days_ago=0)
    assert past.left() == [8, 9, 10, 11, 12]
    assert service.newest(past.database) == 12


def test_no_consumer_misses_anything(past: Past) -> None:
    past.book(10, days_ago=365)
    past.world.query("INSERT INTO event_consumers (name, position) VALUES ('quick', 10), ('slow', 4)")
    assert prune(past.database, past.settings) == 4
    assert past.left() == [5, 6, 7, 8, 9, 10]
    past.world.query("UPDATE event_consumers SET position = 6 WHERE name = 'slow'")
    assert prune(past.database, past.settings) == 2


def test_a_clock_that_was_wrong_for_a_while_leaves_no_gap(past: Past) -> None:
    """An event that seems young keeps all behind it, so what is left begins somewhere and goes on without a gap."""
    past.book(10, days_ago=365)
    past.world.query("UPDATE events SET placed_at = now() WHERE position = 3")
    assert prune(past.database, past.settings) == 2
    assert past.left() == list(range(3, 11))


def test_checks_still_see_what_is_lost_after_the_horizon(past: Past) -> None:
    past.book(5, days_ago=365)
    past.book(5, days_ago=1)
    assert prune(past.database, past.settings) == 5
    past.world.query("UPDATE events SET booking_id = NULL WHERE position = 8")
    found = {finding.check for finding in check_data.findings(past.settings.database_url) if finding.rows}
    assert found == {"event.version_without_event"}
    past.world.query("UPDATE events SET booking_id = (data ->> 'id')::uuid")


def test_nothing_goes_unless_it_is_wanted(past: Past) -> None:
    from huey import MemoryHuey

    from bookings.event import pruning

    huey = MemoryHuey()
    pruning.register(huey, past.database, replace(past.settings, event_retention=timedelta(0)))
    assert huey._registry.periodic_tasks == []
    pruning.register(huey, past.database, past.settings)
    assert [task.name for task in huey._registry.periodic_tasks] == ["prune_events"]
