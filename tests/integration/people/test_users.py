"""Managing people: lists, invitations, profiles of others, disabling."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from werkzeug.test import TestResponse

from bookings.account.schemas import User
from bookings.auth import Actor
from bookings.people.schemas import CreatedUser, Person, UserPage
from tests.factories import World
from tests.support.people import PASSWORD, Client, new_email, wrong_fields

Json = dict[str, Any]


@pytest.fixture(scope="module")
def boss(world: World) -> Actor:
    """An admin who stays one."""
    return world.admin()


def create(client: Client, boss: Actor, **changes: Any) -> Json:
    """POST /users."""
    answer = client.call("POST", "/users", {"email": new_email(), "name": "New", **changes}, token=client.token(boss))
    assert answer.status_code == 201, answer.text
    made: Json = answer.get_json()
    assert CreatedUser().validate(made) == {}
    assert answer.headers["Location"] == f"/users/{made['id']}"
    assert answer.headers["Cache-Control"] == "no-store"
    return made


def choose(client: Client, token: str, password: str = PASSWORD) -> TestResponse:
    """POST /auth/password."""
    return client.call("POST", "/auth/password", {"token": token, "newPassword": password})


def code(answer: TestResponse) -> tuple[int, str]:
    """Status and problem code of a refusal."""
    return answer.status_code, answer.get_json()["code"]


def trail(world: World, id: str, action: str) -> list[Json]:
    """What the audit trail has of one action on a user."""
    return world.query("SELECT * FROM audit_entries WHERE subject_id = %s AND action = %s ORDER BY id", id, action)


def book(client: Client, customer: Actor, provider: Actor) -> TestResponse:
    """Book the provider, tomorrow at a time of one's own."""
    start = datetime.now(UTC) + timedelta(days=1, minutes=uuid4().int % 100_000)
    end = start + timedelta(seconds=30)
    body = {"providerId": str(provider.id), "startAt": start.isoformat(), "endAt": end.isoformat()}
    return client.call("POST", "/bookings", body, token=client.token(customer))


def test_the_list_by_name_page_and_cursor(client: Client, world: World, boss: Actor) -> None:
    mark = uuid4().hex[:8]
    for name in ("Carla", "Ada", "Bea", "Ada"):
        create(client, boss, name=f"{name} {mark}", role="provider")

    def page(**query: Any) -> Json:
        answer = client.call("GET", "/users", query_string={"q": mark, **query}, token=client.token(boss))
        assert answer.status_code == 200, answer.text
        found: Json = answer.get_json()
        assert UserPage().validate(found) == {}
        return found

    def names(found: Json) -> list[str]:
        return [user["name"].split()[0] for user in found["items"]]

    assert names(page()) == ["Ada", "Ada", "Bea", "Carla"]
    assert (page()["total"], page()["totalIsExact"]) == (4, True)
    assert names(page(limit=3, page=2)) == ["Carla"]
    first = page(limit=3)
    assert names(page(limit=3, cursor=first["nextCursor"])) == ["Carla"]
    assert page(limit=3, cursor=first["nextCursor"])["page"] is None
    assert names(page(role="provider")) == ["Ada", "Ada", "Bea", "Carla"]
    assert names(page(role="admin")) == []
    gone = page()["items"][2]
    assert client.call("POST", f"/users/{gone['id']}/disable", {}, token=client.token(boss)).status_code == 200
    assert names(page(disabled="true")) == ["Bea"]
    assert names(page(disabled="false")) == ["Ada", "Ada", "Carla"]


def test_searching_names_and_addresses(client: Client, boss: Actor) -> None:
    mark = uuid4().hex[:8]
    create(client, boss, name=f"Zoë Ångström {mark}", email=f"z.100%_{mark}@example.org")

    def found(q: str) -> bool:
        page = client.call("GET", "/users", query_string={"q": q, "limit": 100}, token=client.token(boss)).get_json()
        return any(mark in user["name"] for user in page["items"])

    for q in ("ångstr", "ZOË", mark[2:6], f"{mark}@example", "0%_", "ån", "z"):
        assert found(q), q
    for q in ("nobody", "ng", "1__%", "\\"):
        assert not found(q), q
    token = client.token(boss)
    for query, field in (
        ({"cursor": "x"}, "cursor"),
        ({"role": "king"}, "role"),
        ({"page": 101, "limit": 100}, "page"),
    ):
        assert wrong_fields(client.call("GET", "/users", query_string=query, token=token)) == {field}


def test_an_invited_user_chooses_a_password_once(client: Client, world: World, boss: Actor) -> None:
    made = create(client, boss, role="provider", name="Nora", timeZone="Europe/Berlin")
    assert (made["role"], made["timeZone"]) == ("provider", "Europe/Berlin")
    assert client.login(made["email"]).status_code == 401
    token = made["invitation"]["token"]
    assert wrong_fields(choose(client, token, made["email"])) == {"newPassword"}
    session = choose(client, token)
    assert session.status_code == 200, session.text
    assert session.get_json()["user"]["id"] == made["id"]
    assert client.login(made["email"]).status_code == 200
    assert code(choose(client, token)) == (401, "invalid-invitation")
    [entry] = trail(world, made["id"], "user.create")
    assert entry["after"] == {"email": made["email"], "name": "Nora", "role": "provider"}
    assert token not in str(world.query("SELECT * FROM invitations")) + str(world.query("SELECT * FROM audit_entries"))


def test_a_newer_invitation_replaces_the_older_and_ends_sessions(client: Client, world: World, boss: Actor) -> None:
    session = client.register()
    path = f"/users/{session['user']['id']}/invitation"
    old = client.call("POST", path, {}, token=client.token(boss)).get_json()["token"]
    new = client.call("POST", path, {}, token=client.token(boss)).get_json()["token"]
    assert code(choose(client, old)) == (401, "invalid-invitation")
    assert choose(client, new, "another good password").status_code == 200
    assert client.login(session["user"]["email"]).status_code == 401
    assert client.refresh(session["refreshToken"]).status_code == 401
    assert len(trail(world, session["user"]["id"], "user.invite")) == 2


def test_invitations_end(client: Client, world: World, boss: Actor) -> None:
    late, gone = create(client, boss), create(client, boss)
    world.query("UPDATE invitations SET expires_at = now() WHERE user_id = %s", late["id"])
    assert code(choose(client, late["invitation"]["token"])) == (401, "invalid-invitation")
    assert client.call("POST", f"/users/{gone['id']}/disable", {}, token=client.token(boss)).status_code == 200
    assert code(choose(client, gone["invitation"]["token"])) == (401, "invalid-invitation")
    refused = client.call("POST", f"/users/{gone['id']}/invitation", {}, token=client.token(boss))
    assert code(refused) == (403, "account-disabled")


def test_an_address_belongs_to_one_account(client: Client, boss: Actor) -> None:
    made = create(client, boss)
    again = client.call("POST", "/users", {"email": made["email"].upper(), "name": "x"}, token=client.token(boss))
    assert code(again) == (409, "email-taken")
    other = create(client, boss)
    taken = client.call("PATCH", f"/users/{other['id']}", {"email": made["email"]}, token=client.token(boss))
    assert code(taken) == (409, "email-taken")


def test_who_sees_whom(client: Client, world: World, boss: Actor) -> None:
    customer, provider, stranger = world.user(), world.provider(), world.provider()
    path = f"/users/{customer.id}"
    assert client.call("GET", path, token=client.token(provider)).status_code == 404
    assert book(client, customer, provider).status_code == 201
    seen = client.call("GET", path, token=client.token(provider))
    assert set(seen.get_json()) == {"id", "email", "name", "phone", "timeZone", "locale", "addresses", "version"}
    for who in (boss, customer):
        whole = client.call("GET", path, token=client.token(who)).get_json()
        assert User().validate(whole) == {}
        assert Person().validate(whole) == {}
    for who in (stranger, world.user()):
        assert client.call("GET", path, token=client.token(who)).status_code == 404
        assert client.call("PATCH", path, {"name": "Mine"}, token=client.token(who)).status_code == 404
    again = client.call("GET", path, token=client.token(boss), headers={"If-None-Match": seen.headers["ETag"]})
    assert again.status_code == 304


def test_profiles_are_changed_by_their_owner_and_admins(client: Client, world: World, boss: Actor) -> None:
    session = client.register(phone="+49 1")
    id, mine, email = session["user"]["id"], session["accessToken"], new_email()
    path = f"/users/{id}"
    assert client.call("PATCH", path, {"email": email}, token=mine).status_code == 403
    assert client.call("PATCH", path, {"name": "Own"}, token=mine).get_json()["name"] == "Own"
    assert trail(world, id, "user.change") == []
    stale = client.call("PATCH", path, {"name": "x"}, token=client.token(boss), headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    wish = {"email": email, "notifications": {"email": {"reminder": False}}}
    changed = client.call("PATCH", path, wish, token=client.token(boss)).get_json()
    assert (changed["email"], changed["version"], changed["phone"]) == (email, 3, "+49 1")
    assert client.login(email).status_code == 200
    [entry] = trail(world, id, "user.change")
    assert entry["before"] == {"email": session["user"]["email"], "muted": []}
    assert entry["after"] == {"email": email, "muted": ["email:reminder"]}


def test_a_provider_keeps_the_card_of_a_customer(client: Client, world: World, boss: Actor) -> None:
    """How they are called and reached; not how they sign in, nor what they want to hear of."""
    customer, provider, colleague = world.user(), world.provider(), world.provider()
    path, theirs = f"/users/{customer.id}", client.token(provider)
    assert book(client, customer, provider).status_code == 201
    home = {"label": "home", "street": "Main Street 1", "city": "Berlin", "country": "DE"}
    answer = client.call("PATCH", path, {"phone": "+49 30 1", "addresses": [home]}, token=theirs)
    assert answer.status_code == 200, answer.get_json()
    card = answer.get_json()
    assert card == client.call("GET", path, token=theirs).get_json()
    assert Person().validate(card) == {}
    assert "notifications" not in card
    assert (card["phone"], card["addresses"][0]["city"], card["version"]) == ("+49 30 1", "Berlin", 2)
    [entry] = trail(world, str(customer.id), "user.change")
    assert entry["after"]["phone"] == "+49 30 1"
    for wish in ({"email": new_email()}, {"notifications": {"email": {"reminder": False}}}):
        assert client.call("PATCH", path, wish, token=theirs).status_code == 403
    assert client.call("PUT", path, {"name": "Whole"}, token=theirs).status_code == 403
    assert book(client, colleague, provider).status_code == 201
    assert client.call("PATCH", f"/users/{colleague.id}", {"name": "x"}, token=theirs).status_code == 403


def test_a_whole_profile_empties_what_it_leaves_out(client: Client) -> None:
    session = client.register(phone="+49 1", locale="de", timeZone="Asia/Tokyo")
    mine, path = session["accessToken"], f"/users/{session['user']['id']}"
    client.call("PATCH", path, {"notifications": {"email": {"reminder": False}}}, token=mine)
    whole = client.call("PUT", path, {"name": "Only", "locale": "fr"}, token=mine).get_json()
    assert (whole["name"], whole["phone"], whole["locale"], whole["timeZone"]) == ("Only", None, "fr", "UTC")
    assert whole["notifications"] == session["user"]["notifications"]
    assert whole["email"] == session["user"]["email"]
    assert wrong_fields(client.call("PUT", path, {"phone": None}, token=mine)) == {"name"}


def test_a_disabled_user_is_out(client: Client, world: World, boss: Actor) -> None:
    session, provider = client.register(), world.provider()
    customer = Actor(UUID(session["user"]["id"]), "customer")
    path = f"/users/{customer.id}"
    disabled = client.call("POST", f"{path}/disable", {"reason": "spam"}, token=client.token(boss))
    assert disabled.status_code == 200
    assert disabled.get_json()["disabledAt"] is not None
    assert client.refresh(session["refreshToken"]).status_code == 401
    assert code(client.login(session["user"]["email"])) == (403, "account-disabled")
    assert book(client, customer, provider).status_code == 422
    again = client.call("POST", f"{path}/disable", {}, token=client.token(boss))
    assert again.get_json() == disabled.get_json()
    [entry] = trail(world, str(customer.id), "user.disable")
    assert entry["after"] == {"disabled": True, "reason": "spam"}
    enabled = client.call("POST", f"{path}/enable", {}, token=client.token(boss)).get_json()
    assert (enabled["disabledAt"], enabled["version"]) == (None, 3)
    assert client.refresh(session["refreshToken"]).status_code == 401
    assert client.login(session["user"]["email"]).status_code == 200
    assert book(client, customer, provider).status_code == 201
    assert len(trail(world, str(customer.id), "user.enable")) == 1


def test_a_disabled_provider_cannot_be_booked(client: Client, world: World, boss: Actor) -> None:
    provider, customer = world.provider(), world.user()
    assert book(client, customer, provider).status_code == 201
    assert client.call("POST", f"/users/{provider.id}/disable", {}, token=client.token(boss)).status_code == 200
    assert book(client, customer, provider).status_code == 422
    [entry] = trail(world, str(provider.id), "resource.change")
    assert entry["after"] == {"active": False}
    assert client.call("POST", f"/users/{provider.id}/enable", {}, token=client.token(boss)).status_code == 200
    assert book(client, customer, provider).status_code == 422, "an admin activates the resource"


def test_admins_do_not_disable_themselves(client: Client, boss: Actor) -> None:
    answer = client.call("POST", f"/users/{boss.id}/disable", {}, token=client.token(boss))
    assert code(answer) == (409, "own-account")


@pytest.mark.parametrize("way", ["disable", "demote", "both"])
def test_two_admins_who_remove_each_other_leave_one(client: Client, world: World, way: str) -> None:
    """Both requests hold the other's row before either looks whether somebody is left."""
    one, two = world.admin(), world.admin()
    world.query("ALTER TABLE users DISABLE TRIGGER users_an_admin_left")
    others = world.query(
        "UPDATE users SET role = 'customer' WHERE role = 'admin' AND id NOT IN (%s, %s) RETURNING id", one.id, two.id
    )
    world.query("ALTER TABLE users ENABLE TRIGGER users_an_admin_left")
    try:
        for _ in range(5):
            world.query("UPDATE users SET role = 'admin', disabled_at = NULL WHERE id IN (%s, %s)", one.id, two.id)
            got = _at_once(client, [(one, two, way != "demote"), (two, one, way == "disable")])
            assert sorted(answer.status_code for answer in got) == [200, 409]
            assert {answer.get_json()["code"] for answer in got if answer.status_code == 409} == {"last-admin"}
            left = world.query("SELECT count(*) AS n FROM users WHERE role = 'admin' AND disabled_at IS NULL")
            assert left == [{"n": 1}]
    finally:
        for other in others:
            world.query("UPDATE users SET role = 'admin' WHERE id = %s", other["id"])


def _at_once(client: Client, wishes: list[tuple[Actor, Actor, bool]]) -> list[TestResponse]:
    """Each first one disables (or demotes) the second, all at the same moment."""
    barrier, answers = Barrier(len(wishes)), list[TestResponse]()

    def remove(who: Actor, whom: Actor, disable: bool) -> None:
        browser = client.app.test_client()
        headers = {"Authorization": f"Bearer {client.token(who)}"}
        barrier.wait()
        if disable:
            answers.append(browser.post(f"/users/{whom.id}/disable", json={}, headers=headers))
        else:
            answers.append(browser.patch(f"/users/{whom.id}/role", json={"role": "customer"}, headers=headers))

    threads = [Thread(target=remove, args=wish) for wish in wishes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
