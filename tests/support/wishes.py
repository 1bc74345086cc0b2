"""What Hypothesis draws for the machine: houses, hours, rules, times near those at which clocks change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.support.model import Hours, Need, Resource, Service

#: days on which clocks change, such on which they do not, and public holidays
DAYS = {
    "UTC": ["2027-06-01", "2028-02-29"],
    "Europe/Berlin": ["2027-03-28", "2027-10-31", "2027-12-25"],
    "America/New_York": ["2027-03-14", "2027-11-07", "2027-11-25"],
    "Asia/Kathmandu": ["2027-06-01"],
    "Australia/Lord_Howe": ["2027-04-04", "2027-10-03"],
    "Pacific/Apia": ["2011-12-30", "2012-04-01", "2027-06-01"],
    "Africa/Casablanca": ["2026-02-15", "2026-03-22", "2027-02-07"],
    "America/Sao_Paulo": ["2018-02-18", "2018-11-04"],
}
#: those on which clocks leave out a time: drawn twice as often
FORWARD = ("2027-03-28", "2027-03-14", "2027-10-03", "2026-03-22", "2018-11-04")
PLACES = [(zone, day) for zone, days in DAYS.items() for day in days for _ in range(1 + (day in FORWARD))]
PLACES_WITH_HOLIDAYS = ("DE", "DE-BY", "US", "WS", "MA", "BR")
CUSTOMERS = ("carl", "dora")
LENGTHS = (30, 45, 90)
#: of the window that is looked at, in minutes from its middle
FAR = 1800

minutes_of_a_day = st.one_of(st.integers(0, 95).map(lambda n: n * 15), st.integers(0, 1439))


@st.composite
def hours(draw: st.DrawFn) -> Hours:
    """The spans of a day: sorted, none begins before the last has ended; the last may pass midnight by a little."""
    bounds = sorted(draw(st.lists(minutes_of_a_day, min_size=0, max_size=4, unique=True)))
    found = list(zip(bounds[::2], bounds[1::2], strict=False))
    if draw(st.integers(0, 2)) == 0:
        begins = draw(st.integers(max([1200, *(b for _, b in found)]), 1439)) if not found or found[-1][1] < 1439 else 0
        if begins:
            found.append((begins, draw(st.sampled_from([1440, 1500, 1560]))))
    return found


def _apart(week: list[Hours]) -> list[Hours]:
    """No day begins before what the day before leaves past midnight has ended."""
    spilled = [max([0, *(ends - 1440 for _, ends in day)]) for day in week]
    return [
        [(max(begins, spilled[number - 1]), ends) for begins, ends in day if ends > spilled[number - 1]]
        for number, day in enumerate(week)
    ]


working_day = st.just([(540, 1020)])
single_days = st.one_of(hours(), hours(), working_day, st.just([(0, 1440)]))
weeks = st.one_of(
    st.none(),
    st.lists(st.one_of(hours(), working_day, st.just([(0, 1440)])), min_size=7, max_size=7).map(_apart),
    working_day.map(lambda day: [day] * 5 + [[]] * 2),
)
#: what a house is open to begin with: around the clock, into the night, or anyhow
openings = st.one_of(st.none(), st.none(), st.just([[(1200, 1560)]] * 7), weeks)
holidays = st.sampled_from([None, None, "", "DE", "US", "WS", "DE-BY"])
caps = st.dictionaries(st.sampled_from(["day", "week", "month"]), st.integers(1, 3), min_size=1, max_size=2)


@st.composite
def windows(draw: st.DrawFn, today: date) -> dict[str, Any]:
    """Booking windows that end near the day."""
    kind = draw(st.sampled_from(["rolling", "businessDays", "range"]))
    if kind != "range":
        return {"kind": kind, "days": draw(st.integers(0, 5))}
    first, last = sorted(draw(st.tuples(*[st.integers(-2, 6)] * 2)))
    return {
        "kind": kind,
        "from": date.fromordinal(today.toordinal() + first).isoformat(),
        "to": date.fromordinal(today.toordinal() + last).isoformat(),
    }


_NAMES = ("notice", "window", "grid", "offset", "resource", "customer")


@st.composite
def rules(draw: st.DrawFn, today: date) -> dict[str, Any]:
    """A few rules of a layer."""
    found: dict[str, Any] = {}
    names = draw(st.sets(st.sampled_from([*_NAMES, "off"]), max_size=3))
    if "notice" in names:
        found["minimumNoticeMinutes"] = draw(st.sampled_from([0, 1, 60, 61, 1440, 2000]))
    if "window" in names:
        found["bookingWindow"] = draw(windows(today))
    if "grid" in names:
        found["slotIntervalMinutes"] = draw(st.sampled_from([5, 7, 20, 30, 50, 60, 90, 1440]))
    if "offset" in names:
        found["slotOffsetMinutes"] = draw(st.integers(0, found.get("slotIntervalMinutes", 5) - 1))
    if "resource" in names:
        found["resourceCaps"] = draw(caps)
    if "customer" in names:
        found["customerCaps"] = draw(caps)
    if "off" in names:
        unsaid = [name for name in ("bookingWindow", "resourceCaps") if name not in found]
        found |= {"off": draw(st.lists(st.sampled_from(unsaid), min_size=1, unique=True))} if unsaid else {}
    return found


@dataclass(frozen=True)
class Near:
    """A rule that just allows, or just forbids, what somebody wants: by so much more or less."""

    kind: str
    by: int
    unit: str


def nears(*kinds: str) -> st.SearchStrategy[Near]:
    """Rules of these kinds."""
    return st.builds(
        Near,
        kind=st.sampled_from(kinds),
        by=st.sampled_from([0, 0, 1, -1]),
        unit=st.sampled_from(["day", "day", "week", "month"]),
    )


@dataclass(frozen=True)
class Plan:
    """A house to begin with."""

    zone: ZoneInfo
    day: date
    now: float
    resources: list[Resource]
    services: list[Service]
    weekly: list[Hours] | None


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Two providers, up to three rooms, two services; most of it in one zone, on a day of interest there."""
    zone, day = draw(st.sampled_from(PLACES))
    zones = st.one_of(st.just(zone), st.just(zone), st.sampled_from(sorted(DAYS))).map(ZoneInfo)
    people = [Resource(name, draw(zones), capacity=draw(st.sampled_from([1, 1, 3]))) for name in ("ann", "bob")]
    rooms = [
        Resource(f"{kind} {number}", draw(zones), kind, draw(st.sampled_from([1, 1, 2, 5])))
        for number, kind in enumerate(draw(st.lists(st.sampled_from(["workspace", "equipment"]), max_size=3)), 1)
    ]
    everything = [*people, *rooms]
    noon = int(datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC).timestamp()) // 60 + 720
    now = noon - draw(st.sampled_from([1440, 3 * 1440, 2000, 780, 700, 300])) + draw(st.sampled_from([0, 0, 0.5]))
    services = [draw(_services(f"service {number}", everything)) for number in (1, 2)]
    return Plan(draw(zones), date.fromisoformat(day), now, everything, services, draw(openings))


@st.composite
def _services(draw: st.DrawFn, name: str, everything: list[Resource]) -> Service:
    delivering = draw(st.lists(st.sampled_from([one.name for one in everything]), max_size=3, unique=True))
    rooms = [one for one in everything if one.kind != "provider"]
    needs = []
    if rooms:
        for kind in draw(st.lists(st.sampled_from([one.kind for one in rooms]), max_size=2)):
            of_kind = [one.name for one in rooms if one.kind == kind]
            names = draw(st.lists(st.sampled_from(of_kind), max_size=2, unique=True))
            count = draw(st.sampled_from([1, 1, 2]))
            needs.append(Need(kind, count, tuple(names) if len(names) >= count else ()))
    if not delivering and not needs:
        delivering = ["ann"]
    named = {*delivering, *(one for need in needs for one in need.names)}
    most = min([4, *(one.capacity for one in everything if one.name in named)])
    return Service(
        name,
        delivering,
        needs,
        draw(st.sampled_from([0, 0, 5, 15])),
        draw(st.sampled_from([0, 0, 10, 60])),
        min(most, draw(st.sampled_from([1, 1, 2, 4]))),
    )
