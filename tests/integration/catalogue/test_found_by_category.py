"""Services are found by the name of their category, also when it is misspelt; behind those whose own name answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from bookings import paging
from bookings.catalogue import listing
from tests.factories import World
from tests.integration.catalogue.shop import Shop

#: services of other categories, so many that reading all of them would be wrong
OTHERS = 3000
#: what stands in the category of which only its name speaks
BELOW = ["Lymph drainage", "Taping"]
OWN, TOLD = "Mobile physiotherapy", "Running class"
SORTS = ("relevance", "name", "price", "-price", "rating", "popular")

_OTHERS = """
WITH heading AS (
    INSERT INTO categories (id, slug, name, created_at, updated_at)
    SELECT ('00000000-0000-7000-8004-' || lpad(n::text, 12, '0'))::uuid, 'heading-' || n, 'Heading ' || n, now(), now()
      FROM generate_series(1, 20) AS n)
INSERT INTO services (id, slug, name, description, category_id, durations, currency, price_from, created_at, updated_at)
SELECT ('00000000-0000-7000-8005-' || lpad(n::text, 12, '0'))::uuid, 'other-' || n, 'Other ' || n, 'Of another kind.',
       ('00000000-0000-7000-8004-' || lpad((1 + n % 20)::text, 12, '0'))::uuid,
       '[{"minutes": 30, "price": 5000}]', 'EUR', 5000, now(), now()
  FROM generate_series(1, """


@pytest.fixture(scope="module", autouse=True)
def services(shop: Shop, world: World) -> None:
    """Two services in a category, one that has its name in its own, one that tells of it; and many others."""
    category = shop.admin.call("POST", "/categories", {"name": "Physiotherapy"}).get_json()
    for name in BELOW:
        shop.offered(name=name, categoryId=category["id"])
    shop.offered(name=OWN)
    shop.offered(name=TOLD, description="With hints from physiotherapy.")
    archived = shop.offered(name="Mud bath", categoryId=category["id"])
    shop.admin.call("DELETE", f"/services/{archived['id']}")
    world.query(f"{_OTHERS}{OTHERS}) AS n")
    world.query("ANALYZE services, categories")


@pytest.mark.parametrize("text", ["physiotherapy", "Physio", "PHYSIOTHERAPY"])
def test_the_name_of_a_category_finds_what_stands_in_it(shop: Shop, text: str) -> None:
    """Behind what has it in its own name, before what only tells of it."""
    names = shop.names(q=text)
    assert names[0] == OWN
    assert set(names[1:3]) == set(BELOW)
    assert names[3:] == [TOLD]


@pytest.mark.parametrize("text", ["fysiotherapy", "physiotheraphy", "physioterapy"])
def test_also_when_it_is_misspelt(shop: Shop, text: str) -> None:
    names = shop.names(q=text)
    assert names[0] == OWN
    assert set(names[1:]) == set(BELOW), "words of descriptions must be right"


@pytest.mark.parametrize("text", ["physiotherapy", "fysiotherapy"])
@pytest.mark.parametrize("sort", SORTS)
def test_each_order_knows_them_once_and_in_pages(shop: Shop, sort: str, text: str) -> None:
    expected = {OWN, *BELOW} | ({TOLD} if text == "physiotherapy" else set())
    names: list[str] = []
    more: dict[str, Any] = {}
    while True:
        page = shop.get("/services", q=text, sort=sort, limit=1, **more).get_json()
        names += [item["name"] for item in page["items"]]
        assert page["total"] == len(expected)
        if page["nextCursor"] is None:
            break
        more = {"cursor": page["nextCursor"]}
    assert len(names) == len(expected)
    assert set(names) == expected


def test_filters_hold(shop: Shop) -> None:
    assert shop.names(q="physiotherapy", minPrice=4501) == []
    assert shop.names(q="fysiotherapy", minPrice=4501) == []
    assert shop.names(q="physiotherapy", archived="true") == ["Mud bath"]


def test_a_new_name_counts_at_once(shop: Shop) -> None:
    category = shop.admin.call("POST", "/categories", {"name": "Numerology"}).get_json()
    shop.offered(name="Reading", categoryId=category["id"])
    assert shop.names(q="numerology") == ["Reading"]
    path = f"/categories/{category['id']}"
    assert shop.admin.call("PATCH", path, {"name": "Calligraphy"}).status_code == 200
    assert (shop.names(q="numerology"), shop.names(q="calligraphy")) == ([], ["Reading"])


def test_more_of_a_category_than_is_ranked_is_still_in_order(shop: Shop, world: World) -> None:
    """The other orders walk all services then, and look at each one's category."""
    world.query("UPDATE categories SET name = 'Sundries ' || slug WHERE slug LIKE 'heading-%%'")
    try:
        page = shop.get("/services", q="sundries", sort="name", limit=3).get_json()
        assert [item["name"] for item in page["items"]] == ["Other 1", "Other 10", "Other 100"]
        last = shop.names(q="sundries", sort="name", limit=100, page=OTHERS // 100)
        assert last[-1] == "Other 999"
        assert len(shop.names(q="sundries", limit=100)) == 100
        assert set(shop.names(q="sundries", sort="popular", limit=5)) == {f"Other {OTHERS - n}" for n in range(5)}
    finally:
        world.query("UPDATE categories SET name = 'Heading ' || substr(slug, 9) WHERE slug LIKE 'heading-%%'")


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("text", ["physiotherapy", "fysiotherapy"])
def test_indexes_serve_it(world: World, sort: str, text: str) -> None:
    """Nobody reads all services for what few have, neither by words nor by category."""
    _, after_key, after_id = listing._SORTS[sort]
    params = listing._filters({"q": text, "archived": False})
    params |= {"after_key": after_key, "after_id": after_id, **paging.window({"limit": 20, "page": 1})}
    explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {listing._SEARCHES[sort].text}".encode()
    with psycopg.connect(world.address) as connection:
        connection.execute("SET enable_seqscan = off")  # of so few, reading all would be as quick
        (plan,) = connection.execute(explained, params).fetchone() or ()
    read = list(_scans(plan[0]["Plan"]))
    assert max(rows for name, rows in read if name == "services") < 100, read


def _scans(node: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """What is read of each table in a plan, with what is read in vain."""
    if "Relation Name" in node:
        rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        yield node["Relation Name"], rows * node["Actual Loops"]
    for child in node.get("Plans", ()):
        yield from _scans(child)
