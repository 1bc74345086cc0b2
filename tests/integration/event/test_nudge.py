"""The bell: cheap, harmless, alive in every process."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
import time
import warnings

import redis

from bookings.config import Settings
from bookings.event import nudge
from bookings.event.nudge import Nudge
from tests.support.patience import patient, soon
from tests.support.servers import wait_until


def settings(url: str) -> Settings:
    """Settings with this Redis."""
    return Settings(app_env="test", database_url="postgresql://unused", redis_url=url, jwt_secret="x" * 40)


def rung(client: redis.Redis) -> int:
    """How many times the relay would be woken."""
    return client.llen(nudge.KEY)


def test_however_many_ring_the_relay_wakes_once(redis_url: str) -> None:
    bell = Nudge(settings(redis_url))
    with contextlib.closing(redis.Redis.from_url(redis_url)) as client:
        for _ in range(1000):
            bell.ring()
        wait_until(lambda: rung(client) > 0, "the bell", 5)
        time.sleep(0.05)
        assert rung(client) == 1
        nudge.wait(client, 1)
        assert rung(client) == 0
        bell.ring()
        wait_until(lambda: rung(client) == 1, "the bell", 5)


def test_it_works_in_a_forked_process(redis_url: str) -> None:
    bell = Nudge(settings(redis_url))
    with contextlib.closing(redis.Redis.from_url(redis_url)) as client:
        bell.ring()
        wait_until(lambda: rung(client) == 1, "the parent's bell", 5)
        client.delete(nudge.KEY)
        child = multiprocessing.get_context("fork").Process(target=_ring_and_wait, args=(bell,))
        with warnings.catch_warnings():
            # Newer Pythons warn of a fork while threads run; here that is the point.
            warnings.simplefilter("ignore", DeprecationWarning)
            child.start()
        try:
            wait_until(lambda: rung(client) == 1, "the child's bell", 5)
        finally:
            child.kill()
            child.join()


def _ring_and_wait(bell: Nudge) -> None:
    bell.ring()
    time.sleep(patient(10))  # until it was heard, however busy the machine is; then it is killed


def test_without_redis_ringing_neither_fails_nor_waits() -> None:
    bell = Nudge(settings("redis://127.0.0.1:1/0"))
    began = time.perf_counter()
    for _ in range(10_000):
        bell.ring()
    assert (time.perf_counter() - began) / 10_000 < soon(50e-6)
    assert any(thread.name == "nudge" for thread in threading.enumerate())
