"""Who gets a socket: refused over HTTP, before the upgrade."""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
import websocket

from bookings.auth import Actor
from tests.acceptance.realtime.client import Client
from tests.acceptance.realtime.conftest import Connect
from tests.factories import World
from tests.support.patience import REQUEST
from tests.support.service import Service, ServiceOptions

LIMIT = 10
SERVICE = ServiceOptions(
    processes=("sockets",),
    env={"ALLOWED_ORIGINS": "https://app.example.com", "SOCKET_LIMIT": str(LIMIT)},
)
Token = Callable[[Actor], str]


def refusal(url: str, **headers: str) -> tuple[int, dict[str, Any]]:
    """The status and problem of a handshake that must not succeed."""
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        Client(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return refused.value.status_code, json.loads(refused.value.resp_body or b"")


def ticket(service: Service, token: str) -> dict[str, Any]:
    """A new ticket."""
    url = service.socket_url.replace("ws://", "http://") + "/tickets"
    request = urllib.request.Request(url, method="POST", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=REQUEST) as answer:
        assert answer.status == 201
        assert answer.headers["Cache-Control"] == "no-store"
        made: dict[str, Any] = json.load(answer)
    return made


def test_without_credentials_there_is_no_socket(service: Service) -> None:
    status, problem = refusal(service.socket_url)
    assert (status, problem["code"]) == (401, "unauthorized")


def test_a_wrong_token_is_refused(service: Service) -> None:
    assert refusal(service.socket_url, Authorization="Bearer nonsense")[0] == 401


def test_a_token_in_the_url_is_not_looked_at(service: Service, world: World, token: Token) -> None:
    assert refusal(f"{service.socket_url}?token={token(world.user())}")[0] == 401
    assert refusal(f"{service.socket_url}?access_token={token(world.user())}")[0] == 401


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", "https://app.example.com.evil.example"])
def test_a_foreign_origin_is_refused(service: Service, world: World, token: Token, origin: str) -> None:
    status, problem = refusal(service.socket_url, Authorization=f"Bearer {token(world.user())}", Origin=origin)
    assert (status, problem["code"]) == (403, "origin-refused")


def test_the_own_and_the_allowed_origin_are_accepted(service: Service, world: World, token: Token) -> None:
    own = service.socket_url.replace("ws://", "http://").removesuffix("/ws")
    for origin in (own, "https://app.example.com"):
        with Client(service.socket_url, token(world.user()), headers={"Origin": origin}) as client:
            assert client.ask("ping")["event"] == "pong"


def test_a_ticket_opens_one_socket(service: Service, world: World, token: Token) -> None:
    me = world.user()
    made = ticket(service, token(me))
    assert made["expiresIn"] == 30
    with Client(f"{service.socket_url}?ticket={made['ticket']}") as client:
        assert client.ask("subscribe")["data"]["topics"] == [f"user:{me.id}"]
    status, problem = refusal(f"{service.socket_url}?ticket={made['ticket']}")
    assert (status, problem["code"]) == (401, "unauthorized")


def test_a_ticket_needs_a_token(service: Service) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        ticket(service, "nonsense")
    refused.value.close()
    assert refused.value.code == 401


def test_compression_is_not_accepted(service: Service, world: World, token: Token) -> None:
    offer = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
    with Client(service.socket_url, token(world.user()), headers=offer) as client:
        assert "sec-websocket-extensions" not in {name.lower() for name in client.socket.getheaders() or {}}
        assert client.ask("ping")["event"] == "pong"


def test_an_incomplete_handshake_is_a_bad_request(service: Service, world: World, token: Token) -> None:
    for headers in ({}, {"Upgrade": "websocket", "Connection": "Upgrade"}):
        request = urllib.request.Request(
            service.socket_url.replace("ws://", "http://"),
            headers={"Authorization": f"Bearer {token(world.user())}", **headers},
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=REQUEST)
        problem = json.load(refused.value)
        refused.value.close()
        assert (refused.value.code, problem["code"]) == (400, "bad-request")


def test_at_the_limit_others_are_refused_and_http_goes_on(
    service: Service, world: World, token: Token, connect: Connect
) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(LIMIT):
            stack.enter_context(Client(service.socket_url, token(world.user()))).ask("ping")
        status, problem = refusal(service.socket_url, Authorization=f"Bearer {token(world.user())}")
        assert (status, problem["code"]) == (503, "too-many-sockets")
        ready = service.socket_url.replace("ws://", "http://").replace("/ws", "/ready")
        with urllib.request.urlopen(ready, timeout=REQUEST) as answer:
            assert answer.status == 200


@pytest.mark.crash
def test_without_redis_there_are_no_tickets_but_tokens_work(
    service: Service, world: World, token: Token, connect: Connect
) -> None:
    service.kill("redis")
    try:
        with pytest.raises(urllib.error.HTTPError) as refused:
            ticket(service, token(world.user()))
        refused.value.close()
        assert refused.value.code == 503
        assert refusal(f"{service.socket_url}?ticket=any")[0] == 503
        assert connect(world.user()).ask("subscribe")["event"] == "subscribe:result"
    finally:
        service.start("redis")
