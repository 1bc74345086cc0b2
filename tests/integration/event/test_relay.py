"""The relay with a real PostgreSQL and a real Valkey: order, completeness, crashes."""

from __future__ import annotations

import contextlib
import signal
import time

import psycopg
import pytest
import redis

from bookings.event import stream
from bookings.event.service import Event
from tests.integration.event import facts
from tests.integration.event.conftest import StartRelay
from tests.support.patience import soon
from tests.support.service import Service, ServiceOptions

SERVICE = ServiceOptions(processes=())


@pytest.fixture(autouse=True)
def empty(service: Service) -> None:
    """Begin every test with no events anywhere."""
    with psycopg.connect(service.database_url) as connection:
        connection.execute("TRUNCATE outbox, events RESTART IDENTITY")
    with contextlib.closing(redis.Redis.from_url(service.redis_url)) as client:
        client.flushall()


def in_order(events: list[Event], first: int, last: int) -> bool:
    """Whether these are exactly the positions first to last."""
    return [event.position for event in events] == list(range(first, last + 1))


def test_publishes_committed_facts_in_order_with_contiguous_positions(
    service: Service, start_relay: StartRelay
) -> None:
    start_relay()
    facts.write(service.database_url, 1, 1200)
    events = facts.wait_position(service.redis_url, 1200)
    assert [facts.number(event) for event in events] == [event.position for event in events]
    assert facts.placed(service.database_url) == [(n, n) for n in range(1, 1201)]
    frame = events[-1].frame
    assert '"event" : "booking.updated"' in frame
    assert '"id" : "1200"' in frame


def test_a_slow_commit_is_not_skipped(service: Service, start_relay: StartRelay) -> None:
    start_relay()
    with facts.slow_commit(service.database_url, 1, 1):
        facts.write(service.database_url, 2, 2)
        facts.wait_published(service.redis_url, 1)
    events = facts.wait_published(service.redis_url, 2)
    assert [facts.number(event) for event in events] == [2, 1]
    assert in_order(events, 1, 2)


def test_a_standby_takes_over_within_seconds_of_a_kill(service: Service, start_relay: StartRelay) -> None:
    leader = start_relay()
    facts.write(service.database_url, 1, 10)
    facts.wait_published(service.redis_url, 10)
    start_relay()
    time.sleep(1.5)
    leader.kill()
    killed = time.monotonic()
    facts.write(service.database_url, 11, 20)
    events = facts.wait_published(service.redis_url, 20)
    assert in_order(events, 1, 20)
    assert time.monotonic() - killed < soon(3)


def test_a_kill_in_full_flight_loses_and_repeats_nothing(service: Service, start_relay: StartRelay) -> None:
    relays = [start_relay(), start_relay()]
    for round_ in range(8):
        facts.write(service.database_url, round_ * 100 + 1, round_ * 100 + 100)
        relay = relays[round_ % 2]
        relay.kill()
        relay.start()
    events = facts.wait_published(service.redis_url, 800, seconds=20)
    assert in_order(events, 1, 800)
    assert sorted(facts.number(event) for event in events) == list(range(1, 801))
    assert [n for _, n in facts.placed(service.database_url)] == [facts.number(event) for event in events]


def test_after_flushall_the_tail_is_published_again(service: Service, start_relay: StartRelay) -> None:
    start_relay()
    facts.write(service.database_url, 1, 1500)
    facts.wait_position(service.redis_url, 1500)
    with contextlib.closing(redis.Redis.from_url(service.redis_url)) as client:
        client.flushall()
    events = facts.wait_published(service.redis_url, 1000)
    assert in_order(events, 501, 1500)


def test_flushall_in_full_flight_leaves_no_gap_in_the_stream(service: Service, start_relay: StartRelay) -> None:
    start_relay()
    with contextlib.closing(redis.Redis.from_url(service.redis_url)) as client:
        for round_ in range(10):
            # Flushed just before it is appended to: what the relay knows of the stream is wrong at that moment.
            client.flushall()
            facts.write(service.database_url, round_ * 50 + 1, round_ * 50 + 50)
            time.sleep(0.05 * round_)
    assert in_order(facts.wait_position(service.redis_url, 500), 1, 500)


@pytest.mark.crash
def test_without_redis_events_are_placed_and_published_when_it_is_back(
    service: Service, start_relay: StartRelay
) -> None:
    start_relay()
    facts.write(service.database_url, 1, 10)
    facts.wait_published(service.redis_url, 10)
    service.redis.kill()
    facts.write(service.database_url, 11, 20)
    facts.wait_for(lambda: facts.placed(service.database_url), lambda rows: len(rows) == 20)
    service.redis.start()
    assert in_order(facts.wait_published(service.redis_url, 20), 1, 20)


def test_a_stream_of_another_database_starts_anew(service: Service, start_relay: StartRelay) -> None:
    with contextlib.closing(redis.Redis.from_url(service.redis_url)) as client:
        client.xadd(stream.KEY, {"type": "x", "topics": "x", "frame": "{}"}, id="99-0")
    facts.write(service.database_url, 1, 5)
    start_relay()
    assert in_order(facts.wait_published(service.redis_url, 5), 1, 5)


def test_sigterm_ends_it_cleanly(service: Service, start_relay: StartRelay) -> None:
    relay = start_relay()
    facts.write(service.database_url, 1, 10)
    facts.wait_published(service.redis_url, 10)
    began = time.monotonic()
    assert relay.stop(signal.SIGTERM) == 0
    assert time.monotonic() - began < soon(2)


def test_one_leads_and_a_deposed_leader_is_replaced(service: Service, start_relay: StartRelay) -> None:
    """PostgreSQL throws out a silent leader's transaction after 15 s; shortened here by ending that very session."""
    leader = start_relay()
    facts.write(service.database_url, 1, 10)
    facts.wait_published(service.redis_url, 10)
    start_relay()
    with psycopg.connect(service.database_url, autocommit=True) as connection:
        facts.wait_for(lambda: leaders(connection), lambda states: len(states) == 2)
        time.sleep(1.2)
        assert sorted(leaders(connection)) == ["idle", "idle in transaction"]
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'"
            " AND application_name = 'bookings relay leadership' AND datname = current_database()"
        )
    facts.write(service.database_url, 11, 20)
    assert in_order(facts.wait_published(service.redis_url, 20), 1, 20)
    assert leader.running


def leaders(connection: psycopg.Connection[tuple[object, ...]]) -> list[str]:
    """What the relays' connections for leading are doing."""
    rows = connection.execute(
        "SELECT state FROM pg_stat_activity"
        " WHERE application_name = 'bookings relay leadership' AND datname = current_database()"
    )
    return [str(row[0]) for row in rows]


def test_latency_from_commit_to_stream_is_short_when_nudged(service: Service, start_relay: StartRelay) -> None:
    from bookings.config import Settings
    from bookings.event.nudge import Nudge

    start_relay()
    nudge = Nudge(Settings.from_env(service.env))
    facts.write(service.database_url, 1, 1)
    facts.wait_published(service.redis_url, 1)
    delays = []
    with contextlib.closing(redis.Redis.from_url(service.redis_url, decode_responses=True)) as client:
        for n in range(2, 22):
            facts.write(service.database_url, n, n)
            began = time.monotonic()
            nudge.ring()
            assert stream.read(client, n - 1, count=1, block=5)
            delays.append(time.monotonic() - began)
            time.sleep(0.05)
    assert sorted(delays)[10] < soon(0.1), delays
