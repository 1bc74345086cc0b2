"""Finding services: filters, orders, pages, and words that are misspelt."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from tests.factories import World
from tests.integration.booking.api import Api, Person, at, wrong_fields
from tests.integration.catalogue.shop import Json, Shop

#: name, price, rating (count, sum), description
WARES = (
    ("Swedish massage", 6000, (2, 9), "Relaxes the back and shoulders."),
    ("Deep tissue massage", 8000, (1, 5), "For tense muscles."),
    ("Haircut", 3500, (4, 12), "Wash, cut, and a short head massage."),
    ("Yoga for beginners", 1500, (0, 0), "An hour on the mat."),
    ("Meeting room", 2500, (0, 0), "With a screen."),
)


@pytest.fixture(scope="module")
def wares(shop: Shop, world: World) -> Iterator[dict[str, Json]]:
    """Five services in two categories, with ratings; the only ones in this module's database."""
    category = shop.admin.call("POST", "/categories", {"name": "Wellness"}).get_json()
    made = {}
    for name, price, (count, total), description in WARES:
        service = shop.offered(
            name=name,
            description=description,
            durations=[{"minutes": 30, "price": price}],
            categoryId=category["id"] if "massage" in name else None,
        )
        world.query("UPDATE services SET rating_count = %s, rating_sum = %s WHERE id = %s", count, total, service["id"])
        made[name] = service
    yield made
    world.query("UPDATE services SET rating_count = 0, rating_sum = 0")  # no review gave them


@pytest.mark.parametrize(
    "query,expected",
    [
        ({}, ["Deep tissue massage", "Haircut", "Meeting room", "Swedish massage", "Yoga for beginners"]),
        (
            {"sort": "price"},
            ["Yoga for beginners", "Meeting room", "Haircut", "Swedish massage", "Deep tissue massage"],
        ),
        ({"sort": "-price", "limit": 2}, ["Deep tissue massage", "Swedish massage"]),
        ({"sort": "rating", "limit": 3}, ["Deep tissue massage", "Swedish massage", "Haircut"]),
        ({"minRating": 4.5}, ["Deep tissue massage", "Swedish massage"]),
        ({"minPrice": 2500, "maxPrice": 6000}, ["Haircut", "Meeting room", "Swedish massage"]),
        ({"category": "wellness"}, ["Deep tissue massage", "Swedish massage"]),
        ({"category": "nothing"}, []),
        ({"q": "massage", "sort": "name"}, ["Deep tissue massage", "Haircut", "Swedish massage"]),
        ({"q": "massage", "minPrice": 7000}, ["Deep tissue massage"]),
    ],
)
def test_filters_and_orders(shop: Shop, wares: dict[str, Json], query: dict[str, Any], expected: list[str]) -> None:
    assert shop.names(**query) == expected


@pytest.mark.parametrize(
    "text,best",
    [
        ("deep tissue", "Deep tissue massage"),
        ("swed", "Swedish massage"),
        ("swedisch masage", "Swedish massage"),
        ("hairkut", "Haircut"),
        ("yogga", "Yoga for beginners"),
        ("meting rom", "Meeting room"),
        ("muscles", "Deep tissue massage"),
        ("MASSAGE swedish", "Swedish massage"),
    ],
)
def test_the_best_match_comes_first_also_with_typing_errors(
    shop: Shop, wares: dict[str, Json], text: str, best: str
) -> None:
    assert shop.names(q=text)[0] == best


def test_a_name_counts_more_than_a_description(shop: Shop, wares: dict[str, Json]) -> None:
    assert shop.names(q="massage")[-1] == "Haircut"


@pytest.mark.parametrize("text", ["zzzzqq", "& | !", "%_", "'", "a:*b", "\\", "<->"])
def test_a_question_never_breaks(shop: Shop, wares: dict[str, Json], text: str) -> None:
    """What means something to PostgreSQL's queries means nothing here."""
    assert shop.get("/services", q=text).status_code == 200
    assert shop.names(q="zzzzqq") == []


def test_by_who_delivers(shop: Shop, world: World, wares: dict[str, Json]) -> None:
    provider = world.provider().id
    shop.change(wares["Haircut"], resourceIds=[provider])
    assert shop.names(resourceId=provider) == ["Haircut"]
    shop.change(wares["Haircut"], resourceIds=[])


@pytest.mark.parametrize("sort", ["name", "price", "-price", "rating", "popular", "relevance"])
def test_pages_and_cursors_show_everything_once(shop: Shop, wares: dict[str, Json], sort: str) -> None:
    query: dict[str, Any] = {"sort": sort, "limit": 1}
    if sort == "relevance":
        query["q"] = "massage"
    whole = shop.names(**{**query, "limit": 100})
    assert len(whole) == (3 if sort == "relevance" else 5)
    by_page = [shop.names(**query, page=number) for number in range(1, len(whole) + 2)]
    assert by_page == [*([name] for name in whole), []]
    by_cursor: list[str] = []
    more: dict[str, Any] = {}
    while True:
        page = shop.get("/services", **query, **more).get_json()
        by_cursor += [item["name"] for item in page["items"]]
        assert (page["total"], page["totalIsExact"]) == (len(whole), True)
        if page["nextCursor"] is None:
            break
        more = {"cursor": page["nextCursor"]}
    assert by_cursor == whole


#: numbers for Python, or almost, but none that PostgreSQL writes or takes
ODD = ("٣", "1_0", "1e-100000", "1e-99", "1e99", "NaN", "Infinity", " 1", "1\n", "")


def cursor_of(sort: str, key: Any) -> str:
    """What looks like a nextCursor."""
    return base64.urlsafe_b64encode(json.dumps([sort, key, str(UUID(int=1))]).encode()).decode().rstrip("=")


@pytest.mark.parametrize("key", ["0", "1.5", "4.5000000000000000", "1e-05", "3.0396355e-02"])
@pytest.mark.parametrize("sort", ["rating", "relevance"])
def test_a_cursor_of_any_number_that_a_rank_can_be(shop: Shop, sort: str, key: str) -> None:
    assert shop.get("/services", q="massage", sort=sort, cursor=cursor_of(sort, key)).status_code == 200


@pytest.mark.parametrize(
    "query,field",
    [
        ({"sort": "relevance"}, "sort"),
        ({"sort": "colour"}, "sort"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"cursor": "WyJwcmljZSIsICJ4IiwgIjAiXQ"}, "cursor"),
        *(({"sort": sort, "cursor": cursor_of(sort, key)}, "cursor") for sort in ("price", "rating") for key in ODD),
        *(({"q": "massage", "cursor": cursor_of("relevance", key)}, "cursor") for key in ODD),
        ({"sort": "name", "cursor": cursor_of("name", "\0")}, "cursor"),
        ({"sort": "name", "cursor": cursor_of("name", ["a"])}, "cursor"),
        ({"category": "a\0"}, "category"),
        ({"q": "a\0"}, "q"),
        ({"page": 101, "limit": 100}, "page"),
        ({"minRating": 6}, "minRating"),
        ({"minPrice": -1}, "minPrice"),
        ({"q": ""}, "q"),
    ],
)
def test_what_cannot_be_asked(shop: Shop, query: dict[str, Any], field: str) -> None:
    assert wrong_fields(shop.get("/services", **query)) == [field]


def test_a_cursor_belongs_to_its_sort(shop: Shop, wares: dict[str, Json]) -> None:
    cursor = shop.get("/services", sort="price", limit=1).get_json()["nextCursor"]
    assert wrong_fields(shop.get("/services", sort="name", cursor=cursor)) == ["cursor"]


def test_featured(shop: Shop, wares: dict[str, Json]) -> None:
    shop.change(wares["Meeting room"], featured=True)
    assert [item["name"] for item in shop.get("/services/featured").get_json()["items"]] == ["Meeting room"]


def test_popular_is_what_was_booked(shop: Shop, api: Api, world: World, wares: dict[str, Json]) -> None:
    """Bookings count, called off ones do not; what nobody booked is not popular."""
    assert shop.get("/services/popular").get_json()["items"] == []
    customer, room = api.as_(world.user()), world.resource(capacity=50)
    for name, times in (("Haircut", 1), ("Yoga for beginners", 3), ("Meeting room", 2)):
        shop.change(wares[name], resourceIds=[room])
        for _ in range(times):
            _buy(customer, wares[name])
    for _ in range(2):
        customer.act(_buy(customer, wares["Haircut"]), "cancel")
    expected = ["Yoga for beginners", "Meeting room", "Haircut"]
    assert [item["name"] for item in shop.get("/services/popular").get_json()["items"]] == expected
    assert shop.names(sort="popular", limit=3) == expected


def _buy(customer: Person, service: Json) -> Json:
    answer = customer.call("POST", "/bookings", {"serviceId": service["id"], "startAt": at(9)})
    assert answer.status_code == 201, answer.text
    return dict(answer.get_json())
