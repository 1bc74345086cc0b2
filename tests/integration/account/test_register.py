"""POST /auth/register."""

from __future__ import annotations

import pytest

from bookings.config import PASSWORD_MEMORY
from tests.factories import World
from tests.integration.conftest import StartClient
from tests.support.people import PASSWORD, Client, new_email, wrong_fields

RESPONSE_ONLY = ("role", "id", "version", "createdAt", "updatedAt", "passwordHash", "disabledAt")


def test_makes_a_customer_who_is_signed_in(client: Client) -> None:
    email = new_email()
    body = {
        "email": email.upper(),
        "password": PASSWORD,
        "name": " Zoë ",
        "phone": "+49 30 123456",
        "timeZone": "Europe/Berlin",
        "locale": "de-DE",
    }
    answer = client.call("POST", "/auth/register", body)
    session = answer.get_json()
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    assert (session["tokenType"], session["expiresIn"]) == ("Bearer", 900)
    assert client.call("GET", "/me", token=session["accessToken"]).get_json() == session["user"]
    described = {name: session["user"][name] for name in ("email", "name", "phone", "timeZone", "locale", "role")}
    assert described == {
        "email": email,
        "name": "Zoë",
        "phone": "+49 30 123456",
        "timeZone": "Europe/Berlin",
        "locale": "de-DE",
        "role": "customer",
    }


@pytest.mark.parametrize("field", RESPONSE_ONLY)
def test_refuses_what_is_not_the_clients_to_say(client: Client, world: World, field: str) -> None:
    email = new_email()
    body = {"email": email, "password": PASSWORD, "name": "Eve", field: "admin"}
    assert wrong_fields(client.call("POST", "/auth/register", body)) == {field}
    assert world.query("SELECT 1 FROM users WHERE email = %s", email) == []


def test_names_every_wrong_field(client: Client) -> None:
    body = {"email": "nobody", "password": "short", "name": "", "phone": "call me", "timeZone": "Mars", "locale": "?"}
    assert wrong_fields(client.call("POST", "/auth/register", body)) == set(body)
    assert wrong_fields(client.call("POST", "/auth/register", {})) == {"email", "password", "name"}


@pytest.mark.parametrize(
    "password", ["elevenchars", "x" * 129, "somebody.long@example.com", "SOMEBODY.LONG@example.com"]
)
def test_refuses_weak_passwords(client: Client, password: str) -> None:
    body = {"email": "somebody.long@example.com", "password": password, "name": "Weak"}
    assert wrong_fields(client.call("POST", "/auth/register", body)) == {"password"}


@pytest.mark.parametrize("password", ["twelve chars", "x" * 128, "пароль пароль", "🔑" * 12])
def test_takes_any_long_password(client: Client, password: str) -> None:
    session = client.register(password=password)
    assert client.login(session["user"]["email"], password).status_code == 200


def test_the_spelling_of_a_keyboard_does_not_matter(client: Client) -> None:
    session = client.register(password="caf\u00e9 caf\u00e9 caf\u00e9")
    assert client.login(session["user"]["email"], "cafe\u0301 cafe\u0301 cafe\u0301").status_code == 200


@pytest.mark.parametrize(
    "email", ["a b@example.com", "a@b@c.com", "@example.com", "a@", "ä@example.com", "a" * 250 + "@b.de", "a@b..de", 7]
)
def test_refuses_what_is_no_address(client: Client, email: object) -> None:
    body = {"email": email, "password": PASSWORD, "name": "Nobody"}
    assert wrong_fields(client.call("POST", "/auth/register", body)) == {"email"}


def test_an_address_registers_once_however_it_is_written(client: Client) -> None:
    email = client.register()["user"]["email"]
    answer = client.call("POST", "/auth/register", {"email": email.title(), "password": PASSWORD, "name": "Twin"})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "email-taken")


def test_stores_argon2id_with_64_mib_and_hashes_of_tokens_only(start_client: StartClient, world: World) -> None:
    session = start_client(password_memory=PASSWORD_MEMORY).register()
    (user,) = world.query("SELECT password_hash FROM users WHERE id = %s", session["user"]["id"])
    assert user["password_hash"].startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert session["refreshToken"].startswith("bkr_")
    dump = str(
        world.query(
            "SELECT u.*, f.*, t.*, encode(token_hash, 'escape') FROM users u"
            " JOIN refresh_families f ON f.user_id = u.id JOIN refresh_tokens t ON t.family_id = f.id"
        )
    )
    assert session["refreshToken"] not in dump
    assert PASSWORD not in dump


def test_keeps_no_replayable_answer(client: Client, world: World) -> None:
    body = {"email": new_email(), "password": PASSWORD, "name": "Twice"}
    answers = [client.call("POST", "/auth/register", body, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 409]
    assert world.query("SELECT 1 FROM idempotency_keys") == []
