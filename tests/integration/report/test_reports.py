"""Asking for reports, having them made, downloading and deleting them; and who may."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from bookings.report import making, service
from tests.integration.booking.api import problem, wrong_fields
from tests.integration.report.conftest import Office

Json = dict[str, Any]
MARCH = ("2027-03-01", "2027-04-01")


def fits(document: Json, name: str, value: Any) -> bool:
    """Whether an answer is what the OpenAPI document promises."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return jsonschema_rs.is_valid(schema, value)


def files(folder: Path) -> list[str]:
    """What lies below REPORT_DIR."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_report_is_asked_for_made_and_fetched(office: Office, document: Json, folder: Path) -> None:
    answer = office.admin.call(
        "POST", "/reports", {"kind": "bookings", "from": "2027-03-01", "to": "2027-04-01", "groupBy": "week"}
    )
    asked = answer.json or {}
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/reports/{asked['id']}")
    assert fits(document, "Report", asked)
    assert (asked["status"], asked["progress"], asked["timeZone"]) == ("waiting", 0, "Europe/Berlin")
    # Clocks are put forward in between: March begins at +01:00 and ends at +02:00.
    assert (asked["from"], asked["to"]) == ("2027-02-28T23:00:00Z", "2027-03-31T22:00:00Z")
    refused = problem(office.admin.get(f"/reports/{asked['id']}/download"), 409, "report-not-ready")
    assert (refused["reportStatus"], refused["progress"]) == ("waiting", 0)
    assert office.work(asked)
    made = office.admin.get(f"/reports/{asked['id']}").json or {}
    assert fits(document, "Report", made)
    assert (made["status"], made["progress"], made["rows"]) == ("finished", 100, 0)
    fetched = office.admin.get(f"/reports/{asked['id']}/download")
    assert fetched.mimetype == "application/json"
    assert fetched.headers["Content-Disposition"] == "attachment; filename=bookings_2027-03-01_2027-04-01.json"
    assert int(fetched.headers["Content-Length"]) == made["bytes"] == len(fetched.data)
    about = json.loads(fetched.data)["report"]
    fetched.close()
    assert about["business"] == "House of Tests"
    assert (about["from"], about["to"], about["timeZone"]) == (asked["from"], asked["to"], "Europe/Berlin")
    assert made["startedAt"] <= about["snapshotAt"] <= about["generatedAt"] <= made["finishedAt"]
    assert about["snapshotAt"] == made["snapshotAt"]
    assert [name for name in files(folder) if asked["id"] in name] == [office.row(asked)["file"]]


def test_who_asked_is_told(office: Office) -> None:
    asked = office.asked("bookings", MARCH)
    office.work(asked)
    (event,) = office.world.query("SELECT * FROM outbox WHERE data ->> 'id' = %s", asked["id"])
    assert (event["type"], event["topics"]) == ("report.finished", [f"user:{office.admin.id}"])
    assert event["data"] == office.admin.get(f"/reports/{asked['id']}").json
    assert event["booking_id"] is None


def test_progress_is_told_but_seldom() -> None:
    seen: list[int] = []
    at = 0.0

    def tell(percent: int) -> bool:
        seen.append(percent)
        return len(seen) < 3

    progress = making.Progress(tell, lambda: at)
    for percent in range(40):
        progress(percent)
    assert seen == []
    at = 2.5
    progress(41)
    progress(55)
    assert seen == [41]
    at = 5.0
    progress(50)
    assert seen == [41]
    progress(100)
    assert seen == [41]
    progress(52)
    assert seen == [41, 52]
    at = 9.0
    with pytest.raises(making.Overtaken):
        progress(99)


def test_progress_is_in_the_row_and_in_the_events(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "PAUSE", 0)
    asked = office.asked("bookings", ("2027-01-01", "2027-07-01"), groupBy="day")
    office.work(asked)
    events = office.world.query("SELECT type, data FROM outbox WHERE data ->> 'id' = %s ORDER BY seq", asked["id"])
    assert [(event["type"], event["data"]["progress"]) for event in events] == [
        *(("report.progress", percent) for percent in (16, 33, 50, 66, 83)),
        ("report.finished", 100),
    ]
    (job,) = office.world.query("SELECT progress, state FROM jobs WHERE key = %s", asked["id"])
    assert (job["progress"], job["state"]) == (100, "done")


def test_deleted_it_is_gone_with_its_file(office: Office, folder: Path) -> None:
    asked = office.asked("bookings", MARCH)
    office.work(asked)
    name = office.row(asked)["file"]
    assert name in files(folder)
    assert office.admin.call("DELETE", f"/reports/{asked['id']}").status_code == 204
    assert name not in files(folder)
    problem(office.admin.get(f"/reports/{asked['id']}"), 404, "not-found")
    entries = office.world.query(
        "SELECT action FROM audit_entries WHERE subject_type = 'report' AND subject_id = %s ORDER BY id", asked["id"]
    )
    assert [entry["action"] for entry in entries] == ["report.create", "report.delete"]


def test_deleted_before_it_is_made(office: Office, folder: Path) -> None:
    before = files(folder)
    asked = office.asked("bookings", MARCH)
    assert office.admin.call("DELETE", f"/reports/{asked['id']}").status_code == 204
    assert office.work(asked)
    assert files(folder) == before


def test_deleted_while_it_is_made(office: Office, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, whole = files(folder), making.make

    def make(*args: Any) -> Any:
        made = whole(*args)
        assert office.admin.call("DELETE", f"/reports/{asked['id']}").status_code == 204
        return made

    monkeypatch.setattr(making, "make", make)
    asked = office.asked("bookings", MARCH)
    assert office.work(asked)
    assert files(folder) == before


def test_a_try_that_was_overtaken_leaves_nothing(office: Office, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that was thought dead comes back when another one has made the report."""
    before, whole = files(folder), making.make

    def make(*args: Any) -> Any:
        made = whole(*args)
        monkeypatch.setattr(making, "make", whole)
        office.world.query("UPDATE jobs SET leased_until = now() - interval '1 hour' WHERE key = %s", asked["id"])
        assert office.runner.run_lost()
        return made

    monkeypatch.setattr(making, "make", make)
    asked = office.asked("bookings", MARCH)
    office.work(asked)
    row = office.row(asked)
    assert (row["status"], row["attempt"]) == ("finished", 2)
    assert sorted({*before, row["file"]}) == files(folder)
    events = office.world.query("SELECT type FROM outbox WHERE data ->> 'id' = %s", asked["id"])
    assert [event["type"] for event in events] == ["report.finished"]


def test_a_failure_is_tried_again_and_in_the_end_told(
    office: Office, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(folder)

    def broken(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(making, "_write", broken)
    asked = office.asked("bookings", MARCH)
    office.work(asked)
    assert office.row(asked)["status"] == "running"
    for _ in range(10):
        office.world.query(
            "UPDATE jobs SET run_at = now() - interval '1 hour', queued_until = NULL WHERE key = %s", asked["id"]
        )
        office.runner.run_lost()
    office.runner.tell_dead()
    assert office.row(asked)["attempt"] == 6
    failed = office.admin.get(f"/reports/{asked['id']}").json or {}
    assert failed["status"] == "failed"
    assert "No space left" in failed["error"]
    problem(office.admin.get(f"/reports/{asked['id']}/download"), 409, "report-not-ready")
    assert files(folder) == before


def test_a_file_that_is_not_where_it_should_be(office: Office, folder: Path) -> None:
    asked = office.asked("bookings", MARCH)
    office.work(asked)
    (folder / office.row(asked)["file"]).unlink()
    problem(office.admin.get(f"/reports/{asked['id']}/download"), 503, "report-file-missing")


def test_not_more_at_once_than_may_wait(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when they are asked for at the same moment; what is made, or ordered by a schedule, is out of the count."""
    monkeypatch.setattr(service, "MOST_UNFINISHED", 3)
    who = office.world.provider()
    body = {"kind": "bookings", "from": "2027-03-01", "to": "2027-03-02", "groupBy": "day"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: office.as_(who).call("POST", "/reports", body), range(8)))
    assert Counter(answer.status_code for answer in answers) == {202: 3, 409: 5}
    problem(next(answer for answer in answers if answer.status_code == 409), 409, "too-many-reports")
    assert office.as_(office.world.provider()).call("POST", "/reports", body).status_code == 202
    made = next(answer.get_json() for answer in answers if answer.status_code == 202)
    assert office.work(made)
    assert office.as_(who).call("POST", "/reports", body).status_code == 202
    problem(office.as_(who).call("POST", "/reports", body), 409, "too-many-reports")


def test_customers_have_no_reports(office: Office) -> None:
    customer = office.as_(office.world.user())
    asked = office.asked("bookings", MARCH)
    body = {"kind": "bookings", "from": "2027-03-01", "to": "2027-04-01"}
    problem(customer.call("POST", "/reports", body), 403, "forbidden")
    for path in ("/reports", f"/reports/{asked['id']}", f"/reports/{asked['id']}/download", "/reports/schedules"):
        problem(customer.get(path), 403, "forbidden")


def test_providers_have_their_own_and_nobody_elses(office: Office, document: Json) -> None:
    provider, other = office.as_(office.world.provider()), office.as_(office.world.provider())
    mine, admins = office.asked("bookings", MARCH, provider), office.asked("bookings", MARCH)
    assert (provider.get(f"/reports/{mine['id']}").json or {})["id"] == mine["id"]
    for report, person in ((mine, other), (admins, provider)):
        problem(person.get(f"/reports/{report['id']}"), 404, "not-found")
        problem(person.get(f"/reports/{report['id']}/download"), 404, "not-found")
        problem(person.call("DELETE", f"/reports/{report['id']}"), 404, "not-found")
    listed = provider.get("/reports").json or {}
    assert fits(document, "ReportPage", listed)
    assert [item["id"] for item in listed["items"]] == [mine["id"]]
    everything = (office.admin.get("/reports", {"limit": 100}).json or {})["items"]
    assert {mine["id"], admins["id"]} <= {item["id"] for item in everything}
    own = (office.admin.get("/reports", {"mine": "true", "limit": 100}).json or {})["items"]
    assert mine["id"] not in {item["id"] for item in own}


def test_who_is_no_admin_any_more_loses_what_only_admins_see(office: Office) -> None:
    person = office.world.admin()
    asked = office.asked("bookings", MARCH, office.as_(person))
    demoted = type(person)(person.id, "provider")
    problem(office.as_(demoted).get(f"/reports/{asked['id']}"), 404, "not-found")


@pytest.mark.parametrize(
    "body,field",
    [
        ({"kind": "weather"}, "kind"),
        ({"from": "2027-03-01", "to": "2027-03-01"}, "to"),
        ({"from": "2027-03-02", "to": "2027-03-01"}, "to"),
        ({"from": "2027-02-30"}, "from"),
        ({"from": "2020-01-01", "to": "2027-01-01"}, "to"),
        ({"from": "2027-03-01T00:00:00"}, "from"),
        ({"from": "0001-01-01"}, "from"),
        ({"from": "1999-12-31T00:00:00Z"}, "from"),
        ({"from": "2200-12-01", "to": "2201-01-02"}, "to"),
        ({"from": "9999-12-30", "to": "2200-12-31"}, "from"),
        ({"groupBy": "year"}, "groupBy"),
        ({"groupBy": None}, "groupBy"),
        ({"kind": "utilisation", "groupBy": "service"}, "groupBy"),
        ({"kind": "utilisation", "filters": {"status": ["pending"]}}, "filters"),
        ({"filters": {"status": ["gone"]}}, "filters.status.0"),
        ({"filters": {"colour": "red"}}, "filters.colour"),
        ({"format": "pdf"}, "format"),
    ],
)
def test_what_is_refused_is_named(office: Office, body: Json, field: str) -> None:
    answer = office.admin.call(
        "POST", "/reports", {"kind": "bookings", "from": "2027-03-01", "to": "2027-04-01", **body}
    )
    assert wrong_fields(answer) == [field]


def test_instants_are_periods_too(office: Office) -> None:
    asked = office.asked("bookings", ("2027-03-01T06:00:00+01:00", "2027-03-01T07:30:00Z"))
    assert (asked["from"], asked["to"]) == ("2027-03-01T05:00:00Z", "2027-03-01T07:30:00Z")
