"""What is told of payments, and when a review is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

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
