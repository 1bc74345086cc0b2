"""A run of bookings while web workers, relay, worker and Valkey are killed with SIGKILL, Valkey is emptied and
PostgreSQL drops sessions. Afterwards everything that was acknowledged is there once, with its events in order and
exactly one reminder.

CRASH_SECONDS sets how long it lasts (default 15), CRASH_SEED repeats a run; the seed is printed.
"""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass

import psycopg
import pytest
import redis

from bookings.event import stream
from bookings.event.service import Event
from tests.crash.chaos import BLOWS, Chaos
from tests.crash.follower import Follower
from tests.crash.traffic import LEAD, SOON, Client, Ledger
from tests.crash.verify import broken_promises
from tests.factories import World
from tests.integration.event.facts import wait_for
from tests.support.service import Service, ServiceOptions

pytestmark = [pytest.mark.crash, pytest.mark.timeout(0)]
SERVICE = ServiceOptions(
    processes=("web", "worker", "relay"),
    env={
        "REMINDER_LEAD": f"{int(LEAD.total_seconds())}s",
        "RATE_LIMIT": "off",
        "STREAM_LENGTH": "1000000",
        "LOG_LEVEL": "WARNING",
    },
)
SECONDS = float(os.environ.get("CRASH_SECONDS", "15"))
CLIENTS, RESOURCES = 6, 60


@dataclass
class Aftermath:
    """What is left when it is quiet again."""

    database_url: str
    ledger: Ledger
    published: list[Event]
    followed: list[int]
    blows: list[str]

    def broken_promises(self, damage: str = "") -> list[str]:
        """What `verify` finds, after doing some damage that is undone."""
        with psycopg.connect(self.database_url) as connection:
            if damage:
                connection.execute("SET session_replication_role = replica")
                assert connection.execute(damage.encode()).rowcount > 0
            found = broken_promises(connection, self.ledger, self.published, self.followed)
            connection.rollback()
        return found


@pytest.fixture(scope="module")
def aftermath(service: Service) -> Aftermath:
    """Let clients book and chaos rage, wait until it is quiet, and gather what there is."""
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(10**6))
    print(f"CRASH_SEED={seed}")
    world, ledger, chaos = World(service.database_url), Ledger(), Chaos(service, seed)
    resources = [world.resource(capacity=1 + number % 2) for number in range(RESOURCES)]
    clients = [Client(number, seed, service, world.user(), resources, ledger) for number in range(CLIENTS)]
    follower = Follower(service.redis_url)
    for thread in (*clients, follower):
        thread.start()
    chaos.rage(SECONDS)
    for client in clients:
        client.stop.set()
    for client in clients:
        client.join(90)
        assert client.failure is None, client.failure
    world.close()
    _wait_until_quiet(service, follower)
    follower.stop.set()
    follower.join(10)
    print(f"{len(chaos.blows)} blows: {', '.join(chaos.blows)}")
    print(f"{len(ledger.promises)} acknowledged, {len(ledger.refused)} refused; answers {dict(ledger.answers)}")
    return Aftermath(service.database_url, ledger, _published(service), follower.seen, chaos.blows)


def _wait_until_quiet(service: Service, follower: Follower) -> None:
    """Wait until the last reminder is due and sent and everything is published and followed; at most a moment more."""
    time.sleep(SOON[1])
    count = """
        SELECT (SELECT count(*) FROM reminders WHERE sent_at IS NULL) + (SELECT count(*) FROM outbox)
             + (SELECT max(position) FROM events) - (SELECT min(position) FROM event_consumers),
               (SELECT count(*) FROM events)
    """

    def quiet() -> tuple[int, int, int]:
        with psycopg.connect(service.database_url) as connection:
            row = connection.execute(count).fetchone()
            assert row
            return int(row[0]), int(row[1]), len(follower.seen)

    # What is still missing then is for the verification to tell.
    try:
        wait_for(quiet, lambda seen: seen[0] == 0 and seen[1] == seen[2], 30)
    except AssertionError as late:
        print(late)


def _published(service: Service) -> list[Event]:
    with redis.Redis.from_url(service.redis_url, decode_responses=True) as client:
        return stream.read(client, 0, count=1_000_000, block=0.001)


def test_no_promise_is_broken(aftermath: Aftermath) -> None:
    assert aftermath.broken_promises() == []


def test_it_was_a_storm(aftermath: Aftermath) -> None:
    """Every kind of blow fell, clients lost answers, and still hundreds of bookings were made and announced."""
    assert set(aftermath.blows) == set(BLOWS)
    assert aftermath.ledger.answers["no answer"] > 0
    assert len(aftermath.ledger.promises) > 100
    assert sum(event.type == "booking.reminder" for event in aftermath.published) > 50


@pytest.mark.parametrize(
    "damage, said",
    [
        ("DELETE FROM bookings WHERE id = (SELECT min(id::text)::uuid FROM bookings)", "was acknowledged and is gone"),
        (
            "INSERT INTO bookings SELECT (jsonb_populate_record(b, jsonb_build_object('id', gen_random_uuid()))).*"
            " FROM bookings AS b LIMIT 1",
            "nobody was told",
        ),
        ("UPDATE bookings SET status = 'confirmed' WHERE status = 'cancelled'", "the cancellation of"),
        ("DELETE FROM events WHERE position = 7", "positions are not 1, 2, 3"),
        ("UPDATE events SET type = 'booking.updated' WHERE position = 1", "or they differ"),
        (
            "INSERT INTO outbox (type, booking_id, topics, data, occurred_at)"
            " SELECT type, booking_id, topics, data, occurred_at FROM events LIMIT 1",
            "1 events were not published",
        ),
        (
            "DELETE FROM events WHERE position = (SELECT max(e.position) FROM events AS e JOIN bookings AS b"
            " ON b.id = e.booking_id AND b.status <> 'cancelled' WHERE e.type = 'booking.reminder')",
            "was never reminded of",
        ),
        (
            "INSERT INTO events (position, type, booking_id, topics, data, occurred_at)"
            " SELECT (SELECT max(position) + 1 FROM events), type, booking_id, topics, data, occurred_at FROM events"
            " WHERE type = 'booking.reminder' LIMIT 1",
            "was reminded of 2 times",
        ),
        ("DELETE FROM notifications WHERE cause = 'booking_created'", "the booking_created of"),
    ],
)
def test_damage_would_be_seen(aftermath: Aftermath, damage: str, said: str) -> None:
    assert any(said in sentence for sentence in aftermath.broken_promises(damage))


def test_a_gap_in_what_was_followed_would_be_seen(aftermath: Aftermath) -> None:
    kept, aftermath.followed = aftermath.followed, aftermath.followed[:5] + aftermath.followed[6:]
    assert any("a follower saw" in sentence for sentence in aftermath.broken_promises())
    aftermath.followed = kept


def test_a_stream_out_of_order_would_be_seen(aftermath: Aftermath) -> None:
    kept, aftermath.published = aftermath.published, aftermath.published[::-1]
    found = aftermath.broken_promises()
    assert any("came in the order" in sentence for sentence in found)
    aftermath.published = kept


def test_two_bookings_under_one_key_would_be_seen(aftermath: Aftermath) -> None:
    key, promise = next(iter(aftermath.ledger.promises.items()))
    aftermath.ledger.promises["another key"] = promise
    assert any("answers to 2 keys" in sentence for sentence in aftermath.broken_promises())
    del aftermath.ledger.promises["another key"]
    assert key in aftermath.ledger.promises
