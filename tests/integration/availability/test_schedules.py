"""Opening hours and rules over HTTP: who says what, what is refused, and what all layers say together."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from bookings.auth import Actor
from bookings.availability.layers import CAN_BE_OFF
from tests.factories import World
from tests.integration.availability.office import NINE_TO_FIVE, WORKDAYS, Office
from tests.support.people import wrong_fields

NIGHT, EARLY = {"from": "22:00", "to": "06:00"}, {"from": "05:00", "to": "08:00"}
BACKWARDS = {"kind": "range", "from": "2027-02-01", "to": "2027-01-01"}


@pytest.fixture
def service_id(office: Office) -> str:
    """A service that the owner delivers."""
    body = {
        "name": "Massage",
        "slug": f"massage-{uuid4().hex}",
        "durations": [{"minutes": 60, "price": 100}],
        "currency": "EUR",
        "resourceIds": [str(office.id)],
    }
    id: str = office.done("POST", "/services", body)["id"]
    return id


def test_what_was_never_said_is_version_one(office: Office) -> None:
    answer = office.call("GET", office.path, by=office.customer)
    assert answer.get_json() == {
        "layer": "resource",
        "subjectId": str(office.id),
        "weekly": None,
        "holidays": None,
        "rules": {},
        "version": 1,
        "updatedAt": None,
    }
    assert answer.headers["ETag"] == '"1"'
    assert office.call("GET", office.path, headers={"If-None-Match": '"1"'}).status_code == 304
    assert office.call("GET", f"/schedules/resources/{uuid4()}").status_code == 404
    assert office.call("GET", f"/schedules/services/{uuid4()}").status_code == 404
    assert office.call("GET", "/schedules/business").get_json()["subjectId"] is None


def test_an_owner_says_their_hours_and_rules(office: Office) -> None:
    said = {
        "weekly": WORKDAYS | {"saturday": [{"from": "22:00", "to": "02:00"}, {"from": "08:00", "to": "12:00"}]},
        "holidays": "DE-BY",
        "rules": {
            "minimumNoticeMinutes": 60,
            "bookingWindow": {"kind": "range", "from": "2027-01-01", "to": "2027-12-31"},
            "slotIntervalMinutes": 30,
            "slotOffsetMinutes": 10,
            "resourceCaps": {"day": 8, "month": 90},
            "customerCaps": {"week": 2},
        },
    }
    answer = office.call("PUT", office.path, said, by=office.owner)
    made = answer.get_json()
    assert answer.status_code == 200, answer.text
    assert {name: made[name] for name in said} == said
    assert (made["version"], answer.headers["ETag"]) == (2, '"2"')
    assert office.done("GET", office.path) == made
    assert office.changes == 1


def test_saying_the_same_again_changes_nothing(office: Office) -> None:
    said = {"weekly": WORKDAYS, "rules": {"minimumNoticeMinutes": 5, "bookingWindow": None}}
    first = office.done("PUT", office.path, said)
    assert office.done("PUT", office.path, said) == first
    assert office.changes == 1


def test_what_is_left_out_is_left_to_the_others(office: Office) -> None:
    office.done("PUT", office.path, {"weekly": WORKDAYS, "holidays": "DE", "rules": {"minimumNoticeMinutes": 5}})
    made = office.done("PUT", office.path, {"weekly": None, "rules": {}})
    assert (made["weekly"], made["holidays"], made["rules"], made["version"]) == (None, None, {}, 3)


def test_a_change_names_the_version_it_builds_on(office: Office) -> None:
    office.done("PUT", office.path, {"weekly": WORKDAYS}, match=1)
    refused = office.call("PUT", office.path, {"weekly": None}, match=1)
    assert (refused.status_code, refused.get_json()["current"]["version"]) == (412, 2)
    assert refused.headers["ETag"] == '"2"'
    refused = office.call("PUT", f"{office.path}/days/2027-12-24", {"hours": []}, match=1)
    assert refused.status_code == 412
    day = office.call("PUT", f"{office.path}/days/2027-12-24", {"hours": []}, match=2)
    assert (day.status_code, day.headers["ETag"]) == (200, '"3"')
    assert office.call("DELETE", f"{office.path}/days/2027-12-24", match=2).status_code == 412
    assert office.call("DELETE", f"{office.path}/days/2027-12-24", match=3).status_code == 204


def test_others_change_nothing(office: Office, service_id: str) -> None:
    for path in (office.path, "/schedules/business", f"/schedules/services/{service_id}"):
        for by in (office.stranger, office.customer):
            assert office.call("PUT", path, {"weekly": {}}, by=by).status_code == 403
            assert office.call("PUT", f"{path}/days/2027-12-24", {"hours": []}, by=by).status_code == 403
            assert office.call("DELETE", f"{path}/days/2027-12-24", by=by).status_code == 403
    assert office.call("PUT", "/schedules/business", {"weekly": {}}, by=office.owner).status_code == 403
    assert office.changes == 0


def test_what_an_admin_changes_is_in_the_audit_trail_and_what_owners_change_is_not(office: Office) -> None:
    office.done("PUT", office.path, {"weekly": WORKDAYS}, by=office.owner)
    office.done("PUT", office.path, {"weekly": {}})
    office.done("PUT", f"{office.path}/days/2027-12-24", {"hours": [], "note": "Christmas"})
    entries = office.done("GET", f"/audit?subjectType=resource&subjectId={office.id}")["items"]
    assert [entry["action"] for entry in entries] == ["resource.day", "resource.schedule"]
    assert entries[1]["before"]["weekly"] == WORKDAYS
    assert entries[1]["after"]["weekly"] == {}
    assert entries[0]["before"] is None
    assert entries[0]["after"]["note"] == "Christmas"


@pytest.mark.parametrize(
    "said,field",
    [
        ({"weekly": {"monday": [NINE_TO_FIVE, {"from": "16:00", "to": "18:00"}]}}, "weekly.monday"),
        ({"weekly": {"monday": [NIGHT], "tuesday": [EARLY]}}, "weekly.tuesday"),
        ({"weekly": {"sunday": [NIGHT], "monday": [EARLY]}}, "weekly.monday"),
        ({"weekly": {"monday": [{"from": "24:00", "to": "06:00"}]}}, "weekly.monday.0.from"),
        ({"weekly": {"monday": [{"from": "09:60", "to": "10:00"}]}}, "weekly.monday.0.from"),
        ({"weekly": {"monday": [{"from": "9:00", "to": "10:00"}]}}, "weekly.monday.0.from"),
        ({"weekly": {"monday": [{"from": "09:00"}]}}, "weekly.monday.0.to"),
        ({"weekly": {"monday": [NINE_TO_FIVE] * 25}}, "weekly.monday"),
        ({"weekly": {"Monday": []}}, "weekly.Monday"),
        ({"holidays": "ZZ"}, "holidays"),
        ({"holidays": "DE-XX"}, "holidays"),
        ({"rules": {"minimumNoticeMinutes": -1}}, "rules.minimumNoticeMinutes"),
        ({"rules": {"minimumNoticeMinutes": 1.5}}, "rules.minimumNoticeMinutes"),
        ({"rules": {"slotIntervalMinutes": 0}}, "rules.slotIntervalMinutes"),
        ({"rules": {"slotIntervalMinutes": 1441}}, "rules.slotIntervalMinutes"),
        ({"rules": {"slotIntervalMinutes": 30, "slotOffsetMinutes": 30}}, "rules.slotOffsetMinutes"),
        ({"rules": {"slotOffsetMinutes": 1440}}, "rules.slotOffsetMinutes"),
        ({"rules": {"resourceCaps": {"day": 0}}}, "rules.resourceCaps.day"),
        ({"rules": {"customerCaps": {}}}, "rules.customerCaps"),
        ({"rules": {"bookingWindow": {"kind": "rolling"}}}, "rules.bookingWindow.days"),
        ({"rules": {"bookingWindow": {"kind": "rolling", "days": 3, "to": "2027-01-01"}}}, "rules.bookingWindow.to"),
        ({"rules": {"bookingWindow": BACKWARDS}}, "rules.bookingWindow.to"),
        ({"rules": {"bookingWindow": {"kind": "range", "from": "2027-02-01"}}}, "rules.bookingWindow.to"),
        ({"rules": {"bookingWindow": {"kind": "sometimes"}}}, "rules.bookingWindow.kind"),
        ({"rules": {"noSuchRule": 1}}, "rules.noSuchRule"),
        ({"rules": {"off": ["noSuchRule"]}}, "rules.off.0"),
        ({"rules": {"off": ["customerCaps"]}}, "rules.off.0"),
        ({"rules": {"off": ["resourceCaps", "resourceCaps"]}}, "rules.off"),
        ({"rules": {"off": "resourceCaps"}}, "rules.off"),
        ({"rules": {"off": ["resourceCaps"], "resourceCaps": {"day": 1}}}, "rules.resourceCaps"),
        ({"timeZone": "Europe/Berlin"}, "timeZone"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused_by_name(office: Office, said: dict[str, Any], field: str) -> None:
    assert wrong_fields(office.call("PUT", office.path, said)) == {field}
    assert office.changes == 0


def test_a_layer_may_have_rules_off(office: Office) -> None:
    made = office.done("PUT", office.path, {"rules": {"off": ["resourceCaps"], "bookingWindow": None}})
    assert made["rules"] == {"off": ["resourceCaps"]}
    found = office.done("GET", f"{office.path}/effective")["rules"]
    assert found["resourceCaps"] == {"value": None, "source": "resource"}
    assert found["bookingWindow"] == {"value": None, "source": "default"}
    assert office.done("PUT", office.path, {"rules": {"off": []}})["rules"] == {}


@pytest.mark.parametrize(
    "rules, constraint",
    [
        ({"off": ["customerCaps"]}, "schedules_off_known"),
        ({"off": []}, "schedules_off_known"),
        ({"off": "resourceCaps"}, "schedules_off_known"),
        ({"off": ["maxReschedules"] * 8}, "schedules_off_known"),
        *(({"off": ["noShowRule", name], name: 1}, "schedules_off_or_said") for name in CAN_BE_OFF),
    ],
)
def test_rules_that_are_off_are_known_and_not_said(office: Office, rules: dict[str, Any], constraint: str) -> None:
    """Whoever writes them."""
    office.done("PUT", office.path, {"rules": {"off": list(CAN_BE_OFF)}})
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        office.world.query("UPDATE schedules SET rules = %s WHERE subject_id = %s", Jsonb(rules), office.id)
    assert refused.value.diag.constraint_name == constraint


def test_a_service_has_no_holidays_of_its_own(office: Office, service_id: str) -> None:
    assert wrong_fields(office.call("PUT", f"/schedules/services/{service_id}", {"holidays": "DE"})) == {"holidays"}


def test_dates_with_other_hours(office: Office) -> None:
    for day in ("2027-12-31", "2027-12-24", "2028-01-06"):
        body = {"hours": [{"from": "10:00", "to": "12:00"}, {"from": "23:00", "to": "01:00"}]}
        office.done("PUT", f"{office.path}/days/{day}", body, by=office.owner)
    office.done("PUT", f"{office.path}/days/2027-12-24", {"hours": [], "note": "At home"}, by=office.owner)
    first = office.done("GET", f"{office.path}/days?limit=1", by=office.owner)
    assert first["items"] == [{"date": "2027-12-24", "hours": [], "note": "At home"}]
    assert (first["total"], first["page"], first["limit"]) == (3, 1, 1)
    within = office.done("GET", f"{office.path}/days?from=2027-12-25&to=2027-12-31")
    assert [one["date"] for one in within["items"]] == ["2027-12-31"]
    assert office.call("DELETE", f"{office.path}/days/2027-12-31").status_code == 204
    assert office.call("DELETE", f"{office.path}/days/2027-12-31").status_code == 404
    assert office.changes == 5


def test_notes_of_dates_are_for_those_who_work_there(office: Office, service_id: str) -> None:
    for path in (office.path, f"/schedules/services/{service_id}", "/schedules/business"):
        office.done("PUT", f"{path}/days/2029-12-24", {"hours": [], "note": "Christmas"})

    def notes(path: str, by: Actor) -> set[str | None]:
        found = office.done("GET", f"{path}/days?from=2029-12-24&to=2029-12-24", by=by)["items"]
        return {one["note"] for one in found}

    for path in (office.path, f"/schedules/services/{service_id}", "/schedules/business"):
        assert notes(path, office.customer) == {None}
        assert notes(path, office.owner) == notes(path, office.admin) == {"Christmas"}
    assert notes(office.path, office.stranger) == {None}


@pytest.mark.parametrize("day", ["2027-02-30", "2027-2-3", "1999-01-01", "tomorrow"])
def test_a_date_that_is_none_is_no_address(office: Office, day: str) -> None:
    assert office.call("PUT", f"{office.path}/days/{day}", {"hours": []}).status_code == 404


def test_spans_of_a_date_must_not_overlap(office: Office) -> None:
    body = {"hours": [{"from": "10:00", "to": "12:00"}, {"from": "11:00", "to": "13:00"}]}
    assert wrong_fields(office.call("PUT", f"{office.path}/days/2027-12-24", body)) == {"hours"}


def test_a_layer_has_only_so_many_dates(office: Office, world: World) -> None:
    office.done("PUT", office.path, {"weekly": WORKDAYS})
    world.query(
        """INSERT INTO schedule_days (layer, subject_id, day, hours)
           SELECT 'resource', %s, date '2030-01-01' + n, '[]' FROM generate_series(1, 1000) AS n""",
        office.id,
    )
    refused = office.call("PUT", f"{office.path}/days/2027-12-24", {"hours": []})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "too-many-dates")
    office.done("PUT", f"{office.path}/days/2030-01-02", {"hours": [NINE_TO_FIVE]})


def test_what_holds_and_who_says_it(office: Office, service_id: str) -> None:
    """Every source in one answer; the wall clock's hour changes with summer, the service narrows."""
    business = office.done("GET", "/schedules/business")
    try:
        office.done(
            "PUT",
            "/schedules/business",
            {"weekly": WORKDAYS, "holidays": "DE", "rules": {"slotIntervalMinutes": 20, "customerCaps": {"day": 3}}},
        )
        office.done("PUT", "/schedules/business/days/2027-12-28", {"hours": []})
        office.done("PUT", f"{office.path}/days/2027-12-29", {"hours": [{"from": "20:00", "to": "02:00"}]})
        office.done("PUT", office.path, {"rules": {"minimumNoticeMinutes": 7}})
        narrow = {
            "weekly": {"monday": [{"from": "12:00", "to": "18:00"}], "wednesday": [{"from": "21:00", "to": "22:00"}]}
        }
        office.done("PUT", f"/schedules/services/{service_id}", narrow | {"rules": {"slotOffsetMinutes": 4}})
        query = "from=2027-12-24&to=2027-12-30"
        found = office.done("GET", f"{office.path}/effective?{query}", by=office.customer)
        assert {day["date"]: day["source"] for day in found["items"]} == {
            "2027-12-24": "business",
            "2027-12-25": "public holiday",
            "2027-12-26": "public holiday",
            "2027-12-27": "business",
            "2027-12-28": "business day",
            "2027-12-29": "resource day",
            "2027-12-30": "business",
        }
        assert found["items"][1]["holiday"] == "Christmas Day"
        assert found["items"][3]["open"] == [{"startAt": "2027-12-27T08:00:00Z", "endAt": "2027-12-27T16:00:00Z"}]
        assert found["items"][5]["open"] == [{"startAt": "2027-12-29T19:00:00Z", "endAt": "2027-12-30T01:00:00Z"}]
        assert found["rules"]["slotIntervalMinutes"] == {"value": 20, "source": "business"}
        assert found["rules"]["minimumNoticeMinutes"] == {"value": 7, "source": "resource"}
        assert found["rules"]["slotOffsetMinutes"] == {"value": 0, "source": "default"}
        assert found["customerCaps"] == {"business": {"day": 3, "week": None, "month": None}}
        found = office.done("GET", f"{office.path}/effective?{query}&serviceId={service_id}")
        assert found["items"][3]["open"] == [{"startAt": "2027-12-27T11:00:00Z", "endAt": "2027-12-27T16:00:00Z"}]
        assert found["items"][5]["open"] == [{"startAt": "2027-12-29T20:00:00Z", "endAt": "2027-12-29T21:00:00Z"}]
        assert found["items"][6]["open"] == []
        assert found["rules"]["slotOffsetMinutes"] == {"value": 4, "source": "service"}
    finally:
        office.call("DELETE", "/schedules/business/days/2027-12-28")
        office.done("PUT", "/schedules/business", {name: business[name] for name in ("weekly", "holidays", "rules")})


@pytest.mark.parametrize(
    "query,field",
    [
        ("to=2027-01-01", "from"),
        ("from=2027-01-02&to=2027-01-01", "to"),
        ("from=2027-01-01&to=2027-03-04", "to"),
        ("from=1999-01-01&to=1999-01-02", "from"),
        ("from=2027-01-01&to=2027-01-02&serviceId=00000000-0000-4000-8000-000000000000", "serviceId"),
    ],
)
def test_effective_hours_are_of_few_dates(office: Office, query: str, field: str) -> None:
    assert field in wrong_fields(office.call("GET", f"{office.path}/effective?{query}"))
    assert (
        office.call("GET", f"/schedules/resources/{uuid4()}/effective?from=2027-01-01&to=2027-03-03").status_code == 404
    )


def test_the_business_concerns_every_resource_and_a_new_one_from_its_first_instant(office: Office) -> None:
    business = office.done("GET", "/schedules/business")
    office.done("PUT", "/schedules/business", {"rules": {"minimumNoticeMinutes": 1 + business["version"]}})
    assert office.changes == 1
    assert office.version(office.world.resource()) == 1
    office.done("PUT", "/schedules/business", {})


def test_a_service_counts_up_its_own_version(office: Office, service_id: str) -> None:
    office.done("PUT", f"/schedules/services/{service_id}", {"weekly": {"monday": [NINE_TO_FIVE]}})
    office.done("PUT", f"/schedules/services/{service_id}/days/2027-12-24", {"hours": []})
    assert office.done("GET", f"/services/{service_id}")["version"] == 3
    assert office.changes == 0


def test_another_time_zone_moves_the_hours(office: Office) -> None:
    office.done("PATCH", f"/resources/{office.id}", {"timeZone": "America/New_York"}, by=office.owner)
    assert office.changes == 1
    office.done("PATCH", f"/resources/{office.id}", {"name": "Another"}, by=office.owner)
    assert office.changes == 1
