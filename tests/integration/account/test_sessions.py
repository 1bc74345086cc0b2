"""Signing in, staying signed in, signing out."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from bookings.account import sessions
from bookings.config import PASSWORD_MEMORY
from tests.factories import World
from tests.integration.conftest import StartClient
from tests.support.patience import patient
from tests.support.people import PASSWORD, Client


def test_signing_in(client: Client) -> None:
    email = client.register()["user"]["email"]
    answer = client.login(email.upper())
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.call("GET", "/me", token=answer.get_json()["accessToken"]).get_json()["email"] == email


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(client: Client) -> None:
    email = client.register()["user"]["email"]
    wrong, unknown = client.login(email, "not the password"), client.login("nobody@example.com", PASSWORD)
    bodies = [answer.get_json() | {"requestId": None} for answer in (wrong, unknown)]
    assert wrong.status_code == unknown.status_code == 401
    assert bodies[0] == bodies[1]
    assert bodies[0]["code"] == "invalid-credentials"


def test_an_unknown_address_takes_as_long_as_a_known_one(client: Client, world: World) -> None:
    email = client.register()["user"]["email"]
    passwordless = world.query("SELECT email FROM users WHERE id = %s", world.user().id)[0]["email"]

    def cost(address: str) -> float:
        began = time.process_time()  # of all threads of this process: other processes do not disturb it
        assert client.login(address, "not the password").status_code == 401
        return time.process_time() - began

    known = min(cost(email) for _ in range(3))
    assert cost("nobody@example.com") > known / 2
    assert cost(passwordless) > known / 2


def test_a_disabled_user_can_neither_sign_in_nor_stay(client: Client, world: World) -> None:
    session = client.register()
    world.query("UPDATE users SET disabled_at = now() WHERE id = %s", session["user"]["id"])
    login = client.login(session["user"]["email"])
    assert (login.status_code, login.get_json()["code"]) == (403, "account-disabled")
    assert client.login(session["user"]["email"], "not the password").status_code == 401
    assert client.refresh(session["refreshToken"]).status_code == 401


def test_refreshing_exchanges_both_tokens(client: Client) -> None:
    first = client.register()
    answer = client.refresh(first["refreshToken"])
    second = answer.get_json()
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert second["refreshToken"] != first["refreshToken"]
    assert second["user"] == first["user"]
    assert client.call("GET", "/me", token=second["accessToken"]).status_code == 200
    assert client.refresh(second["refreshToken"]).status_code == 200


def test_reuse_ends_the_whole_family_and_only_it(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    first = client.register()
    elsewhere = client.login(first["user"]["email"]).get_json()
    second = client.refresh(first["refreshToken"]).get_json()
    with caplog.at_level(logging.WARNING):
        reused = client.refresh(first["refreshToken"])
    assert (reused.status_code, reused.get_json()["code"]) == (401, "invalid-refresh-token")
    assert client.refresh(second["refreshToken"]).status_code == 401
    assert client.refresh(elsewhere["refreshToken"]).status_code == 200
    # Threads of other tests in this process may have something to say, too.
    warnings = [record.getMessage() for record in caplog.records if record.name == "bookings.account.sessions"]
    assert warnings == ["refresh token reused, family revoked"]
    assert first["refreshToken"] not in caplog.text


def test_of_two_refreshes_at_once_one_succeeds_and_the_session_lives(client: Client, world: World) -> None:
    session = client.register()
    hashed = sessions.hash_of(session["refreshToken"])
    url = client.app.extensions["settings"].database_url
    with psycopg.connect(url) as blocker, ThreadPoolExecutor(2) as pool:
        blocker.execute("SELECT 1 FROM refresh_tokens WHERE token_hash = %s FOR UPDATE", [hashed])
        attempts = [
            pool.submit(client.app.test_client().post, "/auth/refresh", json={"refreshToken": session["refreshToken"]})
            for _ in range(2)
        ]
        _wait_for_waiting(world, 2)
        blocker.rollback()
        answers = [attempt.result() for attempt in attempts]
    assert sorted(answer.status_code for answer in answers) == [200, 401]
    (winner,) = [answer for answer in answers if answer.status_code == 200]
    assert client.refresh(winner.get_json()["refreshToken"]).status_code == 200


def _wait_for_waiting(world: World, expected: int) -> None:
    deadline = time.monotonic() + patient(10)
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    while len(world.query(waiting)) < expected:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_many_refreshes_at_once_never_give_two_successors(client: Client, world: World) -> None:
    session = client.register()
    start = threading.Barrier(6)

    def refresh() -> int:
        start.wait()
        return (
            client.app.test_client().post("/auth/refresh", json={"refreshToken": session["refreshToken"]}).status_code
        )

    with ThreadPoolExecutor(6) as pool:
        codes = [future.result() for future in [pool.submit(refresh) for _ in range(6)]]
    assert sorted(codes) == [200] + [401] * 5
    tokens = world.query(
        "SELECT 1 FROM refresh_tokens t JOIN refresh_families f ON f.id = t.family_id WHERE user_id = %s",
        session["user"]["id"],
    )
    assert len(tokens) == 2


def test_a_refresh_token_expires(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    token = client.register()["refreshToken"]
    ends = datetime.now(UTC) + timedelta(days=30)
    monkeypatch.setattr(sessions, "now", lambda: ends + timedelta(seconds=1))
    assert client.refresh(token).status_code == 401
    monkeypatch.setattr(sessions, "now", lambda: ends - timedelta(minutes=1))
    assert client.refresh(token).status_code == 200


@pytest.mark.parametrize("token", ["bkr_unknown", "x", "ü" * 200])
def test_what_is_no_token_is_refused(client: Client, token: str) -> None:
    assert client.refresh(token).status_code == 401
    assert client.call("POST", "/auth/logout", {"refreshToken": token}).status_code == 204


def test_signing_out_ends_one_session(client: Client) -> None:
    session = client.register()
    elsewhere = client.login(session["user"]["email"]).get_json()
    answer = client.call("POST", "/auth/logout", {"refreshToken": session["refreshToken"]})
    assert (answer.status_code, answer.data) == (204, b"")
    assert client.refresh(session["refreshToken"]).status_code == 401
    assert client.refresh(elsewhere["refreshToken"]).status_code == 200


def test_an_old_token_signs_out_too(client: Client) -> None:
    first = client.register()
    second = client.refresh(first["refreshToken"]).get_json()
    assert client.call("POST", "/auth/logout", {"refreshToken": first["refreshToken"]}).status_code == 204
    assert client.refresh(second["refreshToken"]).status_code == 401


def test_a_password_changed_during_sign_in_shuts_it_out(client: Client, world: World) -> None:
    """The slow check passed, then the password changed: the session must not begin."""
    session = client.register()
    passwords = client.app.extensions["passwords"]
    verify = passwords.verify

    def verify_then_change(password: str, hashed: str | None) -> bool:
        right: bool = verify(password, hashed)
        world.query("UPDATE users SET password_hash = 'another' WHERE id = %s", session["user"]["id"])
        return right

    passwords.verify = verify_then_change
    assert client.login(session["user"]["email"]).status_code == 401


@pytest.mark.slow
def test_an_outdated_hash_is_renewed_by_signing_in(start_client: StartClient, world: World) -> None:
    from argon2 import PasswordHasher

    client = start_client(password_memory=PASSWORD_MEMORY)
    session = client.register()
    old = PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD)
    world.query("UPDATE users SET password_hash = %s WHERE id = %s", old, session["user"]["id"])
    assert client.login(session["user"]["email"]).status_code == 200
    (row,) = world.query("SELECT password_hash FROM users WHERE id = %s", session["user"]["id"])
    assert row["password_hash"].startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert client.refresh(session["refreshToken"]).status_code == 200


def test_expired_families_are_forgotten(client: Client, world: World) -> None:
    user_id = client.register()["user"]["id"]
    kept = client.register()["user"]["id"]
    world.query(
        "UPDATE refresh_tokens SET expires_at = now() - interval '1 s' WHERE family_id ="
        " (SELECT id FROM refresh_families WHERE user_id = %s)",
        user_id,
    )
    client.app.extensions["database"].run(sessions.forget_expired)
    left = world.query("SELECT user_id FROM refresh_families WHERE user_id = ANY (%s)", [UUID(user_id), UUID(kept)])
    assert [row["user_id"] for row in left] == [UUID(kept)]
    assert (
        world.query(
            "SELECT 1 FROM refresh_tokens t WHERE NOT EXISTS (SELECT FROM refresh_families WHERE id = family_id)"
        )
        == []
    )
