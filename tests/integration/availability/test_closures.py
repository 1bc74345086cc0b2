"""Time off and blackouts over HTTP, and when a resource is free or busy."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.integration.availability.office import MONDAY, WORKDAYS, Json, Office
from tests.support.people import wrong_fields


def span(begins: float, ends: float) -> Json:
    """From an hour of that Monday (UTC) to another."""
    return {
        name: (MONDAY + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")
        for name, hours in (("startAt", begins), ("endAt", ends))
    }


def close(office: Office, begins: float, ends: float, **more: Any) -> Any:
    """Close the resource, by its owner."""
    body = {"resourceIds": [str(office.id)], **span(begins, ends), **more}
    return office.call("POST", "/closures", body, by=more.pop("by", office.owner))


def test_an_owner_takes_time_off(office: Office) -> None:
    answer = close(office, 8, 10, reason="Dentist")
    assert answer.status_code == 201, answer.text
    (made,) = answer.get_json()["items"]
    assert answer.get_json()["bookings"] == []
    assert made["resourceId"] == str(office.id)
    assert (made["kind"], made["reason"], made["calendarId"]) == ("time_off", "Dentist", None)
    assert {name: made[name] for name in ("startAt", "endAt")} == span(8, 10)
    assert office.changes == 1
    assert office.done("GET", f"/closures/{made['id']}", by=office.owner) == made
    assert office.call("DELETE", f"/closures/{made['id']}", by=office.owner).status_code == 204
    assert office.call("DELETE", f"/closures/{made['id']}", by=office.owner).status_code == 404
    assert office.changes == 2


def test_nobody_else_closes_or_sees_it(office: Office) -> None:
    closed = close(office, 8, 10, reason="Dentist").get_json()["items"][0]["id"]
    body = {"resourceIds": [str(office.id)], **span(12, 13)}
    for by in (office.stranger, office.customer):
        assert office.call("POST", "/closures", body, by=by).status_code == 403
        assert office.call("DELETE", f"/closures/{closed}", by=by).status_code == 404
    assert office.call("GET", f"/closures/{closed}", by=office.stranger).status_code == 404
    assert office.call("GET", f"/closures/{closed}", by=office.customer).status_code == 403
    assert office.call("GET", "/closures", by=office.customer).status_code == 403
    mine = office.done("GET", f"/closures?resourceId={office.id}", by=office.stranger)["items"]
    assert [one for one in mine if one["resourceId"]] == []
    both = {"resourceIds": [str(office.id), str(office.stranger.id)], **span(12, 13)}
    assert office.call("POST", "/closures", both, by=office.owner).status_code == 403
    assert office.call("POST", "/closures", {"wholeBusiness": True, **span(12, 13)}, by=office.owner).status_code == 403
    assert office.changes == 1


def test_bookings_in_the_way_are_named_and_stay(office: Office) -> None:
    inside, after = office.booked(MONDAY + timedelta(hours=9)), office.booked(MONDAY + timedelta(hours=10))
    cancelled = office.booked(MONDAY + timedelta(hours=8))
    office.done("POST", f"/bookings/{cancelled['id']}/cancel", {}, by=office.customer)
    refused = close(office, 8, 10)
    assert (refused.status_code, refused.get_json()["code"]) == (409, "bookings-in-the-way")
    assert [one["id"] for one in refused.get_json()["bookings"]] == [inside["id"]]
    assert office.changes == 0
    kept = close(office, 8, 11, keepBookings=True)
    assert kept.status_code == 201
    expected = [
        {name: one[name] for name in ("id", "startAt", "endAt", "status")} | {"resourceId": str(office.id)}
        for one in (inside, after)
    ]
    assert kept.get_json()["bookings"] == expected
    assert office.done("GET", f"/bookings/{inside['id']}", by=office.customer)["status"] == "confirmed"


def test_what_is_over_is_in_nobodys_way(office: Office) -> None:
    assert close(office, -24 * 365 * 2, -24 * 365 * 2 + 5).status_code == 201


def test_what_an_admin_closes_is_audited(office: Office) -> None:
    other = office.world.resource(capacity=3)
    body = {"resourceIds": [str(office.id), str(other), str(other)], **span(8, 10), "kind": "blackout"}
    answer = office.call("POST", "/closures", body)
    assert len(answer.get_json()["items"]) == 2
    assert (office.changes, office.version(other)) == (1, office.began + 1)
    for id in (office.id, other):
        (entry,) = office.done("GET", f"/audit?subjectType=resource&subjectId={id}")["items"]
        assert (entry["action"], entry["before"], entry["after"]["kind"]) == ("resource.closure", None, "blackout")


def test_the_whole_business(office: Office) -> None:
    booking = office.booked(MONDAY + timedelta(days=7, hours=9))
    body = {"wholeBusiness": True, **span(24 * 7, 24 * 8), "kind": "blackout", "reason": "Moving"}
    refused = office.call("POST", "/closures", body)
    assert booking["id"] in [one["id"] for one in refused.get_json()["bookings"]]
    made = office.done("POST", "/closures", body | {"keepBookings": True})["items"][0]
    assert made["resourceId"] is None
    assert office.changes == 1
    assert office.version(office.world.resource()) >= 1
    seen = office.done("GET", f"/closures?resourceId={office.id}", by=office.owner)["items"]
    assert made in seen
    busy = office.done("GET", f"/resources/{office.id}/free-busy?{query(24 * 7, 24 * 8)}")["busy"]
    assert busy == [span(24 * 7, 24 * 8)]
    assert office.call("DELETE", f"/closures/{made['id']}", by=office.owner).status_code == 403
    assert office.call("DELETE", f"/closures/{made['id']}").status_code == 204


def test_lists_by_resource_and_period(office: Office) -> None:
    for hour in (2, 4, 6):
        close(office, hour, hour + 1)
    every = office.done("GET", f"/closures?resourceId={office.id}&limit=2", by=office.owner)
    assert [one["startAt"] for one in every["items"]] == [span(2, 3)["startAt"], span(4, 5)["startAt"]]
    assert (every["total"], every["totalIsExact"]) == (3, True)
    period = "from=2027-07-05T03:00:00Z&to=2027-07-05T06:00:00Z"
    some = office.done("GET", f"/closures?resourceId={office.id}&{period}&kind=time_off", by=office.owner)
    assert [one["startAt"] for one in some["items"]] == [span(4, 5)["startAt"]]
    assert office.done("GET", f"/closures?resourceId={office.id}&kind=busy", by=office.owner)["items"] == []


@pytest.mark.parametrize(
    "body,field",
    [
        (span(10, 8) | {"wholeBusiness": True}, "endAt"),
        (span(10, 10) | {"wholeBusiness": True}, "endAt"),
        (span(0, 24 * 366 * 6) | {"wholeBusiness": True}, "endAt"),
        (span(8, 10), "resourceIds"),
        (span(8, 10) | {"resourceIds": []}, "resourceIds"),
        (span(8, 10) | {"resourceIds": ["00000000-0000-4000-8000-000000000000"]}, "resourceIds"),
        (span(8, 10) | {"resourceIds": ["00000000-0000-4000-8000-000000000000"], "wholeBusiness": True}, "resourceIds"),
        (span(8, 10) | {"wholeBusiness": True, "kind": "busy"}, "kind"),
        (span(8, 10) | {"wholeBusiness": True, "startAt": "1990-01-01T00:00:00Z"}, "startAt"),
    ],
)
def test_what_contradicts_itself_is_refused_by_name(office: Office, body: Json, field: str) -> None:
    assert wrong_fields(office.call("POST", "/closures", body)) == {field}


def test_the_same_request_again_closes_once(office: Office) -> None:
    body, headers = {"resourceIds": [str(office.id)], **span(8, 10)}, {"Idempotency-Key": str(uuid4())}
    first = office.call("POST", "/closures", body, by=office.owner, headers=headers)
    again = office.call("POST", "/closures", body, by=office.owner, headers=headers)
    assert again.get_json() == first.get_json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert office.changes == 1


@pytest.mark.slow
def test_a_closure_waits_for_whoever_is_just_booking(office: Office) -> None:
    """Somebody who books holds the resource's key; the closure looks for bookings only when they are done."""
    answers: list[Any] = []
    with psycopg.connect(office.world.address) as connection:
        connection.execute("SELECT FROM resources WHERE id = %s FOR KEY SHARE", [office.id])
        closing = threading.Thread(target=lambda: answers.append(close(office, 8, 10)))
        closing.start()
        closing.join(0.5)
        assert closing.is_alive()
    closing.join(30)
    assert answers[0].status_code == 201


def query(begins: float, ends: float) -> str:
    """The period of a question."""
    times = span(begins, ends)
    return f"from={times['startAt']}&to={times['endAt']}"


def test_free_and_busy(office: Office) -> None:
    """Claims and closures merge; hours are told apart; nothing says whose they are."""
    office.done("PUT", office.path, {"weekly": WORKDAYS})
    office.booked(MONDAY + timedelta(hours=9), title="Somebody's secret")
    office.booked(MONDAY + timedelta(hours=10))
    gone = office.booked(MONDAY + timedelta(hours=13))
    office.done("POST", f"/bookings/{gone['id']}/cancel", {}, by=office.customer)
    close(office, 11, 11.5, reason="Dentist")
    answer = office.call("GET", f"/resources/{office.id}/free-busy?{query(6, 30)}", by=office.customer)
    found = answer.get_json()
    assert found["busy"] == [span(9, 11.5)]
    assert found["outsideHours"] == [span(6, 7), span(15, 30)]  # open 07:00 to 15:00 UTC
    assert found["timeZone"] == "Europe/Berlin"
    assert "secret" not in answer.text
    assert "Dentist" not in answer.text
    cut = office.done("GET", f"/resources/{office.id}/free-busy?{query(9.5, 10)}")
    assert cut["busy"] == [span(9.5, 10)]


def test_a_hold_is_busy_until_it_ends(office: Office) -> None:
    times = span(9, 10)
    held = office.done("POST", "/holds", {"providerId": str(office.id), **times}, by=office.customer)
    path = f"/resources/{office.id}/free-busy?{query(8, 12)}"
    assert office.done("GET", path)["busy"] == [times]
    office.world.query(
        """WITH ended AS (
               UPDATE holds SET expires_at = now() - interval '1 second' WHERE id = %s RETURNING id, expires_at)
           UPDATE allocations AS a SET expires_at = ended.expires_at FROM ended WHERE a.hold_id = ended.id""",
        held["id"],
    )
    assert office.done("GET", path)["busy"] == []


def test_what_has_units_left_is_not_busy(office: Office) -> None:
    room = office.world.resource(capacity=3)
    for units, hours in ((2, (8, 11)), (1, (9, 10))):
        body = {"resourceId": str(room), "units": units, **span(*hours)}
        assert office.call("POST", "/bookings", body, by=office.customer).status_code == 201
    assert office.done("GET", f"/resources/{room}/free-busy?{query(6, 12)}")["busy"] == [span(9, 10)]


def test_a_question_is_bounded(office: Office) -> None:
    path = f"/resources/{office.id}/free-busy"
    assert wrong_fields(office.call("GET", f"{path}?{query(0, 24 * 62 + 1)}")) == {"to"}
    assert wrong_fields(office.call("GET", f"{path}?{query(2, 1)}")) == {"to"}
    assert wrong_fields(office.call("GET", f"{path}?to=2027-01-01T00:00:00Z")) == {"from"}
    assert office.call("GET", f"{path}?{query(0, 24 * 62)}").status_code == 200
    assert office.call("GET", f"/resources/{uuid4()}/free-busy").status_code == 404
