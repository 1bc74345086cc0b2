"""Bookings by message: the same answers as over HTTP, and the events they make."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import websocket

from bookings.auth import Actor
from tests.acceptance.realtime.client import Client
from tests.acceptance.realtime.conftest import Connect
from tests.factories import World
from tests.support.patience import REQUEST
from tests.support.service import Service, ServiceOptions

SERVICE = ServiceOptions(processes=("web", "sockets", "relay"), counted=True)
TOMORROW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1)


def wish(provider: Actor, hours: int = 0, **more: Any) -> dict[str, Any]:
    """A booking of one hour, tomorrow."""
    start = TOMORROW + timedelta(hours=hours)
    times = {"startAt": start.isoformat(), "endAt": (start + timedelta(hours=1)).isoformat()}
    return {"providerId": str(provider.id), **times, **more}


def test_a_booking_is_made_and_everyone_concerned_hears_of_it(world: World, connect: Connect) -> None:
    me, provider, stranger = world.user(), world.provider(), world.user()
    mine, theirs, foreign = connect(me), connect(provider), connect(stranger)
    for client in (mine, theirs, foreign):
        client.ask("subscribe")
    answer = mine.ask("create-booking", wish(provider, title="Check-up"))
    assert (answer["event"], answer["status"]) == ("create-booking:result", 201)
    booking = answer["data"]
    assert booking["title"] == "Check-up"
    for client in (mine, theirs):
        event = client.receive_count(1)[0]
        assert event["event"] == "booking.created"
        assert event["data"] == booking
    assert foreign.quiet(1)


def test_what_is_wrong_is_named_as_over_http(world: World, connect: Connect) -> None:
    client, provider = connect(world.user()), world.provider()
    answer = client.ask("create-booking", {"startAt": "yesterday", "colour": "red"})
    assert answer["event"] == "error"
    assert answer["for"] == "create-booking"
    problem = answer["data"]
    assert (problem["status"], problem["code"]) == (422, "invalid")
    assert {error["field"] for error in problem["errors"]} == {"startAt", "endAt", "colour", "providerId"}
    assert problem["requestId"]
    assert client.ask("create-booking", wish(provider))["status"] == 201
    taken = client.ask("create-booking", wish(provider))["data"]
    assert (taken["status"], taken["code"]) == (409, "slot-taken")


def test_a_key_makes_it_once_here_and_over_http(
    service: Service, world: World, connect: Connect, token: Callable[[Actor], str]
) -> None:
    me, provider = world.user(), world.provider()
    client, key, wished = connect(me), str(uuid4()), wish(provider)
    first = client.ask("create-booking", wished, idempotencyKey=key)
    again = client.ask("create-booking", wished, idempotencyKey=key)
    assert again["data"] == first["data"]
    assert again["replayed"] is True
    assert "replayed" not in first
    other = client.ask("create-booking", wish(provider, 5), idempotencyKey=key)
    assert other["data"]["code"] == "idempotency-key-reused"
    request = urllib.request.Request(
        f"{service.base_url}/bookings",
        data=json.dumps(wished).encode(),
        headers={
            "Authorization": f"Bearer {token(me)}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        },
    )
    with urllib.request.urlopen(request, timeout=REQUEST) as answer:
        assert json.load(answer) == first["data"]
        assert answer.headers["Idempotent-Replayed"] == "true"


def test_listing_changing_and_cancelling(world: World, connect: Connect) -> None:
    me, provider = world.user(), world.provider()
    client = connect(me)
    client.ask("subscribe")
    booking = client.ask("create-booking", wish(provider))["data"]
    listed = client.ask("get-bookings", {"when": "upcoming", "limit": 5})["data"]
    assert [item["id"] for item in listed["items"]] == [booking["id"]]
    changed = client.ask("update-booking", {"id": booking["id"], "notes": "Bring a hat", "version": 1})
    assert (changed["status"], changed["data"]["notes"], changed["data"]["version"]) == (200, "Bring a hat", 2)
    stale = client.ask("update-booking", {"id": booking["id"], "notes": "No hat", "version": 1})["data"]
    assert (stale["status"], stale["code"], stale["current"]["version"]) == (412, "precondition-failed", 2)
    cancelled = client.ask("delete-booking", {"id": booking["id"], "reason": "Ill"})
    assert (cancelled["data"]["status"], cancelled["data"]["statusReason"]) == ("cancelled", "Ill")
    names = [event["event"] for event in client.receive_count(3)]
    assert names == ["booking.created", "booking.updated", "booking.cancelled"]


def test_foreign_bookings_do_not_exist(world: World, connect: Connect) -> None:
    provider = world.provider()
    booking = connect(world.user()).ask("create-booking", wish(provider))["data"]
    stranger = connect(world.user())
    for event in ("update-booking", "delete-booking"):
        assert stranger.ask(event, {"id": booking["id"]})["data"]["code"] == "not-found"
    assert stranger.ask("get-bookings", {})["data"]["items"] == []


def test_rooms_are_topics_of_users(world: World, connect: Connect) -> None:
    me, admin = world.user(), world.admin()
    client = connect(admin)
    assert client.ask("join-user-room", {"userId": str(me.id)})["data"]["topics"] == [f"user:{me.id}"]
    connect(me).ask("create-booking", wish(world.provider()))
    assert client.receive_count(1)[0]["event"] == "booking.created"
    assert client.ask("leave-user-room", {"userId": str(me.id)})["data"]["topics"] == []
    connect(me).ask("create-booking", wish(world.provider(), 3))
    assert client.quiet(1)


@pytest.mark.parametrize(
    "text, code, field",
    [
        ("{", "bad-request", None),
        ("[]", "bad-request", None),
        ("{}", "invalid", "event"),
        ('{"event": "dance"}', "invalid", "event"),
        ('{"event": "ping", "extra": 1}', "invalid", "extra"),
        ('{"event": "ping", "data": []}', "invalid", "data"),
        ('{"event": "ping", "data": {"a": 1}}', "invalid", "a"),
        ('{"event": "ping", "ref": {"a": 1}}', "invalid", "ref"),
        ('{"event": "ping", "idempotencyKey": "k"}', "invalid", "idempotencyKey"),
        ('{"event": "subscribe", "data": {"after": 12}}', "invalid", "after"),
        ('{"event": "subscribe", "data": {"topics": []}}', "invalid", "topics"),
        ('{"event": "subscribe", "data": {"topics": ["resource:1"]}}', "invalid", "topics"),
        ('{"event": "get-bookings", "data": {"limit": 0}}', "invalid", "limit"),
        ("[" * 5000, "bad-request", None),
    ],
)
def test_what_cannot_be_understood_is_answered_and_the_socket_stays(
    world: World, connect: Connect, text: str, code: str, field: str | None
) -> None:
    client = connect(world.user())
    client.socket.send(text)
    answer = client.receive()
    assert answer["event"] == "error"
    assert answer["data"]["code"] == code
    if field:
        assert [error["field"] for error in answer["data"]["errors"]] == [field]
    assert client.ask("ping")["event"] == "pong"


def test_binary_is_refused(world: World, connect: Connect) -> None:
    client: Client = connect(world.user())
    client.socket.send_binary(b'{"event": "ping"}')
    assert client.receive()["data"]["code"] == "bad-request"


def test_the_web_process_takes_no_sockets(service: Service, world: World, token: Callable[[Actor], str]) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        Client(service.base_url.replace("http", "ws") + "/ws", token(world.user()))
    assert refused.value.status_code == 503
