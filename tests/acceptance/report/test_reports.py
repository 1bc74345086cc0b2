"""Reports through the service's real processes: asked for over HTTP, made by the worker, told on the socket.

A worker that is killed in the middle, two workers at one schedule, more rows than memory is for.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

import check_data
from bookings.auth import Actor, Tokens
from bookings.config import Settings
from tests.acceptance.realtime.client import Client
from tests.factories import World
from tests.support.databases import ROOT
from tests.support.preloaded import PreloadedProcess
from tests.support.service import COMMANDS, Service, ServiceOptions
from tests.support.web import send

SERVICE = ServiceOptions(env={"JOB_LEASE": "2s", "RATE_LIMIT": "off", "BUSINESS_TIME_ZONE": "Europe/Berlin"})
T = TypeVar("T")
Json = dict[str, Any]
CUSTOMERS = 60_000
#: what a report of all of them may take beyond one of a few, in KiB: a list of their rows takes 36 MiB
MEMORY = 8 * 1024


class Office:
    """An admin, over HTTP."""

    def __init__(self, service: Service, world: World) -> None:
        self.service, self.world = service, world
        self.actor = world.admin()
        self.folder = Path(service.env["REPORT_DIR"])

    @property
    def token(self) -> str:
        """As sign-in issues it."""
        return Tokens(Settings.from_env(self.service.env)).issue(self.actor)

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """One request: status and body."""
        return send(self.service.base_url + path, method, body, token=self.token)

    def asked(self, kind: str, **more: Any) -> str:
        """The id of a new report."""
        body = {"kind": kind, "from": "2027-01-01", "to": "2028-01-01", **more}
        status, answer = self.call("POST", "/reports", body)
        assert status == 202, answer
        return str(json.loads(answer)["id"])

    def report(self, id: str) -> Json:
        """A report as it stands."""
        return dict(json.loads(self.call("GET", f"/reports/{id}")[1]))

    def files(self, id: str) -> list[str]:
        """What there is of a report below REPORT_DIR, finished or not."""
        return [str(path.relative_to(self.folder)) for path in self.folder.rglob(f"*{id}*")]


def wait_for(look: Callable[[], T], enough: Callable[[T], bool], seconds: float = 90) -> T:
    """Look until it is enough."""
    deadline = time.monotonic() + seconds
    while not enough(seen := look()):
        assert time.monotonic() < deadline, f"last seen: {seen}"
        time.sleep(0.05)
    return seen


@pytest.fixture(scope="module")
def world(service: Service) -> Iterator[World]:
    """People and things in the service's database."""
    with contextlib.closing(World(service.database_url)) as made:
        yield made


@pytest.fixture(scope="module")
def office(service: Service, world: World) -> Office:
    """The office of a house with very many customers."""
    room = world.resource(capacity=1000)
    world.query(
        """INSERT INTO users (id, email, name, created_at, updated_at)
           SELECT gen_random_uuid(), n || '@crowd.example.com', 'Customer ' || n, now(), now()
             FROM generate_series(1, %s) AS n""",
        CUSTOMERS,
    )
    world.query(
        """INSERT INTO bookings (id, user_id, resource_ids, workspace_id, start_at, end_at, status, version, created_by,
                                 created_at, updated_at)
           SELECT gen_random_uuid(), id, ARRAY[%s::uuid], %s, at, at + interval '1 hour', 'completed', 2, id,
                  at - interval '1 day', at
             FROM (SELECT id, timestamptz '2027-01-01Z' + row_number() OVER (ORDER BY id) * interval '3 minutes' AS at
                     FROM users WHERE email LIKE '%%@crowd.example.com') AS crowd""",
        room,
        room,
    )
    world.query("ANALYZE")
    return Office(service, world)


def test_from_the_request_to_the_file_with_a_socket_listening(office: Office, service: Service) -> None:
    with Client(service.socket_url, office.token) as socket:
        socket.ask("subscribe")
        id = office.asked("customers", format="csv")
        events = socket.receive_until(lambda events: any(e["event"] == "report.finished" for e in events), 90)
    assert {event["event"] for event in events} <= {"report.progress", "report.finished"}
    percents = [event["data"]["progress"] for event in events]
    assert percents == sorted(percents)
    assert len(events) <= 11
    assert events[-1]["data"] == office.report(id)
    status, data = office.call("GET", f"/reports/{id}/download")
    lines = data.decode().splitlines()
    assert status == 200
    assert sum(not line.startswith("#") for line in lines) == CUSTOMERS + 1
    assert events[-1]["data"]["rows"] == CUSTOMERS


@pytest.mark.crash
def test_a_worker_that_is_killed_in_the_middle(office: Office, service: Service) -> None:
    """Once finished, no half file; until then there is nothing to fetch."""
    id = office.asked("customers", format="xlsx")
    wait_for(
        lambda: sum(path.stat().st_size for path in office.folder.glob(f"unfinished/{id}.*/*")),
        lambda size: size > 100_000,
    )
    service.kill("worker")
    assert office.report(id)["status"] == "running"
    assert office.call("GET", f"/reports/{id}/download")[0] == 409
    left = office.files(id)
    assert left
    assert all(name.startswith("unfinished/") for name in left)
    service.start("worker")
    made = wait_for(lambda: office.report(id), lambda report: report["status"] == "finished")
    assert (made["rows"], office.world.query("SELECT attempt FROM reports WHERE id = %s", id)) == (
        CUSTOMERS,
        [{"attempt": 2}],
    )
    (row,) = office.world.query("SELECT file FROM reports WHERE id = %s", id)
    assert office.files(id) == [row["file"]]
    status, data = office.call("GET", f"/reports/{id}/download")
    assert (status, len(data), data[:2]) == (200, made["bytes"], b"PK")
    (told,) = wait_for(
        lambda: office.world.query(
            "SELECT count(*) AS times FROM events WHERE type = 'report.finished' AND data ->> 'id' = %s", id
        ),
        lambda rows: rows[0]["times"] > 0,
    )
    assert told["times"] == 1


def test_more_rows_than_memory_is_for(office: Office, service: Service) -> None:
    """As JSON, CSV and XLSX tens of thousands of rows take hardly more than none."""
    service.processes["worker"].stop()
    try:
        few = {"from": "2027-01-01", "to": "2027-01-02", "filters": {"status": ["pending"]}}
        ids = [
            office.asked("customers", format=format, **more) for more in (few, {}) for format in ("xlsx", "csv", "json")
        ]
        found = json.loads(service.run("-m", "tests.acceptance.report.measure_memory", *ids))
    finally:
        service.start("worker")
    assert [rows for rows, _ in found] == [0, 0, 0, *[CUSTOMERS] * 3]
    assert found[-1][1] - found[2][1] < MEMORY, found


def test_two_workers_make_each_period_once(office: Office, service: Service) -> None:
    second = PreloadedProcess(COMMANDS["worker"], service.folder / "worker-2.log", env=service.env, cwd=ROOT)
    try:
        ids = []
        for _ in range(3):
            status, answer = office.call(
                "POST", "/reports/schedules", {"kind": "bookings", "every": "daily", "at": "06:30", "groupBy": "day"}
            )
            assert status == 201
            ids.append(json.loads(answer)["id"])
        office.world.query("UPDATE report_schedules SET next_at = next_at - interval '5 days'")
        made = "SELECT schedule_id, due_at, status FROM reports WHERE schedule_id = ANY (%s)"
        rows = wait_for(
            lambda: office.world.query(made, ids),
            lambda rows: len(rows) >= 15 and all(row["status"] == "finished" for row in rows),
        )
        assert len(rows) == len({(row["schedule_id"], row["due_at"]) for row in rows}) == 15
    finally:
        assert second.stop() == 0


def test_a_review_follows_its_booking(office: Office, service: Service) -> None:
    """Through the relay and the worker: completed by mistake, reviewed, then found to be a no-show."""
    provider, customer = office.world.provider(auto_confirm=True), office.world.user()

    def ask(actor: Actor, path: str, body: Json) -> Json:
        office.actor, kept = actor, office.actor
        status, answer = office.call("POST", path, body)
        office.actor = kept
        assert status in (200, 201), answer
        return dict(json.loads(answer))

    booking = ask(
        customer,
        "/bookings",
        {"providerId": str(provider.id), "startAt": soon(24), "endAt": soon(25)},
    )
    admin = {"override": True, "reason": "test"}
    ask(office.actor, f"/bookings/{booking['id']}/complete", admin)
    review = ask(customer, "/reviews", {"bookingId": booking["id"], "rating": 5})
    for action, state in (("no-show", "withdrawn"), ("complete", "shown")):
        ask(office.actor, f"/bookings/{booking['id']}/{action}", admin)
        wait_for(
            lambda: json.loads(office.call("GET", f"/reviews/{review['id']}")[1])["state"],
            lambda seen, state=state: seen == state,  # type: ignore[misc]
            20,
        )


def soon(hours: int) -> str:
    """An instant so many hours from now."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + hours * 3600))


def test_the_checks_of_reviews_and_reports_are_green(service: Service) -> None:
    """(The crowd's bookings came without claims and history.)"""
    found = [one for one in check_data.findings(service.database_url) if one.rows]
    assert [one for one in found if one.check.startswith(("report.", "review."))] == []
