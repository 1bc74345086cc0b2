"""Events on sockets: to whom, in order, without gaps, also after having been away."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import threading
import time

import psycopg
import pytest
import redis

from tests.acceptance.realtime.client import Client, numbers, positions
from tests.acceptance.realtime.conftest import Connect
from tests.factories import World
from tests.integration.event import facts
from tests.support.patience import soon
from tests.support.service import Service, ServiceOptions

SERVICE = ServiceOptions(processes=("sockets", "relay"), env={"STREAM_LENGTH": "2000"})


def rising(found: list[int]) -> bool:
    """Whether each is greater than the one before."""
    return all(a < b for a, b in itertools.pairwise(found))


def newest(service: Service) -> int:
    """The last position."""
    with psycopg.connect(service.database_url) as connection:
        row = connection.execute("SELECT coalesce(max(position), 0) FROM events").fetchone()
    assert row
    return int(row[0])


def test_one_hears_what_concerns_oneself_and_nothing_else(service: Service, world: World, connect: Connect) -> None:
    me, other = world.user(), world.user()
    mine, theirs = connect(me), connect(other)
    answer = mine.ask("subscribe")
    assert answer["event"] == "subscribe:result"
    assert answer["data"]["topics"] == [f"user:{me.id}"]
    theirs.ask("subscribe")
    for n in range(1, 11):
        facts.write(service.database_url, n, n, topics=[f"user:{me.id}" if n % 2 else f"user:{other.id}"])
    assert numbers(mine.receive_count(5)) == [1, 3, 5, 7, 9]
    assert numbers(theirs.receive_count(5)) == [2, 4, 6, 8, 10]
    assert rising(positions(mine.events))
    assert mine.quiet()
    event = mine.events[0]
    assert set(event) == {"event", "data", "id", "timestamp"}
    assert event["timestamp"].endswith("Z")


def test_nothing_comes_before_subscribing_and_after_unsubscribing(
    service: Service, world: World, connect: Connect
) -> None:
    me = world.user()
    client = connect(me)
    facts.write(service.database_url, 1, 1, topics=[f"user:{me.id}"])
    assert client.quiet(1)
    client.ask("subscribe", {"topics": ["me"]})
    facts.write(service.database_url, 2, 2, topics=[f"user:{me.id}"])
    client.receive_count(1)
    assert client.ask("unsubscribe")["data"]["topics"] == []
    facts.write(service.database_url, 3, 3, topics=[f"user:{me.id}"])
    assert client.quiet(1)
    assert numbers(client.events) == [2]


def test_an_event_of_two_topics_comes_once(service: Service, world: World, connect: Connect) -> None:
    provider = world.provider()
    client = connect(provider)
    answer = client.ask("subscribe")
    assert set(answer["data"]["topics"]) == {f"user:{provider.id}", f"resource:{provider.id}"}
    facts.write(service.database_url, 1, 3, topics=[f"user:{provider.id}", f"resource:{provider.id}"])
    client.receive_count(3)
    assert client.quiet()
    assert numbers(client.events) == [1, 2, 3]


def test_an_admin_may_hear_everything(service: Service, world: World, connect: Connect) -> None:
    client = connect(world.admin())
    assert client.ask("subscribe", {"topics": ["all"]})["data"]["topics"] == ["all"]
    facts.write(service.database_url, 1, 50, topics=[f"user:{world.user().id}"])
    assert numbers(client.receive_count(50)) == list(range(1, 51))


@pytest.mark.parametrize("role", ["customer", "provider"])
def test_foreign_topics_are_refused(world: World, connect: Connect, role: str) -> None:
    client = connect(world.user(role))
    stranger = world.provider()
    for topics in (["all"], [f"user:{stranger.id}"], ["me", f"resource:{world.resource()}", "all"]):
        answer = client.ask("subscribe", {"topics": topics})
        assert answer["event"] == "error"
        assert answer["data"]["code"] == "not-your-topic"
        assert answer["data"]["status"] == 403
        assert answer["data"]["topics"] == topics[-1:]
    assert client.ask("join-user-room", {"userId": str(stranger.id)})["data"]["code"] == "not-your-topic"
    assert client.ask("unsubscribe")["data"]["topics"] == []


def test_of_a_foreign_resource_one_hears_no_bookings(service: Service, world: World, connect: Connect) -> None:
    doctor = world.provider()
    mine, theirs = connect(world.provider()), connect(doctor)
    for client in (mine, theirs):
        client.ask("subscribe", {"topics": [f"resource:{doctor.id}", f"availability:{doctor.id}"]})
    facts.write(service.database_url, 1, 3, topics=[f"resource:{doctor.id}"])
    assert numbers(theirs.receive_count(3)) == [1, 2, 3]
    assert mine.quiet(1)
    assert mine.ask("unsubscribe", {"topics": [f"resource:{doctor.id}"]})["data"]["topics"] == []


def test_resuming_while_events_flow_has_no_gap_and_no_repetition(
    service: Service, world: World, connect: Connect
) -> None:
    admin = world.admin()
    begin = newest(service)
    writer = threading.Thread(target=_write_slowly, args=(service.database_url, 600))
    writer.start()
    seen: list[int] = []
    last = str(begin)
    for _ in range(12):
        with Client(service.socket_url, _token(service, admin)) as client:
            answer = client.ask("subscribe", {"topics": ["all"], "after": last})
            assert answer["data"]["position"] == last
            client.receive_count(30)
            seen += positions(client.events)
            last = client.events[-1]["id"]
    writer.join()
    client = connect(admin)
    client.ask("subscribe", {"topics": ["all"], "after": last})
    client.receive_until(lambda events: bool(events) and int(events[-1]["id"]) == begin + 600)
    assert seen + positions(client.events) == list(range(begin + 1, begin + 601))


def test_a_long_absence_is_read_page_by_page(service: Service, world: World, connect: Connect) -> None:
    me = world.user()
    begin = newest(service)
    facts.write(service.database_url, 1, 1500, topics=[f"user:{me.id}"])
    facts.wait_for(lambda: newest(service), lambda position: position == begin + 1500)
    client = connect(me)
    client.ask("subscribe", {"after": str(begin)})
    client.receive_count(1500)
    facts.write(service.database_url, 1501, 1510, topics=[f"user:{me.id}"])
    assert numbers(client.receive_count(1510)) == list(range(1, 1511))


def test_what_lies_too_far_back_asks_for_a_resync(service: Service, world: World, connect: Connect) -> None:
    me = world.user()
    begin = newest(service)
    facts.write(service.database_url, 1, 2001, topics=["user:nobody"])
    facts.wait_for(lambda: newest(service), lambda position: position == begin + 2001)
    for after in (str(begin), "999999999"):
        client = connect(me)
        answer = client.ask("subscribe", {"after": after})
        frame = client.receive()
        assert frame["event"] == "resync"
        assert frame["data"]["position"] == answer["data"]["position"]
        facts.write(service.database_url, 7, 7, topics=[f"user:{me.id}"])
        assert numbers(client.receive_count(1)) == [7]


def test_a_socket_catches_up_only_once(world: World, connect: Connect) -> None:
    client = connect(world.user())
    client.ask("subscribe")
    assert client.ask("subscribe", {"after": "1"})["data"]["code"] == "feed-begun"


def test_flushall_in_between_goes_unnoticed(service: Service, world: World, connect: Connect) -> None:
    client = connect(world.admin())
    client.ask("subscribe", {"topics": ["all"]})
    with contextlib.closing(redis.Redis.from_url(service.redis_url)) as cache:
        for n in range(10):
            facts.write(service.database_url, n * 20 + 1, n * 20 + 20)
            cache.flushall()
            time.sleep(0.02 * n)
    assert numbers(client.receive_count(200)) == list(range(1, 201))
    assert client.quiet()


def test_a_reader_that_was_asleep_fills_the_gap_from_postgresql(
    service: Service, world: World, connect: Connect
) -> None:
    client = connect(world.admin())
    client.ask("subscribe", {"topics": ["all"]})
    begin = newest(service)
    (worker,) = service.children("sockets")
    os.kill(worker, signal.SIGSTOP)
    try:
        facts.write(service.database_url, 1, 3000)
        facts.wait_for(
            lambda: facts.published(service.redis_url),
            lambda seen: bool(seen) and seen[0].position > begin + 1 and seen[-1].position == begin + 3000,
        )
    finally:
        os.kill(worker, signal.SIGCONT)
    assert positions(client.receive_count(3000)) == list(range(begin + 1, begin + 3001))


def test_a_burst_does_not_close_a_client_that_reads(service: Service, world: World, connect: Connect) -> None:
    client = connect(world.admin())
    client.ask("subscribe", {"topics": ["all"]})
    facts.write(service.database_url, 1, 5000)
    assert numbers(client.receive_count(5000)) == list(range(1, 5001))


def test_events_arrive_soon(service: Service, world: World, connect: Connect) -> None:
    from bookings.config import Settings
    from bookings.event.nudge import Nudge

    me, nudge = world.user(), Nudge(Settings.from_env(service.env))
    client = connect(me)
    client.ask("subscribe")
    delays = []
    for n in range(1, 21):
        facts.write(service.database_url, n, n, topics=[f"user:{me.id}"])
        began = time.monotonic()
        nudge.ring()
        client.receive_count(n)
        delays.append(time.monotonic() - began)
    assert sorted(delays)[10] < soon(0.15), delays


@pytest.mark.crash
def test_crashes_of_redis_and_relay_lose_and_repeat_nothing(service: Service, world: World, connect: Connect) -> None:
    client = connect(world.admin())
    client.ask("subscribe", {"topics": ["all"]})
    begin = newest(service)
    writer = threading.Thread(target=_write_slowly, args=(service.database_url, 600))
    writer.start()
    for name in ("redis", "relay", "redis"):
        time.sleep(0.5)
        service.kill(name)
        time.sleep(1)
        service.start(name)
    writer.join()
    client.receive_until(lambda events: bool(events) and int(events[-1]["id"]) == begin + 600, seconds=30)
    assert positions(client.events) == list(range(begin + 1, begin + 601))
    assert sorted(numbers(client.events)) == list(range(1, 601))


@pytest.mark.crash
def test_events_come_from_postgresql_while_redis_is_away(service: Service, world: World, connect: Connect) -> None:
    me = world.user()
    client = connect(me)
    client.ask("subscribe")
    service.kill("redis")
    try:
        facts.write(service.database_url, 1, 5, topics=[f"user:{me.id}"])
        assert numbers(client.receive_count(5)) == [1, 2, 3, 4, 5]
    finally:
        service.start("redis")
    facts.write(service.database_url, 6, 10, topics=[f"user:{me.id}"])
    assert numbers(client.receive_count(10)) == list(range(1, 11))
    assert client.quiet(1.5)


def _write_slowly(url: str, count: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for n in range(1, count + 1):
            facts.insert(connection, n, n)
            time.sleep(0.004)


def _token(service: Service, actor: object) -> str:
    from bookings.auth import Actor, Tokens
    from bookings.config import Settings

    assert isinstance(actor, Actor)
    return Tokens(Settings.from_env(service.env)).issue(actor)


def test_a_database_with_fewer_events_asks_everyone_to_resync(service: Service, world: World, connect: Connect) -> None:
    me = world.user()
    client = connect(me)
    client.ask("subscribe")
    facts.write(service.database_url, 1, 3, topics=[f"user:{me.id}"])
    client.receive_count(3)
    world.query("TRUNCATE events, outbox")
    frame = client.receive(15)
    assert (frame["event"], frame["data"]["position"]) == ("resync", "0")
    facts.write(service.database_url, 4, 6, topics=[f"user:{me.id}"])
    assert numbers(client.receive_count(6)) == [1, 2, 3, 4, 5, 6]
    assert positions(client.events)[3:] == [1, 2, 3]
