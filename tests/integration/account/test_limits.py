"""The limits on signing in (Redis) and on all other requests (memory), and how clients hear of them."""

from __future__ import annotations

import time

import pytest

from bookings.config import ConfigurationError
from tests.integration.conftest import StartClient
from tests.support.patience import patient, soon
from tests.support.people import PASSWORD, Client, new_email

NOBODY_LISTENS = "redis://127.0.0.1:1/0"


def test_an_address_may_try_only_so_often(start_client: StartClient) -> None:
    client = start_client(sign_in_rate_limit="3/minute")
    answers = [client.login(f"someone{n}@example.com") for n in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert [answer.headers["RateLimit-Policy"] for answer in answers] == ['"sign-in";q=3;w=60'] * 4
    assert [answer.headers["RateLimit"].split(";")[1] for answer in answers] == ["r=2", "r=1", "r=0", "r=0"]
    assert 50 < int(answers[3].headers["Retry-After"]) <= 60
    assert answers[3].mimetype == "application/problem+json"
    assert answers[3].get_json()["code"] == "too-many-requests"


def test_an_account_is_guarded_against_many_addresses(start_client: StartClient) -> None:
    client = start_client(sign_in_rate_limit="3/minute", trusted_proxies=1)
    email = client.register()["user"]["email"]
    statuses = [
        client.login(email.upper() if n % 2 else email, headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code
        for n in range(4)
    ]
    assert statuses == [200, 200, 200, 429]
    assert client.login(new_email(), headers={"X-Forwarded-For": "192.0.2.9"}).status_code == 401


def test_the_counts_are_shared_by_processes(start_client: StartClient) -> None:
    clients = [start_client(sign_in_rate_limit="2/minute") for _ in range(3)]
    assert [client.login(new_email()).status_code for client in clients] == [401, 401, 429]


def test_registering_and_changing_a_password_count_too(start_client: StartClient) -> None:
    client = start_client(sign_in_rate_limit="2/minute")
    session = client.register()
    body = {"currentPassword": "not the password", "newPassword": PASSWORD}
    assert client.call("PUT", "/me/password", body, token=session["accessToken"]).status_code == 422
    again = {"email": new_email(), "password": PASSWORD, "name": "Third"}
    assert client.call("POST", "/auth/register", again).status_code == 429
    assert client.call("PUT", "/me/password", body, token=session["accessToken"]).status_code == 429
    assert client.refresh(session["refreshToken"]).status_code == 200


def test_a_client_cannot_choose_its_address(start_client: StartClient) -> None:
    client = start_client(sign_in_rate_limit="1/minute")
    statuses = [client.login(new_email(), headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code for n in range(2)]
    assert statuses == [401, 429]


def test_only_the_nearest_proxies_are_believed(start_client: StartClient) -> None:
    client = start_client(sign_in_rate_limit="1/minute", trusted_proxies=1)
    forwarded = [{"X-Forwarded-For": f"203.0.113.{n}, 192.0.2.1"} for n in range(2)]
    assert [client.login(new_email(), headers=headers).status_code for headers in forwarded] == [401, 429]


def test_an_ipv6_network_counts_as_one(start_client: StartClient) -> None:
    client = start_client(sign_in_rate_limit="1/minute")
    addresses = ["2001:db8:1:2::1", "2001:db8:1:2:ffff::2", "2001:db8:1:3::1"]
    statuses = [
        client.login(new_email(), environ_overrides={"REMOTE_ADDR": address}).status_code for address in addresses
    ]
    assert statuses == [401, 429, 401]


def test_without_redis_nobody_signs_in_but_everything_else_goes_on(start_client: StartClient) -> None:
    session = start_client().register()
    client = start_client(redis_url=NOBODY_LISTENS, sign_in_rate_limit="10/minute")
    began = time.monotonic()
    answer = client.login(session["user"]["email"])
    assert time.monotonic() - began < soon(2)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "sign-in-unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert client.call("GET", "/me", token=session["accessToken"]).status_code == 200
    assert client.refresh(session["refreshToken"]).status_code == 200


def test_a_silent_redis_is_not_waited_for(start_client: StartClient) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = start_client(
            redis_url=f"redis://127.0.0.1:{silent.getsockname()[1]}/0", sign_in_rate_limit="10/minute"
        )
        began = time.monotonic()
        assert client.login(new_email()).status_code == 503
        assert time.monotonic() - began < soon(2)


def test_everything_else_is_limited_for_each_user(start_client: StartClient) -> None:
    client = start_client(rate_limit="3/hour")
    tokens = [client.register()["accessToken"] for _ in range(2)]
    answers = [client.call("GET", "/me", token=tokens[0]) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"default";q=3;w=3600'
    assert [answer.headers["RateLimit"].split(";")[:2] for answer in answers] == [
        ['"default"', f"r={left}"] for left in (2, 1, 0, 0)
    ]
    assert 3500 < int(answers[3].headers["Retry-After"]) <= 3600
    assert client.call("GET", "/me", token=tokens[1]).status_code == 200


@pytest.mark.slow
def test_a_window_ends(start_client: StartClient) -> None:
    client = start_client(rate_limit="1/second")
    token = client.register()["accessToken"]
    deadline = time.monotonic() + patient(10)
    while client.call("GET", "/me", token=token).status_code == 200:  # until two fall into one second
        assert time.monotonic() < deadline
    time.sleep(1)
    assert client.call("GET", "/me", token=token).status_code == 200


def test_strangers_share_the_limit_of_their_address(start_client: StartClient) -> None:
    client = start_client(rate_limit="2/hour", public_rate_limit="off")
    statuses = [client.call("GET", "/problems/invalid").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    elsewhere = client.call("GET", "/problems/invalid", environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
    assert elsewhere.status_code == 200


def test_what_is_refused_counts_for_its_address(start_client: StartClient) -> None:
    """Guessing tokens and addresses is no way around the limit; a user of the same address has one of its own."""
    client = start_client(rate_limit="4/hour")
    token = client.register()["accessToken"]
    asked = [("GET", "/bookings", None), ("GET", "/me", "guessed"), ("DELETE", "/nothing/here", None)] * 2
    answers = [client.call(method, path, token=token) for method, path, token in asked]
    assert [answer.status_code for answer in answers] == [401, 401, 404, 429, 429, 429]
    assert [answer.headers["RateLimit"].split(";")[1] for answer in answers[:3]] == ["r=2", "r=1", "r=0"]
    assert answers[3].get_json()["code"] == "too-many-requests"
    assert {"Retry-After", "X-Request-Id"} <= set(answers[5].headers.keys())
    assert client.call("GET", "/me", token=token).status_code == 200
    assert client.call("GET", "/health").status_code == 200


def test_what_an_admin_alone_may_do_counts_for_whoever_tries(start_client: StartClient) -> None:
    client = start_client(rate_limit="2/hour")
    token = client.register()["accessToken"]
    assert [client.call("GET", "/jobs", token=token).status_code for _ in range(3)] == [403, 403, 429]


@pytest.mark.parametrize(
    "path", ["/services?q=massage", "/slots", "/availability/explain", "/services/popular", "/calendar/x.ics"]
)
def test_strangers_may_search_only_so_often(start_client: StartClient, path: str) -> None:
    """By address, whatever they ask; a token that is none does not help, and one that is has no part in it."""
    client = start_client(public_rate_limit="2/hour", rate_limit="1000/hour")
    token = client.register()["accessToken"]
    answers = [client.call("GET", path, token=each) for each in (None, "guessed", None)]
    assert [answer.status_code == 429 for answer in answers] == [False, False, True]
    assert answers[1].headers["RateLimit-Policy"] == '"public";q=2;w=3600'
    assert answers[1].headers["RateLimit"].startswith('"public";r=0;')
    assert client.call("GET", "/problems/invalid").status_code == 429
    signed_in = client.call("GET", path, token=token)
    assert signed_in.status_code != 429
    assert signed_in.headers["RateLimit-Policy"] == '"default";q=1000;w=3600'
    assert client.call("GET", path, environ_overrides={"REMOTE_ADDR": "192.0.2.1"}).status_code != 429


def test_signing_in_and_the_gateways_calls_are_no_searching(start_client: StartClient) -> None:
    client = start_client(public_rate_limit="1/hour", rate_limit="1000/hour")
    for _ in range(2):
        assert client.call("POST", "/auth/refresh", {"refreshToken": "bkr_x"}).status_code == 401
        assert client.call("POST", "/webhooks/payments/stripe", {}).status_code != 429


def test_without_the_limit_for_all_there_is_none_for_strangers(start_client: StartClient) -> None:
    client = start_client(public_rate_limit="1/hour", rate_limit="off")
    assert [client.call("GET", "/services").status_code for _ in range(3)] == [200] * 3


def test_a_limit_that_is_off_is_not_announced(client: Client) -> None:
    answer = client.call("GET", "/me", token=client.register()["accessToken"])
    assert "RateLimit" not in answer.headers
    assert "RateLimit-Policy" not in answer.headers


@pytest.mark.parametrize("setting", ["rate_limit", "public_rate_limit", "sign_in_rate_limit"])
def test_a_limit_that_cannot_be_read_stops_start_up(start_client: StartClient, setting: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{setting.upper()} is 'often'; write for instance 10/minute"):
        start_client(**{setting: "often"})
