"""Words that thousands of services hold: what is ranked is bounded, every other order is still exact."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories import World
from tests.integration.booking.api import Api, at
from tests.integration.catalogue.shop import Shop

#: matches that are ranked
RANKED = 2000
#: services whose description has the word; a few more than are ranked
MANY = RANKED + 100
#: the last of them in the table have it in their names
NAMED = 3
#: newer and cheaper ones that have nothing to do with it
QUIET = 5

_LOAD = """
INSERT INTO services (id, slug, name, description, durations, currency, price_from, created_at, updated_at)
SELECT ('00000000-0000-7000-8005-' || lpad(n::text, 12, '0'))::uuid, 'service-' || n,
       CASE WHEN n > %s THEN 'Quiet ' WHEN n > %s THEN 'Session ' ELSE 'Service ' END || n,
       CASE WHEN n > %s THEN 'Of another kind.' WHEN n %% 2 = 0 THEN 'A session for everybody.'
            ELSE 'Sessions, and nothing but a session.' END
       || CASE WHEN n <= %s AND n %% 7 = 0 THEN ' With a rare massage.' ELSE '' END,
       jsonb_build_array(jsonb_build_object('minutes', 30, 'price', 100000 - n)), 'EUR', 100000 - n, now(), now()
  FROM generate_series(1, %s) AS n
"""
#: as it was before ranking was bounded: every match ranked
_ALL_RANKED = """
SELECT name FROM services, to_tsquery('simple', 'massage:*') AS question
 WHERE words @@ question AND archived_at IS NULL ORDER BY ts_rank(words, question) DESC, id DESC
"""


@pytest.fixture(scope="module", autouse=True)
def services(world: World) -> None:
    """Many services, the dearest first, the only ones in this module's database."""
    world.query(_LOAD, MANY, MANY - NAMED, MANY, MANY, MANY + QUIET)
    world.query("ANALYZE services")


def everything(shop: Shop, **query: Any) -> list[str]:
    """All names, page after page by the cursor."""
    names: list[str] = []
    more: dict[str, Any] = {}
    while True:
        page = shop.get("/services", limit=100, **query, **more).get_json()
        names += [item["name"] for item in page["items"]]
        assert (page["total"], page["totalIsExact"]) == (1000, False)
        if page["nextCursor"] is None:
            return names
        more = {"cursor": page["nextCursor"]}


def test_names_are_ranked_before_all_others_wherever_they_stand(shop: Shop) -> None:
    assert set(shop.names(q="session", limit=NAMED)) == {f"Session {MANY - number}" for number in range(NAMED)}


def test_no_more_are_ranked_than_that(shop: Shop) -> None:
    names = everything(shop, q="session")
    assert len(names) == len(set(names)) == RANKED


@pytest.mark.parametrize("sort,cheapest_first", [("price", True), ("-price", False)])
def test_other_orders_know_them_all(shop: Shop, sort: str, cheapest_first: bool) -> None:
    """The cheapest stand at the end of the table, where a bound would have left them out."""
    found = everything(shop, q="session", sort=sort)
    numbers = [int(name.split()[1]) for name in found]
    assert numbers == sorted(range(1, MANY + 1), reverse=cheapest_first)


def test_filters_go_before_the_bound(shop: Shop) -> None:
    assert set(shop.names(q="session", maxPrice=100000 - MANY + 1)) == {f"Session {MANY - 1}", f"Session {MANY}"}
    assert shop.names(q="session", sort="price", maxPrice=100000 - MANY) == [f"Session {MANY}"]


def test_a_page_by_number_goes_on_behind_what_is_ranked(shop: Shop) -> None:
    """By name there are more than are ranked: page 21 of 100 exists, page 22 does not."""
    by_name = [f"{'Session' if number > MANY - NAMED else 'Service'} {number}" for number in range(1, MANY + 1)]
    last = shop.get("/services", q="session", sort="name", limit=100, page=21).get_json()
    assert [item["name"] for item in last["items"]] == sorted(by_name)[-100:]
    assert shop.get("/services", q="session", sort="name", limit=100, page=22).get_json()["items"] == []


def test_popular_among_many_is_what_was_booked(shop: Shop, api: Api, world: World) -> None:
    """Then the newest; the walk over those booked and the walk over the others meet within a page."""
    customer, room = api.as_(world.user()), world.resource(capacity=50)
    for number, times in ((7, 1), (MANY, 2)):
        service = shop.get(f"/services/service-{number}").get_json()
        assert shop.change(service, resourceIds=[room]).status_code == 200
        for _ in range(times):
            answer = customer.call("POST", "/bookings", {"serviceId": service["id"], "startAt": at(9)})
            assert answer.status_code == 201, answer.text
    booked = [f"Session {MANY}", "Service 7"]
    newest = [f"Session {MANY - 1}", f"Session {MANY - 2}", f"Service {MANY - 3}"]
    assert shop.names(q="session", sort="popular", limit=5) == booked + newest
    assert shop.names(q="session", sort="popular", limit=2, page=2) == newest[:2]
    assert shop.names(sort="popular", limit=3) == [*booked, f"Quiet {MANY + QUIET}"]
    assert shop.names(sort="popular", q="massage", limit=2) == booked  # few hold it
    assert len(everything_popular(shop)) == MANY // 7


def everything_popular(shop: Shop) -> set[str]:
    """All names that hold a word of few, the most booked first, page after page by number."""
    pages = (shop.names(sort="popular", q="massage", limit=100, page=number) for number in range(1, 5))
    return {name for page in pages for name in page}


def test_a_word_of_fewer_is_ranked_as_ever(shop: Shop, world: World) -> None:
    """300 match: the same services in the same order as if nothing were bounded."""
    expected = [row["name"] for row in world.query(_ALL_RANKED)]
    assert len(expected) == MANY // 7
    pages = [shop.names(q="massage", limit=100, page=number) for number in range(1, 5)]
    assert [name for page in pages for name in page] == expected


def test_of_resembling_names_a_thousand_are_looked_at(shop: Shop) -> None:
    """No service has the misspelt word; all names resemble it."""
    page = shop.get("/services", q="servise", limit=100).get_json()
    assert (page["total"], page["totalIsExact"]) == (1000, True)
    assert all(item["name"].startswith("Service") for item in page["items"])


@pytest.mark.slow
def test_ratings_leave_nothing_beside_the_indexes_that_every_search_would_read(world: World) -> None:
    world.query("UPDATE services SET rating_count = rating_count + 1, rating_sum = rating_sum + 4")
    world.query("UPDATE services SET rating_count = 0, rating_sum = 0")  # no review gave them
    world.query("SET enable_seqscan = off")
    for condition in ("words @@ to_tsquery('simple', 'session:* & 7:*')", "'sesion 7' <% name"):
        plan = world.query(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT FROM services WHERE {condition}")
        scan = plan[0]["QUERY PLAN"][0]["Plan"]["Plans"][0]
        assert scan["Node Type"] == "Bitmap Index Scan"
        assert scan["Shared Hit Blocks"] + scan["Shared Read Blocks"] < 40, condition
