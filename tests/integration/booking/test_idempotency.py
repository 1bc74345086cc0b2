"""Idempotency-Key: sent again means answered again, not done again."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from unittest import mock
from uuid import UUID, uuid4

import psycopg
import pytest
from werkzeug.test import TestResponse

from tests.factories import World
from tests.integration.booking.api import DAY, Api, Person, at, problem, wrong_fields
from tests.support.patience import patient


def count(world: World, resource: UUID) -> int:
    return int(world.query("SELECT count(*) FROM bookings WHERE %s = ANY (resource_ids)", resource)[0]["count"])


def assert_replay(first: TestResponse, again: TestResponse) -> None:
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert [again.headers.get(name) for name in ("ETag", "Location")] == [
        first.headers.get(name) for name in ("ETag", "Location")
    ]


@pytest.fixture(params=[1, 5], ids=["exclusive", "shared"])
def room(request: pytest.FixtureRequest, world: World) -> UUID:
    """A room for one, and one for several: the second does not refuse a twin by itself."""
    return world.resource(capacity=request.param)


@pytest.fixture
def customer(api: Api, world: World) -> Person:
    """Somebody new, so that keys are, too."""
    return api.as_(world.user())


def test_the_same_again_is_answered_again(customer: Person, world: World, room: UUID) -> None:
    first = customer.book(resourceId=room, key="k")
    assert first.status_code == 201
    assert_replay(first, customer.book(resourceId=room, key="k"))
    assert_replay(first, customer.book(resourceId=room, key="k"))
    assert count(world, room) == 1


def test_the_spelling_of_the_body_does_not_matter(customer: Person, world: World, room: UUID) -> None:
    first = customer.book(resourceId=room, key="k")
    turned = f'{{"resourceId" :"{room}", "endAt": "{at(10)}", "startAt":"{at(9)}"}}'
    again = customer._client.post(
        "/bookings",
        data=turned,
        content_type="application/json",
        headers=customer._authorization | {"Idempotency-Key": "k"},
    )
    assert_replay(first, again)


def test_another_body_under_the_same_key(customer: Person, world: World, room: UUID) -> None:
    customer.booked(resourceId=room, key="k")
    problem(customer.book(resourceId=room, key="k", title="other"), 422, "idempotency-key-reused")
    problem(customer.book(12, 13, resourceId=room, key="k"), 422, "idempotency-key-reused")
    assert count(world, room) == 1


def test_another_path_under_the_same_key(customer: Person, room: UUID) -> None:
    booking = customer.booked(resourceId=room, key="k")
    answer = customer.call("POST", f"/bookings/{booking['id']}/cancel", {}, Idempotency_Key="k")
    problem(answer, 422, "idempotency-key-reused")


def test_keys_belong_to_their_caller(api: Api, customer: Person, world: World) -> None:
    room = world.resource(capacity=2)
    stranger = api.as_(world.user())
    assert customer.booked(resourceId=room, key="k")["id"] != stranger.booked(resourceId=room, key="k")["id"]


def test_replayed_after_cancelling(customer: Person, world: World, room: UUID) -> None:
    """The time is free again, and still the key does not book it a second time."""
    first = customer.book(resourceId=room, key="k")
    assert customer.act(dict(first.json or {}), "cancel").status_code == 200
    assert_replay(first, customer.book(resourceId=room, key="k"))
    assert count(world, room) == 1


def test_replayed_when_the_time_is_past(customer: Person, room: UUID) -> None:
    first = customer.book(resourceId=room, key="k")
    with mock.patch("bookings.clock.now", return_value=DAY + timedelta(days=1)):
        assert wrong_fields(customer.book(resourceId=room)) == ["startAt"]
        assert_replay(first, customer.book(resourceId=room, key="k"))


def test_a_refusal_is_not_kept(api: Api, customer: Person, world: World) -> None:
    room = world.resource()
    rival = api.as_(world.user())
    taken = rival.booked(resourceId=room)
    problem(customer.book(resourceId=room, key="k"), 409, "slot-taken")
    rival.act(taken, "cancel")
    assert "Idempotent-Replayed" not in customer.book(resourceId=room, key="k").headers
    assert count(world, room) == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "\x7f"])
def test_impossible_keys(customer: Person, room: UUID, key: str) -> None:
    assert wrong_fields(customer.book(resourceId=room, key=key)) == ["Idempotency-Key"]


def test_actions_take_keys_too(customer: Person, world: World, room: UUID) -> None:
    booking = customer.booked(resourceId=room)
    path = f"/bookings/{booking['id']}/cancel"
    first = customer.call("POST", path, {"reason": "ill"}, Idempotency_Key="k")
    assert_replay(first, customer.call("POST", path, {"reason": "ill"}, Idempotency_Key="k"))
    problem(customer.call("POST", path, {"reason": "well"}, Idempotency_Key="k"), 422, "idempotency-key-reused")
    history = customer.get(f"/bookings/{booking['id']}/history").json or {}
    assert [entry["action"] for entry in history["items"]] == ["create", "cancel"]


def test_concurrent_twins_book_once(api: Api, customer: Person, world: World, room: UUID) -> None:
    """Ten of the same at once: one is done, nine wait for it and answer the same."""
    twins = [api.as_(customer.actor) for _ in range(10)]
    together = threading.Barrier(len(twins))

    def book(person: Person) -> TestResponse:
        together.wait()
        return person.book(resourceId=room, key="k")

    with ThreadPoolExecutor(len(twins)) as pool:
        answers = list(pool.map(book, twins))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.data for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert count(world, room) == 1


@pytest.mark.slow
def test_a_twin_waits_for_the_first_to_commit(
    api: Api, customer: Person, world: World, module_database_url: str, room: UUID
) -> None:
    """The first one's transaction is held open here by hand: its twin neither fails nor books, it waits."""
    first = customer.book(resourceId=room, key="first")
    stored = world.query("SELECT * FROM idempotency_keys WHERE actor_id = %s", customer.id)[0]
    with ThreadPoolExecutor(1) as pool, psycopg.connect(module_database_url) as slow:
        slow.execute(
            "INSERT INTO idempotency_keys (actor_id, key, fingerprint, status, headers, body)"
            " SELECT actor_id, 'second', fingerprint, status, headers, body FROM idempotency_keys"
            " WHERE actor_id = %s AND key = 'first'",
            (customer.id,),
        )
        slow.execute("DELETE FROM idempotency_keys WHERE actor_id = %s AND key = 'first'", (customer.id,))
        customer.act(dict(first.json or {}), "cancel")  # so that only the key stands in the twin's way
        twin = pool.submit(customer.book, resourceId=room, key="second")
        with pytest.raises(TimeoutError):
            twin.result(0.5)
        slow.commit()
        assert_replay(first, twin.result(patient(5)))
    assert stored["body"].encode() == first.data


def test_a_statement_that_ran_twice_books_once(customer: Person, world: World, room: UUID) -> None:
    """What happens when the connection breaks after the commit and before its answer: the driver runs it again."""
    with mock.patch("bookings.booking.wishes.new_id", return_value=uuid4()):
        first = customer.book(resourceId=room)
        again = customer.book(resourceId=room)
    assert (again.status_code, again.data) == (first.status_code, first.data) == (201, first.data)
    assert count(world, room) == 1
