"""Mails while the worker is killed with SIGKILL and the mail server goes away: nothing is lost, and what arrives twice
is recognisably the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import check_data
from bookings.auth import Caller
from bookings.booking import service as booking_service
from bookings.config import Settings
from bookings.db import Database
from tests.factories import World
from tests.integration.event.facts import wait_for
from tests.support.mail import MailServer
from tests.support.service import Service, ServiceOptions

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    """The mail server."""
    server = MailServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def service(server: MailServer, start_service: Any) -> Service:
    """Worker and relay, which know the mail server and are quick to try again."""
    env = {
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(server.port),
        "SMTP_TLS": "none",
        "SMTP_TIMEOUT": "20s",
        "MAIL_FROM": "bookings@example.com",
        "JOB_LEASE": "3s",
        "JOB_RETRY_BASE": "1s",
        "JOB_RETRY_LIMIT": "2s",
    }
    started: Service = start_service(ServiceOptions(processes=("worker", "relay"), env=env))
    return started


@pytest.fixture(scope="module")
def world(service: Service) -> Iterator[World]:
    """The service's database."""
    world = World(service.database_url)
    yield world
    world.close()


def book(service: Service, world: World, count: int) -> list[Any]:
    """So many bookings of different people: their ids."""
    settings = replace(Settings.from_env(service.env), rate_limit="off")
    database = Database(settings, name="test mail")
    ids = []
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    for _ in range(count):
        wish = {"providerId": world.provider().id, "startAt": start, "endAt": start + timedelta(hours=1), "units": 1}
        details = dict.fromkeys(("title", "description", "location", "notes"))
        caller = Caller(world.user())
        answer = booking_service.create(database, settings=settings, caller=caller, body=wish | details)
        ids.append(answer.headers["Location"].rsplit("/", 1)[1])
    database.close()
    return ids


def mails(world: World, bookings: list[Any]) -> list[dict[str, Any]]:
    """The rows of their mails."""
    return world.query(
        "SELECT id, status, attempts, last_error FROM notifications WHERE channel = 'email' AND booking_id = ANY (%s)",
        bookings,
    )


def all_sent(rows: list[dict[str, Any]], count: int) -> bool:
    """Whether every mail is there and sent."""
    return len(rows) == count and {row["status"] for row in rows} == {"sent"}


def arrived(server: MailServer) -> Counter[str]:
    """How often each mail is in a mailbox."""
    return Counter(mail["Message-ID"].strip("<>").partition("@")[0] for mail in server.mails())


def sound(service: Service) -> bool:
    """Whether the data keeps its invariants."""
    return not [finding for finding in check_data.findings(service.database_url) if finding.rows]


def test_a_worker_killed_while_it_sends(service: Service, world: World, server: MailServer) -> None:
    """The server has some of the mails, and nobody knows that it has: those arrive twice under one Message-ID."""
    server.mood("keeps and stalls")
    bookings = book(service, world, 5)
    wait_for(lambda: len(server.mails()), lambda count: count >= 2, 40)
    service.kill("worker")
    twice = set(arrived(server))
    rows = mails(world, bookings)
    assert {str(row["id"]) for row in rows if row["status"] == "sending"} >= twice
    assert "sent" not in {row["status"] for row in rows}
    assert sound(service)
    server.mood()
    service.start("worker")
    rows = wait_for(lambda: mails(world, bookings), lambda rows: all_sent(rows, 10), 90)
    times = arrived(server)
    assert set(times) == {str(row["id"]) for row in rows}
    assert {id for id, count in times.items() if count > 1} == twice
    assert max(times.values()) == 2
    assert sound(service)


def test_a_mail_server_away_for_the_whole_time(service: Service, world: World, server: MailServer) -> None:
    """And the worker killed meanwhile: every mail arrives once when the server is back."""
    server.empty()
    server.kill()
    bookings = book(service, world, 5)
    wait_for(lambda: mails(world, bookings), lambda rows: {"failed"} == {row["status"] for row in rows}, 60)
    service.kill("worker")
    service.start("worker")
    wait_for(lambda: mails(world, bookings), lambda rows: max(row["attempts"] for row in rows) > 1, 60)
    assert all("Connection refused" in (row["last_error"] or "") for row in mails(world, bookings))
    assert sound(service)
    server.start()
    rows = wait_for(lambda: mails(world, bookings), lambda rows: all_sent(rows, 10), 90)
    assert arrived(server) == {str(row["id"]): 1 for row in rows}
    assert sound(service)
