"""Schedules: each period is reported once, by two workers or after a long sleep; and what is old goes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bookings import clock
from bookings.report import files, scheduler, schedules, service
from tests.integration.booking.api import problem, wrong_fields
from tests.integration.report.conftest import Office
from tests.integration.report.test_reports import fits
from tests.support.databases import damage

Json = dict[str, Any]
DAILY = {"kind": "bookings", "groupBy": "day", "every": "daily", "at": "06:30", "format": "csv"}


@pytest.fixture(autouse=True)
def sound(office: Office, module_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test begins without schedules; after it the data keeps its invariants. Most reports here are never made."""
    monkeypatch.setattr(service, "MOST_UNFINISHED", 10_000)
    office.world.query("DELETE FROM report_schedules")
    yield
    assert damage(module_database_url) == []


def travel(monkeypatch: pytest.MonkeyPatch, to: str) -> datetime:
    """Make it another time, in UTC."""
    moment = datetime.fromisoformat(to).replace(tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: moment)
    return moment


def scheduled(office: Office, **changes: Any) -> Json:
    """A new schedule of the admin's."""
    answer = office.admin.call("POST", "/reports/schedules", DAILY | changes)
    assert answer.status_code == 201, answer.text
    return dict(answer.json or {})


def periods(office: Office, schedule: Json) -> list[str]:
    """The local days of a schedule's reports."""
    rows = office.world.query(
        "SELECT (from_at AT TIME ZONE time_zone)::date AS day FROM reports WHERE schedule_id = %s ORDER BY from_at",
        schedule["id"],
    )
    return [row["day"].isoformat() for row in rows]


def run_due(office: Office, **changes: Any) -> int:
    """What a worker does every two seconds."""
    return schedules.run_due(office.database, replace(office.settings, **changes))


def test_a_schedule_is_made_read_changed_and_deleted(
    office: Office, document: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    travel(monkeypatch, "2027-03-01T12:00")
    schedule = scheduled(office, name="For the morning")
    path = f"/reports/schedules/{schedule['id']}"
    assert fits(document, "ReportSchedule", schedule)
    assert (schedule["at"], schedule["nextAt"]) == ("06:30", "2027-03-02T05:30:00Z")
    assert office.admin.get(path).json == schedule
    assert office.admin.get(path, If_None_Match='"1"').status_code == 304
    listed = office.admin.get("/reports/schedules").json or {}
    assert fits(document, "ReportSchedulePage", listed)
    assert listed["items"] == [schedule]
    changed = office.admin.call("PATCH", path, {"every": "weekly", "weekday": 1, "at": "07:00"}, If_Match='"1"')
    assert (changed.json or {})["nextAt"] == "2027-03-08T06:00:00Z"
    assert (office.admin.call("PATCH", path, {"at": "07:00"}).json or {})["version"] == 2
    problem(office.admin.call("PATCH", path, {"active": False}, If_Match='"1"'), 412, "precondition-failed")
    assert wrong_fields(office.admin.call("PATCH", path, {"every": "monthly"})) == ["day"]
    assert wrong_fields(office.admin.call("PATCH", path, {"groupBy": None})) == ["groupBy"]
    assert office.admin.call("DELETE", path).status_code == 204
    problem(office.admin.get(path), 404, "not-found")
    entries = office.world.query("SELECT action FROM audit_entries WHERE subject_id = %s ORDER BY id", schedule["id"])
    assert [entry["action"] for entry in entries] == [
        f"report-schedule.{action}" for action in ("create", "change", "delete")
    ]


@pytest.mark.parametrize(
    "body,field",
    [
        ({"every": "hourly"}, "every"),
        ({"at": "6:30"}, "at"),
        ({"at": "25:00"}, "at"),
        ({"every": "weekly"}, "weekday"),
        ({"weekday": 1}, "weekday"),
        ({"every": "weekly", "weekday": 8}, "weekday"),
        ({"every": "monthly", "day": 32}, "day"),
        ({"from": "2027-03-01"}, "from"),
    ],
)
def test_what_is_refused_is_named(office: Office, body: Json, field: str) -> None:
    assert wrong_fields(office.admin.call("POST", "/reports/schedules", DAILY | body)) == [field]


def test_once_each_day_with_its_local_day(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    travel(monkeypatch, "2027-03-26T12:00")
    schedule = scheduled(office)
    assert run_due(office) == 0
    for day in ("27", "28", "29"):  # clocks are put forward on the 28th
        travel(monkeypatch, f"2027-03-{day}T06:00")
        assert (run_due(office), run_due(office)) == (1, 0)
    assert periods(office, schedule) == ["2027-03-26", "2027-03-27", "2027-03-28"]
    rows = office.world.query(
        "SELECT to_at - from_at AS length, due_at FROM reports WHERE schedule_id = %s ORDER BY due_at", schedule["id"]
    )
    assert [row["length"] for row in rows] == [timedelta(hours=24), timedelta(hours=24), timedelta(hours=23)]
    assert [row["due_at"].hour for row in rows] == [5, 4, 4]


def test_after_a_sleep_each_missed_one_is_made_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    travel(monkeypatch, "2027-05-01T12:00")
    schedule = scheduled(office)
    travel(monkeypatch, "2027-05-11T12:00")
    assert run_due(office) == 10
    assert len(set(periods(office, schedule))) == 10


@pytest.mark.slow
def test_what_would_be_thrown_away_at_once_is_not_made(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    travel(monkeypatch, "2027-05-01T12:00")
    schedule = scheduled(office)
    travel(monkeypatch, "2029-05-01T12:00")
    assert run_due(office, report_retention=timedelta(days=7)) == 7
    assert periods(office, schedule)[-1] == "2029-04-30"


def test_many_workers_at_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    travel(monkeypatch, "2027-05-01T12:00")
    made = [scheduled(office, at=f"06:{minute:02}") for minute in range(6)]
    travel(monkeypatch, "2027-05-06T12:00")
    together = threading.Barrier(6)

    def work(_: int) -> int:
        together.wait()
        return run_due(office)

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(work, range(6))) == 30
    assert {tuple(periods(office, schedule)) for schedule in made} == {tuple(f"2027-05-0{day}" for day in range(1, 6))}
    (row,) = office.world.query(
        "SELECT count(*) AS jobs FROM jobs AS j JOIN reports AS p ON p.id::text = j.key WHERE p.schedule_id = ANY (%s)",
        [schedule["id"] for schedule in made],
    )
    assert row["jobs"] == 30


def test_even_one_who_turned_the_clock_back_makes_nothing_twice(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    travel(monkeypatch, "2027-05-01T12:00")
    schedule = scheduled(office)
    travel(monkeypatch, "2027-05-02T12:00")
    assert run_due(office) == 1
    office.world.query("UPDATE report_schedules SET next_at = '2027-05-02T04:30Z' WHERE id = %s", schedule["id"])
    assert run_due(office) == 0
    assert len(periods(office, schedule)) == 1


def test_paused_or_without_anybody_who_may_have_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    travel(monkeypatch, "2027-05-01T12:00")
    paused = scheduled(office)
    office.admin.call("PATCH", f"/reports/schedules/{paused['id']}", {"active": False})
    people = [office.world.provider() for _ in range(3)]
    theirs = [office.as_(person).call("POST", "/reports/schedules", DAILY).json or {} for person in people]
    office.world.query("UPDATE users SET disabled_at = now() WHERE id = %s", people[0].id)
    office.world.query("UPDATE users SET role = 'customer' WHERE id = %s", people[1].id)
    travel(monkeypatch, "2027-05-02T12:00")
    assert run_due(office) == 1
    assert [len(periods(office, schedule)) for schedule in (paused, *theirs)] == [0, 0, 0, 1]
    other = office.as_(office.world.provider())
    problem(other.get(f"/reports/schedules/{theirs[2]['id']}"), 404, "not-found")


def test_not_without_end(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "MOST", 2)
    provider = office.as_(office.world.provider())
    answers = [provider.call("POST", "/reports/schedules", DAILY) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 409]
    problem(answers[2], 409, "too-many-schedules")


def test_what_is_old_goes_with_its_file(office: Office, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = office.asked("bookings", ("2027-03-01", "2027-03-02"))
    office.work(old)
    (stored,) = office.world.query("SELECT file, created_at, expires_at FROM reports WHERE id = %s", old["id"])
    assert stored["expires_at"] - stored["created_at"] == office.settings.report_retention
    monkeypatch.setattr(clock, "now", lambda: stored["expires_at"] - timedelta(seconds=1))
    young = office.asked("bookings", ("2027-03-01", "2027-03-02"))
    scheduler.tidy(office.database, office.settings)
    assert (folder / stored["file"]).exists()
    monkeypatch.setattr(clock, "now", lambda: stored["expires_at"])
    assert scheduler.tidy(office.database, office.settings) >= 1
    assert not (folder / stored["file"]).exists()
    problem(office.admin.get(f"/reports/{old['id']}"), 404, "not-found")
    assert office.admin.get(f"/reports/{young['id']}").status_code == 200
    monkeypatch.undo()
    office.work(young)


def test_strangers_go_once_they_are_old(office: Office, folder: Path) -> None:
    known = office.asked("bookings", ("2027-03-01", "2027-03-02"))
    office.work(known)
    name = office.row(known)["file"]
    left = folder / "unfinished" / "of-a-killed-worker"
    left.mkdir(parents=True)
    (left / "half.csv").write_text("half")
    for path in (folder / "orphan.csv", folder / "young.csv"):
        path.write_text("x")
    long_ago = datetime.now(UTC).timestamp() - files.STRANGE - 1
    for path in (folder / "orphan.csv", folder / name, left):
        os.utime(path, (long_ago, long_ago))
    scheduler.tidy(office.database, office.settings)
    assert sorted(path.name for path in folder.iterdir() if path.name in ("orphan.csv", "young.csv", name)) == sorted(
        ["young.csv", name]
    )
    assert not left.exists()
