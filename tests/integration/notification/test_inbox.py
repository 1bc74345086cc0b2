"""What people find in the app, and what admins see and do."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from bookings.auth import Actor
from bookings.notification.schemas import Notification, NotificationPage, NotificationRow, NotificationRowPage
from tests.integration.booking.api import OUT_OF_TIME, wrong_fields
from tests.integration.notification.post import Post


def call(post: Post, actor: Actor, method: str, path: str, json: Any = None) -> Any:
    """A request by somebody."""
    token = post.app.extensions["tokens"].issue(actor)
    return post.app.test_client().open(path, method=method, json=json, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="module")
def customer(post: Post) -> Actor:
    """Somebody with three bookings, one of them confirmed: four notifications."""
    customer, provider = post.world.user(), post.world.provider()
    post.world.query("UPDATE users SET locale = 'de', time_zone = 'Europe/Berlin' WHERE id = %s", customer.id)
    ids = [post.booking(customer, provider, title=f"B{number}", notes="secret") for number in range(3)]
    post.publish()
    post.act(ids[0], "confirm")
    post.publish()
    return customer


def test_the_list(post: Post, customer: Actor) -> None:
    page = call(post, customer, "GET", "/notifications").json
    assert not NotificationPage().validate(page)
    assert [item["title"] for item in page["items"]] == [
        "Bestätigt: B0",
        "Ihre Anfrage ist da: B2",
        "Ihre Anfrage ist da: B1",
        "Ihre Anfrage ist da: B0",
    ]
    assert (page["total"], page["totalIsExact"], page["page"], page["nextCursor"]) == (4, True, 1, None)
    first = page["items"][0]
    assert first["link"] == f"https://book.example.com/bookings/{first['bookingId']}"
    assert first["readAt"] is None
    assert "secret" not in str(page)
    assert "Mitteleuropäische" in str(first["facts"])
    assert first["text"] == "Ihre Buchung ist bestätigt."


def test_words_are_made_when_it_is_read(post: Post, customer: Actor) -> None:
    post.world.query("UPDATE users SET locale = 'en' WHERE id = %s", customer.id)
    assert call(post, customer, "GET", "/notifications").json["items"][0]["title"] == "Confirmed: B0"
    post.world.query("UPDATE users SET locale = 'de' WHERE id = %s", customer.id)


def test_pages_and_cursors_agree(post: Post, customer: Actor) -> None:
    whole = [item["id"] for item in call(post, customer, "GET", "/notifications").json["items"]]
    pages = [call(post, customer, "GET", f"/notifications?limit=3&page={number}").json for number in (1, 2, 3)]
    assert [item["id"] for page in pages for item in page["items"]] == whole
    after = call(post, customer, "GET", f"/notifications?limit=3&cursor={pages[0]['nextCursor']}").json
    assert [item["id"] for item in after["items"]] == whole[3:]
    assert (after["page"], after["nextCursor"], after["total"]) == (None, None, 4)
    for wrong in ("x", "AAAA", "é", pages[0]["nextCursor"][:-8], *OUT_OF_TIME):
        assert wrong_fields(call(post, customer, "GET", f"/notifications?cursor={wrong}")) == ["cursor"]


def test_others_see_their_own(post: Post, customer: Actor) -> None:
    mine = call(post, customer, "GET", "/notifications").json["items"][0]["id"]
    for other in (post.world.user(), post.world.admin()):
        assert call(post, other, "GET", "/notifications").json["total"] == 0
        assert call(post, other, "GET", f"/notifications/{mine}").status_code == 404
        assert call(post, other, "POST", f"/notifications/{mine}/read").status_code == 404
        assert call(post, other, "POST", "/notifications/read-all").json == {"read": 0}
    assert call(post, customer, "GET", f"/notifications/{uuid4()}").status_code == 404
    assert call(post, customer, "GET", "/notifications/unread-count").json == {"unread": 4, "unreadIsExact": True}


def test_what_is_not_of_the_app_is_not_in_the_app(post: Post, customer: Actor) -> None:
    (mail, *_) = post.world.query(
        "SELECT id FROM notifications WHERE recipient_id = %s AND channel = 'email'", customer.id
    )
    assert call(post, customer, "GET", f"/notifications/{mail['id']}").status_code == 404
    assert call(post, customer, "POST", f"/notifications/{mail['id']}/read").status_code == 404


def test_reading(post: Post) -> None:
    customer, provider = post.world.user(), post.world.provider()
    for _ in range(3):
        post.booking(customer, provider)
    post.publish()
    ids = [item["id"] for item in call(post, customer, "GET", "/notifications?unread=true").json["items"]]
    read = call(post, customer, "POST", f"/notifications/{ids[0]}/read")
    assert read.status_code == 200
    assert not Notification().validate(read.json)
    again = call(post, customer, "POST", f"/notifications/{ids[0]}/read")
    assert again.json["readAt"] == read.json["readAt"] is not None
    unread = call(post, customer, "GET", "/notifications?unread=true").json
    assert [item["id"] for item in unread["items"]] == ids[1:]
    assert unread["total"] == 2
    assert call(post, customer, "GET", "/notifications/unread-count").json["unread"] == 2
    assert call(post, customer, "POST", "/notifications/read-all").json == {"read": 2}
    assert call(post, customer, "GET", "/notifications/unread-count").json["unread"] == 0
    assert call(post, customer, "GET", "/notifications").json["total"] == 3


def test_created_is_an_event_for_the_one_it_is_for(post: Post, customer: Actor) -> None:
    post.publish()
    rows = post.world.query(
        "SELECT topics, data FROM events WHERE type = 'notification.created' AND %s = ANY (topics) ORDER BY position",
        f"user:{customer.id}",
    )
    items = call(post, customer, "GET", "/notifications").json["items"]
    assert [row["data"]["id"] for row in rows] == [item["id"] for item in reversed(items)]
    assert all(row["topics"] == [f"user:{customer.id}"] for row in rows)
    words = {"title", "text", "facts", "link"}
    for row, item in zip(rows, reversed(items), strict=True):
        assert row["data"] == {name: value for name, value in item.items() if name not in words}


def test_admins_see_what_became_of_everything(post: Post, customer: Actor) -> None:
    admin = post.world.admin()
    page = call(post, admin, "GET", f"/admin/notifications?recipientId={customer.id}").json
    assert not NotificationRowPage().validate(page)
    assert page["total"] == 12
    mails = call(post, admin, "GET", f"/admin/notifications?recipientId={customer.id}&channel=email&limit=3").json
    assert {item["channel"] for item in mails["items"]} == {"email"}
    rest = call(
        post,
        admin,
        "GET",
        f"/admin/notifications?recipientId={customer.id}&channel=email&limit=3&cursor={mails['nextCursor']}",
    ).json
    assert len({item["id"] for item in mails["items"] + rest["items"]}) == 4
    for wrong in OUT_OF_TIME:
        assert wrong_fields(call(post, admin, "GET", f"/admin/notifications?cursor={wrong}")) == ["cursor"]
    one = mails["items"][0]
    assert call(post, admin, "GET", f"/admin/notifications/{one['id']}").json == one
    filters = f"bookingId={one['bookingId']}&cause={one['cause']}&status={one['status']}"
    found = call(post, admin, "GET", f"/admin/notifications?{filters}&channel=email").json["items"]
    assert one in found
    assert call(post, admin, "GET", f"/admin/notifications/{uuid4()}").status_code == 404
    assert call(post, admin, "GET", "/admin/notifications?status=lost").status_code == 422


def mail_of(post: Post) -> dict[str, Any]:
    """A mail that waits to be sent."""
    id = post.booking(post.world.user(), post.world.provider())
    post.publish()
    return post.rows(id)[0]


def audited(post: Post, row: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """What the audit trail says of it."""
    rows = post.world.query("SELECT * FROM audit_entries WHERE subject_id = %s ORDER BY id", str(row["id"]))
    return [(one["action"], one["before"], one["after"]) for one in rows]


def test_somebody_else_reports_a_delivery(post: Post) -> None:
    admin, row = post.world.admin(), mail_of(post)
    answer = call(post, admin, "POST", f"/notifications/{row['id']}/delivered")
    assert answer.status_code == 200
    assert not NotificationRow().validate(answer.json)
    assert answer.json["status"] == "sent"
    assert answer.json["deliveredAt"] is not None
    assert call(post, admin, "POST", f"/notifications/{row['id']}/delivered").json["sentAt"] == answer.json["sentAt"]
    told = post.world.query(
        "SELECT count(*) AS n FROM outbox WHERE type = 'notification.sent' AND data ->> 'id' = %s", str(row["id"])
    )
    assert told == [{"n": 1}]
    post.server.empty()
    post.work()
    assert all(str(row["id"]) not in mail["Message-ID"] for mail in post.server.mails())
    assert audited(post, row)[0][0] == "notification.delivered"


def test_somebody_else_reports_that_it_came_back(post: Post) -> None:
    admin, row = post.world.admin(), mail_of(post)
    post.work()
    assert call(post, admin, "GET", f"/admin/notifications/{row['id']}").json["status"] == "sent"
    answer = call(post, admin, "POST", f"/notifications/{row['id']}/failed", {"error": "Mailbox is full"})
    assert (answer.json["status"], answer.json["lastError"]) == ("dead", "Mailbox is full")
    ((action, before, after),) = audited(post, row)
    assert action == "notification.failed"
    assert (before["status"], after["status"]) == ("sent", "dead")
    dead = call(post, admin, "GET", "/admin/notifications?status=dead").json["items"]
    assert str(row["id"]) in {item["id"] for item in dead}
    for wrong in ({}, {"error": ""}, {"error": "x" * 501}, {"error": "a", "more": 1}):
        assert call(post, admin, "POST", f"/notifications/{row['id']}/failed", wrong).status_code == 422


def test_what_is_no_mail_cannot_be_reported(post: Post, customer: Actor) -> None:
    admin = post.world.admin()
    item = call(post, customer, "GET", "/notifications").json["items"][0]
    for path, body in (("delivered", None), ("failed", {"error": "x"})):
        answer = call(post, admin, "POST", f"/notifications/{item['id']}/{path}", body)
        assert (answer.status_code, answer.json["code"]) == (409, "notification-not-mail")


def test_only_dead_letters_are_revived(post: Post) -> None:
    admin, row = post.world.admin(), mail_of(post)
    answer = call(post, admin, "POST", f"/admin/notifications/{row['id']}/retry")
    assert (answer.status_code, answer.json["code"]) == (409, "notification-not-dead")
    assert answer.json["notificationStatus"] == "queued"


def test_all_dead_letters_of_a_cause(post: Post) -> None:
    admin, row = post.world.admin(), mail_of(post)
    call(post, admin, "POST", f"/notifications/{row['id']}/failed", {"error": "x"})
    retry = "/admin/notifications/retry"
    assert call(post, admin, "POST", retry, {"cause": "reminder"}).json == {"retried": 0}
    assert call(post, admin, "POST", retry, {"cause": "nothing"}).status_code == 422
    assert call(post, admin, "POST", retry).json["retried"] >= 1
    assert call(post, admin, "GET", "/admin/notifications?status=dead").json["total"] == 0
    post.work()
    assert call(post, admin, "GET", f"/admin/notifications/{row['id']}").json["status"] == "sent"


def test_what_was_skipped_is_no_dead_letter(post: Post) -> None:
    """All dead letters are tried again without it; named by itself it is judged anew."""
    admin, row = post.world.admin(), mail_of(post)
    post.world.query("UPDATE users SET disabled_at = now() WHERE id = %s", row["recipient_id"])
    post.work()
    path = f"/admin/notifications/{row['id']}"
    assert call(post, admin, "GET", path).json["status"] == "skipped"
    skipped = call(post, admin, "GET", "/admin/notifications?status=skipped").json["items"]
    assert str(row["id"]) in {item["id"] for item in skipped}
    assert {item["status"] for item in skipped} == {"skipped"}
    assert call(post, admin, "GET", "/admin/notifications?status=dead").json["total"] == 0
    assert call(post, admin, "GET", "/admin/overview").json["backlog"]["notifications"]["dead"] == 0
    assert call(post, admin, "POST", "/admin/notifications/retry").json == {"retried": 0}
    assert call(post, admin, "GET", path).json["status"] == "skipped"
    assert call(post, admin, "POST", f"{path}/retry").json["status"] == "queued"
    post.work()
    assert call(post, admin, "GET", path).json["status"] == "skipped"
    post.world.query("UPDATE users SET disabled_at = NULL WHERE id = %s", row["recipient_id"])
    assert call(post, admin, "POST", f"{path}/retry").json["status"] == "queued"
    post.work()
    assert call(post, admin, "GET", path).json["status"] == "sent"
