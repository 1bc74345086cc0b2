"""The figures agree with a recount of the tables in Python: by day in the business's time zone, across both changes of
clocks, and at the edges of days and months."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from tests.factories import World
from tests.integration.report.conftest import ZONE, Office

Json = dict[str, Any]
Rows = list[Json]
BERLIN = ZoneInfo(ZONE)
#: clocks are put back on 25 October 2026 and forward on 28 March 2027
PERIOD = ("2026-10-12", "2027-04-05")
LOWER, UPPER = (datetime.combine(date.fromisoformat(day), datetime.min.time(), BERLIN) for day in PERIOD)
STATUSES = ("pending", "confirmed", "checked_in", "completed", "completed", "no_show", "cancelled", "declined")
GROUPINGS = ("day", "week", "month", "resource", "service", "provider")
#: instants that are easily counted in the wrong day: around midnight, around the changes of clocks, at the edges
EDGES = (
    *("2026-10-11T21:59:59Z", "2026-10-11T22:00:00Z", "2026-10-24T21:59:00Z", "2026-10-24T22:00:00Z"),
    *("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"),
    *("2026-10-31T22:59:00Z", "2026-10-31T23:00:00Z", "2027-03-27T22:59:00Z", "2027-03-27T23:00:00Z"),
    *("2027-03-28T00:59:00Z", "2027-03-28T01:00:00Z", "2027-03-28T21:59:00Z", "2027-03-28T22:00:00Z"),
    *("2027-04-04T21:59:59Z", "2027-04-04T22:00:00Z"),
)


@pytest.fixture(scope="module")
def town(office: Office) -> Office:
    """Some hundred bookings of everything, by few customers."""
    world, dice = office.world, random.Random(3)
    providers = [world.provider().id for _ in range(3)]
    world.query("UPDATE resources SET capacity = 1000 WHERE id = ANY (%s)", providers)
    rooms = [world.resource(capacity=1000) for _ in range(2)]
    services = [make_service(world, name) for name in ("Cut", "Colour")]
    customers = [world.user() for _ in range(12)]
    staff = world.admin().id
    span = int((UPPER - LOWER).total_seconds())
    starts = [datetime.fromisoformat(edge) for edge in EDGES]
    starts += [LOWER + timedelta(seconds=dice.randrange(-86_400 * 9, span + 86_400 * 9)) for _ in range(300)]
    for start in starts:
        customer = dice.choice(customers)
        office.book(
            start.astimezone(UTC),
            *dice.choice(
                [[dice.choice(providers)], [dice.choice(rooms)], [dice.choice(providers), dice.choice(rooms)]]
            ),
            minutes=dice.choice([15, 45, 60, 600, 4000]),
            status=dice.choice(STATUSES),
            user=customer,
            by=dice.choice([customer.id, staff]),
            units=dice.choice([1, 1, 2, 5]),
            lead=timedelta(seconds=dice.randrange(60, 86_400 * 40)),
            service=dice.choice([None, *services]),
        )
    return office


def make_service(world: World, name: str) -> UUID:
    """A service."""
    (row,) = world.query(
        """INSERT INTO services (id, slug, name, durations, currency, price_from, created_at, updated_at)
           VALUES (gen_random_uuid(), %s, %s, '[]', 'EUR', 0, now(), now()) RETURNING id""",
        name.lower(),
        name,
    )
    return UUID(str(row["id"]))


def bookings(office: Office) -> Rows:
    """The bookings of the period."""
    rows = office.world.query("SELECT * FROM bookings ORDER BY start_at, id")
    return [row for row in rows if LOWER <= row["start_at"] < UPPER]


def keys(row: Json, group_by: str, at: str = "start_at") -> list[str | None]:
    """The groups that a row is in, by the day in Berlin on which it happened, or by what was booked."""
    if group_by == "resource":
        return [str(id) for id in row["resource_ids"]]
    if group_by in ("service", "provider"):
        id = row[f"{group_by}_id"]
        return [id and str(id)]
    day: date = row[at].astimezone(BERLIN).date()
    first = {"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}
    return [first[group_by].isoformat()]


def grouped(rows: Iterable[Json], group_by: str) -> dict[str | None, Rows]:
    """The bookings of each group."""
    found: dict[str | None, Rows] = defaultdict(list)
    for row in rows:
        for key in keys(row, group_by):
            found[key].append(row)
    return found


def by_key(rows: Rows, group_by: str) -> dict[str | None, Json]:
    """The rows of a report by their group, without what names the group."""
    key = group_by if group_by in ("day", "week", "month") else f"{group_by}Id"
    found = {row[key]: {name: value for name, value in row.items() if name not in (key, group_by)} for row in rows}
    assert len(found) == len(rows), "a group stands there twice"
    return found


def percent(part: int, whole: int) -> float:
    """A share with one decimal."""
    return float((Decimal(100) * part / whole).quantize(Decimal("0.1"), ROUND_HALF_UP))


def count(rows: Rows, *statuses: str) -> int:
    """How many are in one of the states."""
    return sum(row["status"] in statuses for row in rows)


@pytest.mark.parametrize("group_by", GROUPINGS)
def test_bookings(town: Office, group_by: str) -> None:
    told = by_key(town.rows("bookings", PERIOD, groupBy=group_by), group_by)
    assert told == {
        key: {
            "bookings": len(rows),
            "pending": count(rows, "pending"),
            "confirmed": count(rows, "confirmed"),
            "checkedIn": count(rows, "checked_in"),
            "completed": count(rows, "completed"),
            "noShow": count(rows, "no_show"),
            "cancelled": count(rows, "cancelled"),
            "declined": count(rows, "declined"),
            "units": sum(row["units"] for row in rows),
            "bookedMinutes": int(sum((row["end_at"] - row["start_at"]).total_seconds() for row in rows) // 60),
        }
        for key, rows in grouped(bookings(town), group_by).items()
    }


@pytest.mark.parametrize("group_by", GROUPINGS)
def test_cancellations(town: Office, group_by: str) -> None:
    calls = town.world.query("SELECT booking_id, actor_id FROM booking_history WHERE action = 'cancel'")
    who = {row["booking_id"]: row["actor_id"] for row in calls}
    told = by_key(town.rows("cancellations", PERIOD, groupBy=group_by), group_by)
    recount = {}
    for key, rows in grouped(bookings(town), group_by).items():
        own = sum(row["status"] == "cancelled" and who[row["id"]] == row["user_id"] for row in rows)
        recount[key] = {
            "bookings": len(rows),
            "cancelledByCustomer": own,
            "cancelledByOthers": count(rows, "cancelled") - own,
            "declined": count(rows, "declined"),
            "noShow": count(rows, "no_show"),
            "cancelledPercent": percent(count(rows, "cancelled"), len(rows)),
            "noShowPercent": percent(count(rows, "no_show"), len(rows)),
        }
    assert told == recount


@pytest.mark.parametrize("group_by", GROUPINGS)
def test_lead_time(town: Office, group_by: str) -> None:
    told = by_key(town.rows("lead-time", PERIOD, groupBy=group_by), group_by)
    recount = {}
    for key, rows in grouped(bookings(town), group_by).items():
        leads = sorted(int((row["start_at"] - row["created_at"]).total_seconds() // 60) for row in rows)
        recount[key] = {
            "bookings": len(leads),
            "shortestMinutes": leads[0],
            "medianMinutes": at_percentile(leads, 50),
            "ninetiethPercentileMinutes": at_percentile(leads, 90),
            "longestMinutes": leads[-1],
            "meanMinutes": int((Decimal(sum(leads)) / len(leads)).quantize(Decimal(1), ROUND_HALF_UP)),
        }
    assert told == recount


def at_percentile(values: list[int], share: int) -> int:
    """The first value below or at which so many percent of the values are."""
    return values[-(-len(values) * share // 100) - 1]


@pytest.mark.parametrize("group_by", GROUPINGS)
def test_customers(town: Office, group_by: str) -> None:
    firsts: dict[UUID, UUID] = {}
    for row in town.world.query("SELECT id, user_id FROM bookings ORDER BY start_at, id"):
        firsts.setdefault(row["user_id"], row["id"])
    told = by_key(town.rows("customers", PERIOD, groupBy=group_by), group_by)
    assert told == {
        key: {
            "customers": len({row["user_id"] for row in rows}),
            "newCustomers": sum(firsts[row["user_id"]] == row["id"] for row in rows),
            "bookings": len(rows),
        }
        for key, rows in grouped(bookings(town), group_by).items()
    }


def test_each_customer(town: Office) -> None:
    told = {row.pop("userId"): row for row in town.rows("customers", PERIOD)}
    people: dict[str, Rows] = defaultdict(list)
    for row in bookings(town):
        people[str(row["user_id"])].append(row)
    assert told == {
        key: {
            "name": "Test customer",
            "bookings": len(rows),
            "completed": count(rows, "completed"),
            "calledOff": count(rows, "cancelled", "declined"),
            "noShow": count(rows, "no_show"),
            "firstStartAt": rows[0]["start_at"].isoformat().replace("+00:00", "Z"),
            "lastStartAt": rows[-1]["start_at"].isoformat().replace("+00:00", "Z"),
        }
        for key, rows in people.items()
    }


def parts(group_by: str) -> dict[str, tuple[datetime, datetime]]:
    """The days, weeks or months of the period, cut off at its ends."""
    found: dict[str, tuple[datetime, datetime]] = {}
    day = date.fromisoformat(PERIOD[0])
    while day < date.fromisoformat(PERIOD[1]):
        (key,) = keys({"start_at": datetime.combine(day, datetime.min.time(), BERLIN)}, group_by)
        begins, ends = (datetime.combine(day + timedelta(days=n), datetime.min.time(), BERLIN) for n in (0, 1))
        assert key
        found[key] = (found.get(key, (begins.astimezone(UTC),))[0], ends.astimezone(UTC))
        day += timedelta(days=1)
    return found


@pytest.mark.parametrize("group_by", ["day", "week", "month", "resource", "provider"])
def test_utilisation(town: Office, group_by: str) -> None:
    timed = group_by in ("day", "week", "month")
    spans = parts(group_by) if timed else {"": (LOWER.astimezone(UTC), UPPER.astimezone(UTC))}
    claims = town.world.query("SELECT * FROM allocations WHERE released_at IS NULL")
    resources = town.world.query("SELECT * FROM resources")
    told = {
        (row.get(group_by, "") if timed else "", row["resourceId"]): row
        for row in town.rows("utilisation", PERIOD, groupBy=group_by)
    }
    shown = [one for one in resources if group_by != "provider" or one["kind"] == "provider"]
    assert len(told) == len(spans) * len(shown)
    for key, (begins, ends) in spans.items():
        for resource in shown:
            seconds = sum(
                (min(claim["during"].upper, ends) - max(claim["during"].lower, begins)).total_seconds() * claim["units"]
                for claim in claims
                if claim["resource_id"] == resource["id"]
                and claim["during"].lower < ends
                and claim["during"].upper > begins
            )
            available = (ends - begins).total_seconds() * resource["capacity"]
            row = told[key, str(resource["id"])]
            assert (row["claimedMinutes"], row["openMinutes"]) == (seconds // 60, available // 60), (key, resource)
            assert row["utilisationPercent"] == round(100 * seconds / available, 1)


def test_a_day_on_which_clocks_change_is_longer_or_shorter(town: Office) -> None:
    room = str(town.world.resource())
    rows = town.rows("utilisation", PERIOD, groupBy="day", filters={"resourceId": room})
    hours = {row["day"]: row["openMinutes"] / 60 for row in rows}
    assert (hours["2026-10-24"], hours["2026-10-25"], hours["2027-03-28"]) == (24, 25, 23)


def test_utilisation_is_of_the_hours_that_a_resource_has(town: Office) -> None:
    """Hours are wall-clock time of its own zone; time off is not open, what is busy elsewhere is."""
    world, room = town.world, town.world.resource(capacity=2)
    world.query("UPDATE resources SET time_zone = 'America/New_York', schedule_version = 1 WHERE id = %s", room)
    weekly = json.dumps({"saturday": [{"from": "20:00", "to": "02:00"}]})
    world.query(
        """INSERT INTO schedules (layer, subject_id, weekly, updated_at) VALUES ('resource', %s, %s, now())""",
        room,
        weekly,
    )
    for kind, span in (
        ("time_off", "[2026-10-25 00:00Z, 2026-10-25 01:00Z)"),
        ("busy", "[2026-10-25 02:00Z, 2026-10-25 03:00Z)"),
    ):
        world.query(
            """INSERT INTO closures (id, resource_id, during, kind, created_at)
               VALUES (gen_random_uuid(), %s, %s, %s, now())""",
            room,
            span,
            kind,
        )
    rows = town.rows("utilisation", PERIOD, groupBy="day", filters={"resourceId": str(room)})
    hours = {row["day"]: row["openMinutes"] / 60 for row in rows}
    # The night in which New York puts its clocks back is an hour longer.
    assert (hours["2026-10-18"], hours["2026-10-25"], hours["2026-11-01"]) == (12, 10, 14)


def test_filters(town: Office) -> None:
    every = bookings(town)
    some = every[len(every) // 2]
    cases: list[tuple[Json, Callable[[Json], bool]]] = [
        ({"resourceId": str(some["resource_ids"][0])}, lambda row: some["resource_ids"][0] in row["resource_ids"]),
        ({"userId": str(some["user_id"])}, lambda row: row["user_id"] == some["user_id"]),
        ({"status": ["completed", "no_show"]}, lambda row: row["status"] in ("completed", "no_show")),
    ]
    for name in ("service", "provider"):
        wanted = next(row for row in every if row[f"{name}_id"])[f"{name}_id"]
        cases.append(({f"{name}Id": str(wanted)}, lambda row, n=name, w=wanted: row[f"{n}_id"] == w))  # type: ignore[misc]
    for filters, passes in cases:
        told = sum(row["bookings"] for row in town.rows("bookings", PERIOD, filters=filters))
        assert 0 < told == sum(map(passes, every)) < len(every), filters


def test_a_provider_sees_what_claims_theirs(town: Office) -> None:
    every = bookings(town)
    owner = next(row for row in every if row["provider_id"])["provider_id"]
    (user,) = town.world.query("SELECT id, role FROM users WHERE id = %s", owner)
    person = town.as_(type(town.admin.actor)(user["id"], user["role"]))
    told = town.rows("bookings", PERIOD, person, groupBy="month")
    assert sum(row["bookings"] for row in told) == sum(owner in row["resource_ids"] for row in every)
    for kind in ("bookings", "utilisation"):
        assert {row["resourceId"] for row in town.rows(kind, PERIOD, person, groupBy="resource")} == {str(owner)}
    assert {row["userId"] for row in town.rows("customers", PERIOD, person)} == {
        str(row["user_id"]) for row in every if owner in row["resource_ids"]
    }


def test_groups_have_names(town: Office) -> None:
    rows = town.rows("bookings", PERIOD, groupBy="service")
    assert {row["service"] for row in rows} == {"Cut", "Colour", None}
    assert {row["provider"] for row in town.rows("bookings", PERIOD, groupBy="provider")} == {"Test provider", None}


def test_one_snapshot_for_all_of_it(town: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is booked while a report is being made is not in its later parts either."""
    from bookings.report import rules

    room, cut = town.world.resource(capacity=50), rules.slices
    town.book("2026-11-01T10:00:00Z", room)

    def slices(*args: Any) -> Any:
        yield from cut(*args)[:1]
        town.book("2027-02-01T10:00:00Z", room)
        yield from cut(*args)[1:]

    monkeypatch.setattr(rules, "slices", lambda *args: Parts(slices(*args), len(cut(*args))))
    asked: Json = {"groupBy": "day", "filters": {"resourceId": str(room)}}
    assert [row["day"] for row in town.rows("bookings", PERIOD, **asked)] == ["2026-11-01"]
    assert [row["day"] for row in town.rows("bookings", PERIOD, **asked)] == ["2026-11-01", "2027-02-01"]


class Parts:
    """Parts that come one by one, whose number is known."""

    def __init__(self, parts: Iterable[Any], number: int) -> None:
        self._parts, self._number = parts, number

    def __iter__(self) -> Any:
        return iter(self._parts)

    def __len__(self) -> int:
        return self._number
