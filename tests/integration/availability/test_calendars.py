"""Other calendars: read from a real server, written as closures, with all that can go wrong on the way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest

from bookings.availability import calendars, fetching
from bookings.availability.fetching import Limits, Refused
from tests.factories import World
from tests.integration.availability.elsewhere import Elsewhere, Reader, ics, serving
from tests.integration.conftest import StartClient
from tests.support.people import wrong_fields


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    """A server on this machine."""
    with serving() as other:
        yield other


@pytest.fixture
def office(start_client: StartClient, world: World) -> Reader:
    """Where calendars of this machine may be read."""
    return Reader(start_client(calendar_internal=True), world)


def test_busy_times_close_the_resource(office: Reader, elsewhere: Elsewhere) -> None:
    elsewhere.text = ics((9, 10), (9, 11), (14, 15))
    made = office.add(url=elsewhere.url, name="Private")
    assert office.busy() == [(9, 11), (14, 15)]
    assert (made["busyTimes"], made["lastError"], made["failures"]) == (2, None, 0)
    assert (made["source"], made["server"], made["name"]) == ("url", f"127.0.0.1:{elsewhere.port}", "Private")
    assert made["lastRefreshedAt"] is not None
    assert office.changes == 1
    path, headers = elsewhere.asked[0]
    assert path == "/secret-token/basic.ics"
    assert headers["Host"] == f"127.0.0.1:{elsewhere.port}"


def test_nothing_but_times_is_taken_and_the_address_is_shown_to_nobody(office: Reader, elsewhere: Elsewhere) -> None:
    elsewhere.text = ics((9, 10))
    made = office.add(url=elsewhere.url)
    answers = [
        office.call("GET", path, by=office.owner).text
        for path in (
            f"/calendars/{made['id']}",
            f"/resources/{office.id}/calendars",
            f"/closures?resourceId={office.id}",
        )
    ]
    answers.append(office.call("GET", f"/audit?subjectType=resource&subjectId={office.id}").text)
    for text in answers:
        assert "secret-token" not in text
        assert "Secret meeting" not in text


@pytest.mark.slow
def test_what_changes_elsewhere_changes_here_and_what_does_not_counts_nothing(
    office: Reader, elsewhere: Elsewhere
) -> None:
    elsewhere.text = ics((9, 10))
    made = office.add(url=elsewhere.url)
    office.read(made["id"])
    assert (office.busy(), office.changes) == ([(9, 10)], 1)
    elsewhere.text = ics((11, 12), (13, 14))
    office.read(made["id"])
    assert (office.busy(), office.changes) == ([(11, 12), (13, 14)], 2)
    elsewhere.text = ics()
    office.read(made["id"])
    assert (office.busy(), office.changes) == ([], 3)


@pytest.mark.slow
def test_a_server_may_say_that_nothing_changed(office: Reader, elsewhere: Elsewhere) -> None:
    elsewhere.text, elsewhere.etag = ics((9, 10)), '"one"'
    elsewhere.headers = {"Last-Modified": "Sat, 01 Aug 2026 00:00:00 GMT"}
    made = office.add(url=elsewhere.url)
    elsewhere.text = ics((20, 21))
    office.read(made["id"])
    assert office.busy() == [(9, 10)]
    _, headers = elsewhere.asked[1]
    assert (headers["If-None-Match"], headers["If-Modified-Since"]) == ('"one"', "Sat, 01 Aug 2026 00:00:00 GMT")
    office.world.query("UPDATE calendars SET read_until = now() WHERE id = %s", made["id"])
    office.read(made["id"])  # too little of the time ahead is left: it is read whatever the server says
    assert office.busy() == [(20, 21)]


@pytest.mark.slow
def test_what_has_no_zone_moves_with_the_resource(office: Reader, elsewhere: Elsewhere) -> None:
    elsewhere.text = ics((9, 10)).replace("00Z\r\nDTEND", "00\r\nDTEND").replace("00Z\r\nEND", "00\r\nEND")
    elsewhere.etag = '"one"'
    office.done("PATCH", f"/resources/{office.id}", {"timeZone": "UTC"})
    made = office.add(url=elsewhere.url)
    assert office.busy() == [(9, 10)]
    office.done("PATCH", f"/resources/{office.id}", {"timeZone": "Asia/Kolkata"})
    office.read(made["id"])
    assert office.busy() == [(3.5, 4.5)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes,words",
    [
        ({"status": 404}, "answered 404"),
        ({"status": 500}, "answered 500"),
        ({"text": "<html>Sign in</html>"}, "not iCalendar"),
        ({"text": "x" * (1024 * 1024 + 1)}, "larger than 1024 KiB"),
        ({"headers": {"Content-Encoding": "gzip"}}, "compresses"),
        ({"headers": {"Content-Length": "100000"}}, "broke"),
        ({"status": 302, "headers": {"Location": "file:///etc/passwd"}}, "https"),
        ({"status": 302, "headers": {"Location": "/again"}}, "again and again"),
    ],
)
def test_a_failure_is_visible_and_what_was_known_stays(
    office: Reader, elsewhere: Elsewhere, changes: dict[str, Any], words: str
) -> None:
    elsewhere.text = ics((9, 10))
    made = office.add(url=elsewhere.url)
    for name, value in changes.items():
        setattr(elsewhere, name, value)
    pauses = []
    for failures in (1, 2, 3):
        office.read(made["id"])
        found = office.one(made["id"])
        assert found["failures"] == failures
        assert words in found["lastError"]
        pauses.append(datetime.fromisoformat(found["nextRefreshAt"]) - datetime.now(UTC))
    assert pauses[0] < pauses[1] < pauses[2] < timedelta(days=1)
    assert (office.busy(), office.changes) == ([(9, 10)], 1)
    elsewhere.text, elsewhere.status, elsewhere.headers = ics((12, 13)), 200, {}
    office.read(made["id"])
    assert (office.one(made["id"])["failures"], office.one(made["id"])["lastError"]) == (0, None)
    assert office.busy() == [(12, 13)]


@pytest.mark.slow
def test_a_server_that_drips_is_cut_off(elsewhere: Elsewhere) -> None:
    elsewhere.text, elsewhere.drip = ics((9, 10)), 0.05
    began = monotonic()
    with pytest.raises(Refused, match=r"too long|broke"):
        fetching.fetch(elsewhere.url, Limits(seconds=1, internal=True))
    assert monotonic() - began < 10


def test_redirects_are_followed_and_checked(elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    """To this machine from a public address: refused, because each address is looked at."""
    elsewhere.status, elsewhere.headers = 302, {"Location": "http://127.0.0.1:1/x"}
    monkeypatch.setattr(fetching, "wrong", lambda *_, **__: None)
    seen = []

    def resolve(host: str, port: int, *, internal: bool) -> str:
        seen.append((host, port))
        return "127.0.0.1" if len(seen) == 1 else real(host, port, internal=internal)

    real = fetching.resolve
    monkeypatch.setattr(fetching, "resolve", resolve)
    with pytest.raises(Refused, match="not public"):
        fetching.fetch(f"http://public.example:{elsewhere.port}/", Limits())
    assert seen == [("public.example", elsewhere.port), ("127.0.0.1", 1)]


def test_this_machine_is_not_read_unless_allowed(start_client: StartClient, world: World, elsewhere: Elsewhere) -> None:
    office = Reader(start_client(), world)
    path = f"/resources/{office.id}/calendars"
    assert wrong_fields(office.call("POST", path, {"url": elsewhere.url}, by=office.owner)) == {"url"}
    made = office.add(url=f"https://127.0.0.1:{elsewhere.port}/")
    assert "not public" in made["lastError"]
    assert elsewhere.asked == []


@pytest.mark.slow
def test_an_uploaded_calendar(office: Reader) -> None:
    made = office.add(ics=ics((9, 10)), name="Holiday plan")
    assert office.busy() == [(9, 10)]
    assert (made["source"], made["server"]) == ("upload", None)
    path = f"/resources/{office.id}/calendars"
    assert wrong_fields(office.call("POST", path, {"ics": "BEGIN:NOTHING"}, by=office.owner)) == {"ics"}
    assert wrong_fields(office.call("POST", path, {}, by=office.owner)) == {"url"}
    both = {"ics": ics(), "url": "https://example.com/"}
    assert wrong_fields(office.call("POST", path, both, by=office.owner)) == {"url"}
    assert wrong_fields(office.call("POST", path, {"url": "https://me:pw@example.com/"}, by=office.owner)) == {"url"}


@pytest.mark.slow
def test_removing_it_opens_again(office: Reader) -> None:
    made = office.add(ics=ics((9, 10)))
    closure = office.done("GET", f"/closures?resourceId={office.id}&kind=busy", by=office.owner)["items"][0]
    refused = office.call("DELETE", f"/closures/{closure['id']}", by=office.owner)
    assert (refused.status_code, refused.get_json()["code"]) == (409, "closure-of-calendar")
    assert office.busy() == [(9, 10)]
    assert office.call("DELETE", f"/calendars/{made['id']}", by=office.owner).status_code == 204
    assert (office.busy(), office.changes) == ([], 2)
    assert office.call("GET", f"/calendars/{made['id']}", by=office.owner).status_code == 404
    office.read(made["id"])  # a job that comes late finds nothing
    assert office.busy() == []


@pytest.mark.slow
def test_calendars_are_for_owners_and_admins(office: Reader) -> None:
    made = office.add(ics=ics((9, 10)))
    path = f"/resources/{office.id}/calendars"
    for by in (office.stranger, office.customer):
        assert office.call("POST", path, {"ics": ics()}, by=by).status_code == 403
        assert office.call("GET", path, by=by).status_code == 403
        assert office.call("GET", f"/calendars/{made['id']}", by=by).status_code == 404
        assert office.call("DELETE", f"/calendars/{made['id']}", by=by).status_code == 404
        assert office.call("POST", f"/calendars/{made['id']}/refresh", by=by).status_code == 404
    assert office.done("GET", path)["items"] == [made]
    assert office.call("GET", f"/resources/{uuid4()}/calendars").status_code == 404
    for _ in range(calendars.MOST - 1):
        office.done("POST", path, {"ics": ics()}, by=office.owner)
    refused = office.call("POST", path, {"ics": ics()}, by=office.owner)
    assert (refused.status_code, refused.get_json()["code"]) == (409, "too-many-calendars")


@pytest.mark.slow
def test_what_is_due_is_read_by_a_job(office: Reader) -> None:
    made = office.add(ics=ics((9, 10)))
    database = office.client.app.extensions["database"]
    office.world.query("DELETE FROM jobs WHERE kind = 'calendar.refresh'")
    calendars.enqueue_due(database)
    due = "SELECT payload ->> 'calendarId' AS id FROM jobs WHERE kind = 'calendar.refresh'"
    assert made["id"] not in [row["id"] for row in office.world.query(due)]
    answer = office.call("POST", f"/calendars/{made['id']}/refresh", by=office.owner)
    assert answer.status_code == 202
    calendars.enqueue_due(database)
    assert [row["id"] for row in office.world.query(due)].count(made["id"]) == 1
