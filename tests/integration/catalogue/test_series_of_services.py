"""Series of services: hours, rules and caps are asked of every time, and one who is free takes as much as possible."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.factories import World
from tests.integration.booking.api import DAY, Api, Person, at, problem
from tests.integration.catalogue.shop import Json, Shop

#: the Monday after the test day, so that weekdays are known
MONDAY = (7 - DAY.weekday()) % 7
OPEN = {"from": "08:00", "to": "18:00"}
WEEK = {day: [OPEN] for day in ("monday", "tuesday", "wednesday", "thursday", "friday")}


@pytest.fixture
def customer(api: Api, world: World) -> Person:
    return api.as_(world.user())


def schedule(shop: Shop, path: str, **said: Any) -> None:
    answer = shop.admin.call("PUT", f"/schedules/{path}", said)
    assert answer.status_code == 200, answer.text


def wish(service: Json, rrule: str, hour: float = 10, day: int = MONDAY, **rest: Any) -> Json:
    return {"serviceId": service["id"], "startAt": at(hour, day), "rrule": rrule, "timeZone": "UTC"} | rest


def made(person: Person, service: Json, rrule: str, **rest: Any) -> Json:
    answer = person.call("POST", "/bookings/series", wish(service, rrule, **rest))
    assert answer.status_code == 201, answer.text
    return dict(answer.json or {})


def preview(person: Person, service: Json, rrule: str, **rest: Any) -> list[Json]:
    answer = person.call("POST", "/bookings/series/preview", wish(service, rrule, **rest))
    assert answer.status_code == 200, answer.text
    return list((answer.json or {})["occurrences"])


def providers(world: World, shop: Shop, number: int) -> list[UUID]:
    return [world.provider().id for _ in range(number)]


def test_what_is_closed_is_refused_by_name(shop: Shop, world: World, customer: Person) -> None:
    """A week from Monday on: Saturday and Sunday are closed, and alternatives are on days that are open."""
    (who,) = providers(world, shop, 1)
    schedule(shop, f"resources/{who}", weekly=WEEK)
    service = shop.offered(resourceIds=[who])
    shown = preview(customer, service, "FREQ=DAILY;COUNT=7")
    assert [one["status"] for one in shown] == ["free"] * 5 + ["refused"] * 2
    assert {one["rule"] for one in shown[5:]} == {"openingHours"}
    days = {datetime.fromisoformat(start).weekday() for one in shown for start in one["alternatives"]}
    assert days <= {0, 4}
    refused = customer.call("POST", "/bookings/series", wish(service, "FREQ=DAILY;COUNT=7"))
    assert len(problem(refused, 409, "series-refused")["occurrences"]) == 2
    skipped = made(customer, service, "FREQ=DAILY;COUNT=7", onConflict="skip")
    assert (skipped["booked"], skipped["skipped"]) == (5, 2)


def test_one_hand_as_long_as_possible(shop: Shop, world: World, customer: Person, api: Api) -> None:
    """Of three the one who is free on all days, though others come first; where none is, somebody else helps out."""
    first, second, third = providers(world, shop, 3)
    service = shop.offered(resourceIds=[first, second, third])
    other = api.as_(world.user())
    for who, day in ((first, 1), (second, 2), (first, 3), (second, 3)):
        other.booked(9, 12, day=MONDAY + day, providerId=who)
    whole = made(customer, service, "FREQ=DAILY;COUNT=5")
    assert [one["resourceIds"] for one in whole["occurrences"]] == [[str(third)]] * 5
    rest = preview(customer, service, "FREQ=DAILY;COUNT=5")
    assert [one["status"] for one in rest] == ["free", "free", "free", "taken", "free"]


def test_the_next_free_time_of_the_day(shop: Shop, world: World, customer: Person) -> None:
    (who,) = providers(world, shop, 1)
    schedule(shop, f"resources/{who}", weekly=WEEK)
    service = shop.offered(resourceIds=[who], bufferAfterMinutes=10)
    customer.booked(10, 11, day=MONDAY + 1, providerId=who)
    customer.booked(9, 15, day=MONDAY + 2, providerId=who)
    done = made(customer, service, "FREQ=DAILY;COUNT=4", onConflict="nextFree")
    starts = [(one["outcome"], one["startAt"]) for one in done["occurrences"]]
    assert starts[0] == ("booked", at(10, MONDAY))
    assert starts[1] == ("moved", at(11, MONDAY + 1))
    assert starts[2] == ("moved", at(15, MONDAY + 2))
    assert starts[3] == ("booked", at(10, MONDAY + 3))


def test_the_next_free_time_of_whoever_has_the_rest_in_hand(
    shop: Shop, world: World, customer: Person, api: Api
) -> None:
    """Somebody else only where they have no time left on that day, though others would be free before, or as soon."""
    first, second = providers(world, shop, 2)
    service = shop.offered(resourceIds=[second, first])
    other = api.as_(world.user())
    busy = {
        1: ((first, 9, 12), (second, 9, 11)),  # the other would be free an hour earlier
        2: (
            (first, 9, 11),
            (second, 9, 11),
            (first, 14, 15),
            (first, 16, 17),
        ),  # both as soon
        3: ((first, 9, 24), (second, 9, 11)),  # no time left
        4: ((second, 10, 11),),
        5: ((second, 10, 11),),
    }
    for day, times in busy.items():
        for who, begins, ends in times:
            other.booked(begins, ends, day=MONDAY + day, providerId=who)
    done = made(customer, service, "FREQ=DAILY;COUNT=6", onConflict="nextFree")
    assert [(one["outcome"], one["startAt"], one["resourceIds"]) for one in done["occurrences"]] == [
        ("booked", at(10, MONDAY), [str(first)]),
        ("moved", at(12, MONDAY + 1), [str(first)]),
        ("moved", at(11, MONDAY + 2), [str(first)]),
        ("moved", at(11, MONDAY + 3), [str(second)]),
        ("booked", at(10, MONDAY + 4), [str(first)]),
        ("booked", at(10, MONDAY + 5), [str(first)]),
    ]


def test_what_is_moved_counts_with_the_rest_of_the_series(shop: Shop, world: World, customer: Person, api: Api) -> None:
    """Three a week: of two that would have to move only one can."""
    (who,) = providers(world, shop, 1)
    schedule(shop, f"resources/{who}", rules={"customerCaps": {"week": 3}})
    service = shop.offered(resourceIds=[who])
    for day in (2, 3):
        api.as_(world.user()).booked(10, 11, day=MONDAY + day, providerId=who)
    done = made(customer, service, "FREQ=DAILY;COUNT=4", onConflict="nextFree")
    assert [one["outcome"] for one in done["occurrences"]] == ["booked", "booked", "moved", "skipped"]


def test_caps_count_the_series_itself(shop: Shop, world: World, customer: Person) -> None:
    """Two a week of the resource, and a customer comes three times in all of a month."""
    (who,) = providers(world, shop, 1)
    schedule(shop, f"resources/{who}", rules={"resourceCaps": {"week": 2}})
    service = shop.offered(resourceIds=[who])
    shown = preview(customer, service, "FREQ=DAILY;COUNT=9")
    assert [one["status"] for one in shown] == ["free"] * 2 + ["refused"] * 5 + ["free"] * 2
    assert {one["rule"] for one in shown if one["status"] == "refused"} == {"resourceCaps"}
    done = made(customer, service, "FREQ=DAILY;COUNT=9", onConflict="skip")
    assert done["booked"] == 4
    rest = preview(customer, service, "FREQ=DAILY;COUNT=9", hour=14)
    assert {one["status"] for one in rest} == {"refused"}


def test_a_move_passes_the_hours(shop: Shop, world: World, customer: Person) -> None:
    (who,) = providers(world, shop, 1)
    schedule(shop, f"resources/{who}", weekly=WEEK)
    service = shop.offered(resourceIds=[who])
    done = made(customer, service, "FREQ=DAILY;COUNT=5")
    id, first = done["series"]["id"], done["occurrences"][0]["bookingId"]
    body = {"scope": "all", "bookingId": first, "startAt": at(10, MONDAY + 1)}
    refused = problem(customer.call("PATCH", f"/bookings/series/{id}", body), 409, "series-refused")
    assert [(one["startAt"], one["rule"]) for one in refused["occurrences"]] == [(at(10, MONDAY + 5), "openingHours")]
    moved = customer.call("PATCH", f"/bookings/series/{id}", body | {"startAt": at(11, MONDAY)})
    assert moved.status_code == 200, moved.text


def test_prices_are_those_of_each_day(shop: Shop, world: World, customer: Person) -> None:
    (who,) = providers(world, shop, 1)
    rules = [{"weekdays": [3], "add": 500}]
    service = shop.offered(resourceIds=[who], priceRules=rules, requiresPayment=True)
    done = made(customer, service, "FREQ=DAILY;COUNT=4")
    items = customer.get(f"/bookings/series/{done['series']['id']}/bookings").json or {}
    assert [one["price"]["amount"] for one in items["items"]] == [4500, 4500, 5000, 4500]
    assert {(one["status"], one["paymentStatus"]) for one in items["items"]} == {("pending", "unpaid")}


def test_a_length_that_the_service_has(shop: Shop, world: World, customer: Person) -> None:
    (who,) = providers(world, shop, 1)
    service = shop.offered(resourceIds=[who], durations=[{"minutes": 30, "price": 1}, {"minutes": 90, "price": 2}])
    end = (DAY + timedelta(days=MONDAY, hours=11.5)).isoformat()
    done = made(customer, service, "FREQ=DAILY;COUNT=2", endAt=end)
    assert [one["endAt"] for one in done["occurrences"]] == [at(11.5, MONDAY), at(11.5, MONDAY + 1)]
    wrong = customer.call("POST", "/bookings/series", wish(service, "FREQ=DAILY;COUNT=2", endAt=at(12, MONDAY)))
    assert [one["field"] for one in problem(wrong, 422, "invalid")["errors"]] == ["endAt"]


def hands(done: Json) -> list[str]:
    return [one["resourceIds"][0] for one in done["occurrences"]]


def test_turns_between_those_who_can_do_as_much(shop: Shop, world: World, api: Api, customer: Person) -> None:
    """Series and single bookings take turns together; a series stays in one hand; whoever is named takes no turn."""
    people = [str(one) for one in providers(world, shop, 3)]
    service = shop.offered(resourceIds=people)
    schedule(shop, f"services/{service['id']}", rules={"assignment": {"strategy": "round_robin"}})
    weekly = "FREQ=WEEKLY;COUNT=3"
    made(customer, service, weekly, hour=8, providerId=people[2])
    assert hands(made(customer, service, weekly)) == [people[0]] * 3
    assert hands(made(api.as_(world.user()), service, weekly)) == [people[1]] * 3
    single = customer.call("POST", "/bookings", {"serviceId": service["id"], "startAt": at(14, MONDAY)})
    assert (single.json or {})["providerId"] == people[2]
    assert hands(made(customer, service, weekly, hour=16)) == [people[0]] * 3


def test_a_series_of_several_hands_is_a_turn_for_each(shop: Shop, world: World, customer: Person) -> None:
    """And who delivers most of it comes last."""
    people = [str(one) for one in providers(world, shop, 3)]
    service = shop.offered(resourceIds=people)
    schedule(shop, f"services/{service['id']}", rules={"assignment": {"strategy": "round_robin"}})
    customer.booked(10, 11, day=MONDAY, providerId=people[0])
    customer.booked(10, 11, day=MONDAY + 7, providerId=people[1])
    customer.booked(10, 11, day=MONDAY + 1, providerId=people[2])
    for day in (MONDAY, MONDAY + 14):
        customer.booked(10, 11, day=day, providerId=people[2])
    customer.booked(10, 11, day=MONDAY + 14, providerId=people[1])
    assert hands(made(customer, service, "FREQ=WEEKLY;COUNT=3")) == [people[1], people[0], people[0]]
    assert hands(made(customer, service, "FREQ=WEEKLY;COUNT=1", hour=12)) == [people[2]]
    assert hands(made(customer, service, "FREQ=WEEKLY;COUNT=1", hour=12)) == [people[1]]
    assert hands(made(customer, service, "FREQ=WEEKLY;COUNT=1", hour=12)) == [people[0]]


def test_whoever_has_least_to_do_on_the_days(shop: Shop, world: World, customer: Person) -> None:
    """The least busy over all days of a series, not on its first day alone."""
    first, second = (str(one) for one in providers(world, shop, 2))
    service = shop.offered(resourceIds=[first, second])
    customer.booked(15, 16, day=MONDAY, providerId=second)
    for day in (MONDAY + 7, MONDAY + 14):
        customer.booked(15, 16, day=day, providerId=first)
    assert hands(made(customer, service, "FREQ=WEEKLY;COUNT=3")) == [second] * 3


@pytest.mark.slow
def test_two_series_at_once_are_two_turns(shop: Shop, world: World, api: Api) -> None:
    """Whose turn it is is decided while nobody else chooses, also where everybody could have the same person."""
    people = [str(one) for one in providers(world, shop, 6)]
    service = shop.offered(resourceIds=people)
    schedule(shop, f"services/{service['id']}", rules={"assignment": {"strategy": "round_robin"}})
    wishes = [(api.as_(world.user()), 8 + number) for number in range(len(people))]
    with ThreadPoolExecutor(len(people)) as pool:
        done = list(pool.map(lambda one: made(one[0], service, "FREQ=WEEKLY;COUNT=40", hour=one[1]), wishes))
    assert sorted(hands(one)[0] for one in done) == sorted(people)
