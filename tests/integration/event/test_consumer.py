"""Consumers of events: in order, once, whatever fails or is killed; what they cannot get past is never left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from bookings.__main__ import main
from bookings.db import Database, Tx
from bookings.event import service
from bookings.event.consumer import BATCH, WINDOW, Consumer, Event, Follower
from tests.factories import World
from tests.support.people import NO_REDIS, settings_for


class Stage:
    """Events that the relay has placed, and followers of them."""

    def __init__(self, url: str) -> None:
        settings = settings_for(url, NO_REDIS)
        self.database = Database(settings, name="test consumers")
        self.world = World(url)

    def close(self) -> None:
        """Let go of the connections."""
        self.database.close()
        self.world.close()

    def happen(self, count: int, type: str = "a.b") -> None:
        """So many events of a type."""
        self.world.query(
            """INSERT INTO events (position, type, topics, data, occurred_at)
               SELECT last + n, %s, '{}', json_build_object('n', last + n), now()
                 FROM (SELECT coalesce(max(position), 0) AS last FROM events) AS l, generate_series(1, %s) AS n""",
            type,
            count,
        )

    def follower(self, handle: Any = None, **changes: Any) -> Follower:
        """A process's follower of the consumer `c`."""
        consumer = Consumer("c", {"a.b"}, None if "handle_all" in changes else handle or note, from_beginning=True)
        return Follower(self.database, replace(consumer, **changes))

    def handled(self) -> list[int]:
        """What was handled, in the order of its transactions."""
        return [row["n"] for row in self.world.query("SELECT n FROM handled ORDER BY id")]

    def cursor(self) -> service.Standing:
        """Where the consumer stands."""
        (standing,) = service.consumers(self.database)
        return standing

    def skip(self, consumer: str, position: int) -> str | None:
        """Leave out an event, as an operator."""
        return self.database.run(lambda tx: service.skip(tx, consumer=consumer, position=position))

    def no_more_pause(self) -> None:
        """Let the pause after a failure pass."""
        self.world.query("UPDATE event_consumers SET retry_at = now() WHERE retry_at IS NOT NULL")


def note(tx: Tx, event: Event) -> None:
    """Write down that it was handled."""
    assert event.data["n"] == event.position
    tx.execute("INSERT INTO handled (n) VALUES (%(n)s)", {"n": event.position})


@pytest.fixture(scope="module")
def stage(module_database_url: str) -> Iterator[Stage]:
    """This module's events."""
    stage = Stage(module_database_url)
    stage.world.query("CREATE TABLE handled (id bigint GENERATED ALWAYS AS IDENTITY, n bigint)")
    yield stage
    stage.close()


@pytest.fixture(autouse=True)
def empty(stage: Stage) -> None:
    """Begin with nothing."""
    stage.world.query("TRUNCATE events, event_consumers, handled RESTART IDENTITY")


def drain(follower: Follower) -> None:
    """Turn until there is nothing more to do."""
    while follower.turn():
        pass


def test_handles_each_event_once_in_order(stage: Stage) -> None:
    stage.happen(BATCH * 2 + 7)
    drain(stage.follower())
    drain(stage.follower())
    stage.happen(3)
    drain(stage.follower())
    assert stage.handled() == list(range(1, BATCH * 2 + 11))
    assert (stage.cursor().position, stage.cursor().behind, stage.cursor().lag) == (BATCH * 2 + 10, 0, 0)


def test_other_types_are_passed_over_however_many(stage: Stage) -> None:
    stage.happen(1)
    stage.happen(WINDOW * 2 + 3, "other")
    stage.happen(1)
    drain(stage.follower())
    assert stage.handled() == [1, WINDOW * 2 + 5]
    assert stage.cursor().behind == 0


def test_a_new_consumer_begins_with_what_comes(stage: Stage) -> None:
    stage.happen(5)
    follower = stage.follower(from_beginning=False)
    drain(follower)
    assert stage.handled() == []
    stage.happen(1)
    drain(follower)
    assert stage.handled() == [6]


def test_one_process_at_a_time(stage: Stage) -> None:
    """While one handles a batch, others find the cursor taken and do nothing."""
    stage.happen(10)
    others: list[bool] = []

    def handle(tx: Tx, event: Event) -> None:
        if event.position == 5:
            others.append(stage.follower().turn())
        note(tx, event)

    drain(stage.follower(handle))
    assert others == [False]
    assert stage.handled() == list(range(1, 11))


@pytest.mark.slow
def test_many_processes_share_a_consumer(stage: Stage) -> None:
    stage.happen(BATCH * 20)
    followers = [stage.follower() for _ in range(4)]
    followers[0].turn()

    def work(follower: Follower) -> None:
        while stage.cursor().behind:
            follower.turn()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, followers))
    assert stage.handled() == list(range(1, BATCH * 20 + 1))


def test_a_failure_undoes_its_batch_and_is_found_one_by_one(stage: Stage) -> None:
    stage.happen(10)
    poison = {7}

    def handle(tx: Tx, event: Event) -> None:
        note(tx, event)
        if event.position in poison:
            raise RuntimeError("cannot digest it")

    follower = stage.follower(handle)
    drain(follower)
    assert stage.handled() == [1, 2, 3, 4, 5, 6]
    standing = stage.cursor()
    assert (standing.position, standing.failing, standing.failures) == (6, 7, 1)
    assert standing.last_error == "RuntimeError: cannot digest it"
    stage.no_more_pause()
    drain(follower)
    drain(stage.follower(handle))
    assert stage.cursor().failures == 2, "it was tried again when its pause was over, and only then"
    assert stage.handled() == [1, 2, 3, 4, 5, 6], "never left out"
    stage.no_more_pause()
    poison.clear()
    drain(follower)
    assert stage.handled() == list(range(1, 11))
    assert (stage.cursor().failures, stage.cursor().failing) == (0, None)


def test_several_at_once_are_found_one_by_one_too(stage: Stage) -> None:
    stage.happen(10)
    poison, sizes = {7}, []

    def handle_all(tx: Tx, events: Sequence[Event]) -> None:
        sizes.append(len(events))
        for event in events:
            note(tx, event)
            if event.position in poison:
                raise RuntimeError("cannot digest it")

    follower = stage.follower(handle=None, handle_all=handle_all)
    drain(follower)
    assert sizes[0] == 10
    assert set(sizes[1:]) == {1}
    assert stage.handled() == [1, 2, 3, 4, 5, 6]
    assert (stage.cursor().failing, stage.cursor().failures) == (7, 1)
    poison.clear()
    stage.no_more_pause()
    drain(follower)
    assert stage.handled() == list(range(1, 11))


def test_what_fails_only_together_is_told(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """One by one it goes well; that it did not before is in the log, with where it happened."""
    stage.happen(3)

    def handle_all(tx: Tx, events: Sequence[Event]) -> None:
        if len(events) > 1:
            raise RuntimeError("cannot digest so many")
        note(tx, events[0])

    drain(stage.follower(handle=None, handle_all=handle_all))
    assert stage.handled() == [1, 2, 3]
    (record,) = [record for record in caplog.records if record.name == "bookings.event.consumer"]
    assert "cannot digest so many" in str(record.exc_info)


def test_pauses_grow(stage: Stage) -> None:
    stage.happen(1)

    def handle(tx: Tx, event: Event) -> None:
        tx.execute("SELECT 1 / 0")

    for failures in range(1, 13):
        drain(stage.follower(handle))
        assert stage.cursor().failures == failures
        (row,) = stage.world.query("SELECT extract(epoch FROM retry_at - now())::float8 AS pause FROM event_consumers")
        assert row["pause"] <= min(3 ** (failures - 1), 300)
        stage.no_more_pause()


def test_an_operator_leaves_out_what_it_fails_at_and_nothing_else(stage: Stage) -> None:
    stage.happen(3)

    def handle(tx: Tx, event: Event) -> None:
        if event.position == 2:
            raise RuntimeError("never")
        note(tx, event)

    drain(stage.follower(handle))
    assert stage.skip("c", 1) is None
    assert stage.skip("c", 3) is None
    assert stage.skip("d", 2) is None
    assert stage.skip("c", 2) == "RuntimeError: never"
    drain(stage.follower(handle))
    assert stage.handled() == [1, 3]


def test_a_lost_connection_is_no_failure_of_the_event(stage: Stage) -> None:
    stage.happen(3)
    killed: list[int] = []

    def handle(tx: Tx, event: Event) -> None:
        note(tx, event)
        if event.position == 2 and not killed:
            row = tx.one("SELECT pg_backend_pid() AS pid")
            assert row
            killed.append(row["pid"])
            with psycopg.connect(stage.world.address, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", (row["pid"],))
            tx.execute("SELECT 1")

    drain(stage.follower(handle))
    assert killed
    assert stage.handled() == [1, 2, 3]
    assert stage.cursor().failures == 0


@pytest.fixture
def command(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """`python -m bookings …` with this database."""
    monkeypatch.setenv("APP_ENV", "test")
    monkeypatch.setenv("DATABASE_URL", stage.world.address)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("JWT_SECRET", "for tests, of no use anywhere at all")
    # Logging is the process's own business; a test has a process of many.
    monkeypatch.setattr("bookings.log.configure", lambda level: None)
    return lambda *arguments: main([*arguments])


def test_the_command_that_leaves_out_an_event(
    stage: Stage, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    stage.happen(2)

    def handle(tx: Tx, event: Event) -> None:
        raise RuntimeError("never")

    drain(stage.follower(handle))
    assert command("skip-event", "c", "2") == 1
    assert command("skip-event", "nobody", "1") == 1
    assert capsys.readouterr().err.count("\n") == 2
    assert command("skip-event", "c", "1") == 0
    assert "RuntimeError: never" in capsys.readouterr().out
    assert (stage.cursor().position, stage.cursor().failing) == (1, None)
    entries = stage.world.query("SELECT action, subject_id, before FROM audit_entries")
    assert [(entry["action"], entry["subject_id"]) for entry in entries] == [("consumer.skip", "c")]
    assert entries[0]["before"] == {"position": 1, "lastError": "RuntimeError: never"}


@pytest.mark.slow
def test_the_command_without_a_database(command: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert command("skip-event", "c", "1") == 1
