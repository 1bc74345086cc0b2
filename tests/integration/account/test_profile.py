"""Addresses and what people hear of: PATCH /me, and what whoever writes to them learns."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from bookings.account import service
from bookings.account.schemas import User
from tests.factories import World
from tests.support.people import Client, wrong_fields

HOME = {
    "label": "Home",
    "street": "Long Lane 1",
    "postalCode": "12345",
    "city": "Springfield",
    "region": None,
    "country": "DE",
}


def test_everything_is_on_until_switched_off(client: Client) -> None:
    session = client.register()
    assert User().validate(session["user"]) == {}
    assert session["user"]["addresses"] == []
    told = session["user"]["notifications"]
    assert all(all(causes.values()) for causes in told.values())
    assert told.keys() == {"email", "inApp"}
    assert told["email"].keys() == told["inApp"].keys()
    assert {"booking_created", "reminder", "series_created"} <= told["email"].keys()


def test_addresses_and_preferences_are_kept(client: Client) -> None:
    session = client.register()
    token = session["accessToken"]
    wish: dict[str, Any] = {"addresses": [HOME], "notifications": {"email": {"reminder": False}}}
    changed = client.call("PATCH", "/me", wish, token=token).get_json()
    assert User().validate(changed) == {}
    assert (changed["addresses"], changed["version"]) == ([HOME], 2)
    assert changed["notifications"]["email"]["reminder"] is False
    assert changed["notifications"]["inApp"]["reminder"] is True
    again = client.call("PATCH", "/me", wish, token=token).get_json()
    assert again == changed
    back = client.call("PATCH", "/me", {"addresses": [], "notifications": {"email": {"reminder": True}}}, token=token)
    assert (back.get_json()["addresses"], back.get_json()["notifications"]) == ([], session["user"]["notifications"])


@pytest.mark.parametrize(
    "wish, field",
    [
        ({"addresses": [HOME] * 11}, "addresses"),
        ({"addresses": [{**HOME, "country": "XX"}]}, "addresses.0.country"),
        ({"addresses": [{"city": "A", "country": "DE"}]}, "addresses.0.street"),
        ({"addresses": [{**HOME, "planet": "Mars"}]}, "addresses.0.planet"),
        ({"notifications": {"email": {"weather": False}}}, "notifications.email.weather"),
        ({"notifications": {"fax": {}}}, "notifications.fax"),
        ({"notifications": {"email": {"reminder": 0}}}, "notifications.email.reminder"),
    ],
)
def test_what_is_not_a_profile(client: Client, wish: dict[str, Any], field: str) -> None:
    assert wrong_fields(client.call("PATCH", "/me", wish, token=client.register()["accessToken"])) == {field}


def test_whoever_writes_to_people_asks_first(client: Client, world: World) -> None:
    session = client.register(name="Ada", locale="de", timeZone="Asia/Tokyo")
    id = UUID(session["user"]["id"])
    database = client.app.extensions["database"]
    database.run(lambda tx: service.mute(tx, user_id=id, channel="in_app", cause="reminder"))
    with database.transaction() as tx:
        known = service.preferences_of(tx, [id, uuid4()])
    assert list(known) == [id]
    ada = known[id]
    assert (ada.name, ada.locale, ada.time_zone, ada.email) == ("Ada", "de", "Asia/Tokyo", session["user"]["email"])
    assert ada.muted == {("in_app", "reminder")}
    assert ada.wants("email", "reminder")
    assert not ada.wants("in_app", "reminder")
    world.query("UPDATE users SET disabled_at = now() WHERE id = %s", id)
    with database.transaction() as tx:
        assert not service.preferences_of(tx, [id])[id].wants("email", "reminder")
