"""Workspaces and providers as customers see them."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from bookings.catalogue.view_schemas import View
from tests.factories import World
from tests.integration.booking.api import Api, problem, wrong_fields
from tests.integration.catalogue.shop import Json, Shop

PHOTO = "https://example.com/rooms/1.jpg"


def new_workspace(shop: Shop, **wish: Any) -> Json:
    """A workspace made by the admin."""
    body = {"name": "Room", "timeZone": "Europe/Berlin"} | wish
    answer = shop.admin.call("POST", "/workspaces", body)
    assert answer.status_code == 201, answer.text
    document: Json = answer.get_json()
    assert answer.headers["Location"] == f"/workspaces/{document['id']}"
    assert document.keys() == View().fields.keys()
    return document


def names(shop: Shop, path: str, **query: Any) -> list[str]:
    """The names in a list."""
    answer = shop.get(path, **query)
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.get_json()["items"]]


def test_a_workspace_is_shown_to_everybody(shop: Shop, world: World) -> None:
    """With what is offered there, without whose it is."""
    owner = world.user("provider")
    room = new_workspace(
        shop,
        name="Garden room",
        description="Quiet.",
        location="Ground floor",
        amenities=["Wi-Fi", "Piano"],
        photoUrl=PHOTO,
        capacity=6,
        ownerId=str(owner.id),
    )
    service = shop.offered(name="Recital", resourceIds=[UUID(room["id"])])
    gone = shop.offered(resourceIds=[UUID(room["id"])])
    shop.change(gone, archived=True)
    shown = shop.get(f"/workspaces/{room['id']}")
    assert shown.headers["ETag"] == '"1"'
    assert shown.get_json() == room | {"services": [{"id": service["id"], "slug": "recital", "name": "Recital"}]}
    assert (room["amenities"], room["photoUrl"], room["capacity"]) == (["Wi-Fi", "Piano"], PHOTO, 6)
    assert str(owner.id) not in shown.text


def test_a_provider_shows_no_more_than_they_say(shop: Shop, api: Api, world: World) -> None:
    """No e-mail address, no phone; who they are they say themselves, admins may help."""
    actor = world.provider()
    world.query("UPDATE users SET phone = '+49 30 999' WHERE id = %s", actor.id)
    provider = api.as_(actor)
    path = f"/providers/{actor.id}"
    said = {"description": "Twenty years of it.", "photoUrl": PHOTO, "amenities": ["English"], "name": "Dr. Who"}
    changed = provider.call("PATCH", path, said, If_Match='"1"')
    assert {name: changed.get_json()[name] for name in said} == said
    shown = shop.get(path)
    assert shown.get_json() == changed.get_json()
    assert f"{actor.id}@example.com" not in shown.text
    assert "+49 30 999" not in shown.text
    assert shop.admin.call("PATCH", path, {"location": "Room 3"}).get_json()["location"] == "Room 3"
    refused = problem(provider.call("PATCH", path, {"name": "x"}, If_Match='"1"'), 412, "precondition-failed")
    assert refused["current"] == shop.get(path).get_json()
    assert wrong_fields(provider.call("PATCH", path, {"capacity": 5})) == ["capacity"]
    for other in (world.provider(), world.user()):
        problem(api.as_(other).call("PATCH", path, {"name": "x"}), 403, "forbidden")


def test_who_may_change_a_workspace(shop: Shop, api: Api, world: World) -> None:
    owner = world.user("provider")
    room = new_workspace(shop, ownerId=str(owner.id))
    path = f"/workspaces/{room['id']}"
    assert api.as_(owner).call("PATCH", path, {"description": "Mine"}).get_json()["description"] == "Mine"
    problem(api.as_(owner).call("PATCH", path, {"capacity": 2}), 403, "forbidden")
    problem(api.as_(owner).call("DELETE", path), 403, "forbidden")
    problem(api.as_(owner).call("POST", "/workspaces", {"name": "x", "timeZone": "UTC"}), 403, "forbidden")
    assert shop.admin.call("PATCH", path, {"capacity": 2}).get_json()["capacity"] == 2


def test_a_deactivated_workspace_is_gone_and_keeps_its_bookings(shop: Shop, api: Api, world: World) -> None:
    room = new_workspace(shop, name="Closing soon")
    customer = api.as_(world.user())
    booking = customer.booked(workspaceId=room["id"])
    path = f"/workspaces/{room['id']}"
    assert shop.admin.call("DELETE", path).get_json()["active"] is False
    problem(shop.get(path), 404, "not-found")
    assert names(shop, "/workspaces", q="closing") == []
    assert customer.get(f"/bookings/{booking['id']}").get_json() == booking
    assert wrong_fields(customer.book(12, 13, workspaceId=room["id"])) == ["workspaceId"]
    assert shop.admin.call("PATCH", path, {"active": True}).status_code == 200
    assert names(shop, "/workspaces", q="closing") == ["Closing soon"]
    trail = world.query("SELECT action FROM audit_entries WHERE subject_id = %s ORDER BY id", room["id"])
    assert [entry["action"] for entry in trail] == ["resource.create", "resource.change", "resource.change"]


def test_finding_a_place(shop: Shop, world: World) -> None:
    """By name, location, amenities, size, service, rating."""
    small = new_workspace(shop, name="Alder hall", location="Berlin Mitte", amenities=["Wi-Fi"], capacity=4)
    large = new_workspace(shop, name="Birch hall", location="Hamburg", amenities=["wi-fi", "Stage"], capacity=90)
    service = shop.offered(resourceIds=[UUID(large["id"])])
    world.query("UPDATE resources SET rating_count = 1, rating_sum = 5 WHERE id = %s", large["id"])
    for query, expected in (
        ({"q": "HALL"}, ["Alder hall", "Birch hall"]),
        ({"q": "hall", "sort": "rating"}, ["Birch hall", "Alder hall"]),
        ({"q": "hall", "location": "berlin"}, ["Alder hall"]),
        ({"q": "hall", "amenities": "WI-FI"}, ["Alder hall", "Birch hall"]),
        ({"q": "hall", "amenities": "wi-fi,stage"}, ["Birch hall"]),
        ({"q": "hall", "minCapacity": 5}, ["Birch hall"]),
        ({"q": "hall", "minRating": 4}, ["Birch hall"]),
        ({"serviceId": service["id"]}, ["Birch hall"]),
        ({"q": "hall", "limit": 1, "page": 2}, ["Birch hall"]),
        ({"q": "hall", "page": 2}, []),
    ):
        assert names(shop, "/workspaces", **query) == expected, query
    page = shop.get("/workspaces", q="hall", limit=1).get_json()
    assert (page["total"], page["totalIsExact"], page["page"], page["limit"]) == (2, True, 1, 1)
    assert names(shop, "/providers", q="hall") == []
    assert shop.get(f"/workspaces/{large['id']}").get_json()["rating"] == {"average": 5.0, "count": 1}
    assert shop.get(f"/workspaces/{small['id']}").get_json()["rating"] == {"average": None, "count": 0}
    world.query("UPDATE resources SET rating_count = 0, rating_sum = 0")  # no review gave them


@pytest.mark.parametrize("path", ["/workspaces", "/providers"])
@pytest.mark.parametrize("field", ["amenities", "q", "location"])
@pytest.mark.parametrize("text", ["\0", "a\0", "a,\0b"])
def test_what_no_text_holds(shop: Shop, path: str, field: str, text: str) -> None:
    assert wrong_fields(shop.get(path, **{field: text})) == [field]


def test_finding_somebody(shop: Shop, world: World) -> None:
    one, other = world.provider().id, world.provider().id
    service = shop.offered(resourceIds=[one])
    assert [item["id"] for item in shop.get("/providers", serviceId=service["id"]).get_json()["items"]] == [str(one)]
    everybody = [item["id"] for item in shop.get("/providers", limit=100).get_json()["items"]]
    assert {str(one), str(other)} <= set(everybody)


def test_kinds_are_kept_apart(shop: Shop, world: World) -> None:
    """A provider is no workspace, equipment neither, and nothing is nothing."""
    provider, beamer = world.provider().id, world.resource("equipment")
    for path in (f"/workspaces/{provider}", f"/workspaces/{beamer}", f"/providers/{beamer}", f"/providers/{uuid4()}"):
        problem(shop.get(path), 404, "not-found")
        problem(shop.admin.call("PATCH", path, {"name": "x"}), 404, "not-found")
    problem(shop.admin.call("DELETE", f"/workspaces/{provider}"), 404, "not-found")


@pytest.mark.parametrize(
    "wish,field",
    [
        ({"photoUrl": "http://example.com/x.jpg"}, "photoUrl"),
        ({"photoUrl": "javascript:alert(1)"}, "photoUrl"),
        ({"photoUrl": "https://example.com/a b"}, "photoUrl"),
        ({"photoUrl": "https://" + "a" * 2000}, "photoUrl"),
        ({"amenities": ["x"] * 51}, "amenities"),
        ({"amenities": ["x" * 61]}, "amenities.0"),
        ({"kind": "equipment"}, "kind"),
        ({"timeZone": "Mars"}, "timeZone"),
        ({"ownerId": str(uuid4())}, "ownerId"),
    ],
)
def test_what_cannot_be_a_workspace(shop: Shop, wish: Json, field: str) -> None:
    answer = shop.admin.call("POST", "/workspaces", {"name": "Room", "timeZone": "UTC"} | wish)
    assert wrong_fields(answer) == [field]
