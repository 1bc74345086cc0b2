"""Writing, changing and deleting reviews: who may, when, and what everybody sees of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import jsonschema_rs
import psycopg
import pytest

from bookings import clock
from tests.integration.booking.api import problem, wrong_fields
from tests.integration.review.conftest import Reviewable

Json = dict[str, Any]


def fits(document: Json, name: str, value: Any) -> bool:
    """Whether an answer is what the OpenAPI document promises."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return jsonschema_rs.is_valid(schema, value)


def travel(monkeypatch: pytest.MonkeyPatch, to: datetime) -> None:
    """Make it another time."""
    monkeypatch.setattr(clock, "now", lambda: to)


def test_a_booking_that_took_place_is_reviewed(reviewable: Reviewable, document: Json) -> None:
    provider, customer = reviewable.provider(), reviewable.customer("Ada  Maria Lovelace")
    booking = reviewable.booking(customer, provider)
    answer = customer.call("POST", "/reviews", {"bookingId": booking["id"], "rating": 5, "text": " Kind and quick. "})
    review = answer.json or {}
    assert (answer.status_code, answer.headers["ETag"]) == (201, '"1"')
    assert answer.headers["Location"] == f"/reviews/{review['id']}"
    assert fits(document, "Review", review)
    assert (review["rating"], review["text"], review["state"]) == (5, "Kind and quick.", "shown")
    assert (review["bookingId"], review["authorId"]) == (booking["id"], str(customer.id))
    assert review["providerId"] == str(provider.id)
    assert review["author"] == {"name": "Ada L."}
    assert reviewable.events(review) == ["review.created"]
    assert reviewable.audited(review) == []


def test_its_event_reaches_author_and_provider(reviewable: Reviewable) -> None:
    provider, customer = reviewable.provider(), reviewable.customer()
    review = reviewable.review(customer, provider)
    (event,) = reviewable.world.query("SELECT * FROM outbox WHERE data ->> 'id' = %s", review["id"])
    assert event["topics"] == [f"user:{customer.id}", f"resource:{provider.id}"]
    assert event["booking_id"] is None
    assert event["data"] == review


@pytest.mark.parametrize(
    "name,shown", [("Ada", "Ada"), (" Ada Lovelace ", "Ada L."), ("Ada de la Cruz", "Ada C."), ("李 小龙", "李 小.")]
)
def test_others_see_a_first_name_and_an_initial(reviewable: Reviewable, name: str, shown: str) -> None:
    provider = reviewable.provider()
    review = reviewable.review(reviewable.customer(name), provider)
    other = reviewable.customer().get(f"/reviews/{review['id']}").json or {}
    assert other["author"] == {"name": shown}
    assert not {"bookingId", "authorId", "state", "hiddenReason"} & other.keys()


def test_once_for_ever(reviewable: Reviewable) -> None:
    customer = reviewable.customer()
    review = reviewable.review(customer, reviewable.provider())
    again = {"bookingId": review["bookingId"], "rating": 1}
    problem(customer.call("POST", "/reviews", again), 409, "already-reviewed")
    assert customer.call("DELETE", f"/reviews/{review['id']}").status_code == 204
    problem(customer.call("POST", "/reviews", again), 409, "already-reviewed")


def test_sent_again_with_its_key_it_is_answered_as_then(reviewable: Reviewable) -> None:
    customer = reviewable.customer()
    body = {"bookingId": reviewable.booking(customer, reviewable.provider())["id"], "rating": 2}
    first = customer.call("POST", "/reviews", body, Idempotency_Key="k")
    second = customer.call("POST", "/reviews", body, Idempotency_Key="k")
    assert (first.json, second.headers["Idempotent-Replayed"]) == (second.json, "true")
    problem(customer.call("POST", "/reviews", body), 409, "already-reviewed")


@pytest.mark.parametrize("action", [None, "confirm", "cancel", "no-show", "check-in"])
def test_only_what_took_place(reviewable: Reviewable, action: str | None) -> None:
    customer, provider = reviewable.customer(), reviewable.world.provider(auto_confirm=action != "confirm")
    booking = reviewable.booking(customer, provider, complete=False)
    if action:
        reviewable.act(booking, action)
    refused = problem(
        customer.call("POST", "/reviews", {"bookingId": booking["id"], "rating": 4}), 409, "booking-not-completed"
    )
    assert refused["bookingStatus"] != "completed"


def test_only_its_customer(reviewable: Reviewable) -> None:
    provider = reviewable.provider()
    body = {"bookingId": reviewable.booking(reviewable.customer(), provider)["id"], "rating": 1}
    problem(reviewable.customer().call("POST", "/reviews", body), 404, "not-found")
    problem(reviewable.api.as_(provider).call("POST", "/reviews", body), 403, "customer-only")
    problem(reviewable.admin.call("POST", "/reviews", body), 403, "customer-only")
    body["bookingId"] = str(uuid4())
    problem(reviewable.admin.call("POST", "/reviews", body), 404, "not-found")


@pytest.mark.parametrize(
    "body,field",
    [
        ({"rating": 0}, "rating"),
        ({"rating": 6}, "rating"),
        ({"rating": True}, "rating"),
        ({"rating": 4.5}, "rating"),
        ({"rating": 4, "text": "x" * 4001}, "text"),
        ({"rating": 4, "title": "x"}, "title"),
        ({"text": "x"}, "rating"),
    ],
)
def test_what_is_refused_is_named(reviewable: Reviewable, body: Json, field: str) -> None:
    answer = reviewable.customer().call("POST", "/reviews", {"bookingId": str(uuid4()), **body})
    assert wrong_fields(answer) == [field]


def test_there_is_a_time_for_it(reviewable: Reviewable, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = reviewable.customer()
    booking = reviewable.booking(customer, reviewable.provider())
    body = {"bookingId": booking["id"], "rating": 3}
    closes = datetime.fromisoformat(booking["endAt"]) + timedelta(days=30)
    travel(monkeypatch, closes + timedelta(seconds=1))
    refused = problem(customer.call("POST", "/reviews", body), 409, "review-window-closed")
    assert datetime.fromisoformat(refused["closedAt"]) == closes
    travel(monkeypatch, closes)
    assert customer.call("POST", "/reviews", body).status_code == 201


def test_what_was_marked_completed_late_can_still_be_reviewed(
    reviewable: Reviewable, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = reviewable.customer()
    booking = reviewable.booking(customer, reviewable.provider(), complete=False)
    late = datetime.fromisoformat(booking["endAt"]) + timedelta(days=40)
    travel(monkeypatch, late)
    reviewable.act(booking, "complete")
    travel(monkeypatch, late + timedelta(days=29))
    assert customer.call("POST", "/reviews", {"bookingId": booking["id"], "rating": 3}).status_code == 201


def test_its_author_changes_it_for_a_while(
    reviewable: Reviewable, document: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, customer = reviewable.provider(), reviewable.customer()
    review = reviewable.review(customer, provider, 2, "Late.")
    path = f"/reviews/{review['id']}"
    changed = customer.call("PATCH", path, {"rating": 4}, If_Match='"1"')
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    body = changed.json or {}
    assert fits(document, "Review", body)
    assert (body["rating"], body["text"]) == (4, "Late.")
    assert body["editedAt"]
    assert customer.call("PATCH", path, {"rating": 4, "text": "Late."}).headers["ETag"] == '"2"'
    assert problem(customer.call("PATCH", path, {"rating": 1}, If_Match='"1"'), 412, "precondition-failed")["current"]
    assert (customer.call("PATCH", path, {"text": None}).json or {})["text"] is None
    assert reviewable.events(review) == ["review.created", "review.updated", "review.updated"]
    for stranger in (reviewable.customer(), reviewable.api.as_(provider), reviewable.admin):
        problem(stranger.call("PATCH", path, {"rating": 5}), 403, "author-only")
    travel(monkeypatch, datetime.fromisoformat(review["createdAt"]) + timedelta(days=7, seconds=1))
    problem(customer.call("PATCH", path, {"rating": 1}), 409, "review-window-closed")
    assert reviewable.rating(provider)["average"] == 4


def test_a_deleted_one_says_nothing_any_more(reviewable: Reviewable) -> None:
    provider, customer = reviewable.provider(), reviewable.customer()
    review = reviewable.review(customer, provider, 1, "A secret.")
    path = f"/reviews/{review['id']}"
    problem(reviewable.customer().call("DELETE", path), 403, "author-only")
    problem(customer.call("DELETE", path, If_Match='"7"'), 412, "precondition-failed")
    assert customer.call("DELETE", path).status_code == 204
    for person in (customer, reviewable.admin, reviewable.api.as_(provider)):
        problem(person.get(path), 404, "not-found")
    (row,) = reviewable.world.query("SELECT * FROM reviews WHERE id = %s", review["id"])
    assert (row["rating"], row["text"]) == (None, None)
    assert reviewable.rating(provider)["count"] == 0
    assert reviewable.audited(review) == []


def test_an_admin_deletes_and_that_is_written_down(reviewable: Reviewable) -> None:
    review = reviewable.review(reviewable.customer(), reviewable.provider(), 1, "Rude.")
    assert reviewable.admin.call("DELETE", f"/reviews/{review['id']}").status_code == 204
    (entry,) = reviewable.audited(review)
    assert (entry["action"], entry["actor_id"]) == ("review.deleted", reviewable.admin.id)
    assert entry["before"]["rating"] == 1
    assert entry["after"]["rating"] is None


def test_the_provider_replies(reviewable: Reviewable, document: Json) -> None:
    provider = reviewable.provider()
    customer, owner = reviewable.customer(), reviewable.api.as_(provider)
    review = reviewable.review(customer, provider)
    path = f"/reviews/{review['id']}/reply"
    for stranger in (customer, reviewable.customer(), reviewable.api.as_(reviewable.provider())):
        problem(stranger.call("PUT", path, {"text": "Thanks!"}), 403, "reply-not-for-you")
        problem(stranger.call("DELETE", path), 403, "reply-not-for-you")
    replied = owner.call("PUT", path, {"text": "Thanks!"}).json or {}
    assert fits(document, "Review", replied)
    assert replied["reply"]["text"] == "Thanks!"
    assert replied["editedAt"] is None
    assert (owner.call("PUT", path, {"text": "Thanks!"}).json or {})["version"] == 2
    assert (owner.call("DELETE", path).json or {})["reply"] is None
    assert reviewable.events(review) == ["review.created", "review.replied", "review.reply-removed"]
    assert [entry["action"] for entry in reviewable.audited(review)] == ["review.replied", "review.reply-removed"]
    assert wrong_fields(owner.call("PUT", path, {"text": " "})) == ["text"]


def test_hidden_it_is_gone_for_everybody_who_has_nothing_to_do_with_it(reviewable: Reviewable, document: Json) -> None:
    provider, customer = reviewable.provider(), reviewable.customer()
    bad, good = reviewable.review(customer, provider, 1), reviewable.review(customer, provider, 5)
    path = f"/reviews/{bad['id']}"
    assert wrong_fields(reviewable.admin.call("POST", f"{path}/hide", {})) == ["reason"]
    hidden = reviewable.admin.call("POST", f"{path}/hide", {"reason": "Names a patient."}).json or {}
    assert fits(document, "Review", hidden)
    assert (hidden["state"], hidden["hiddenReason"]) == ("hidden", "Names a patient.")
    assert reviewable.rating(provider) == {
        "average": 5.0,
        "count": 1,
        "distribution": {"1": 0, "2": 0, "3": 0, "4": 0, "5": 1},
    }
    problem(reviewable.customer().get(path), 404, "not-found")
    assert (customer.get(path).json or {})["hiddenReason"] == "Names a patient."
    assert reviewable.api.as_(provider).get(path).status_code == 200
    listed = reviewable.api.app.test_client().get(f"/reviews/providers/{provider.id}").json or {}
    assert [item["id"] for item in listed["items"]] == [good["id"]]
    shown = reviewable.admin.call("POST", f"{path}/unhide", {"reason": "It was her own name."}).json or {}
    assert (shown["state"], shown["hiddenReason"]) == ("shown", None)
    assert reviewable.rating(provider)["average"] == 3.0
    assert reviewable.events(bad) == ["review.created", "review.hidden", "review.unhidden"]
    first, second = reviewable.audited(bad)
    assert first["after"]["hidden_reason"] == "Names a patient."
    assert second["after"]["why"] == "It was her own name."


def test_the_latest_version_saves_its_body(reviewable: Reviewable) -> None:
    review = reviewable.review(reviewable.customer(), reviewable.provider())
    answer = reviewable.customer().get(f"/reviews/{review['id']}", If_None_Match='"1"')
    assert (answer.status_code, answer.data) == (304, b"")


def test_totals_are_kept_once_for_each_statement(reviewable: Reviewable) -> None:
    """Whoever writes many reviews at once makes one new version of what they are about, not one for each."""
    provider, customer = reviewable.provider(), reviewable.customer()
    for rating in (5, 4, 4):
        reviewable.review(customer, provider, rating)
    with psycopg.connect(reviewable.world.address) as connection:
        connection.execute("UPDATE reviews SET rating = 2 WHERE provider_id = %s", [provider.id])
        written = connection.execute(
            "SELECT relname, n_tup_ins, n_tup_upd FROM pg_stat_xact_user_tables"
            " WHERE relname IN ('resources', 'review_totals') ORDER BY relname"
        ).fetchall()
    assert written == [("resources", 0, 1), ("review_totals", 1, 2)]
    told = reviewable.rating(provider)
    assert (told["count"], told["average"], told["distribution"]["2"]) == (3, 2, 3)
