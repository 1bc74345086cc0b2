"""What is told of payments, and when a review is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock
from uuid import UUID

import pytest

from bookings.auth import Actor
from bookings.booking import unattended
from tests.integration.notification.post import Post, subjects
from tests.support.mail import MailServer

pytestmark = pytest.mark.usefixtures("fresh")


def test_a_review_is_asked_for_some_hours_later(post: Post, server: MailServer) -> None:
    customer = post.world.user()
    id = post.booking(customer, post.world.provider(auto_confirm=True))
    post.everything()
    post.act(id, "complete")
    post.publish()
    (job,) = post.world.query("SELECT * FROM jobs WHERE kind = 'notification.review-request' AND key = %s", str(id))
    assert abs(job["run_at"] - datetime.now(UTC) - post.settings.review_request_after) < timedelta(minutes=1)
    server.empty()
    post.work(patience=2)
    assert subjects(server) == [(f"{customer.id}@example.com", "How was it? Test provider")]
    assert [one for one in post.told(id) if one[0] == "review_request"] == [("review_request", "customer", "sent")]


def test_who_has_written_a_review_is_not_asked_for_one(post: Post) -> None:
    customer = post.world.user()
    id = post.booking(customer, post.world.provider(auto_confirm=True))
    post.everything()
    post.act(id, "complete")
    post.publish()
    headers = {"Authorization": f"Bearer {post.app.extensions['tokens'].issue(customer)}"}
    review = {"bookingId": str(id), "rating": 5}
    assert post.app.test_client().post("/reviews", json=review, headers=headers).status_code == 201
    post.work(patience=2)
    assert "review_request" not in {cause for cause, _, _ in post.told(id)}


def test_no_review_of_what_did_not_take_place_after_all(post: Post, server: MailServer) -> None:
    id = post.booking(post.world.user(), post.world.provider(auto_confirm=True))
    post.everything()
    post.act(id, "complete")
    post.publish()
    post.act(id, "no-show")
    post.publish()
    post.work(patience=2)
    assert "review_request" not in {cause for cause, _, _ in post.told(id)}


@pytest.mark.slow
def test_payments_are_told_with_their_sums(post: Post, server: MailServer) -> None:
    """Declined, then paid, then given back in two parts: through the payments as they are."""
    customer, provider = post.world.user(), post.world.provider()
    declined, paid = post.priced(customer, provider, 10002), post.priced(customer, provider, 5000)
    for id in (declined, paid):
        assert post.pay(customer, id).status_code in (201, 402)
    post.everything()
    payment = post.world.query("SELECT id FROM payments WHERE booking_id = %s", paid)[0]["id"]
    for amount in (2000, 1000):
        post.refund(payment, amount)
        post.everything()
    post.everything()
    told = [
        (row["cause"], row["data"]["amount"])
        for id in (declined, paid)
        for row in post.rows(id)
        if row["cause"].startswith("payment_") and row["audience"] == "customer"
    ]
    assert told == [
        ("payment_failed", {"amount": 10002, "currency": "EUR"}),
        ("payment_received", {"amount": 5000, "currency": "EUR"}),
        ("payment_refunded", {"amount": 2000, "currency": "EUR"}),
        ("payment_refunded", {"amount": 1000, "currency": "EUR"}),
    ]
    mine = [mail for mail in server.mails() if mail["X-Envelope-To"] == f"{customer.id}@example.com"]
    texts = [mail.get_body(("plain",)) for mail in mine if str(mail["Subject"]).startswith("Refund")]
    assert [text is not None and "€20.00" in text.get_content() for text in texts] == [True, False]
    assert {one[:2] for one in post.told(paid) if one[0] == "payment_received"} == {
        ("payment_received", "customer"),
        ("payment_received", "provider"),
    }


def test_both_sides_hear_that_a_booking_was_passed_on(post: Post, server: MailServer) -> None:
    """Who has it now gets an invitation, who had it a cancellation with the same UID and a higher SEQUENCE."""
    customer, before, after = post.world.user(), post.world.provider(auto_confirm=True), post.world.provider()
    id = post.booking(customer, before)
    post.everything()
    server.empty()
    admin = post.world.admin()
    headers = {"Authorization": f"Bearer {post.app.extensions['tokens'].issue(admin)}"}
    body = {"resourceId": str(after.id)}
    answer = post.app.test_client().post(f"/bookings/{id}/reassign", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    post.everything()
    told = [one for one in post.told(id) if one[0] in ("booking_reassigned", "booking_passed_on")]
    assert sorted(set(told)) == [
        ("booking_passed_on", "provider", "sent"),
        ("booking_reassigned", "customer", "sent"),
        ("booking_reassigned", "provider", "sent"),
    ]
    assert sorted(subjects(server)) == sorted(
        [
            (f"{customer.id}@example.com", "Somebody else: Test provider"),
            (f"{after.id}@example.com", "Now with you: Test customer, Test provider"),
            (f"{before.id}@example.com", "Passed on: Test customer, Test provider"),
        ]
    )


def test_both_sides_hear_that_nobody_came(post: Post, server: MailServer) -> None:
    customer, provider = post.world.user(), post.world.provider(auto_confirm=True)
    headers = {"Authorization": f"Bearer {post.app.extensions['tokens'].issue(provider)}"}
    said = {"rules": {"releaseAfterMinutes": 15}}
    answer = post.app.test_client().put(f"/schedules/resources/{provider.id}", json=said, headers=headers)
    assert answer.status_code == 200, answer.text
    id = post.booking(customer, provider)
    post.everything()
    server.empty()
    (row,) = post.world.query("SELECT start_at FROM bookings WHERE id = %s", id)
    with mock.patch("bookings.clock.now", return_value=row["start_at"] + timedelta(minutes=15)):
        assert unattended.release(post.database) == 1
    post.everything()
    assert sorted(subjects(server)) == sorted(
        [
            (f"{customer.id}@example.com", "Released: Test provider"),
            (f"{provider.id}@example.com", "Nobody came: Test customer, Test provider"),
        ]
    )
    assert {channel: len(post.rows(id, channel)) for channel in ("in_app", "email", "log")} == dict.fromkeys(
        ("in_app", "email", "log"), 4
    )


def call(post: Post, actor: Actor, path: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {post.app.extensions['tokens'].issue(actor)}"}
    answer = post.app.test_client().post(path, json=body, headers=headers)
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json or {})


def test_who_has_to_do_with_a_party_hears_that_it_is_smaller(post: Post, server: MailServer) -> None:
    """Its customer and who provides it; nobody else of the session, and nobody who is brought along."""
    customer, other, provider = post.world.user(), post.world.user(), post.world.provider(auto_confirm=True)
    terms = {"resourceIds": [str(provider.id)], "capacity": 6, "maxPartySize": 6, "perPersonPrice": 500}
    post.world.query("UPDATE resources SET capacity = 6 WHERE id = %s", provider.id)
    course = call(
        post,
        post.world.admin(),
        "/services",
        {"name": "Course", "currency": "EUR", "durations": [{"minutes": 60, "price": 1000}]} | terms,
    )
    start = (datetime.now(UTC) + timedelta(days=20)).replace(minute=0, second=0, microsecond=0).isoformat()
    mine, theirs = (
        call(post, who, "/bookings", {"serviceId": course["id"], "startAt": start, "partySize": party})
        for who, party in ((customer, 2), (other, 3))
    )
    along = call(post, customer, f"/bookings/{mine['id']}/attendees", {"name": "Aki", "email": "aki@example.com"})
    post.everything()
    server.empty()
    call(post, customer, f"/bookings/{mine['id']}/attendees/cancel", {"attendeeIds": [along["id"]]})
    post.everything()
    assert sorted(subjects(server)) == sorted(
        [
            (f"{customer.id}@example.com", "Fewer people: Course"),
            (f"{provider.id}@example.com", "Fewer people with Test customer: Course"),
        ]
    )
    for mail in server.mails():
        text = mail.get_body(("plain",))
        assert text is not None
        assert "People: 1" in text.get_content()
        assert "Price: €15.00" in text.get_content()
        assert "aki" not in mail.as_string().lower()
    assert "booking_attendees_changed" not in {cause for cause, _, _ in post.told(UUID(theirs["id"]))}
