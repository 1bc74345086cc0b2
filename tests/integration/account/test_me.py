"""GET and PATCH /me, PUT /me/password, PATCH /users/{id}/role."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest

from bookings.auth import Actor
from bookings.ids import new_id
from tests.factories import World
from tests.support.people import PASSWORD, Client, wrong_fields

SOMEBODY = "00000000-0000-7000-8000-000000000001"
NEW_PASSWORD = "a different, equally long one"


@pytest.mark.parametrize(
    "method, path", [("GET", "/me"), ("PATCH", "/me"), ("PUT", "/me/password"), ("PATCH", f"/users/{SOMEBODY}/role")]
)
def test_strangers_hear_401(client: Client, method: str, path: str) -> None:
    for token in (None, "nonsense", client.register()["refreshToken"]):
        answer = client.call(method, path, {}, token=token)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_reading_again_costs_no_body(client: Client) -> None:
    token = client.register()["accessToken"]
    etag = client.call("GET", "/me", token=token).headers["ETag"]
    again = client.call("GET", "/me", token=token, headers={"If-None-Match": etag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", etag)


def test_changing_what_is_said_about_oneself(client: Client) -> None:
    session = client.register(phone="+49 30 1")
    wish = {"name": "Renamed", "phone": None, "timeZone": "Asia/Tokyo", "locale": "ja"}
    answer = client.call("PATCH", "/me", wish, token=session["accessToken"])
    changed = answer.get_json()
    assert answer.status_code == 200
    assert {name: changed[name] for name in wish} == wish
    assert (answer.headers["ETag"], changed["version"]) == ('"2"', 2)
    assert client.call("GET", "/me", token=session["accessToken"]).get_json() == changed
    assert changed["updatedAt"] > changed["createdAt"]


def test_a_change_that_changes_nothing_makes_no_version(client: Client) -> None:
    session = client.register()
    for body in ({}, {"name": session["user"]["name"]}):
        assert client.call("PATCH", "/me", body, token=session["accessToken"]).get_json() == session["user"]


@pytest.mark.parametrize("field", ["role", "email", "id", "version", "password", "disabledAt"])
def test_the_rest_is_not_changed_here(client: Client, field: str) -> None:
    session = client.register()
    answer = client.call("PATCH", "/me", {field: "admin"}, token=session["accessToken"])
    assert wrong_fields(answer) == {field}
    assert client.call("GET", "/me", token=session["accessToken"]).get_json() == session["user"]


def test_a_change_of_an_old_version_is_refused_with_the_present_one(client: Client) -> None:
    token = client.register()["accessToken"]
    first = client.call("PATCH", "/me", {"name": "First"}, token=token, headers={"If-Match": '"1"'})
    second = client.call("PATCH", "/me", {"name": "Second"}, token=token, headers={"If-Match": '"1"'})
    assert (first.status_code, second.status_code) == (200, 412)
    assert second.get_json()["current"] == first.get_json()
    assert second.headers["ETag"] == '"2"'


def test_a_new_password_signs_out_everywhere_else(client: Client) -> None:
    here = client.register()
    email = here["user"]["email"]
    elsewhere = client.login(email).get_json()
    body = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    answer = client.call("PUT", "/me/password", body, token=here["accessToken"])
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.refresh(elsewhere["refreshToken"]).status_code == 401
    assert client.refresh(here["refreshToken"]).status_code == 401
    assert client.refresh(answer.get_json()["refreshToken"]).status_code == 200
    assert client.login(email, PASSWORD).status_code == 401
    assert client.login(email, NEW_PASSWORD).status_code == 200


def test_a_new_password_needs_the_old_one(client: Client) -> None:
    session = client.register()
    body = {"currentPassword": "not the password", "newPassword": NEW_PASSWORD}
    answer = client.call("PUT", "/me/password", body, token=session["accessToken"])
    assert wrong_fields(answer) == {"currentPassword"}
    assert client.refresh(session["refreshToken"]).status_code == 200
    assert client.login(session["user"]["email"]).status_code == 200


@pytest.mark.parametrize("password", ["elevenchars", "x" * 129])
def test_a_new_password_must_be_good(client: Client, password: str) -> None:
    session = client.register()
    body = {"currentPassword": PASSWORD, "newPassword": password}
    assert wrong_fields(client.call("PUT", "/me/password", body, token=session["accessToken"])) == {"newPassword"}


def test_a_new_password_is_not_the_address(client: Client) -> None:
    session = client.register()
    body = {"currentPassword": PASSWORD, "newPassword": session["user"]["email"].upper()}
    assert wrong_fields(client.call("PUT", "/me/password", body, token=session["accessToken"])) == {"newPassword"}


def test_a_disabled_user_cannot_change_the_password(client: Client, world: World) -> None:
    session = client.register()
    world.query("UPDATE users SET disabled_at = now() WHERE id = %s", session["user"]["id"])
    body = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    assert client.call("PUT", "/me/password", body, token=session["accessToken"]).status_code == 401


def test_an_admin_gives_roles_and_the_next_refresh_carries_them(client: Client, world: World) -> None:
    session = client.register()
    path, admin = f"/users/{session['user']['id']}/role", client.token(world.admin())
    answer = client.call("PATCH", path, {"role": "provider"}, token=admin)
    assert (answer.status_code, answer.get_json()["role"], answer.headers["ETag"]) == (200, "provider", '"2"')
    assert client.refresh(session["refreshToken"]).get_json()["user"]["role"] == "provider"
    stale = client.call("PATCH", path, {"role": "admin"}, token=admin, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    assert wrong_fields(client.call("PATCH", path, {"role": "king"}, token=admin)) == {"role"}
    assert client.call("PATCH", f"/users/{uuid4()}/role", {"role": "provider"}, token=admin).status_code == 404


@pytest.mark.parametrize("role", ["customer", "provider"])
def test_nobody_else_gives_roles(client: Client, world: World, role: str) -> None:
    actor = world.user(role)
    for target in (actor.id, world.user().id):
        answer = client.call("PATCH", f"/users/{target}/role", {"role": "admin"}, token=client.token(actor))
        assert answer.status_code == 403
    assert world.query("SELECT role FROM users WHERE id = %s", actor.id)[0]["role"] == role


def test_an_admin_cannot_step_down(client: Client, world: World) -> None:
    admin = world.admin()
    answer = client.call("PATCH", f"/users/{admin.id}/role", {"role": "customer"}, token=client.token(admin))
    assert (answer.status_code, answer.get_json()["code"]) == (409, "own-role")


def test_a_token_of_nobody_finds_no_account(client: Client) -> None:
    nobody = client.token(Actor(new_id(), "customer"))
    assert client.call("GET", "/me", token=nobody).status_code == 404
    assert client.call("PATCH", "/me", {"name": "x"}, token=nobody).status_code == 404


def test_users_are_never_deleted(world: World) -> None:
    actor = world.user()
    with pytest.raises(psycopg.errors.RestrictViolation):
        world.query("DELETE FROM users WHERE id = %s", actor.id)
