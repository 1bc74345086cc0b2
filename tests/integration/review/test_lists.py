"""Lists of reviews, their averages, and what becomes of the review of a booking that did not take place after all."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from bookings.review import service
from tests.integration.booking.api import OUT_OF_TIME, Person, problem, wrong_fields
from tests.integration.review.conftest import Reviewable
from tests.integration.review.test_reviews import fits

Json = dict[str, Any]


def page(reviewable: Reviewable, path: str, **query: Any) -> Json:
    """A list as anybody reads it."""
    answer = reviewable.api.app.test_client().get(path, query_string=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json or {})


def ids(listed: Json) -> list[str]:
    """The reviews of a page."""
    return [item["id"] for item in listed["items"]]


def mine(person: Person, **query: Any) -> Json:
    """GET /reviews."""
    answer = person.get("/reviews", query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json or {})


def test_what_is_said_of_a_provider(reviewable: Reviewable, document: Json) -> None:
    provider, customer = reviewable.provider(), reviewable.customer("Ada Lovelace")
    reviews = [reviewable.review(customer, provider, rating) for rating in (5, 4, 4, 1)]
    path = f"/reviews/providers/{provider.id}"
    listed = page(reviewable, path)
    assert fits(document, "RatedReviewPage", listed)
    assert ids(listed) == [review["id"] for review in reversed(reviews)]
    assert not {"bookingId", "authorId", "state"} & listed["items"][0].keys()
    assert listed["rating"] == {
        "average": 3.5,
        "count": 4,
        "distribution": {"1": 1, "2": 0, "3": 0, "4": 2, "5": 1},
    }
    assert ids(page(reviewable, path, rating=4)) == [reviews[2]["id"], reviews[1]["id"]]
    assert page(reviewable, path, rating=4)["total"] == 2


def test_pages_and_cursors_tell_the_same(reviewable: Reviewable) -> None:
    provider, customer = reviewable.provider(), reviewable.customer()
    reviews = [reviewable.review(customer, provider)["id"] for _ in range(5)][::-1]
    path = f"/reviews/providers/{provider.id}"
    first = page(reviewable, path, limit=2)
    second = page(reviewable, path, limit=2, cursor=first["nextCursor"])
    third = page(reviewable, path, limit=2, cursor=second["nextCursor"])
    assert ids(first) + ids(second) + ids(third) == reviews
    assert (second["page"], third["nextCursor"]) == (None, None)
    assert ids(page(reviewable, path, limit=2, page=2)) == reviews[2:4]
    assert page(reviewable, path, limit=2, page=9)["total"] == 5
    for wrong in ("x", *OUT_OF_TIME):
        answer = reviewable.api.app.test_client().get(path, query_string={"cursor": wrong})
        assert wrong_fields(answer) == ["cursor"]


def test_nothing_is_said_yet(reviewable: Reviewable, document: Json) -> None:
    listed = page(reviewable, f"/reviews/providers/{reviewable.provider().id}")
    assert fits(document, "RatedReviewPage", listed)
    assert (listed["items"], listed["rating"]["average"], listed["rating"]["count"]) == ([], None, 0)


@pytest.mark.parametrize("whose", ["services", "providers"])
def test_what_nobody_knows(reviewable: Reviewable, whose: str) -> None:
    problem(reviewable.customer().get(f"/reviews/{whose}/{uuid4()}"), 404, "not-found")


def test_everybody_lists_what_is_theirs(reviewable: Reviewable, document: Json) -> None:
    provider, customer, other = reviewable.provider(), reviewable.customer(), reviewable.customer()
    first, second = reviewable.review(customer, provider), reviewable.review(other, provider)
    reviewable.admin.call("POST", f"/reviews/{second['id']}/hide", {"reason": "x"})
    assert fits(document, "ReviewPage", mine(customer))
    assert ids(mine(customer)) == ids(mine(customer, mine="")) == [first["id"]]
    assert ids(mine(other)) == [second["id"]]
    owner = reviewable.api.as_(provider)
    assert ids(mine(owner)) == [second["id"], first["id"]]
    assert ids(mine(owner, state="hidden")) == [second["id"]]
    assert ids(mine(owner, mine="true")) == []
    of_provider = {"providerId": str(provider.id)}
    assert ids(mine(reviewable.admin, **of_provider)) == [second["id"], first["id"]]
    assert ids(mine(reviewable.admin, state="shown", **of_provider)) == [first["id"]]
    assert ids(mine(reviewable.admin, serviceId=str(uuid4()))) == []


def test_a_booking_that_did_not_take_place_withdraws_its_review(reviewable: Reviewable) -> None:
    provider, customer = reviewable.provider(), reviewable.customer()
    review = reviewable.review(customer, provider, 5)
    booking = {"id": review["bookingId"]}
    reviewable.act(booking, "no-show")
    follow(reviewable, booking)
    follow(reviewable, booking)
    assert (customer.get(f"/reviews/{review['id']}").json or {})["state"] == "withdrawn"
    assert reviewable.rating(provider)["count"] == 0
    problem(reviewable.customer().get(f"/reviews/{review['id']}"), 404, "not-found")
    reviewable.act(booking, "complete")
    follow(reviewable, booking)
    assert (customer.get(f"/reviews/{review['id']}").json or {})["state"] == "shown"
    assert reviewable.rating(provider)["count"] == 1
    assert reviewable.events(review) == ["review.created", "review.withdrawn", "review.restored"]


def follow(reviewable: Reviewable, booking: Json) -> None:
    """What the worker does with an event of the booking."""
    database = reviewable.api.app.extensions["database"]
    database.run(lambda tx: service.follow_booking(tx, booking_id=UUID(booking["id"])))


def test_a_service_is_rated_by_its_bookings(reviewable: Reviewable, document: Json) -> None:
    """In its list, and beside its name and that of its provider, where the catalogue sorts by it."""
    world, provider, customer = reviewable.world, reviewable.provider(), reviewable.customer("Ada Lovelace")
    (service,) = world.query(
        """INSERT INTO services (id, slug, name, durations, currency, price_from, created_at, updated_at)
           VALUES (gen_random_uuid(), 'cut', 'Cut', '[{"minutes": 60, "price": 4500}]', 'EUR', 4500, now(), now())
           RETURNING id"""
    )
    made = []
    for rating in (5, 2):
        booking = reviewable.booking(customer, provider)
        world.query("SET session_replication_role = replica")
        world.query("UPDATE bookings SET service_id = %s WHERE id = %s", service["id"], booking["id"])
        world.query("SET session_replication_role = DEFAULT")
        answer = customer.call("POST", "/reviews", {"bookingId": booking["id"], "rating": rating})
        made.append(answer.json or {})
    path = f"/reviews/services/{service['id']}"
    listed = page(reviewable, path)
    assert fits(document, "RatedReviewPage", listed)
    assert ids(listed) == [made[1]["id"], made[0]["id"]]
    assert (listed["items"][0]["serviceId"], listed["rating"]["average"]) == (str(service["id"]), 3.5)
    beside = "SELECT rating_count, rating_sum FROM {} WHERE id = %s"
    for table, id in (("services", service["id"]), ("resources", provider.id)):
        assert world.query(beside.format(table), id) == [{"rating_count": 2, "rating_sum": 7}]
    customer.call("PATCH", f"/reviews/{made[0]['id']}", {"rating": 4})
    reviewable.admin.call("POST", f"/reviews/{made[1]['id']}/hide", {"reason": "x"})
    for table, id in (("services", service["id"]), ("resources", provider.id)):
        assert world.query(beside.format(table), id) == [{"rating_count": 1, "rating_sum": 4}]
    assert page(reviewable, path)["rating"]["average"] == 4


def test_who_was_erased_is_nobody(reviewable: Reviewable) -> None:
    provider, customer = reviewable.provider(), reviewable.customer("Ada Lovelace")
    review = reviewable.review(customer, provider, 5, "Kind.")
    reviewable.world.query(
        """UPDATE users SET disabled_at = now(), erased_at = now(), name = 'Erased',
                           email = 'erased-' || id || '@erased.invalid' WHERE id = %s""",
        customer.id,
    )
    (item,) = page(reviewable, f"/reviews/providers/{provider.id}")["items"]
    assert (item["id"], item["text"], item["author"]) == (review["id"], "Kind.", {"name": None})
