"""PostgreSQL goes away while sockets are open: they stay, say so when asked, and miss nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from tests.acceptance.realtime.client import numbers
from tests.acceptance.realtime.conftest import Connect
from tests.factories import World
from tests.integration.event import facts
from tests.support.databases import name_of, with_database
from tests.support.service import Service, ServiceOptions

pytestmark = pytest.mark.crash
SERVICE = ServiceOptions(processes=("sockets", "relay"))


@contextlib.contextmanager
def outage(url: str) -> Iterator[None]:
    """Nobody is connected to the database, and nobody can be."""
    name = sql.Identifier(name_of(url))
    with psycopg.connect(with_database(url, "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name_of(url),))
        try:
            yield
        finally:
            connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


def test_an_outage_of_the_database_costs_time_and_nothing_else(
    service: Service, world: World, connect: Connect
) -> None:
    me, admin = world.user(), world.admin()
    asking, hearing = connect(me), connect(admin)
    hearing.ask("subscribe", {"topics": ["all"]})
    facts.write(service.database_url, 1, 10)
    hearing.receive_count(10)
    with outage(service.database_url):
        answer = asking.ask("subscribe")
        assert (answer["event"], answer["data"]["status"]) == ("error", 503)
        time.sleep(2)
    facts.write(service.database_url, 11, 20)
    assert numbers(hearing.receive_count(20, seconds=20)) == list(range(1, 21))
    facts.wait_for(lambda: asking.ask("subscribe")["event"], lambda event: event == "subscribe:result")
    for name in ("relay", "sockets"):
        assert "Traceback" not in service.log_text(name)
