"""What admins see of jobs, and what they decide: every answer has its schema, every decision is audited."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from marshmallow import Schema

from bookings.admin.job_schemas import Cleanup, Job, JobHealth, JobMetrics, JobPage, QueueStats
from bookings.db import Database
from bookings.job import housekeeping, service
from bookings.job.runner import Runner
from bookings.job.service import Registry
from tests.factories import World
from tests.support.databases import damage
from tests.support.people import NO_REDIS, Client, settings_for, wrong_fields

Json = dict[str, Any]


class Office:
    """An admin at work, and jobs to look at."""

    def __init__(self, client: Client, world: World) -> None:
        self.client, self.world = client, world
        self.database: Database = client.app.extensions["database"]
        self.settings = client.app.extensions["settings"]
        self.boss = client.token(world.admin())
        self.told: list[str] = []

    def ask(
        self, method: str, path: str, schema: type[Schema] | None = None, *, status: int = 200, **query: Any
    ) -> Json:
        """A request of the admin; the answer, checked against its schema."""
        answer = self.client.call(method, path, token=self.boss, query_string=query)
        assert answer.status_code == status, answer.text
        body: Json = answer.get_json()
        assert schema is None or schema().validate(body) == {}
        return body

    def enqueue(self, kind: str = "mail", **options: Any) -> UUID:
        """A new job."""
        return self.database.run(lambda tx: service.enqueue(tx, kind=kind, **({"payload": {"n": 1}} | options)))

    def runner(self, kind: str = "mail", error: Exception | None = None) -> Runner:
        """A worker that does a kind, or fails at it."""

        def handle(payload: Json, job: service.Job) -> None:
            if error:
                raise error

        registry = Registry()
        registry.register(kind, handle, on_dead=lambda payload, error: self.told.append(error))
        return Runner(self.database, registry, self.settings, lambda: None)

    def dead(self, kind: str = "mail", **options: Any) -> UUID:
        """A job that failed for good."""
        id = self.enqueue(kind, max_attempts=1, **options)
        assert self.runner(kind, RuntimeError("broken")).run(id)
        return id

    def done(self, kind: str = "mail", *, days_ago: float = 0) -> UUID:
        """A job that is done."""
        id = self.enqueue(kind)
        assert self.runner(kind).run(id)
        self.world.query(
            "UPDATE jobs SET finished_at = now() - make_interval(secs => %s) WHERE id = %s", days_ago * 86400, id
        )
        return id

    def worker(self, *kinds: str, silent: float = 0) -> None:
        """A worker's sign of life."""
        self.world.query(
            """INSERT INTO job_workers (id, host, pid, kinds, seen_at)
               VALUES (%s, 'host', 1, %s, now() - make_interval(secs => %s))""",
            uuid4(),
            list(kinds),
            silent,
        )

    def audited(self, id: UUID | str) -> list[Json]:
        """What the trail has about a job, the newest first."""
        items: list[Json] = self.ask("GET", "/audit", subjectType="job", subjectId=str(id))["items"]
        return items


@pytest.fixture
def office(client: Client, world: World) -> Iterator[Office]:
    """An office without jobs; after the test the data keeps its invariants."""
    world.query("TRUNCATE jobs, job_workers, event_consumers, events")
    yield Office(client, world)
    assert damage(world.address) == []


def test_one_job_tells_everything(office: Office) -> None:
    id = office.dead(key="k")
    job = office.ask("GET", f"/jobs/{id}", Job)
    assert (job["kind"], job["key"], job["state"], job["payload"]) == ("mail", "k", "dead", {"n": 1})
    assert (job["attempts"], job["maxAttempts"], job["lastError"]) == (1, 1, "RuntimeError: broken")
    assert job["finishedAt"]
    assert office.ask("GET", f"/jobs/{uuid4()}", status=404)["code"] == "not-found"


def test_the_list_filters_by_kind_and_state(office: Office) -> None:
    dead, done = office.dead(), office.done("report")
    later = office.enqueue(run_at=datetime.now(UTC) + timedelta(hours=1))
    waiting = office.enqueue()
    states = {
        "dead": [dead],
        "done": [done],
        "scheduled": [later],
        "waiting": [waiting],
        "scheduled,dead": [later, dead],
    }
    for state, ids in states.items():
        page = office.ask("GET", "/jobs", JobPage, state=state)
        assert [item["id"] for item in page["items"]] == [str(id) for id in ids], state
        assert (page["total"], page["totalIsExact"]) == (len(ids), True)
    assert [item["id"] for item in office.ask("GET", "/jobs", JobPage, kind="report")["items"]] == [str(done)]
    assert len(office.ask("GET", "/jobs", JobPage)["items"]) == 4
    for query in ({"state": "asleep"}, {"limit": 0}, {"limit": 101}, {"page": 101, "limit": 100}, {"cursor": "x"}):
        assert wrong_fields(office.client.call("GET", "/jobs", token=office.boss, query_string=query)) == {
            next(iter(query))
        }


def test_pages_and_cursors_see_each_job_once(office: Office) -> None:
    ids = [str(office.enqueue()) for _ in range(7)][::-1]
    pages = [office.ask("GET", "/jobs", JobPage, limit=3, page=page) for page in (1, 2, 3)]
    assert [item["id"] for page in pages for item in page["items"]] == ids
    seen: list[str] = []
    cursor: Json = {}
    while True:
        page = office.ask("GET", "/jobs", JobPage, limit=3, **cursor)
        seen += [item["id"] for item in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = {"cursor": page["nextCursor"]}
    assert seen == ids


def test_a_dead_letter_is_tried_again_with_all_its_attempts(office: Office) -> None:
    id = office.dead()
    assert office.told == ["RuntimeError: broken"]
    job = office.ask("POST", f"/jobs/{id}/retry", Job)
    assert (job["state"], job["attempts"], job["finishedAt"]) == ("waiting", 0, None)
    [entry] = office.audited(id)
    assert (entry["action"], entry["after"]) == ("job.retry", {"state": "waiting"})
    assert entry["before"] == {"kind": "mail", "state": "dead", "attempts": 1, "lastError": "RuntimeError: broken"}
    assert office.runner().run(id)
    assert office.ask("GET", f"/jobs/{id}", Job)["state"] == "done"
    assert office.ask("POST", f"/jobs/{id}/retry", status=409)["code"] == "job-not-dead"
    again = office.dead()
    office.ask("POST", f"/jobs/{again}/retry")
    assert office.runner(error=RuntimeError("still")).run(again)
    assert office.told == ["RuntimeError: broken"] * 2 + ["RuntimeError: still"], "it is told of each death"


def test_what_waits_for_its_next_attempt_can_be_hurried(office: Office) -> None:
    id = office.enqueue()
    slow = replace(office.settings, job_retry_base=timedelta(hours=1))
    registry = office.runner(error=RuntimeError("broken")).registry
    Runner(office.database, registry, slow, lambda: None).run(id)
    assert office.ask("POST", f"/jobs/{id}/retry", Job)["state"] == "waiting"
    assert office.runner().run(id)


def test_a_second_job_of_an_open_key_is_refused(office: Office) -> None:
    dead = office.dead(key="k")
    office.enqueue(key="k")
    assert office.ask("POST", f"/jobs/{dead}/retry", status=409)["code"] == "same-job-open"
    assert office.ask("GET", f"/jobs/{dead}", Job)["state"] == "dead"
    assert office.audited(dead) == []


def test_a_dead_letter_is_discarded(office: Office) -> None:
    id = office.dead()
    job = office.ask("POST", f"/jobs/{id}/discard", Job)
    assert (job["state"], job["lastError"]) == ("discarded", "RuntimeError: broken")
    assert [entry["action"] for entry in office.audited(id)] == ["job.discard"]
    assert office.ask("POST", f"/jobs/{id}/discard", status=409)["code"] == "job-not-dead"
    assert office.ask("POST", f"/jobs/{office.enqueue()}/discard", status=409)["code"] == "job-not-dead"
    assert office.ask("POST", f"/jobs/{uuid4()}/discard", status=404)


def test_cleanup_forgets_what_is_done_and_old_enough(office: Office) -> None:
    old, young = office.done(days_ago=8), office.done(days_ago=6)
    dead = office.dead()
    office.world.query("UPDATE jobs SET finished_at = now() - interval '1 year' WHERE id = %s", dead)
    gone = office.dead()
    office.ask("POST", f"/jobs/{gone}/discard")
    waiting = office.enqueue()
    assert office.ask("POST", "/jobs/cleanup", Cleanup, maxAge="7d") == {
        "deleted": {"done": 1, "discarded": 0},
        "more": False,
    }
    assert office.ask("GET", f"/jobs/{old}", status=404)
    assert office.ask("POST", "/jobs/cleanup", Cleanup, maxAge="0s")["deleted"] == {"done": 1, "discarded": 1}
    assert office.ask("POST", "/jobs/cleanup", Cleanup)["deleted"] == {"done": 0, "discarded": 0}
    left = {item["id"] for item in office.ask("GET", "/jobs", JobPage)["items"]}
    assert left == {str(dead), str(waiting)}
    assert str(young) not in left
    entries = office.audited("*")
    assert [entry["after"]["deleted"] for entry in entries[:2]] == [
        {"done": 1, "discarded": 1},
        {"done": 1, "discarded": 0},
    ]
    for age in ("7", "-1d", "1w", "", "9999999d"):
        answer = office.client.call("POST", "/jobs/cleanup", token=office.boss, query_string={"maxAge": age})
        assert wrong_fields(answer) == {"maxAge"}


def test_housekeeping_forgets_after_the_retention_and_keeps_dead_letters(office: Office) -> None:
    office.done(days_ago=8)
    kept = {office.done(days_ago=6), office.dead(), office.enqueue()}
    assert housekeeping.forget(office.database, office.settings) == {"done": 1, "discarded": 0}
    assert {row["id"] for row in office.world.query("SELECT id FROM jobs")} == kept


def test_stats_count_by_state_and_kind(office: Office) -> None:
    office.dead()
    office.done()
    office.done("report")
    office.enqueue()
    office.enqueue(run_at=datetime.now(UTC) + timedelta(hours=1))
    stats = office.ask("GET", "/jobs/queue/stats", QueueStats)
    none = {"running": 0, "failed": 0, "discarded": 0}
    assert stats["total"] == none | {"scheduled": 1, "waiting": 1, "dead": 1, "done": 2}
    mail, report = stats["kinds"]
    assert mail == none | {"kind": "mail", "scheduled": 1, "waiting": 1, "dead": 1, "done": 1}
    assert report["done"] == 1
    assert stats["exact"] is True


def test_pace_tells_how_long_jobs_waited_and_ran(office: Office) -> None:
    for seconds in (1, 2, 3):
        id = office.done()
        office.world.query(
            """UPDATE jobs SET run_at = now() - interval '1 minute', started_at = now() - interval '50 seconds',
                      finished_at = now() - interval '50 seconds' + make_interval(secs => %s) WHERE id = %s""",
            seconds,
            id,
        )
    office.done(days_ago=1)
    (kind,) = office.ask("GET", "/jobs/metrics", JobMetrics)["kinds"]
    assert (kind["kind"], kind["done"], kind["meanAttempts"]) == ("mail", 3, 1)
    assert (kind["waitedSeconds"]["p50"], kind["ranSeconds"]["p50"]) == (10, 2)
    assert office.ask("GET", "/jobs/metrics", JobMetrics, minutes=3000)["kinds"][0]["done"] == 4


def test_health_without_workers_is_down(office: Office) -> None:
    assert office.ask("GET", "/jobs/health", JobHealth)["status"] == "down"
    office.worker("mail", silent=31)
    health = office.ask("GET", "/jobs/health", JobHealth)
    assert (health["status"], health["workers"][0]["alive"]) == ("down", False)
    office.worker("mail", silent=3)
    health = office.ask("GET", "/jobs/health", JobHealth)
    assert (health["status"], [kind["kind"] for kind in health["kinds"]]) == ("ok", ["mail"])
    assert health["queue"] == {"ok": True, "pending": 0, "scheduled": 0}


@pytest.mark.parametrize("verdict", ["no-worker", "late", "dead-letters", "ok"])
def test_health_tells_what_is_wrong_with_a_kind(office: Office, verdict: str) -> None:
    office.worker("mail")
    if verdict == "dead-letters":
        office.dead()
    elif verdict != "ok":
        id = office.enqueue("report" if verdict == "no-worker" else "mail")
        office.world.query("UPDATE jobs SET run_at = now() - interval '2 minutes' WHERE id = %s", id)
    health = office.ask("GET", "/jobs/health", JobHealth)
    kinds = {kind["kind"]: kind for kind in health["kinds"]}
    assert health["status"] == ("ok" if verdict == "ok" else "degraded")
    kind = kinds["report" if verdict == "no-worker" else "mail"]
    assert kind["status"] == verdict
    assert (kind["oldestDueSeconds"] > 100) is (verdict in ("no-worker", "late"))


def test_health_tells_of_consumers(office: Office) -> None:
    office.worker("mail")
    office.world.query(
        """INSERT INTO events (position, type, topics, data, occurred_at, placed_at)
           SELECT n, 'x', '{}', '{}', now(), now() - interval '5 minutes' FROM generate_series(1, 10) AS n"""
    )
    office.world.query("INSERT INTO event_consumers (name, position) VALUES ('good', 10), ('slow', 4)")
    office.world.query(
        """INSERT INTO event_consumers (name, position, failing, failures, last_error, retry_at)
           VALUES ('stuck', 6, 7, 3, 'RuntimeError: no', now())"""
    )
    health = office.ask("GET", "/jobs/health", JobHealth)
    good, slow, stuck = health["consumers"]
    assert health["status"] == "degraded"
    assert (good["status"], good["behind"], good["lagSeconds"]) == ("ok", 0, 0)
    assert (slow["status"], slow["behind"]) == ("late", 6)
    assert slow["lagSeconds"] > 290
    assert (stuck["status"], stuck["failingPosition"], stuck["lastError"]) == ("failing", 7, "RuntimeError: no")


def test_health_without_redis(module_database_url: str, world: World, office: Office) -> None:
    client = Client(settings_for(module_database_url, NO_REDIS))
    answer = client.call("GET", "/jobs/health", token=client.token(world.admin()))
    client.close()
    assert answer.get_json()["queue"] == {"ok": False, "pending": None, "scheduled": None}
