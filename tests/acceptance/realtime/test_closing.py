"""How sockets end, and that the end of one is nothing to the others."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import websocket

from bookings.auth import Actor, Tokens
from bookings.config import Settings
from tests.acceptance.realtime.client import Client, numbers
from tests.acceptance.realtime.conftest import Connect
from tests.factories import World
from tests.integration.event import facts
from tests.support.patience import soon
from tests.support.service import Service, ServiceOptions

SERVICE = ServiceOptions(processes=("sockets", "relay"))


@pytest.fixture
def short() -> float:
    """Seconds that a short token lives: two, or longer where connecting takes longer."""
    return min(soon(2), 12)


@pytest.fixture
def short_token(service: Service, short: float) -> Callable[[Actor], str]:
    """Tokens that end soon."""
    return Tokens(replace(Settings.from_env(service.env), access_token_ttl=timedelta(seconds=short))).issue


def test_sigterm_closes_with_1012(service: Service, world: World, connect: Connect) -> None:
    clients = [connect(world.user()) for _ in range(20)]
    for client in clients:
        client.ask("subscribe")
    began = time.monotonic()
    service.restart("sockets")
    assert [client.closed() for client in clients] == [
        (1012, "The service restarts. Reconnect and subscribe with after.")
    ] * 20
    assert "Traceback" not in service.log_text("sockets")
    assert time.monotonic() - began < soon(20)  # most of it is starting again


def test_stopping_does_not_wait_for_clients_that_do_not_answer(
    service: Service, world: World, connect: Connect
) -> None:
    for _ in range(5):
        connect(world.user()).ask("subscribe")
    began = time.monotonic()
    assert service.processes["sockets"].stop() == 0
    took = time.monotonic() - began
    service.start("sockets")
    assert took < soon(10)  # 1.6 s on a machine that does nothing else; 25 s when gunicorn has to give up


def test_an_expired_token_closes_with_4401(
    service: Service, world: World, short_token: Callable[[Actor], str], short: float
) -> None:
    me = world.user()
    began = time.monotonic()
    with Client(service.socket_url, short_token(me)) as client:
        client.ask("subscribe")
        code, reason = client.closed()
        assert code == 4401
        assert "expired" in reason
        # A token's end is a whole second.
        assert short - 1 <= time.monotonic() - began < short + soon(3)


def test_a_newer_token_keeps_it_open(
    service: Service, world: World, short_token: Callable[[Actor], str], short: float, token: Callable[[Actor], str]
) -> None:
    me = world.user()
    with Client(service.socket_url, short_token(me)) as client:
        client.ask("subscribe")
        answer = client.ask("authenticate", {"token": token(me)})
        assert answer["data"]["topics"] == [f"user:{me.id}"]
        assert client.quiet(short + 1)
        assert client.ask("ping")["event"] == "pong"
        assert client.ask("authenticate", {"token": token(world.user())})["data"]["code"] == "forbidden"
        assert client.ask("authenticate", {"token": "nonsense"})["data"]["code"] == "unauthorized"


def test_a_newer_token_takes_away_what_one_is_not_entitled_to_any_more(
    service: Service, world: World, token: Callable[[Actor], str]
) -> None:
    admin, provider = world.admin(), world.provider()
    with Client(service.socket_url, token(admin)) as client:
        client.ask("subscribe", {"topics": ["all", "me"]})
        answer = client.ask("authenticate", {"token": token(Actor(admin.id, "customer"))})
        assert answer["data"]["topics"] == [f"user:{admin.id}"]
        facts.write(service.database_url, 1, 1, topics=["user:somebody"])
        assert client.quiet(1)
    room = world.resource(owner=provider)
    with Client(service.socket_url, token(provider)) as client:
        client.ask("subscribe", {"topics": [f"resource:{room}"]})
        world.query("UPDATE resources SET owner_id = NULL WHERE id = %s", room)
        # Its days are for everybody.
        assert client.ask("authenticate", {"token": token(provider)})["data"]["topics"] == [f"availability:{room}"]


def test_a_large_frame_closes_with_1009(world: World, connect: Connect) -> None:
    client = connect(world.user())
    client.ask("ping")
    client.socket.send('{"event": "ping", "ref": "%s"}' % ("x" * 200_000))
    assert client.closed()[0] == 1009


def test_a_flood_closes_with_1008(world: World, connect: Connect) -> None:
    client = connect(world.user())
    for _ in range(300):
        try:
            client.socket.send('{"event": "ping"}')
        except (OSError, websocket.WebSocketException):
            break
    code, reason = client.closed()
    assert code == 1008
    assert "50 messages" in reason


def test_clients_that_do_not_take_leave_keep_nobody_waiting(world: World, connect: Connect) -> None:
    for client in [connect(world.user()) for _ in range(4)]:
        with contextlib.suppress(OSError, websocket.WebSocketException):
            for _ in range(150):
                client.socket.send('{"event": "ping"}')
    time.sleep(0.3)
    began = time.monotonic()
    assert connect(world.user()).ask("ping")["event"] == "pong"
    assert time.monotonic() - began < soon(1.5)


def test_a_client_that_closes_gets_its_answer(world: World, connect: Connect) -> None:
    client = connect(world.user())
    client.ask("ping")
    client.socket.send_close(1000, b"bye")
    assert client.closed()[0] == 1000


def stalled(service: Service, token: str) -> Client:
    """A client that hears everything and has room for little."""
    client = Client(service.socket_url, token, sockopt=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)])
    client.ask("subscribe", {"topics": ["all"]})
    return client


@pytest.mark.alone  # against the server's ten seconds
@pytest.mark.load
def test_a_client_that_does_not_read_is_closed_with_1013_and_delays_nobody(
    service: Service, world: World, connect: Connect, token: Callable[[Actor], str]
) -> None:
    admin = world.admin()
    reader = connect(world.admin())
    reader.ask("subscribe", {"topics": ["all"]})
    with stalled(service, token(admin)) as slow, stalled(service, token(admin)) as dead:
        # Few and large: what fills a connection is bytes, and a slow machine sends each event in its own time.
        facts.write(service.database_url, 1, 250, size=24000)
        began = time.monotonic()
        assert numbers(reader.receive_count(250, seconds=9)) == list(range(1, 251))
        # Both have not read for ten seconds. One reads on in the five it has left and is told; the other is cut.
        time.sleep(began + 13.5 - time.monotonic())
        code, reason = slow.closed()
        assert code == 1013
        assert "Too slow" in reason
        time.sleep(5)
        with pytest.raises((OSError, websocket.WebSocketException)):
            dead.closed()
    assert reader.ask("ping")["event"] == "pong"
