"""The worker process: reminders arrive through Redis in time, and without Redis a little later."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import redis

from bookings.config import Settings
from bookings.notification.service import GRACE, HORIZON
from tests.integration.event.facts import wait_for
from tests.integration.notification.conftest import Remindable
from tests.support.databases import ROOT
from tests.support.patience import soon
from tests.support.preloaded import PreloadedProcess
from tests.support.service import COMMANDS, Service, ServiceOptions

SERVICE = ServiceOptions(processes=("worker",), counted=True)
ONCE, NEVER = (1, 1, 1), (0, 0, 0)


@pytest.fixture(scope="module")
def module_database_url(service: Service) -> str:
    """The checks look at the service's own database."""
    return service.database_url


@pytest.fixture(scope="module")
def remindable(service: Service) -> Iterator[Remindable]:
    """Bookings in the service's database."""
    settings = replace(Settings.from_env(service.env), rate_limit="off")
    remindable = Remindable(settings)
    yield remindable
    remindable.close()


@pytest.fixture(autouse=True)
def empty(service: Service) -> None:
    """Each test begins with an empty Valkey and a worker."""
    with redis.Redis.from_url(service.redis_url) as client:
        client.flushall()


def delay(remindable: Remindable, booking: dict[str, object]) -> float:
    """How long after its time it was sent, in seconds."""
    (row,) = remindable.world.query(
        "SELECT extract(epoch FROM sent_at - due_at)::float8 AS delay FROM reminders WHERE booking_id = %s",
        booking["id"],
    )
    return float(row["delay"])


def overdue(remindable: Remindable, booking: dict[str, object]) -> bool:
    """Whether its time has passed."""
    (row,) = remindable.world.query(
        "SELECT due_at < now() AS overdue FROM reminders WHERE booking_id = %s", booking["id"]
    )
    return bool(row["overdue"])


def test_in_time_through_the_queue(remindable: Remindable) -> None:
    booking = remindable.booking()
    remindable.bring_near(booking, 3)
    wait_for(lambda: remindable.told(booking), lambda told: told == ONCE, 10)
    assert 0 <= delay(remindable, booking) < soon(GRACE.total_seconds())


def test_the_queue_holds_only_what_is_near(service: Service, remindable: Remindable) -> None:
    near, far = remindable.booking(), remindable.booking()
    remindable.bring_near(near, HORIZON.total_seconds() - 5)
    remindable.bring_near(far, HORIZON.total_seconds() + 30)
    with redis.Redis.from_url(service.redis_url) as client:
        wait_for(lambda: client.zcard("huey.schedule.bookings"), lambda waiting: waiting == 1, 10)
        time.sleep(2)
        assert client.zcard("huey.schedule.bookings") == 1


@pytest.mark.crash
def test_flushall_only_delays(service: Service, remindable: Remindable) -> None:
    booking = remindable.booking()
    remindable.bring_near(booking, 8)
    with redis.Redis.from_url(service.redis_url) as client:
        wait_for(lambda: client.zcard("huey.schedule.bookings"), lambda waiting: waiting == 1, 1)
        client.flushall()
    wait_for(lambda: remindable.told(booking), lambda told: told == ONCE, 15)
    assert delay(remindable, booking) < soon(GRACE.total_seconds() + 3)


@pytest.mark.crash
def test_without_redis_the_sweep_delivers(service: Service, remindable: Remindable) -> None:
    service.redis.kill()
    try:
        booking = remindable.booking()
        remindable.bring_near(booking, 2)
        wait_for(lambda: remindable.told(booking), lambda told: told == ONCE, 20)
    finally:
        service.redis.start()


@pytest.mark.crash
def test_a_killed_worker_loses_nothing(service: Service, remindable: Remindable) -> None:
    booking = remindable.booking()
    remindable.bring_near(booking, 8)
    with redis.Redis.from_url(service.redis_url) as client:
        wait_for(lambda: client.zcard("huey.schedule.bookings"), lambda waiting: waiting == 1, 1)
    service.kill("worker")
    wait_for(lambda: overdue(remindable, booking), bool, 8)
    assert remindable.told(booking) == NEVER
    service.start("worker")
    wait_for(lambda: remindable.told(booking), lambda told: told == ONCE, 15)


def test_two_workers_share_the_work(service: Service, remindable: Remindable) -> None:
    second = PreloadedProcess(COMMANDS["worker"], service.folder / "worker-2.log", env=service.env, cwd=ROOT)
    try:
        wait_for((service.folder / "worker-2.log").read_text, lambda log: "consumer started" in log)
        bookings = [remindable.booking() for _ in range(20)]
        for booking in bookings:
            remindable.bring_near(booking, 3)
        wait_for(lambda: {remindable.told(booking) for booking in bookings}, lambda told: told == {ONCE}, 15)
        time.sleep(2)
        assert {remindable.told(booking) for booking in bookings} == {ONCE}
    finally:
        assert second.stop() == 0
