"""Resources over HTTP: who makes them, who changes what, and the capacity that was promised."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.factories import World
from tests.support.people import Client, settings_for, wrong_fields

ROOM = {"kind": "workspace", "name": "Room 1", "timeZone": "Europe/Berlin"}
START = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)


@pytest.fixture
def admin(client: Client, world: World) -> str:
    """An admin's access token."""
    return client.token(world.admin())


def _make(client: Client, admin: str, **changes: Any) -> dict[str, Any]:
    answer = client.call("POST", "/resources", {**ROOM, **changes}, token=admin)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.get_json()
    return made


def _book(client: Client, world: World, resource_id: str, *, units: int = 1, hours: float = 0) -> Any:
    start = START + timedelta(hours=hours)
    body = {
        "resourceId": resource_id,
        "units": units,
        "startAt": start.isoformat(),
        "endAt": (start + timedelta(hours=1)).isoformat(),
    }
    answer = client.call("POST", "/bookings", body, token=client.token(world.user()))
    assert answer.status_code == 201, answer.text
    return answer.get_json()


def test_an_admin_makes_a_room_that_everyone_signed_in_reads(client: Client, world: World, admin: str) -> None:
    wish = {**ROOM, "capacity": 12, "description": "Quiet", "location": "2nd floor", "autoConfirm": True}
    answer = client.call("POST", "/resources", wish, token=admin)
    room = answer.get_json()
    assert answer.status_code == 201
    assert {name: room[name] for name in wish} == wish
    assert (room["ownerId"], room["active"], room["version"]) == (None, True, 1)
    assert answer.headers["Location"] == f"/resources/{room['id']}"
    reader = client.token(world.user())
    read = client.call("GET", answer.headers["Location"], token=reader)
    assert (read.get_json(), read.headers["ETag"]) == (room, '"1"')
    again = client.call("GET", f"/resources/{room['id']}", token=reader, headers={"If-None-Match": '"1"'})
    assert (again.status_code, again.data) == (304, b"")
    assert client.call("GET", f"/resources/{room['id']}").status_code == 401
    assert client.call("GET", f"/resources/{uuid4()}", token=reader).status_code == 404


@pytest.mark.parametrize("role", ["customer", "provider"])
def test_nobody_else_makes_resources(client: Client, world: World, role: str) -> None:
    answer = client.call("POST", "/resources", ROOM, token=client.token(world.user(role)))
    assert (answer.status_code, answer.get_json()["code"]) == (403, "forbidden")
    assert client.call("POST", "/resources", ROOM).status_code == 401


@pytest.mark.parametrize("field", ["userId", "ownerId"])
def test_a_provider_becomes_bookable_in_one_step(client: Client, world: World, admin: str, field: str) -> None:
    provider = world.user("provider")
    answer = client.call("POST", "/resources", {"kind": "provider", field: str(provider.id)}, token=admin)
    resource = answer.get_json()
    assert answer.status_code == 201
    assert (resource["id"], resource["ownerId"]) == (str(provider.id), str(provider.id))
    assert (resource["name"], resource["timeZone"], resource["capacity"]) == ("Test provider", "UTC", 1)
    twice = client.call("POST", "/resources", {"kind": "provider", field: str(provider.id)}, token=admin)
    assert (twice.status_code, twice.get_json()["code"]) == (409, "provider-exists")


def test_a_provider_may_be_told_another_name_and_zone(client: Client, world: World, admin: str) -> None:
    wish = {"kind": "provider", "userId": str(world.user("provider").id), "name": "Dr. Who", "timeZone": "Asia/Tokyo"}
    resource = client.call("POST", "/resources", wish, token=admin).get_json()
    assert (resource["name"], resource["timeZone"]) == ("Dr. Who", "Asia/Tokyo")


def test_whoever_owns_must_be_fit_to(client: Client, world: World, admin: str) -> None:
    customer, manager = world.user(), world.admin()
    disabled = world.user("provider")
    world.query("UPDATE users SET disabled_at = now() WHERE id = %s", disabled.id)

    def refused(**wish: object) -> set[str]:
        return wrong_fields(client.call("POST", "/resources", wish, token=admin))

    assert refused(kind="provider", userId=str(customer.id)) == {"userId"}
    assert refused(kind="provider", userId=str(manager.id)) == {"userId"}
    assert refused(kind="provider", userId=str(disabled.id)) == {"userId"}
    assert refused(kind="provider", userId=str(uuid4())) == {"userId"}
    assert refused(**ROOM, ownerId=str(customer.id)) == {"ownerId"}
    assert refused(**ROOM, ownerId=str(uuid4())) == {"ownerId"}
    assert _make(client, admin, ownerId=str(manager.id))["ownerId"] == str(manager.id)


def test_every_wrong_field_is_named(client: Client, admin: str) -> None:
    def refused(**wish: object) -> set[str]:
        return wrong_fields(client.call("POST", "/resources", wish, token=admin))

    assert refused() == {"kind"}
    assert refused(kind="provider") == {"userId"}
    assert refused(kind="provider", userId=str(uuid4()), ownerId=str(uuid4())) == {"ownerId"}
    assert refused(kind="workspace") == {"name", "timeZone"}
    assert refused(**ROOM, userId=str(uuid4())) == {"userId"}
    wrong = {"name": "", "timeZone": "Mars", "capacity": 0, "ownerId": "x", "autoConfirm": "yes", "id": str(uuid4())}
    assert refused(kind="equipment", **wrong) == set(wrong)
    for capacity in (1.5, "3", 100_001, None, -1):
        assert refused(**ROOM, capacity=capacity) == {"capacity"}
    assert refused(**ROOM, autoConfirm=1) == {"autoConfirm"}


def test_the_same_request_again_makes_nothing_new(client: Client, admin: str) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    first, second = (client.call("POST", "/resources", ROOM, token=admin, headers=key) for _ in range(2))
    assert second.get_json() == first.get_json()
    assert second.headers["Idempotent-Replayed"] == "true"


def test_an_admin_changes_everything(client: Client, world: World, admin: str) -> None:
    room, owner = _make(client, admin), world.user("provider")
    wish = {
        "name": "Room 2",
        "description": "Loud",
        "location": "Cellar",
        "timeZone": "Asia/Tokyo",
        "autoConfirm": True,
        "capacity": 3,
        "ownerId": str(owner.id),
        "active": False,
    }
    answer = client.call("PATCH", f"/resources/{room['id']}", wish, token=admin)
    assert answer.status_code == 200
    assert {name: answer.get_json()[name] for name in wish} == wish
    assert answer.headers["ETag"] == '"2"'
    freed = client.call("PATCH", f"/resources/{room['id']}", {"ownerId": None, "location": None}, token=admin)
    assert (freed.get_json()["ownerId"], freed.get_json()["location"]) == (None, None)
    assert client.call("PATCH", f"/resources/{uuid4()}", {"name": "x"}, token=admin).status_code == 404


def test_a_change_of_an_old_version_is_refused_with_the_present_one(client: Client, admin: str) -> None:
    path = f"/resources/{_make(client, admin)['id']}"
    first = client.call("PATCH", path, {"name": "First"}, token=admin, headers={"If-Match": '"1"'})
    second = client.call("PATCH", path, {"name": "Second"}, token=admin, headers={"If-Match": '"1"'})
    assert (first.status_code, second.status_code) == (200, 412)
    assert second.get_json()["current"] == first.get_json()
    unchanged = client.call("PATCH", path, {"name": "First"}, token=admin)
    assert unchanged.get_json() == first.get_json()


def test_an_owner_describes_what_is_theirs_and_no_more(client: Client, world: World, admin: str) -> None:
    owner = world.user("provider")
    room = _make(client, admin, ownerId=str(owner.id))
    path, token = f"/resources/{room['id']}", client.token(owner)
    theirs = {"name": "Mine", "description": "d", "location": "l", "timeZone": "Asia/Tokyo", "autoConfirm": True}
    assert client.call("PATCH", path, theirs, token=token).status_code == 200
    for field, value in (("capacity", 5), ("ownerId", None), ("active", False)):
        answer = client.call("PATCH", path, {"name": "Sneaky", field: value}, token=token)
        assert answer.status_code == 403
        assert field in answer.get_json()["detail"]
    assert client.call("GET", path, token=token).get_json()["name"] == "Mine"


@pytest.mark.parametrize("role", ["customer", "provider"])
def test_others_change_nothing(client: Client, world: World, admin: str, role: str) -> None:
    for owner_id in (None, str(world.user("provider").id)):
        path = f"/resources/{_make(client, admin, ownerId=owner_id)['id']}"
        answer = client.call("PATCH", path, {"name": "Taken"}, token=client.token(world.user(role)))
        assert answer.status_code == 403


def test_what_a_resource_is_stays(client: Client, world: World, admin: str) -> None:
    path = f"/resources/{world.provider().id}"
    assert wrong_fields(client.call("PATCH", path, {"kind": "workspace"}, token=admin)) == {"kind"}
    assert wrong_fields(client.call("PATCH", path, {"id": str(uuid4())}, token=admin)) == {"id"}
    assert wrong_fields(client.call("PATCH", path, {"ownerId": None}, token=admin)) == {"ownerId"}
    other = str(world.user("provider").id)
    assert wrong_fields(client.call("PATCH", path, {"ownerId": other}, token=admin)) == {"ownerId"}
    room = _make(client, admin)
    customer = str(world.user().id)
    answer = client.call("PATCH", f"/resources/{room['id']}", {"ownerId": customer}, token=admin)
    assert wrong_fields(answer) == {"ownerId"}


def test_capacity_stays_above_what_is_claimed(client: Client, world: World, admin: str) -> None:
    room = _make(client, admin, capacity=5)
    path = f"/resources/{room['id']}"
    _book(client, world, room["id"], units=2)
    _book(client, world, room["id"], units=1)

    def capacity(wanted: int) -> tuple[int, str | None]:
        answer = client.call("PATCH", path, {"capacity": wanted}, token=admin)
        return answer.status_code, answer.get_json().get("code")

    assert capacity(3) == (200, None)
    assert capacity(2) == (409, "capacity-claimed")
    assert capacity(1) == (409, "capacity-claimed")
    assert client.call("GET", path, token=admin).get_json()["capacity"] == 3
    assert capacity(10) == (200, None)


def test_capacity_goes_down_to_one_when_claims_allow_it(client: Client, world: World, admin: str) -> None:
    room = _make(client, admin, capacity=2)
    path = f"/resources/{room['id']}"
    _book(client, world, room["id"])
    _book(client, world, room["id"], hours=1)
    assert client.call("PATCH", path, {"capacity": 1}, token=admin).status_code == 200
    assert client.call("PATCH", path, {"capacity": 2}, token=admin).status_code == 200
    _book(client, world, room["id"])
    refused = client.call("PATCH", path, {"capacity": 1}, token=admin)
    assert (refused.status_code, refused.get_json()["code"]) == (409, "capacity-claimed")


@pytest.mark.slow
def test_the_list_is_by_name_in_pages(database_url: str, redis_url: str) -> None:
    """On a database of its own, because it counts."""
    client, world = Client(settings_for(database_url, redis_url)), World(database_url)
    admin, owner = client.token(world.admin()), world.user("provider")
    names = ["Ärger", "a%b", "Beta", "Gamma", "alpha"]
    for name in names:
        _make(client, admin, name=name, kind="equipment" if name == "Beta" else "workspace")
    _make(client, admin, name="Owned", ownerId=str(owner.id))
    hidden = _make(client, admin, name="Hidden")
    client.call("PATCH", f"/resources/{hidden['id']}", {"active": False}, token=admin)

    def listed(query: str = "") -> tuple[list[str], int]:
        page = client.call("GET", f"/resources?{query}", token=client.token(world.user())).get_json()
        return [item["name"] for item in page["items"]], page["total"]

    everything, total = listed()
    assert (sorted(everything), total) == (sorted([*names, "Owned"]), 6)
    assert listed("limit=2&page=2") == (everything[2:4], 6)
    assert listed("limit=2&page=9") == ([], 6)
    assert listed("kind=equipment") == (["Beta"], 1)
    assert listed(f"ownerId={owner.id}") == (["Owned"], 1)
    assert listed("q=ALPH") == (["alpha"], 1)
    assert listed("q=%25") == (["a%b"], 1)
    assert listed("q=_") == ([], 0)
    assert listed("q=%C3%A4rg") == (["Ärger"], 1)
    assert listed("active=false") == (["Hidden"], 1)
    page = client.call("GET", "/resources?limit=2", token=admin).get_json()
    assert (page["page"], page["limit"], page["totalIsExact"]) == (1, 2, True)
    assert UUID(page["items"][0]["id"])
    world.close()
    client.close()


def test_a_wrong_question_is_refused(client: Client, admin: str) -> None:
    query = "kind=x&ownerId=x&active=perhaps&page=0&limit=101&sort=name"
    wrong = wrong_fields(client.call("GET", f"/resources?{query}", token=admin))
    assert wrong == {"kind", "ownerId", "active", "page", "limit", "sort"}
    assert wrong_fields(client.call("GET", "/resources?page=1000&limit=100", token=admin)) == {"page"}
    assert client.call("GET", "/resources").status_code == 401
