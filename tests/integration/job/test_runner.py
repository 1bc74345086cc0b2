"""One job's life: claimed once, tried again, given up, postponed, taken over."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bookings.db import Tx
from bookings.job import service
from bookings.job.crew import Crew
from bookings.job.errors import GiveUp, Later, LeaseLost
from bookings.job.runner import renew
from bookings.job.service import Job
from bookings.jobs import make_huey
from tests.integration.job.conftest import Yard
from tests.support.patience import patient


def nothing(payload: dict[str, Any], job: Job) -> None:
    """Does it."""


def fails(payload: dict[str, Any], job: Job) -> None:
    """Cannot do it."""
    raise RuntimeError("no \x00 luck")


def test_a_job_is_done_with_its_payload(yard: Yard) -> None:
    seen: list[Any] = []
    id = yard.enqueue(payload={"n": [1, "ä"]})
    runner = yard.runner(lambda payload, job: seen.append((payload, job.id, job.attempt)))
    assert runner.run(id)
    assert seen == [({"n": [1, "ä"]}, id, 1)]
    row = yard.row(id)
    assert (row["state"], row["attempts"], row["progress"]) == ("done", 1, 100)
    assert row["finished_at"]
    assert not row["leased_until"]
    assert yard.rings == 1
    assert not runner.run(id)


def test_not_before_its_time(yard: Yard) -> None:
    id = yard.enqueue(run_at=datetime.now(UTC) + timedelta(minutes=5))
    runner = yard.runner(nothing)
    assert not runner.run(id)
    assert not runner.run_lost()
    yard.age(id)
    assert runner.run_lost()


def test_a_kind_nobody_here_knows_is_left_to_others(yard: Yard) -> None:
    id = yard.enqueue("other")
    yard.age(id)
    runner = yard.runner(nothing)
    assert not runner.run(id)
    assert not runner.run_lost()
    assert yard.row(id)["state"] == "waiting"


def test_one_open_job_for_a_key(yard: Yard) -> None:
    first = yard.enqueue(key="k", payload={"n": 1})
    assert yard.enqueue(key="k", payload={"n": 2}) == first
    assert yard.enqueue("other", key="k") != first
    assert yard.enqueue() != yard.enqueue()
    assert yard.row(first)["payload"] == {"n": 1}
    yard.runner(fails).run(first)
    assert yard.enqueue(key="k") == first, "between attempts it is still to be done"
    yard.age(first)
    yard.runner(nothing).run(first)
    assert yard.enqueue(key="k") != first, "once it is done, the key is free"


def test_what_is_not_needed_any_more_is_forgotten_unless_it_began(yard: Yard) -> None:
    def forget(key: str) -> None:
        yard.database.run(lambda tx: service.forget(tx, kind="test", key=key))

    first, second = yard.enqueue(key="first"), yard.enqueue(key="second")
    yard.runner(fails).run(second)
    forget("first")
    forget("second")
    assert not yard.runner(nothing).run(first)
    assert [row["id"] for row in yard.world.query("SELECT id FROM jobs")] == [second]
    assert yard.row(second)["state"] == "failed"


def test_twins_at_the_same_moment_make_one_job(yard: Yard) -> None:
    barrier = threading.Barrier(8)

    def work(_: int) -> Any:
        barrier.wait()
        return yard.enqueue(key="twins")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(work, range(8)))) == 1


def test_a_twin_waits_for_one_that_is_not_committed(yard: Yard) -> None:
    with ThreadPoolExecutor(1) as pool:
        with yard.database.transaction() as tx:
            first = service.enqueue(tx, kind="test", payload={}, key="slow")
            twin = pool.submit(yard.enqueue, key="slow")
            with pytest.raises(TimeoutError):
                twin.result(0.3)
        assert twin.result(patient(5)) == first


def test_what_is_rolled_back_is_not_done(yard: Yard) -> None:
    def work(tx: Tx) -> None:
        service.enqueue(tx, kind="test", payload={})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        yard.database.run(work)
    assert yard.world.query("SELECT 1 FROM jobs") == []


def test_failures_are_tried_again_and_at_last_dead(yard: Yard) -> None:
    told: list[Any] = []
    runner = yard.runner(fails, on_dead=lambda payload, error: told.append((payload, error)))
    id = yard.enqueue(payload={"a": 1}, max_attempts=3)
    for attempt in (1, 2):
        assert runner.run(id)
        row = yard.row(id)
        assert (row["state"], row["attempts"]) == ("failed", attempt)
        pause = (row["run_at"] - row["started_at"]).total_seconds()
        assert -1 < pause <= 60 * 3 ** (attempt - 1) + 1
        yard.age(id)
    assert told == []
    assert runner.run(id)
    row = yard.row(id)
    assert (row["state"], row["attempts"], row["last_error"]) == ("dead", 3, "RuntimeError: no  luck")
    assert told == [({"a": 1}, "RuntimeError: no  luck")]
    assert row["told_at"]
    assert not runner.run(id)
    assert not runner.tell_dead()


def test_giving_up_is_final_at_once(yard: Yard) -> None:
    def refuses(payload: dict[str, Any], job: Job) -> None:
        raise GiveUp("the card was stolen")

    id = yard.enqueue()
    yard.runner(refuses).run(id)
    row = yard.row(id)
    assert (row["state"], row["attempts"], row["last_error"]) == ("dead", 1, "the card was stolen")


def test_later_does_not_count(yard: Yard) -> None:
    def not_yet(payload: dict[str, Any], job: Job) -> None:
        raise Later(timedelta(minutes=10))

    id = yard.enqueue(max_attempts=1)
    for _ in range(3):
        assert yard.runner(not_yet).run(id)
        row = yard.row(id)
        assert (row["state"], row["attempts"]) == ("waiting", 0)
        assert 9 * 60 < (row["run_at"] - row["started_at"]).total_seconds() < 11 * 60
        yard.age(id)


def test_many_workers_run_each_job_once(yard: Yard) -> None:
    seen: list[Any] = []
    runners = [yard.runner(lambda payload, job: seen.append(payload["n"])) for _ in range(6)]
    ids = [yard.enqueue(payload={"n": n}) for n in range(40)]
    for id in ids:
        yard.age(id)

    def work(number: int) -> None:
        while runners[number].run_lost():
            pass
        for id in ids:
            runners[number].run(id)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert sorted(seen) == list(range(40))


def test_a_dead_workers_job_is_taken_over_and_its_ghost_records_nothing(yard: Yard) -> None:
    """The first run stands still in the middle; another worker does the job; then the first one wakes up."""
    inside, wake = threading.Event(), threading.Event()

    def slow(payload: dict[str, Any], job: Job) -> None:
        inside.set()
        assert wake.wait(10)
        with pytest.raises(LeaseLost):
            job.progress(50)
        raise RuntimeError("from the ghost")

    id = yard.enqueue()
    with ThreadPoolExecutor(1) as pool:
        ghost = pool.submit(yard.runner(slow).run, id)
        assert inside.wait(10)
        other = yard.runner(nothing)
        assert not other.run_lost(), "its lease holds"
        yard.age(id)
        assert other.run_lost()
        wake.set()
        ghost.result(patient(10))
    row = yard.row(id)
    assert (row["state"], row["attempts"], row["last_error"]) == ("done", 2, None)


def test_a_heartbeat_keeps_the_lease(yard: Yard) -> None:
    inside, wake = threading.Event(), threading.Event()

    def slow(payload: dict[str, Any], job: Job) -> None:
        inside.set()
        assert wake.wait(10)

    id = yard.enqueue()
    runner = yard.runner(slow)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(runner.run, id)
        assert inside.wait(10)
        yard.age(id, 19)
        renew(runner)
        left = yard.world.query("SELECT extract(epoch FROM leased_until - now())::float8 AS s FROM jobs")[0]["s"]
        assert left > 15
        wake.set()
        running.result(patient(10))
    assert yard.row(id)["state"] == "done"


def test_what_takes_too_long_has_failed(yard: Yard) -> None:
    inside, wake = threading.Event(), threading.Event()

    def endless(payload: dict[str, Any], job: Job) -> None:
        inside.set()
        assert wake.wait(10)
        job.check()

    id = yard.enqueue()
    runner = yard.runner(endless, timeout=timedelta(0))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(runner.run, id)
        assert inside.wait(10)
        renew(runner)
        row = yard.row(id)
        assert (row["state"], row["last_error"]) == ("failed", "It took longer than 0:00:00.")
        wake.set()
        running.result(patient(10))
    assert yard.row(id)["state"] == "failed"


def test_an_effect_may_commit_together_with_done(yard: Yard) -> None:
    """`job.complete(tx)` in a run that was taken over undoes the effect with itself."""
    yard.world.query("CREATE TABLE IF NOT EXISTS effects (n integer)")

    def writes(payload: dict[str, Any], job: Job) -> None:
        def work(tx: Any) -> None:
            tx.execute("INSERT INTO effects VALUES (1)")
            if payload["lost"]:
                yard.age(job.id)
                assert yard.runner(nothing).run_lost()
            job.complete(tx)

        yard.database.run(work)

    kept = yard.enqueue(payload={"lost": False})
    yard.runner(writes).run(kept)
    lost = yard.enqueue(payload={"lost": True})
    yard.runner(writes).run(lost)
    assert yard.row(kept)["state"] == yard.row(lost)["state"] == "done"
    assert yard.row(lost)["attempts"] == 2
    assert len(yard.world.query("SELECT n FROM effects")) == 1


def test_what_kills_its_workers_is_dead_in_the_end(yard: Yard) -> None:
    told: list[str] = []
    runner = yard.runner(nothing, on_dead=lambda payload, error: told.append(error))
    id = yard.enqueue(max_attempts=1)
    yard.world.query(
        """UPDATE jobs SET state = 'running', attempts = 1, run = 1, started_at = now(),
                  leased_until = now() - interval '1 second'"""
    )
    assert not runner.run_lost()
    Crew(yard.database, make_huey(yard.settings), runner).sweep()
    assert yard.row(id)["state"] == "dead"
    assert told == ["The worker that had it died or lost its connection."]


def test_a_domain_hears_of_its_dead_job_even_if_it_stumbles(yard: Yard) -> None:
    told: list[str] = []

    def stumbles(payload: dict[str, Any], error: str) -> None:
        told.append(error)
        if len(told) == 1:
            raise RuntimeError("not now")

    runner = yard.runner(fails, on_dead=stumbles)
    id = yard.enqueue(max_attempts=1)
    runner.run(id)
    assert (len(told), yard.row(id)["told_at"]) == (1, None)
    assert not runner.tell_dead(), "not before its lease is over"
    yard.age(id)
    assert runner.tell_dead()
    assert len(told) == 2
    assert yard.row(id)["told_at"]
    assert not runner.tell_dead()


def test_a_kind_has_one_handler(yard: Yard) -> None:
    runner = yard.runner(nothing)
    with pytest.raises(ValueError, match="twice"):
        runner.registry.register("test", nothing)


def test_a_patient_kind_lets_others_go_first(yard: Yard) -> None:
    """A refund does not wait for a thousand mails."""
    done: list[str] = []

    def note(payload: dict[str, Any], job: Job) -> None:
        done.append(job.kind)

    runner = yard.runner(note, "mail", patient=True)
    runner.registry.register("refund", note)
    ids = [*(yard.enqueue("mail") for _ in range(3)), yard.enqueue("refund"), yard.enqueue("refund")]
    for id in ids:
        yard.age(id, 3600)
    while runner.run_lost():
        pass
    assert done == ["refund", "refund", "mail", "mail", "mail"]


def test_a_kind_that_takes_long_leaves_room_for_others(yard: Yard) -> None:
    inside, wake = threading.Event(), threading.Event()

    def slow(payload: dict[str, Any], job: Job) -> None:
        inside.set()
        assert wake.wait(10)

    runner = yard.runner(slow, at_once=1)
    runner.registry.register("mail", nothing)
    first, second, mail = yard.enqueue(), yard.enqueue(), yard.enqueue("mail")
    for id in (second, mail):
        yard.age(id)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(runner.run, first)
        assert inside.wait(10)
        assert runner.run_lost()
        assert yard.row(mail)["state"] == "done"
        assert not runner.run_lost()
        assert not runner.run(second)
        wake.set()
        running.result(patient(10))
    assert runner.run_lost()
    assert yard.row(second)["state"] == "done"
