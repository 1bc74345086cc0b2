"""Every route, asked by every role, answers as role_matrix.py says. A refused request changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from tests.acceptance.platform.cast import Cast, gathered, sent
from tests.acceptance.platform.role_matrix import DOCUMENT, ROLES, ROWS, Row, within
from tests.acceptance.platform.traces import as_upgrade, fingerprint, without_id
from tests.support.run import Run

#: about the caller's own account, notices and sockets
OWN = ("/auth/", "/me", "/unsubscribe/", "/ws/", "/notifications/read-all")
#: these look, do again what is so already, or (another calendar) only hurry what happens by itself
NOTHING_NEW = {
    "POST /users/{userId}/enable",
    "PATCH /resources/{resourceId}",
    "PATCH /providers/{providerId}",
    "PUT /schedules/business",
    "PUT /schedules/business/days/{day}",
    "PUT /schedules/resources/{resourceId}",
    "POST /calendars/{calendarId}/refresh",
    "POST /bookings/series/preview",
    "DELETE /reviews/{reviewId}/reply",
    "POST /reviews/{reviewId}/unhide",
    "POST /jobs/cleanup",
    "POST /notifications/{notificationId}/failed",
}


@pytest.fixture(scope="module")
def cast(module_database_url: str, run: Run) -> Iterator[Cast]:
    """The people, in a database of this module."""
    with gathered(module_database_url, run) as cast:
        yield cast


def ask(cast: Cast, row: Row, role: str) -> TestResponse:
    """One request of the matrix."""
    path, body = cast.path(row), cast.body(row.send, role)
    with as_upgrade(row.path) as more:
        answer = cast.client.call(row.method, path, token=cast.token(role), **sent(row, body), **more)
        answer.close()
        return answer


def name_of(row: Row) -> str:
    """How a row is called in the list of tests."""
    return f"{row.method} {row.path}"


@pytest.mark.exhaustive
@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_each_role_gets_what_the_matrix_says(cast: Cast, row: Row) -> None:
    """All roles, in one line a route."""
    got = {role: ask(cast, row, role).status_code for role in ROLES}
    assert got == dict(zip(ROLES, row.statuses, strict=True))


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if row.method != "GET" and 401 in row.statuses],
    ids=name_of,
)
def test_what_is_refused_changes_nothing(cast: Cast, row: Row) -> None:
    """401, 403 and 404 leave no trace in any table, and are problem documents. So one object serves all refused."""
    refused = {role: status for role, status in zip(ROLES, row.statuses, strict=True) if status >= 400}
    path, bodies = cast.path(row), {role: cast.body(row.send, role) for role in refused}
    before = fingerprint(cast.world)
    for role, status in refused.items():
        answer = cast.client.call(row.method, path, token=cast.token(role), **sent(row, bodies[role]))
        assert answer.mimetype == "application/problem+json"
        assert answer.get_json()["status"] == answer.status_code == status
    assert fingerprint(cast.world) == before, f"one of {list(refused)} changed something"


def test_every_status_of_the_matrix_is_documented(cast: Cast) -> None:
    """Whoever is refused is refused as /openapi.json says."""
    paths = cast.client.call("GET", "/openapi.json").get_json()["paths"]
    for row in ROWS:
        documented = paths[row.path][row.method.lower()]["responses"].keys()
        assert {str(status) for status in row.statuses} <= documented, name_of(row)


def own(row: Row) -> bool:
    """Whether a row is about the caller alone, changes nothing, or about nobody: then there is nothing to audit."""
    return row.path.startswith(OWN) or name_of(row) in NOTHING_NEW


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.method != "GET" and row.statuses[-1] < 300 and not own(row)], ids=name_of
)
def test_what_an_admin_does_to_others_is_audited(cast: Cast, row: Row) -> None:
    """Whoever adds a route must audit it, or say here why not."""
    admin, entries = cast.actors["admin"], "SELECT id FROM audit_entries WHERE actor_id = %s"
    assert admin
    path, body = cast.path(row), cast.body(row.send, "admin")
    before = len(cast.world.query(entries, admin.id))
    assert cast.client.call(row.method, path, token=cast.token("admin"), **sent(row, body)).status_code < 300
    assert len(cast.world.query(entries, admin.id)) > before


@pytest.mark.exhaustive
@pytest.mark.parametrize("row", [row for row in ROWS if "{bookingId}" in row.path], ids=name_of)
def test_somebody_elses_is_like_nothing_at_all(cast: Cast, row: Row) -> None:
    """A stranger cannot tell a foreign booking from one that does not exist."""
    foreign = cast.client.call(
        row.method, cast.path(row), cast.body(row.send, "other customer"), token=cast.token("other customer")
    )
    missing = cast.client.call(
        row.method,
        row.path.replace("{bookingId}", str(uuid4())).replace("{attendeeId}", str(uuid4())),
        cast.body(row.send, "other customer"),
        token=cast.token("other customer"),
    )
    assert without_id(foreign) == without_id(missing)


def test_the_docs_show_this_matrix() -> None:
    """After a change: python -m tests.acceptance.platform.role_matrix."""
    document = DOCUMENT.read_text()
    assert within(document) == document
