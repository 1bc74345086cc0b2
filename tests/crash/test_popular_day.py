"""One popular day, two hundred customers, holds, bookings, waitlist, moves and cancellations, while web workers and the
worker are killed with SIGKILL. Nothing is booked twice, no offer is lost or made twice, every invariant holds, and five
seconds after a kill nobody notices any more.

POPULAR_SECONDS sets how long it lasts (default 15; docs/reliability.md has the figures of 60), POPULAR_SEED repeats a
run; the seed is printed.
"""

from __future__ import annotations

import json
import os
import random
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

import check_data
from bookings.auth import Tokens
from bookings.config import Settings
from tests.crash.popular_day import DAY, Customer, Killer, Memory, Trouble
from tests.factories import World
from tests.integration.event.facts import wait_for
from tests.support.patience import patient, soon
from tests.support.service import Service, ServiceOptions

pytestmark = [pytest.mark.crash, pytest.mark.timeout(0)]
SERVICE = ServiceOptions(
    env={
        "RATE_LIMIT": "off",
        "STREAM_LENGTH": "1000000",
        "LOG_LEVEL": "WARNING",
        "OFFER_TTL": "4s",
        "HOLD_LIMIT": "2",
    }
)
SECONDS = float(os.environ.get("POPULAR_SECONDS", "15"))
CUSTOMERS, PROVIDERS = 200, 6
#: between two kills: longer than the time in which trouble is forgiven, so that most of it is not
PAUSE, FORGIVEN = 6.0, 5.0
Json = dict[str, Any]


@dataclass
class Aftermath:
    """What is left when it is quiet again."""

    service: Service
    memory: Memory
    kills: list[tuple[float, str]]
    services: list[str]
    token: str

    def rows(self, query: str) -> list[Json]:
        """Look into the database."""
        with psycopg.connect(self.service.database_url, row_factory=dict_row) as connection:
            return connection.execute(query.encode()).fetchall()

    def ask(self, path: str) -> Json:
        """An admin's question."""
        headers = {"Authorization": f"Bearer {self.token}"}
        with urllib.request.urlopen(urllib.request.Request(self.service.base_url + path, headers=headers)) as answer:
            found: Json = json.loads(answer.read())
            return found


@pytest.fixture(scope="module")
def aftermath(service: Service) -> Iterator[Aftermath]:
    """Let customers and the killer loose, wait until every hold and offer has ended, and gather what there is."""
    seed = int(os.environ.get("POPULAR_SEED") or random.SystemRandom().randrange(10**6))
    print(f"POPULAR_SEED={seed}")
    world, memory = World(service.database_url), Memory()
    token = Tokens(Settings.from_env(service.env)).issue(world.admin())
    offered = [_offer(service, world, token, **more) for more in ({}, {"capacity": 6, "maxPartySize": 3})]
    _wait_for_the_worker(service)
    customers = [Customer(number, seed, service, world.user(), offered, memory) for number in range(CUSTOMERS)]
    killer = Killer(service, seed, PAUSE)
    for customer in customers:
        customer.start()
    began = time.monotonic()
    killer.rage(SECONDS)
    # A slow machine needs longer until everything has happened once, and a worker that was killed to come back.
    until = time.monotonic() + patient(10)
    while missing(memory) and time.monotonic() < until:
        time.sleep(0.2)
    for customer in customers:
        customer.stop.set()
    for customer in customers:
        customer.join(90)
        assert customer.failure is None, customer.failure
    took = time.monotonic() - began
    _wait_until_quiet(service)
    found = Aftermath(service, memory, killer.kills, offered, token)
    _say(found, took)
    yield found
    world.close()


def _offer(service: Service, world: World, token: str, **more: Any) -> str:
    """A service of half an hour in the morning: for one with any of six, or for a group in one room."""
    if "capacity" in more:
        resources = [world.resource(capacity=more["capacity"])]
    else:
        resources = [world.provider(auto_confirm=True).id for _ in range(PROVIDERS)]
    for resource in resources:
        hours = {day: [{"from": "08:00", "to": "12:00"}] for day in _WEEKDAYS}
        world.query("UPDATE resources SET time_zone = 'UTC' WHERE id = %s", resource)
        _put(
            service, token, f"/schedules/resources/{resource}", {"weekly": hours, "rules": {"slotIntervalMinutes": 30}}
        )
    body = {"name": "Popular", "durations": [{"minutes": 30, "price": 100}], "currency": "EUR", **more}
    body["resourceIds"] = [str(resource) for resource in resources]
    return str(_send(service, token, "POST", "/services", body)["id"])


_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _put(service: Service, token: str, path: str, body: Json) -> Json:
    return _send(service, token, "PUT", path, body)


def _send(service: Service, token: str, method: str, path: str, body: Json) -> Json:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(service.base_url + path, json.dumps(body).encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: Json = json.loads(answer.read())
        return found


def _wait_for_the_worker(service: Service) -> None:
    """Wait until somebody follows the events for the line."""

    def followed() -> bool:
        with psycopg.connect(service.database_url) as connection:
            return connection.execute("SELECT FROM event_consumers WHERE name = 'waitlist'").rowcount == 1

    wait_for(followed, bool, patient(10))


def missing(memory: Memory) -> dict[str, int]:
    """What has not happened often enough to call it a crowd."""
    done = {
        "refused": (memory.answers["POST bookings 409"] + memory.answers["POST holds 409"], 50),
        "booked": (len(memory.bookings), 50),
        "called off": (sum(memory.bookings.values()), 10),
        "moved": (memory.answers["PATCH bookings 200"], 3),
        "accepted": (len(memory.accepted), 2),
    }
    return {what: count for what, (count, enough) in done.items() if count < enough}


def _wait_until_quiet(service: Service) -> None:
    """Wait until no hold and no offer is open any more, nothing is waiting to be told, and the line has been asked."""
    count = """
        SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM waitlist_openings)
             + (SELECT count(*) FROM waitlist_offers WHERE state = 'open')
             + (SELECT count(*) FROM allocations
                 WHERE hold_id IS NOT NULL AND booking_id IS NULL AND released_at IS NULL)
             + (SELECT max(position) FROM events) - (SELECT min(position) FROM event_consumers)
    """

    def left() -> int:
        with psycopg.connect(service.database_url) as connection:
            row = connection.execute(count).fetchone()
            assert row
            return int(row[0])

    # Offers that nobody answers go down the line, one after the other; what is left then is for the tests to tell.
    try:
        wait_for(left, lambda found: found == 0, patient(30))
    except AssertionError as late:
        print(late)


def _say(found: Aftermath, took: float) -> None:
    told = found.memory
    offers = found.rows("SELECT state, count(*) AS n FROM waitlist_offers GROUP BY state ORDER BY state")
    late = [_after_a_kill(found, one) for one in told.trouble]
    print(f"{took:.0f} s, {sum(told.answers.values())} answers, {len(found.kills)} kills")
    print(f"{len(told.bookings)} bookings acknowledged, {sum(told.bookings.values())} of them called off")
    print(f"offers { ({row['state']: row['n'] for row in offers}) }, {len(told.offers)} of them seen")
    print(
        f"{len(told.trouble)} times without an answer or with 5xx; {sum(map(bool, late))} of them not on a connection"
    )
    print(f"that ended with its worker, at most {max(late, default=0):.2f} s after a kill")
    print(dict(sorted(told.answers.items())))


def _after_a_kill(found: Aftermath, one: Trouble) -> float:
    """Seconds since the last kill before it; 0 when that may have ended the connection on which there was no answer."""
    killed = max((at for at, _ in found.kills if at <= one.at), default=float("-inf"))
    return 0.0 if one.since <= killed and one.what.split(": ")[0].endswith("no answer") else one.at - killed


def test_the_data_is_sound(aftermath: Aftermath) -> None:
    assert [finding for finding in check_data.findings(aftermath.service.database_url) if finding.rows] == []


def test_nothing_contradicts_what_was_answered(aftermath: Aftermath) -> None:
    assert aftermath.memory.contradictions == []
    status = {str(row["id"]): row["status"] for row in aftermath.rows("SELECT id, status FROM bookings")}
    for id, called_off in aftermath.memory.bookings.items():
        assert id in status, f"{id} was acknowledged and is gone"
        assert not called_off or status[id] == "cancelled", f"the cancellation of {id} was acknowledged and is gone"
    assert status.keys() == aftermath.memory.bookings.keys(), "there is a booking that nobody was told of"


def test_no_offer_is_made_twice(aftermath: Aftermath) -> None:
    """Of one time there is one claim, whoever it was offered to: an accepted offer is one booking, no two share one."""
    accepted = aftermath.memory.accepted
    assert len(set(accepted.values())) == len(accepted)
    rows = aftermath.rows(
        """SELECT o.hold_id, h.booking_id FROM waitlist_offers AS o JOIN holds AS h ON h.id = o.hold_id
            WHERE o.state = 'accepted'"""
    )
    became = {str(row["hold_id"]): str(row["booking_id"]) for row in rows}
    assert accepted.items() <= became.items()
    assert aftermath.memory.offers <= {
        str(row["hold_id"]) for row in aftermath.rows("SELECT hold_id FROM waitlist_offers")
    }


def test_no_offer_is_lost(aftermath: Aftermath) -> None:
    """When it is quiet nobody waits for a time that is free, unless they refused it or have something else then."""
    assert (
        aftermath.rows("SELECT * FROM waitlist_offers WHERE state = 'open' AND expires_at < now() - interval '5 s'")
        == []
    )
    free = {service_id: _free(aftermath, service_id) for service_id in aftermath.services}
    waiting = aftermath.rows("SELECT * FROM waitlist_entries WHERE state = 'waiting' ORDER BY place")
    refused = aftermath.rows("SELECT entry_id, start_at FROM waitlist_offers WHERE state IN ('declined', 'lapsed')")
    said_no = {(row["entry_id"], row["start_at"]) for row in refused}
    forgotten = [
        (entry["id"], start)
        for entry in waiting
        for start in free[str(entry["service_id"])]
        if entry["from_at"] <= start
        and start + timedelta(minutes=30) <= entry["to_at"]
        and (entry["id"], start) not in said_no
    ]
    assert forgotten == []


def _free(aftermath: Aftermath, service_id: str) -> list[datetime]:
    """The starts that can be had."""
    day = DAY.date().isoformat()
    found = aftermath.ask(f"/slots?serviceId={service_id}&from={day}&to={day}&timeZone=UTC")
    return [datetime.fromisoformat(slot["startAt"]) for one in found["days"] for slot in one["slots"]]


def test_five_seconds_after_a_kill_nobody_notices(aftermath: Aftermath) -> None:
    late = [one.what for one in aftermath.memory.trouble if _after_a_kill(aftermath, one) > soon(FORGIVEN)]
    assert late == []


def test_it_was_a_crowd(aftermath: Aftermath) -> None:
    """There was more wanted than there was; everything that customers can do was done; both kinds were killed."""
    assert {kind for _, kind in aftermath.kills} == {"web worker", "worker"}
    assert missing(aftermath.memory) == {}
