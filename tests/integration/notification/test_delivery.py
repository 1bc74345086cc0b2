"""Delivering reminders: once, or late; never twice, never for what is no longer true."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from bookings.notification import service
from bookings.notification.service import GRACE
from tests.integration.notification.conftest import Remindable
from tests.support.patience import soon

ONCE, NEVER = (1, 1, 1), (0, 0, 0)
LATE = -GRACE.total_seconds() - 1


def test_a_due_reminder_is_sent_once(remindable: Remindable, caplog: pytest.LogCaptureFixture) -> None:
    booking = remindable.booking()
    remindable.bring_near(booking, 0)
    with caplog.at_level(logging.INFO):
        assert remindable.deliver(booking["reminder"]) == 1
    assert remindable.deliver(booking["reminder"]) == 0
    assert remindable.told(booking) == ONCE
    (line,) = [record for record in caplog.records if record.message == "reminder"]
    assert line.__dict__["booking_id"] == str(booking["id"])
    assert line.__dict__["user_id"] == str(booking["customer"].id)


def test_notification_and_event_say_what_for(remindable: Remindable) -> None:
    booking = remindable.booking()
    remindable.bring_near(booking, 0)
    remindable.deliver(booking["reminder"])
    notes = remindable.world.query("SELECT * FROM notifications WHERE booking_id = %s ORDER BY channel", booking["id"])
    (event,) = remindable.world.query(
        "SELECT * FROM outbox WHERE booking_id = %s AND type = 'booking.reminder'", booking["id"]
    )
    assert [note["channel"] for note in notes] == ["in_app", "log"]
    for note in notes:
        assert (note["recipient_id"], note["cause"], note["status"]) == (booking["customer"].id, "reminder", "sent")
        assert note["reminder_id"] == booking["reminder"]
        assert note["data"]["reminder"] == event["data"]["reminder"]
        assert note["data"]["booking"].items() <= event["data"].items()
    assert event["data"]["id"] == str(booking["id"])
    assert event["data"]["reminder"]["leadSeconds"] == 600
    due = datetime.fromisoformat(event["data"]["reminder"]["dueAt"])
    assert due == datetime.fromisoformat(event["data"]["startAt"]) - timedelta(minutes=10)
    assert event["topics"] == [f"user:{booking['customer'].id}", f"resource:{booking['provider'].id}"]


def test_not_before_its_time(remindable: Remindable) -> None:
    booking = remindable.booking()
    remindable.bring_near(booking, 2)
    assert remindable.deliver(booking["reminder"]) == 0
    assert remindable.told(booking) == NEVER
    remindable.act(booking, "cancel")  # or it comes due while other tests count


@pytest.mark.parametrize("action", ["cancel", "decline"])
def test_never_for_what_was_called_off(remindable: Remindable, action: str) -> None:
    """Neither through the row, which is gone, nor through a task that still knows its id."""
    booking = remindable.booking()
    remindable.bring_near(booking, LATE)
    remindable.act(booking, action)
    assert remindable.deliver(booking["reminder"]) == 0
    assert remindable.deliver() == 0
    assert remindable.told(booking) == NEVER


def test_never_for_the_old_time_of_what_was_moved(remindable: Remindable) -> None:
    booking = remindable.booking()
    remindable.bring_near(booking, LATE)
    remindable.change(
        booking, startAt=datetime.now(UTC) + timedelta(days=2), endAt=datetime.now(UTC) + timedelta(days=3)
    )
    assert remindable.deliver(booking["reminder"]) == 0
    assert remindable.deliver() == 0
    assert remindable.told(booking) == NEVER


def test_never_of_another_version_even_if_its_row_were_left(remindable: Remindable) -> None:
    booking = remindable.booking()
    remindable.bring_near(booking, LATE)
    remindable.world.query("UPDATE reminders SET booking_version = 7 WHERE id = %s", booking["reminder"])
    assert remindable.deliver(booking["reminder"]) == 0
    remindable.world.query("UPDATE reminders SET booking_version = 1 WHERE id = %s", booking["reminder"])
    assert remindable.deliver(booking["reminder"]) == 1


def test_a_changed_detail_does_not_lose_it(remindable: Remindable) -> None:
    booking = remindable.booking()
    remindable.change(booking, title="new")
    remindable.bring_near(booking, 0)
    assert remindable.deliver(booking["reminder"]) == 1
    assert remindable.told(booking) == ONCE


def test_leasing_what_comes_near_once(remindable: Remindable) -> None:
    near, far = remindable.booking(), remindable.booking()
    remindable.bring_near(near, 30)
    remindable.bring_near(far, 90)
    leased = dict(service.lease_upcoming(remindable.database))
    assert far["reminder"] not in leased
    assert abs((leased[near["reminder"]] - datetime.now(UTC)).total_seconds() - 30) < soon(5)
    assert service.lease_upcoming(remindable.database) == []
    for booking in (near, far):  # or they come due while other tests count
        remindable.act(booking, "cancel")


def test_the_sweep_leaves_a_leased_one_to_its_task_for_a_moment(remindable: Remindable) -> None:
    booking = remindable.booking()
    remindable.bring_near(booking, 0.5)
    assert booking["reminder"] in dict(service.lease_upcoming(remindable.database))
    remindable.bring_near(booking, 0)
    assert remindable.deliver() == 0
    remindable.world.query("UPDATE reminders SET leased_until = now() WHERE id = %s", booking["reminder"])
    assert remindable.deliver() == 1
    assert remindable.told(booking) == ONCE


def test_the_sweep_finds_what_nobody_leased(remindable: Remindable) -> None:
    booking = remindable.booking()
    remindable.bring_near(booking, 0)
    assert remindable.deliver() == 0
    remindable.bring_near(booking, LATE)
    assert remindable.deliver() == 1
    assert remindable.told(booking) == ONCE


def test_many_workers_at_once_send_each_once(remindable: Remindable) -> None:
    bookings = [remindable.booking() for _ in range(20)]
    for booking in bookings:
        remindable.bring_near(booking, LATE)
    together = threading.Barrier(8)

    def work(number: int) -> int:
        together.wait()
        one_by_one = sum(remindable.deliver(booking["reminder"]) for booking in bookings[number:])
        return one_by_one + remindable.deliver()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 20
    assert {remindable.told(booking) for booking in bookings} == {ONCE}


def test_a_booking_that_is_being_changed_is_not_announced_meanwhile(remindable: Remindable) -> None:
    """The worker neither waits for the change nor overtakes it: the row is locked, so it comes back later."""
    booking = remindable.booking()
    remindable.bring_near(booking, LATE)
    with psycopg.connect(remindable.settings.database_url) as other:
        other.execute("SELECT FROM bookings WHERE id = %s FOR NO KEY UPDATE", (booking["id"],))
        assert remindable.deliver(booking["reminder"]) == 0
        other.rollback()
    assert remindable.deliver() == 1
    assert remindable.told(booking) == ONCE


@pytest.mark.slow
def test_a_cancellation_that_comes_during_the_delivery_waits_for_it(
    remindable: Remindable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent just before the cancellation committed, or not at all: the order is decided by the booking's row."""
    booking = remindable.booking()
    remindable.bring_near(booking, 0)
    sending, tell = threading.Event(), service.tell

    def slowly(*arguments: Any) -> int:
        sending.set()
        time.sleep(0.5)
        return tell(*arguments)

    monkeypatch.setattr(service, "tell", slowly)
    with ThreadPoolExecutor(1) as pool:
        delivered = pool.submit(remindable.deliver, booking["reminder"])
        assert sending.wait(5)
        remindable.act(booking, "cancel")
        assert delivered.result() == 1
    assert remindable.told(booking) == ONCE
