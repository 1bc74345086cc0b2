"""Any of a thousand: a service that so many deliver, through the API alone."""

from __future__ import annotations

from uuid import UUID

from tests.factories import World
from tests.integration.availability.counter import at, booked, found
from tests.integration.booking.api import Api, wrong_fields
from tests.integration.catalogue.shop import Shop


def many(world: World, number: int) -> list[UUID]:
    """So many providers, made at once."""
    made = world.query(
        """WITH people AS (
               INSERT INTO users (id, email, name, role, created_at, updated_at)
               SELECT id, id || '@example.com', 'One of many', 'provider', now(), now()
                 FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, %s)) AS n RETURNING id)
           INSERT INTO resources (id, kind, name, owner_id, capacity, auto_confirm, time_zone, created_at, updated_at)
           SELECT id, 'provider', 'One of many', id, 1, true, 'Europe/Berlin', now(), now() FROM people RETURNING id""",
        number,
    )
    return [row["id"] for row in made]


def test_any_of_a_thousand(api: Api, world: World, shop: Shop) -> None:
    """Made, found with all of them free, booked until it is one's turn, changed, and in lists."""
    people = many(world, 1000)
    service = shop.offered(resourceIds=people)
    assert service["resourceIds"] == [str(one) for one in people]
    slot = found(shop, service)["days"][0]["slots"][0]
    assert slot["resourceCount"] == slot["places"] == 1000
    chosen = [booked(api.as_(world.user()), service, at(9))["providerId"] for _ in range(3)]
    assert chosen == [str(one) for one in people[:3]]
    turned = shop.change(service, resourceIds=people[::-1])
    assert turned.status_code == 200, turned.text
    assert turned.json
    assert turned.json["resourceIds"][0] == str(people[-1])
    assert booked(api.as_(world.user()), service, at(9))["providerId"] == str(people[-1])
    assert service["id"] in [one["id"] for one in shop.get("/services", resourceId=people[0]).get_json()["items"]]


def test_bounds(world: World, shop: Shop) -> None:
    """More than a thousand deliver nothing, and more than a hundred nothing together."""
    people = many(world, 1001)
    assert wrong_fields(shop.offer(resourceIds=people)) == ["resourceIds"]
    assert wrong_fields(shop.offer(resourceIds=people[:101], collective=True)) == ["collective"]
    assert shop.offered(resourceIds=people[:100], collective=True)["collective"]
