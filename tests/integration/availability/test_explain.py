"""GET /availability/explain says what every rule says of one start, and to others only what they may know."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tests.factories import World
from tests.integration.availability.counter import DAY, NINE_TO_TWELVE, at, booked, closed, says, starts
from tests.integration.booking.api import Api, Person
from tests.integration.catalogue.shop import Shop


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    """The business stands in Berlin, as its resources do."""
    return {"business_time_zone": "Europe/Berlin"}


def test_explain(shop: Shop, world: World, customer: Person) -> None:
    """Every rule in order, for each resource; the same that book and show."""
    one, two = world.provider().id, world.provider().id
    service = shop.offered(resourceIds=[one, two])
    says(shop, f"resources/{one}", **NINE_TO_TWELVE)
    booked(customer, service, at(13), providerId=two)
    query = {"serviceId": service["id"], "at": at(13)}
    told = dict(shop.admin.get("/availability/explain", query).get_json())
    assert (told["bookable"], told["assignment"]) == (False, None)
    (group,) = told["groups"]
    refusing = {
        one["resourceId"]: [rule["rule"] for rule in one["rules"] if not rule["allowed"]] for one in group["resources"]
    }
    assert refusing == {str(one): ["openingHours"], str(two): ["claims"]}
    assert [rule["rule"] for rule in group["resources"][0]["rules"]] == [
        "past",
        "bookingAhead",
        "bookingLength",
        "slotGrid",
        "minimumNotice",
        "bookingWindow",
        "noShows",
        "openingHours",
        "closures",
        "resourceCaps",
        "resourceCustomerCaps",
        "claims",
    ]
    free = dict(shop.get("/availability/explain", **query | {"at": at(11)}).get_json())
    assert free["bookable"]
    assert free["assignment"] == {
        "strategy": "least_busy",
        "chosen": str(one),
        "because": "of 2 who are free, the fewest bookings that day (0)",
    }
    odd = dict(shop.get("/availability/explain", **query | {"at": "2027-07-05T09:00:00.5Z"}).get_json())
    assert {r["rule"] for one in odd["groups"][0]["resources"] for r in one["rules"] if not r["allowed"]} == {
        "slotGrid"
    }


def test_explain_tells_only_the_owner_why_somebody_is_taken(
    shop: Shop, world: World, customer: Person, api: Api
) -> None:
    """Time off and a booking look the same to others, whatever they sample; as in free-busy."""
    owner, other = world.provider(), world.provider()
    service = shop.offered(resourceIds=[owner.id])
    closed(world, owner.id, at(9), at(10))
    booked(customer, service, at(13))

    def said(hour: float, by: Person | None) -> dict[str, bool]:
        query = {"serviceId": service["id"], "at": at(hour)}
        path = "/availability/explain"
        told = (by.get(path, query) if by else shop.get(path, **query)).get_json() or {}
        return {rule["rule"]: rule["allowed"] for rule in told["groups"][0]["resources"][0]["rules"]}

    for by in (None, customer, api.as_(other)):
        away, busy, free = said(9, by), said(13, by), said(11, by)
        assert {"closures", "claims"}.isdisjoint(away)
        assert (away, free) == (busy, busy | {"taken": True})
        assert not away["taken"]
    for by in (api.as_(owner), shop.admin):
        away, busy = said(9, by), said(13, by)
        assert "taken" not in away
        assert (away["closures"], away["claims"], busy["closures"], busy["claims"]) == (False, True, True, False)


def test_refusals_do_not_tell_either(shop: Shop, world: World, customer: Person) -> None:
    """Whoever asks for a time by booking, holding, moving or planning a series hears the same of time off as of a
    booking; a rule beside it is named."""
    provider = world.provider()
    service = shop.offered(resourceIds=[provider.id])
    says(shop, f"resources/{provider.id}", **NINE_TO_TWELVE)
    closed(world, provider.id, at(9), at(10))
    booked(customer, service, at(11))
    mine = booked(customer, service, at(10))
    series = {"serviceId": service["id"], "rrule": "FREQ=DAILY;COUNT=1", "timeZone": "Europe/Berlin"}

    def said(hour: float) -> list[dict[str, Any]]:
        wish = {"serviceId": service["id"], "startAt": at(hour), "providerId": str(provider.id)}
        planned = customer.call("POST", "/bookings/series", series | {"startAt": at(hour), "onConflict": "fail"})
        answers = [
            customer.call("POST", "/bookings", wish),
            customer.call("POST", "/holds", wish),
            customer.call("PATCH", f"/bookings/{mine['id']}", {"startAt": at(hour)}),
        ]
        found = [answer.get_json() | {"http": answer.status_code} for answer in answers]
        return [{name: one.get(name) for name in ("http", "code", "rules")} for one in found] + [
            {name: one[name] for name in ("status", "rule", "message")}
            for one in (planned.get_json() or {})["occurrences"]
        ]

    away, busy, shut = said(9), said(11), said(8)
    assert away == busy
    assert {one.get("code", "slot-taken") for one in away} == {"slot-taken"}
    assert all("openingHours" in (one.get("rules") or one["rule"]) for one in shut), shut


def values(told: dict[str, Any], number: int = 0) -> dict[str, tuple[Any, str | None]]:
    """What each rule demands of the first resource of a group, and which layer says so."""
    rules = [*told["rules"], *told["groups"][number]["resources"][0]["rules"]]
    return {rule["rule"]: (rule["value"], rule["layer"]) for rule in rules}


def test_explain_tells_what_a_rule_demands_and_who_says_so(shop: Shop, world: World, customer: Person) -> None:
    """As the schedules tell everybody signed in, and nobody else."""
    one = world.provider().id
    service = shop.offered(resourceIds=[one])
    window = {"kind": "rolling", "days": 1000}
    no_shows = {"count": 3, "days": 30, "then": "refuse"}
    hours = [{"from": "08:00", "to": "16:00"}]
    says(shop, "business", weekly={"monday": hours}, rules={"bookingWindow": window, "customerCaps": {"day": 9}})
    says(shop, f"resources/{one}", rules={"minimumNoticeMinutes": 120, "resourceCaps": {"week": 40}})
    rules = {"noShowRule": no_shows, "customerCaps": {"month": 8}, "slotIntervalMinutes": 20}
    says(shop, f"services/{service['id']}", rules=rules)
    query = {"serviceId": service["id"], "at": at(10)}
    path = "/availability/explain"
    told = values(dict(customer.get(path, query).get_json()))
    caps = {"day": None, "week": None, "month": None}
    assert told == {
        "past": (None, None),
        "bookingAhead": (1830 * 1440, None),
        "bookingLength": (90 * 1440, None),
        "slotGrid": ({"slotIntervalMinutes": 20, "slotOffsetMinutes": 0}, "service"),
        "minimumNotice": (120, "resource"),
        "bookingWindow": (window, "business"),
        "noShows": (no_shows, "service"),
        "openingHours": (hours, "business"),
        "resourceCaps": (caps | {"week": 40}, "resource"),
        "resourceCustomerCaps": (None, "default"),
        "customerCaps": ({"business": caps | {"day": 9}, "service": caps | {"month": 8}}, None),
        "taken": (None, None),
    }
    strangers = values(dict(shop.get(path, **query).get_json()))
    assert set(strangers.values()) == {(None, None)}
    narrow = [{"from": "12:00", "to": "13:00"}]
    says(shop, f"services/{service['id']}", weekly={"monday": narrow})
    for hour, said in ((10, (narrow, "service")), (18, (hours, "business"))):
        told = values(dict(customer.get(path, query | {"at": at(hour)}).get_json()))
        assert told["openingHours"] == said
    says(shop, "business")


def test_explain_tells_the_next_start_that_slots_show(shop: Shop, world: World, customer: Person, api: Api) -> None:
    one = world.provider().id
    service = shop.offered(resourceIds=[one])
    says(shop, f"resources/{one}", **NINE_TO_TWELVE)
    booked(customer, service, at(9))

    def told(instant: str, by: Person | None = None) -> str | None:
        query = {"serviceId": service["id"], "at": instant}
        path = "/availability/explain"
        answer = dict((by.get(path, query) if by else shop.get(path, **query)).get_json())
        assert not answer["bookable"] or answer["nextStartAt"] is None
        found: str | None = answer["nextStartAt"]
        return found

    after = starts(shop, service)[0]
    assert after > at(9)
    assert (told(at(9)), told(at(8)), told("2027-07-05T07:00:00.5Z")) == (after, after, after)
    assert told(at(11)) is None
    assert told(at(13)) == at(9, DAY + timedelta(days=7))
    assert told(at(13, DAY - timedelta(days=8))) is not None
    says(shop, f"resources/{one}", weekly={})
    assert told(at(9)) is None
    # Where a rule says when it begins to allow it, the search begins there, however far away.
    window = {"kind": "range", "from": "2027-08-02", "to": "2027-08-31"}
    says(shop, f"resources/{one}", **NINE_TO_TWELVE, rules={"bookingWindow": window})
    assert told(at(10)) == at(9, date(2027, 8, 2))
    says(shop, f"services/{service['id']}", rules={"customerCaps": {"month": 1}})
    booked(customer, service, at(9, date(2027, 8, 2)))
    assert told(at(10), customer) is None
    assert told(at(10), api.as_(world.user())) == told(at(10))
    assert told(at(10)) != at(9, date(2027, 8, 2))
