"""From a booking to a mailbox: each mail once whatever the server does, and nothing lost."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import icalendar
import pytest

from bookings.account import service as account
from bookings.auth import Caller
from bookings.job.service import Registry
from bookings.notification import service
from bookings.notification.delivery import Delivery
from bookings.notification.service import Fact
from bookings.people import erasing
from tests.integration.notification.post import Post, subjects
from tests.support.mail import MailServer

pytestmark = pytest.mark.usefixtures("fresh")


@pytest.mark.slow
def test_the_mails_of_a_booking(post: Post, server: MailServer) -> None:
    """Requested, confirmed, moved, cancelled: both sides hear of it, in order, and their calendars follow."""
    customer, provider = post.world.user(), post.world.provider()
    post.world.query("UPDATE users SET locale = 'de', time_zone = 'Europe/Berlin' WHERE id = %s", customer.id)
    id = post.booking(customer, provider, title="Checkup")
    post.everything()
    post.act(id, "confirm")
    post.everything()
    post.change(id, customer, startAt=datetime.now(UTC).replace(microsecond=0) + timedelta(days=60))
    post.everything()
    post.act(id, "cancel", "ill")
    post.everything()
    mine = [mail for mail in server.mails() if mail["X-Envelope-To"] == f"{customer.id}@example.com"]
    theirs = [mail for mail in server.mails() if mail["X-Envelope-To"] == f"{provider.id}@example.com"]
    assert [str(mail["Subject"]) for mail in mine] == [
        "Ihre Anfrage ist da: Checkup",
        "Bestätigt: Checkup",
        "Neue Zeit: Checkup",
        "Abgesagt: Checkup",
    ]
    assert [str(mail["Subject"]) for mail in theirs] == [
        "New request from Test customer: Checkup",
        "Confirmed for Test customer: Checkup",
        "New time for Test customer: Checkup",
        "Cancelled for Test customer: Checkup",
    ]
    for mails in (mine, theirs):
        events = [event_of(mail) for mail in mails if event_of(mail) is not None]
        assert [(event["status"], event["sequence"]) for event in events] == [
            ("CONFIRMED", 2),
            ("CONFIRMED", 3),
            ("CANCELLED", 4),
        ]
        assert {str(event["uid"]) for event in events} == {f"booking-{id}@bookings"}
    assert {row["status"] for row in post.rows(id)} == {"sent"}
    assert {row["attempts"] for row in post.rows(id)} == {1}
    assert len({mail["Message-ID"] for mail in server.mails()}) == 8


def event_of(mail: Any) -> Any:
    """The event that a mail carries; None without one."""
    for part in mail.walk():
        if part.get_content_type() == "application/ics":
            calendar: Any = icalendar.Calendar.from_ical(part.get_content())
            return calendar.events[0]
    return None


def test_what_needs_no_confirmation_is_confirmed_at_once(post: Post, server: MailServer) -> None:
    id = post.booking(post.world.user(), post.world.provider(auto_confirm=True))
    post.everything()
    assert {cause for cause, _, _ in post.told(id)} == {"booking_confirmed"}
    assert all(event_of(mail)["sequence"] == 1 for mail in server.mails())


def test_who_owns_what_they_book_is_told_once(post: Post) -> None:
    provider = post.world.provider()
    id = post.booking(provider, provider)
    post.publish()
    assert post.told(id) == [("booking_created", "customer", "queued")]


def test_events_heard_twice_are_told_once(post: Post) -> None:
    """The cursor goes back, as if its transaction had never committed."""
    id = post.booking(post.world.user(), post.world.provider())
    post.publish()
    before = post.world.query("SELECT * FROM notifications WHERE booking_id = %s ORDER BY id", id)
    post.world.query("UPDATE event_consumers SET position = 0 WHERE name = 'notification'")
    post.publish()
    assert post.world.query("SELECT * FROM notifications WHERE booking_id = %s ORDER BY id", id) == before
    assert len(before) == 6
    (cursor,) = post.world.query("SELECT failures, position FROM event_consumers WHERE name = 'notification'")
    assert cursor["failures"] == 0
    assert cursor["position"] > 0
    created = post.world.query(
        "SELECT count(*) AS n FROM events WHERE type = 'notification.created' AND data ->> 'bookingId' = %s", str(id)
    )
    assert created == [{"n": 2}]


@pytest.mark.parametrize("mood", ["mailbox unknown", "mail refused"])
def test_what_will_never_work_is_dead_at_once(post: Post, server: MailServer, mood: str) -> None:
    server.mood(mood)
    id = post.booking(post.world.user(), post.world.provider())
    post.everything()
    assert {(row["status"], row["attempts"]) for row in post.rows(id)} == {("dead", 1)}
    assert all(row["last_error"].startswith("55") for row in post.rows(id))
    server.mood()
    post.work(patience=3)
    assert server.mails() == []


@pytest.mark.slow
@pytest.mark.parametrize("mood", ["mailbox busy", "mail postponed", "sender refused", "stalls at MAIL"])
def test_what_may_work_later_is_tried_again(post: Post, server: MailServer, mood: str) -> None:
    server.mood(mood)
    id = post.booking(post.world.user(), post.world.provider())
    post.everything()
    assert {(row["status"], row["attempts"]) for row in post.rows(id)} == {("failed", 1)}
    assert all(row["last_error"] for row in post.rows(id))
    server.mood()
    post.work()
    assert {(row["status"], row["attempts"], row["last_error"]) for row in post.rows(id)} == {("sent", 2, None)}
    assert len(server.mails()) == 2


def test_a_server_that_drops_after_the_last_dot_may_get_it_twice(post: Post, server: MailServer) -> None:
    """At least once, and recognisably the same."""
    server.mood("drops the connection after keeping")
    id = post.booking(post.world.user(), post.world.provider())
    post.everything()
    server.mood()
    post.work()
    assert {row["status"] for row in post.rows(id)} == {"sent"}
    ids = [mail["Message-ID"] for mail in server.mails()]
    assert len(ids) == 4
    assert {ids.count(one) for one in ids} == {2}
    assert set(ids) == {f"<{row['id']}@example.com>" for row in post.rows(id)}


def test_a_server_away_for_long_gets_everything_in_order(post: Post, server: MailServer) -> None:
    customer = post.world.user()
    server.kill()
    try:
        id = post.booking(customer, post.world.provider())
        post.everything()
        post.act(id, "confirm")
        post.everything()
        post.act(id, "cancel")
        post.everything()
        assert [status for cause, _, status in post.told(id) if cause == "booking_created"] == ["failed"] * 2
    finally:
        server.start()
    post.work(patience=4, newest_first=True)
    assert {status for _, _, status in post.told(id)} == {"sent"}
    mine = [subject.split(":")[0] for to, subject in subjects(server) if to.startswith(str(customer.id))]
    assert mine == ["We have your request", "Confirmed", "Cancelled"]


def test_at_last_a_letter_is_dead_and_can_be_revived(post: Post, server: MailServer) -> None:
    server.mood("mailbox busy")
    id = post.booking(post.world.user(), post.world.provider())
    post.publish()
    post.world.query("UPDATE jobs SET max_attempts = 2 WHERE kind = 'notification.deliver' AND state = 'waiting'")
    post.work(patience=3)
    assert {(row["status"], row["attempts"]) for row in post.rows(id)} == {("dead", 2)}
    assert all("451" in row["last_error"] for row in post.rows(id))
    server.mood()
    client, token = post.app.test_client(), post.app.extensions["tokens"].issue(post.world.admin())
    for row in post.rows(id):
        path = f"/admin/notifications/{row['id']}/retry"
        answer = client.post(path, headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, (answer.json or {})["status"]) == (200, "queued")
    post.work()
    assert {(row["status"], row["attempts"]) for row in post.rows(id)} == {("sent", 3)}


def test_sent_is_an_event_once(post: Post) -> None:
    customer = post.world.user()
    id = post.booking(customer, post.world.provider())
    post.everything()
    post.publish()
    sent = post.world.query(
        "SELECT topics, data FROM events WHERE type = 'notification.sent' AND data ->> 'bookingId' = %s", str(id)
    )
    assert sorted(row["data"]["audience"] for row in sent) == ["customer", "provider"]
    (mine,) = [row for row in sent if row["data"]["audience"] == "customer"]
    assert mine["topics"] == [f"user:{customer.id}"]
    assert mine["data"]["channel"] == "email"


def mute(post: Post, user_id: UUID, channel: str, cause: str) -> None:
    """Turn something off."""
    post.database.run(lambda tx: account.mute(tx, user_id=user_id, channel=channel, cause=cause))


def test_preferences_are_respected_when_it_is_written(post: Post) -> None:
    customer, provider = post.world.user(), post.world.provider()
    mute(post, customer.id, "email", "booking_created")
    mute(post, provider.id, "in_app", "booking_created")
    id = post.booking(customer, provider)
    post.publish()
    assert [audience for _, audience, _ in post.told(id)] == ["provider"]
    assert [audience for _, audience, _ in post.told(id, "in_app")] == ["customer"]
    assert len(post.told(id, "log")) == 2


def test_and_when_it_is_sent(post: Post, server: MailServer) -> None:
    customer, provider = post.world.user(), post.world.provider()
    id = post.booking(customer, provider)
    post.publish()
    mute(post, customer.id, "email", "booking_created")
    post.world.query("UPDATE users SET disabled_at = now() WHERE id = %s", provider.id)
    post.work()
    assert server.mails() == []
    assert {row["last_error"] for row in post.rows(id)} == {
        "The recipient has turned such mails off.",
        "The account is closed.",
    }
    assert {row["status"] for row in post.rows(id)} == {"skipped"}
    assert post.jobs(id) == {"done"}, "nobody has to look at it"


def test_what_waits_for_whoever_is_erased_leaves_nothing_to_look_at(post: Post, server: MailServer) -> None:
    """Mails that wait, one of which was tried already; and those of the cancellation, which come after."""
    customer, provider = post.world.user(), post.world.provider(auto_confirm=True)
    id = post.booking(customer, provider)
    server.mood("mailbox busy")
    post.everything()
    server.mood()
    caller = Caller(post.world.admin())
    erasure: dict[str, Any] = {"settings": post.settings, "caller": caller, "user_id": customer.id, "reason": None}
    assert post.database.run(lambda tx: erasing.erase(tx, **erasure)) == 1
    post.publish()
    server.empty()
    post.work(patience=2)
    mine = [row for row in post.rows(id) if row["recipient_id"] == customer.id]
    assert {(row["status"], row["last_error"]) for row in mine} == {("skipped", "The account is closed.")}
    assert [to for to, _ in subjects(server)] == [f"{provider.id}@example.com"] * 2
    assert post.jobs(id) == {"done"}


def test_a_mail_that_is_no_use_is_sent_after_all_when_it_is_again(post: Post, server: MailServer) -> None:
    customer = post.world.user()
    id = post.booking(customer, post.world.provider())
    post.publish()
    post.world.query("UPDATE users SET disabled_at = now() WHERE id = %s", customer.id)
    post.work()
    (row,) = [row for row in post.rows(id) if row["recipient_id"] == customer.id]
    assert row["status"] == "skipped"
    post.world.query("UPDATE users SET disabled_at = NULL WHERE id = %s", customer.id)
    token = post.app.extensions["tokens"].issue(post.world.admin())
    path = f"/admin/notifications/{row['id']}/retry"
    answer = post.app.test_client().post(path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    post.work()
    assert {status for _, _, status in post.told(id)} == {"sent"}
    assert post.jobs(id) == {"done"}


def reminded(post: Post) -> UUID:
    """A booking whose reminder has been delivered, but not mailed yet."""
    id = post.booking(post.world.user(), post.world.provider(auto_confirm=True))
    post.everything()
    (row,) = post.world.query("SELECT *, start_at AS s FROM bookings WHERE id = %s", id)
    (reminder,) = post.world.query("SELECT id FROM reminders WHERE booking_id = %s", id)
    post.world.query("UPDATE reminders SET due_at = now(), lead = %s - now() WHERE booking_id = %s", row["s"], id)
    assert service.deliver(post.database, post.settings, reminder["id"]) == 1
    return id


def test_a_reminder_comes_by_mail_too(post: Post, server: MailServer) -> None:
    id = reminded(post)
    server.empty()
    post.work()
    assert [one for one in post.told(id) if one[0] == "reminder"] == [("reminder", "customer", "sent")]
    assert [subject for _, subject in subjects(server)] == ["Soon: Test provider"]


@pytest.mark.parametrize("action", ["cancel", "move"])
def test_a_late_reminder_of_what_is_not_is_not_sent(post: Post, server: MailServer, action: str) -> None:
    id = reminded(post)
    if action == "cancel":
        post.act(id, "cancel")
    else:
        post.change(id, post.world.admin(), startAt=datetime.now(UTC).replace(microsecond=0) + timedelta(days=90))
    server.empty()
    post.work()
    (row,) = [row for row in post.rows(id) if row["cause"] == "reminder"]
    assert row["status"] == "skipped"
    assert row["last_error"] in ("The booking is cancelled by now.", "The booking has moved to another time.")
    assert post.jobs(id) == {"done"}
    assert server.mails() == []


def test_without_a_mail_server_the_channel_is_off(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    registry = Registry()
    with caplog.at_level(logging.WARNING):
        Delivery(post.database, post.without_mail()).register(registry)
    assert "SMTP_HOST is not set" in caplog.text
    assert registry.names == []
    id = post.booking(post.world.user(), post.world.provider())
    document = post.world.query("SELECT data FROM outbox WHERE booking_id = %s", id)[0]["data"]
    fact = Fact("booking_created", "test", document)
    assert post.database.run(lambda tx: service.tell(tx, post.without_mail(), fact)) == 4
    assert post.told(id) == []


def test_a_name_that_cannot_be_written_is_no_obstacle(post: Post, server: MailServer) -> None:
    customer = post.world.user()
    post.world.query("UPDATE users SET name = %s WHERE id = %s", "E\r\nBcc: eve@example.com", customer.id)
    post.booking(customer, post.world.provider(), title="T\nX-Evil: 1")
    post.everything()
    (mine,) = [mail for mail in server.mails() if mail["X-Envelope-To"] == f"{customer.id}@example.com"]
    assert mine["X-Evil"] is None
    assert mine["Bcc"] is None
    assert mine["To"].addresses[0].display_name == "E Bcc: eve@example.com"


def test_one_click_turns_it_off(post: Post, server: MailServer) -> None:
    """As a mail program does it: a POST to the address in the header (RFC 8058)."""
    customer = post.world.user()
    id = post.booking(customer, post.world.provider())
    post.everything()
    (mine,) = [mail for mail in server.mails() if mail["X-Envelope-To"] == f"{customer.id}@example.com"]
    address = mine["List-Unsubscribe"].strip("<>")
    assert address.startswith("https://book.example.com/unsubscribe/")
    client, path = post.app.test_client(), address.removeprefix("https://book.example.com")
    page = client.get(path)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert '<form method="post">' in page.text
    assert post.world.query("SELECT muted FROM users WHERE id = %s", customer.id) == [{"muted": []}]
    answer = client.post(path, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert "Location" not in answer.headers
    assert "form" not in answer.text
    muted = [{"muted": ["email:booking_created"]}]
    assert post.world.query("SELECT muted FROM users WHERE id = %s", customer.id) == muted
    assert client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert client.get(path[:-3]).status_code == 404
    server.empty()
    post.change(id, customer, title="new")
    post.booking(customer, post.world.provider())
    post.everything()
    assert all(not to.startswith(str(customer.id)) for to, _ in subjects(server))
