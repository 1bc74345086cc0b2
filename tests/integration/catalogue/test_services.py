"""Services: made and changed by admins, read by everybody."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.factories import World
from tests.integration.booking.api import Api, problem, wrong_fields
from tests.integration.catalogue.shop import Shop

POLICY = {"tiers": [{"beforeMinutes": 0, "refundPercent": 50}, {"beforeMinutes": 1440, "refundPercent": 100}]}


def test_a_service_of_few_words(shop: Shop) -> None:
    """What is left out has a harmless default."""
    service = shop.offered(name="Swedish Massage for One")
    assert service | {"id": "", "createdAt": "", "updatedAt": ""} == {
        "id": "",
        "slug": "swedish-massage-for-one",
        "name": "Swedish Massage for One",
        "description": None,
        "category": None,
        "durations": [{"minutes": 30, "price": 4500}],
        "currency": "EUR",
        "perPersonPrice": None,
        "priceRules": [],
        "priceFrom": {"amount": 4500, "currency": "EUR"},
        "bufferBeforeMinutes": 0,
        "bufferAfterMinutes": 0,
        "capacity": 1,
        "collective": False,
        "minPartySize": 1,
        "maxPartySize": 1,
        "requiresConfirmation": False,
        "requiresPayment": False,
        "cancellationPolicy": None,
        "reminderLeadMinutes": None,
        "featured": False,
        "resourceIds": [],
        "requirements": [],
        "rating": {"average": None, "count": 0},
        "archivedAt": None,
        "version": 1,
        "createdAt": "",
        "updatedAt": "",
    }


def test_a_service_of_many_words(shop: Shop, world: World) -> None:
    """Everything that is said comes back, by id and by slug, to somebody without a token."""
    provider, room, camera = world.provider().id, world.resource(capacity=8), world.resource("equipment", capacity=8)
    category = shop.admin.call("POST", "/categories", {"name": "Courses"}).get_json()
    said = {
        "slug": "yoga-for-eight",
        "description": "Bring a mat.",
        "durations": [{"minutes": 60, "price": 0}, {"minutes": 90, "price": 500}],
        "currency": "CHF",
        "perPersonPrice": 1500,
        "priceRules": [{"weekdays": [6, 7], "from": "2027-01-01", "to": "2027-12-31", "percent": 120}],
        "bufferBeforeMinutes": 5,
        "bufferAfterMinutes": 10,
        "capacity": 8,
        "minPartySize": 2,
        "requiresConfirmation": True,
        "requiresPayment": True,
        "cancellationPolicy": POLICY,
        "reminderLeadMinutes": [1440, 60],
        "featured": True,
        "resourceIds": [str(room)],
        "requirements": [
            {"kind": "workspace", "count": 1, "resourceIds": [str(room)]},
            {"kind": "equipment", "count": 1, "resourceIds": [str(camera)]},
            {"kind": "equipment", "count": 2, "resourceIds": []},
        ],
    }
    service = shop.offered(categoryId=category["id"], **said)
    expected = said | {
        "cancellationPolicy": {"tiers": POLICY["tiers"][::-1]},
        "maxPartySize": 8,
        "priceFrom": {"amount": 3000, "currency": "CHF"},
        "category": {"id": category["id"], "slug": "courses", "name": "Courses"},
    }
    assert {name: service[name] for name in expected} == expected
    for name in (service["id"], "yoga-for-eight"):
        answer = shop.get(f"/services/{name}")
        assert (answer.get_json(), answer.headers["ETag"]) == (service, '"1"')
    assert provider not in service["resourceIds"]


@pytest.mark.parametrize(
    "wish,field",
    [
        ({"durations": []}, "durations"),
        ({"durations": [{"minutes": 0, "price": 1}]}, "durations.0.minutes"),
        ({"durations": [{"minutes": 30, "price": 1.5}]}, "durations.0.price"),
        ({"durations": [{"minutes": 30, "price": -1}]}, "durations.0.price"),
        ({"durations": [{"minutes": 30, "price": 1}, {"minutes": 30, "price": 2}]}, "durations"),
        ({"currency": "XXX"}, "currency"),
        ({"slug": "featured"}, "slug"),
        ({"slug": str(uuid4())}, "slug"),
        ({"priceRules": [{"percent": 10, "add": 5}]}, "priceRules.0.price"),
        ({"priceRules": [{"weekdays": [0], "add": 5}]}, "priceRules.0.weekdays.0"),
        ({"priceRules": [{"from": "2027-02-01", "to": "2027-01-01", "add": 5}]}, "priceRules.0.to"),
        ({"priceRules": [{"minutes": [45], "add": 5}]}, "priceRules.0.minutes"),
        ({"cancellationPolicy": {"tiers": []}}, "cancellationPolicy.tiers"),
        ({"cancellationPolicy": {"tiers": [{"beforeMinutes": 0, "refundPercent": 101}]}},
         "cancellationPolicy.tiers.0.refundPercent"),
        ({"capacity": 2, "maxPartySize": 3}, "maxPartySize"),
        ({"categoryId": str(uuid4())}, "categoryId"),
        ({"resourceIds": [str(uuid4())]}, "resourceIds"),
        ({"requirements": [{"kind": "provider"}]}, "requirements.0.kind"),
        ({"colour": "blue"}, "colour"),
    ],
)  # fmt: skip
def test_what_cannot_be_offered(shop: Shop, wish: dict[str, Any], field: str) -> None:
    assert wrong_fields(shop.offer(**wish)) == [field]


def test_resources_must_fit(shop: Shop, world: World) -> None:
    """Of the right kind, named once, enough of them, with as many units as a session has places."""
    room, provider = world.resource(), world.provider().id
    needed: dict[str, Any] = {"kind": "equipment", "resourceIds": [room]}
    assert wrong_fields(shop.offer(requirements=[needed])) == ["requirements.0.resourceIds"]
    assert wrong_fields(shop.offer(resourceIds=[room, room])) == ["resourceIds"]
    needed = {"kind": "workspace", "count": 2, "resourceIds": [room]}
    assert wrong_fields(shop.offer(requirements=[needed])) == ["requirements.0.resourceIds"]
    assert wrong_fields(shop.offer(capacity=2, resourceIds=[provider])) == ["resourceIds"]


def test_slugs_are_unique_among_what_is_offered(shop: Shop) -> None:
    """An archived service leaves its slug to the next one, and cannot come back while that has it."""
    first = shop.offered(slug="haircut")
    problem(shop.offer(slug="haircut"), 409, "slug-taken")
    assert shop.admin.call("DELETE", f"/services/{first['id']}").status_code == 200
    second = shop.offered(slug="haircut")
    assert shop.get("/services/haircut").get_json()["id"] == second["id"]
    problem(shop.change(first, archived=False), 409, "slug-taken")


def test_change(shop: Shop, world: World) -> None:
    """Only what is named changes; lists are replaced as a whole; a change that changes nothing is no version."""
    room, other = world.resource(), world.resource()
    service = shop.offered(resourceIds=[room], requirements=[{"kind": "equipment", "count": 1}])
    changed = shop.change(service, name="New name", resourceIds=[other, room], durations=[{"minutes": 45, "price": 1}])
    after = changed.get_json()
    assert changed.headers["ETag"] == '"2"'
    assert after == service | {
        "name": "New name",
        "resourceIds": [str(other), str(room)],
        "durations": [{"minutes": 45, "price": 1}],
        "priceFrom": {"amount": 1, "currency": "EUR"},
        "version": 2,
        "updatedAt": after["updatedAt"],
    }
    again = shop.change(service, name="New name", resourceIds=[other, room])
    assert again.get_json() == after
    by_slug = shop.admin.call("PATCH", f"/services/{service['slug']}", {"featured": True})
    assert by_slug.get_json()["version"] == 3


def test_a_change_is_judged_with_what_stays(shop: Shop) -> None:
    service = shop.offered(capacity=1, maxPartySize=4)
    assert wrong_fields(shop.change(service, capacity=3)) == ["maxPartySize"]


def test_versions_are_compared(shop: Shop) -> None:
    service = shop.offered()
    shop.change(service, featured=True)
    refused = problem(shop.change(service, if_match='"1"', featured=False), 412, "precondition-failed")
    assert refused["current"]["version"] == 2


def test_archived_services_leave_the_lists_and_stay_readable(shop: Shop) -> None:
    service = shop.offered(name="Gone tomorrow", featured=True)
    archived = shop.admin.call("DELETE", f"/services/{service['id']}").get_json()
    assert archived["archivedAt"] is not None
    assert shop.get(f"/services/{service['id']}").get_json() == archived
    assert shop.names(q="Gone tomorrow") == []
    assert shop.names(q="Gone tomorrow", archived="true") == ["Gone tomorrow"]
    assert service["id"] not in [item["id"] for item in shop.get("/services/featured").get_json()["items"]]
    back = shop.change(service, archived=False).get_json()
    assert back["archivedAt"] is None
    assert shop.names(q="Gone tomorrow") == ["Gone tomorrow"]


@pytest.mark.parametrize("role", ["customer", "provider"])
def test_only_admins_change_the_catalogue(shop: Shop, api: Api, world: World, role: str) -> None:
    service, person = shop.offered(), api.as_(world.user(role))
    for method, path, body in (
        ("POST", "/services", {"name": "x", "durations": [{"minutes": 1, "price": 1}], "currency": "EUR"}),
        ("PATCH", f"/services/{service['id']}", {"featured": True}),
        ("DELETE", f"/services/{service['id']}", None),
        ("POST", "/categories", {"name": "x"}),
    ):
        problem(person.call(method, path, body), 403, "forbidden")
    assert shop.get(f"/services/{service['id']}").get_json() == service


def test_what_is_not_there(shop: Shop) -> None:
    for named in (str(uuid4()), "no-such-service", "00", "%00", "a%00", "%F0%9F%98%80", "x" * 2000):
        problem(shop.get(f"/services/{named}"), 404, "not-found")
        problem(shop.get(f"/services/{named}/pricing"), 404, "not-found")
        problem(shop.admin.call("PATCH", f"/services/{named}", {"featured": True}), 404, "not-found")
        problem(shop.admin.call("DELETE", f"/services/{named}"), 404, "not-found")


def test_changes_are_audited(shop: Shop, world: World) -> None:
    """One entry a change, with what was and what is."""
    service = shop.offered()
    shop.change(service, name="Audited")
    shop.admin.call("DELETE", f"/services/{service['id']}")
    entries = world.query(
        "SELECT action, before ->> 'name' AS before, after ->> 'name' AS after FROM audit_entries "
        "WHERE subject_id = %s ORDER BY id",
        service["id"],
    )
    assert [(entry["action"], entry["before"], entry["after"]) for entry in entries] == [
        ("service.create", None, service["name"]),
        ("service.change", service["name"], "Audited"),
        ("service.change", "Audited", "Audited"),
    ]


def test_the_same_request_again(shop: Shop, world: World) -> None:
    body = {"name": "Once", "durations": [{"minutes": 30, "price": 1}], "currency": "EUR"}
    first = shop.admin.call("POST", "/services", body, Idempotency_Key="once")
    again = shop.admin.call("POST", "/services", body, Idempotency_Key="once")
    assert (again.data, again.headers["Idempotent-Replayed"]) == (first.data, "true")


def test_pricing(shop: Shop) -> None:
    service = shop.offered(
        durations=[{"minutes": 30, "price": 4500}, {"minutes": 60, "price": 8000}],
        perPersonPrice=1000,
        maxPartySize=3,
        priceRules=[{"weekdays": [6, 7], "percent": 150}],
    )
    path = f"/services/{service['slug']}/pricing"
    answer = shop.get(path, duration=60, date="2027-06-05", partySize=2).get_json()
    assert answer == {
        "serviceId": service["id"],
        "duration": 60,
        "date": "2027-06-05",
        "partySize": 2,
        "price": {"amount": 15000, "currency": "EUR"},
        "rule": 0,
    }
    weekday = shop.get(path, date="2027-06-07").get_json()
    assert (weekday["duration"], weekday["partySize"], weekday["price"]["amount"], weekday["rule"]) == (
        30,
        1,
        5500,
        None,
    )
    assert wrong_fields(shop.get(path, duration=45)) == ["duration"]
    assert wrong_fields(shop.get(path, partySize=4)) == ["partySize"]
    assert wrong_fields(shop.get(path, date="tomorrow")) == ["date"]


def test_categories(shop: Shop) -> None:
    """Made, listed in their order with the number of their services, changed, and removed when nobody needs them."""
    made = shop.admin.call("POST", "/categories", {"name": "Zen", "position": 1}).get_json()
    assert (made["slug"], made["serviceCount"], made["version"]) == ("zen", 0, 1)
    shop.admin.call("POST", "/categories", {"name": "Anything", "slug": "first", "position": 0})
    problem(shop.admin.call("POST", "/categories", {"name": "Other", "slug": "zen"}), 409, "slug-taken")
    service = shop.offered(categoryId=made["id"])
    slugs = [item["slug"] for item in shop.get("/categories").get_json()["items"]]
    assert slugs.index("first") < slugs.index("zen")
    path = f"/categories/{made['id']}"
    assert shop.get(path).get_json()["serviceCount"] == 1
    problem(shop.admin.call("DELETE", path), 409, "category-in-use")
    shop.change(service, categoryId=None)
    renamed = shop.admin.call("PATCH", path, {"name": "Calm"}, If_Match='"1"')
    assert (renamed.get_json()["name"], renamed.headers["ETag"]) == ("Calm", '"2"')
    problem(shop.admin.call("DELETE", path, If_Match='"1"'), 412, "precondition-failed")
    assert shop.admin.call("DELETE", path).status_code == 204
    problem(shop.get(path), 404, "not-found")


@pytest.mark.parametrize("word", ["featured", "popular"])
def test_a_list_is_no_service(shop: Shop, word: str) -> None:
    """What stands beside the services cannot be changed, and says so."""
    answer = shop.admin.call("OPTIONS", f"/services/{word}")
    assert sorted(answer.headers["Allow"].split(", ")) == ["GET", "HEAD", "OPTIONS"]
    assert shop.admin.call("PATCH", f"/services/{word}", {}).status_code == 405
