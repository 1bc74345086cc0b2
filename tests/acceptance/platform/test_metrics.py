"""/metrics under several gunicorn workers: nothing lost, nothing counted twice, also after a worker was killed."""

from __future__ import annotations

import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bookings.auth import Actor, Tokens
from bookings.config import Settings
from tests.factories import World
from tests.support.patience import REQUEST, patient
from tests.support.service import Service, ServiceOptions
from tests.support.web import send

SERVICE = ServiceOptions(env={"WEB_WORKERS": "3", "REMINDER_LEAD": "1h", "RATE_LIMIT": "off"})
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(address: str) -> Samples:
    """All samples by name and labels."""
    with urllib.request.urlopen(f"{address}/metrics", timeout=REQUEST) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        text = answer.read().decode()
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value
    return found


def value(samples: Samples, name: str, **labels: str) -> float:
    """One sample's value."""
    return samples[name, tuple(sorted(labels.items()))]


def requests(samples: Samples, rule: str) -> float:
    """How many requests of a route were counted, whatever their status."""
    name = "flask_http_request_duration_seconds_count"
    return sum(count for (found, labels), count in samples.items() if found == name and ("url_rule", rule) in labels)


def get(service: Service, path: str, token: str = "", method: str = "GET") -> int:
    """The status of a request on a connection of its own, so that any worker may answer."""
    return send(service.base_url + path, method, token=token)[0]


@pytest.fixture(scope="module")
def world(service: Service) -> Iterator[World]:
    """People and things in the service's database."""
    world = World(service.database_url)
    yield world
    world.close()


@pytest.fixture(scope="module")
def customer(world: World) -> Actor:
    """Somebody."""
    return world.user()


@pytest.fixture(scope="module")
def token(service: Service, customer: Actor) -> str:
    """Their access token."""
    return Tokens(Settings.from_env(service.env)).issue(customer)


def test_requests_of_all_workers_are_counted_once(service: Service, token: str) -> None:
    """Exactly as many as were made, whichever worker answers the scrape."""
    before = requests(scrape(service.base_url), "/bookings")
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: get(service, "/bookings", token), range(120)))
    assert set(statuses) == {200}
    for _ in range(6):
        assert requests(scrape(service.base_url), "/bookings") - before == 120


def test_a_killed_worker_takes_no_count_with_it(service: Service, token: str) -> None:
    """A counter never goes back; what is alive is counted without the dead."""
    before = scrape(service.base_url)
    os.kill(service.children("web")[0], signal.SIGKILL)
    deadline = time.monotonic() + patient(20)
    while len(service.children("web")) < 3 or value(scrape(service.base_url), "bookings_db_pool_limit") != 24:
        assert time.monotonic() < deadline, "the pools of three workers should be back"
        time.sleep(0.2)
    assert requests(scrape(service.base_url), "/bookings") >= requests(before, "/bookings")


def test_routes_are_patterns(service: Service, token: str) -> None:
    """Ids, unknown paths and odd methods make no series of their own; probes are not timed."""
    for path in ("/bookings/0190f3b4-9c7b-7d5e-8a1b-2c3d4e5f6a7b", "/bookings/0190f3b4-9c7b-7d5e-8a1b-2c3d4e5f6a7c"):
        assert get(service, path, token) == 404
    get(service, "/some/made/up/path")
    get(service, "/health")
    assert get(service, "/me", token, "BREW") == 405
    samples = scrape(service.base_url)
    assert requests(samples, "/bookings/<uuid:booking_id>") == 2
    assert requests(samples, "none") >= 1
    labels = [dict(labels) for name, labels in samples if name.startswith("flask_")]
    assert {one["url_rule"] for one in labels}.isdisjoint({"/health", "/ready", "/metrics", "/ws"})
    assert {one["method"] for one in labels} <= {"GET", "POST", "other"}


def test_a_booking_is_seen_on_its_way(service: Service, world: World, customer: Actor, token: str) -> None:
    """Written, placed, published, reminded of, told in app and log: each shows, and nothing lags behind afterwards."""
    start = datetime.now(UTC) + timedelta(hours=1, seconds=4)
    body: dict[str, Any] = {"resourceId": str(world.resource(auto_confirm=True)), "startAt": start.isoformat()}
    body["endAt"] = (start + timedelta(minutes=30)).isoformat()
    assert post(service, "/bookings", body, token) == 201

    def arrived() -> bool:
        samples = scrape(service.base_url)
        position = value(samples, "bookings_events_position")
        return (
            value(samples, "bookings_written_total") == 1
            and value(samples, "bookings_notifications_written_total") == 4
            and position == value(samples, "bookings_stream_position") == 4
            and value(samples, "bookings_relay_waiting") == 0
            and value(samples, "bookings_reminders_overdue_seconds") == 0
        )

    deadline = time.monotonic() + patient(30)
    while not arrived():
        assert time.monotonic() < deadline, scrape(service.base_url)
        time.sleep(0.25)
    samples = scrape(service.base_url)
    assert {dict(labels)["state"] for name, labels in samples if name == "bookings_jobs"} == {"pending", "scheduled"}


def post(service: Service, path: str, body: dict[str, Any], token: str) -> int:
    """The status of a POST."""
    return send(service.base_url + path, "POST", body, token=token)[0]


def test_a_silent_relay_shows(service: Service, world: World, token: str) -> None:
    """Without a relay events wait, and the metric says for how long."""
    service.processes["relay"].stop()
    start = datetime.now(UTC) + timedelta(days=3)
    body = {"resourceId": str(world.resource()), "startAt": start.isoformat()}
    body["endAt"] = (start + timedelta(minutes=30)).isoformat()
    assert post(service, "/bookings", body, token) == 201
    time.sleep(1.1)
    samples = scrape(service.base_url)
    assert value(samples, "bookings_relay_waiting") == 1
    assert value(samples, "bookings_relay_lag_seconds") > 1
    service.start("relay")


def test_jobs_and_consumers_show(service: Service, world: World) -> None:
    """A job that nobody knows and a consumer that is stuck: what an operator's alarms look at."""
    world.query(
        """INSERT INTO jobs (id, kind, payload, max_attempts, run_at)
           VALUES (gen_random_uuid(), 'unknown', '{}', 8, now() - interval '2 minutes')"""
    )
    world.query(
        """INSERT INTO event_consumers (name, position, failing, failures, last_error, retry_at)
           VALUES ('stuck', 0, 1, 3, 'broken', now())"""
    )
    samples = scrape(service.base_url)
    assert value(samples, "bookings_jobs_count", kind="unknown", state="waiting") == 1
    assert value(samples, "bookings_jobs_due_seconds", kind="unknown") >= 120
    assert value(samples, "bookings_job_workers") == 1
    assert value(samples, "bookings_consumer_failures", consumer="stuck") == 3
    assert value(samples, "bookings_consumer_behind", consumer="stuck") >= 1
    assert value(samples, "bookings_consumer_lag_seconds", consumer="stuck") > 0


def test_sockets_are_counted_where_they_are(service: Service, token: str) -> None:
    """The sockets process tells of its own."""
    import websocket

    address = f"http://127.0.0.1:{service.sockets_port}"
    assert value(scrape(address), "bookings_sockets_open") == 0
    socket = websocket.create_connection(service.socket_url, header=[f"Authorization: Bearer {token}"], timeout=REQUEST)
    socket.send('{"event": "ping"}')
    socket.recv()
    assert value(scrape(address), "bookings_sockets_open") == 1
    socket.close()


def test_a_silent_source_is_said_not_guessed(service: Service) -> None:
    """Without Redis its metrics are missing, the others are there, and the scrape says so."""
    service.kill("redis")
    samples = scrape(service.base_url)
    assert value(samples, "bookings_scrape_failed", source="redis") == 1
    assert value(samples, "bookings_scrape_failed", source="postgres") == 0
    assert not [name for name, _ in samples if name == "bookings_jobs"]
    assert value(samples, "bookings_relay_lag_seconds") >= 0
    service.start("redis")
