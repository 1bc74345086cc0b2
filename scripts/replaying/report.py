"""Comparing what the service says afterwards with what the file says."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

from replaying import money
from replaying.api import Api, ApiError
from replaying.replay import Outcome
from replaying.stays import ZONE, Stay, peak

_SHOWN = 5
#: how long a report may take, how long the worker may be behind, and how long one refund may take
_REPORT_SECONDS, _SETTLED_SECONDS, _REFUND_SECONDS = 120, 900, 15


@dataclass
class Report:
    """Lines for people, and what is wrong; nothing wrong means that the service did what the file says."""

    lines: list[str]
    wrong: list[str]

    def compare(self, what: str, service: Any, expected: Any) -> None:
        """Note a line, and a mistake if the two differ."""
        same = service == expected
        self.lines.append(
            f"{'ok   ' if same else 'WRONG'} {what}: {service}" + ("" if same else f", expected {expected}")
        )
        if not same:
            self.wrong.append(what)

    def none_of(self, what: str, found: list[str]) -> None:
        """Note that something bad was found never, or where."""
        self.lines.append(f"{'WRONG' if found else 'ok   '} {what}: {len(found)} {'; '.join(found[:_SHOWN])}".rstrip())
        self.wrong += [what] if found else []


def compare(api: Api, outcome: Outcome, stays: list[Stay]) -> Report:
    """Read every booking of every replayed resource back and compare. Raises ApiError."""
    report = Report([], [])
    stored = {room: _bookings(api, id) for room, id in outcome.resources.items()}
    expected = [stay for stay in stays if stay.number in outcome.accepted]
    _each_booking(report, outcome, expected, stored)
    counts = Counter(booking["status"] for bookings in stored.values() for booking in bookings)
    report.compare("bookings by final status", _sorted(counts), _sorted(Counter(stay.ends_as for stay in expected)))
    _nights(report, expected, stored)
    _capacity(report, outcome, stored)
    _refusals(report, outcome, stored)
    if outcome.shown:
        report.none_of("stays booked or refused otherwise than /slots showed", outcome.not_as_shown)
    _revenue(report, api, outcome, expected)
    return report


def _bookings(api: Api, resource_id: str) -> list[dict[str, Any]]:
    """All bookings of a resource, page by page along the cursor."""
    path = f"/bookings?resourceId={resource_id}&limit=100&fields=id,startAt,endAt,status"
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        reply = api.call("GET", path + (f"&cursor={quote(cursor)}" if cursor else ""))
        if reply.status != 200:
            raise ApiError(f"The list of bookings answered {reply.problem!r}; the token must be an admin's.")
        found += reply.body["items"]
        cursor = reply.body["nextCursor"]
        if not cursor:
            return found


def _each_booking(
    report: Report, outcome: Outcome, expected: list[Stay], stored: dict[str, list[dict[str, Any]]]
) -> None:
    """Every accepted stay is there once, on its resource, at its time, with its end; and nothing else is."""
    shown = [
        (
            room,
            booking["id"],
            datetime.fromisoformat(booking["startAt"]),
            datetime.fromisoformat(booking["endAt"]),
            booking["status"],
        )
        for room, bookings in stored.items()
        for booking in bookings
    ]
    wanted = {(stay.room, outcome.accepted[stay.number], stay.start, stay.end, stay.ends_as) for stay in expected}
    report.compare("bookings", len(shown), len(wanted))
    report.none_of("bookings that differ from their row", [str(row) for row in set(shown) ^ wanted])


def _nights(report: Report, expected: list[Stay], stored: dict[str, list[dict[str, Any]]]) -> None:
    """Who sleeps where in each night: of the file by its own dates, of the service by its instants."""
    in_file = Counter(
        (stay.room, night) for stay in expected if stay.ends_as != "cancelled" for night in stay.nights_slept()
    )
    in_service: Counter[tuple[str, date]] = Counter()
    for room, bookings in stored.items():
        for start, end in _live(bookings):
            first, last = start.astimezone(ZONE).date(), end.astimezone(ZONE).date()
            in_service.update((room, date.fromordinal(day)) for day in range(first.toordinal(), last.toordinal()))
    report.compare("room nights", in_service.total(), in_file.total())
    nights = in_service.keys() | in_file.keys()
    different = [f"{room} {day}" for room, day in nights if in_service[room, day] != in_file[room, day]]
    report.none_of(f"differences in nightly occupancy, of {len(nights)} nights of a resource", different)


def _capacity(report: Report, outcome: Outcome, stored: dict[str, list[dict[str, Any]]]) -> None:
    """At no instant are more rooms taken than there are."""
    peaks = {room: peak(_live(bookings)) for room, bookings in stored.items()}
    over = [
        f"{room} {peaks[room]} of {capacity}" for room, capacity in outcome.capacities.items() if peaks[room] > capacity
    ]
    report.none_of("resources booked over capacity", over)
    full = sum(peaks[room] == capacity for room, capacity in outcome.capacities.items())
    report.lines.append(f"      resources that were full at some time: {full} of {len(peaks)}")


def _refusals(report: Report, outcome: Outcome, stored: dict[str, list[dict[str, Any]]]) -> None:
    """Whoever was refused would indeed not have fitted with those who are there in the end."""
    live = {room: list(_live(bookings)) for room, bookings in stored.items()}

    def fits(stay: Stay) -> bool:
        beside = [(start, end) for start, end in live[stay.room] if start < stay.end and stay.start < end]
        within = [(max(start, stay.start), min(end, stay.end)) for start, end in beside]
        return peak(within) < outcome.capacities[stay.room]

    report.none_of("refusals of stays that would have fitted", [f"row {s.number}" for s in outcome.refused if fits(s)])


def _revenue(report: Report, api: Api, outcome: Outcome, expected: list[Stay]) -> None:
    """What the revenue report says was taken and given back for each resource, against sums over the file."""
    wanted = {outcome.resources[room]: its.shown() for room, its in money.by_room(expected).items()}
    shown = _when_settled(api, lambda: _report_of(api, outcome), wanted)
    different = [
        f"{room} {shown.get(id, 'nothing')}, expected {wanted.get(id, 'nothing')}"
        for room, id in outcome.resources.items()
        if shown.get(id) != wanted.get(id)
    ]
    for name in ("payments", "captured", "refunded", "net"):
        sums = [sum(its[name] for its in side.values()) for side in (shown, wanted)]
        report.compare(f"revenue report, {name}" + ("" if name == "payments" else f" in {money.CURRENCY} cents"), *sums)
    report.none_of(f"resources whose revenue differs, of {len(wanted)} with any", different)


Sums = dict[str, dict[str, int]]


def _when_settled(api: Api, look: Callable[[], Sums], wanted: Sums) -> Sums:
    """Refunds follow from cancellations, in the worker: let it catch up, and a moment for what it is doing."""
    deadline = time.monotonic() + _SETTLED_SECONDS
    while time.monotonic() < deadline and _behind(api):
        time.sleep(0.5)
    deadline = time.monotonic() + _REFUND_SECONDS
    while (found := look()) != wanted and time.monotonic() < deadline:
        time.sleep(1)
    return found


def _behind(api: Api) -> int:
    """How many events the consumer that makes refunds has not heard of yet."""
    health = api.call("GET", "/jobs/health").body
    return sum(int(one["behind"]) for one in health.get("consumers", []) if one["name"] == "payment")


def _report_of(api: Api, outcome: Outcome) -> Sums:
    """The revenue report by resource, of the days in which keys live; other resources left out."""
    today = datetime.now(UTC).date()
    wish = {
        "kind": "revenue",
        "groupBy": "resource",
        "format": "json",
        "from": str(today - timedelta(days=4)),
        "to": str(today + timedelta(days=2)),
    }
    made = api.call("POST", "/reports", wish)
    if made.status != 202:
        raise ApiError(f"The report was refused with {made.problem!r}; the token must be an admin's.")
    path, deadline = f"/reports/{made.body['id']}", time.monotonic() + _REPORT_SECONDS
    while (state := api.call("GET", path).body.get("status")) != "finished":
        if state == "failed" or time.monotonic() > deadline:
            raise ApiError(f"The report is {state}; see whether a worker runs.")
        time.sleep(0.3)
    rows = api.call("GET", f"{path}/download").body["rows"]
    api.call("DELETE", path)
    ours = set(outcome.resources.values())
    names = ("payments", "captured", "refunded", "net")
    return {
        row["resourceId"]: {name: row[name] for name in names}
        for row in rows
        if row["resourceId"] in ours and row["currency"] == money.CURRENCY
    }


def _live(bookings: Iterable[dict[str, Any]]) -> list[tuple[datetime, datetime]]:
    instant: Callable[[str], datetime] = datetime.fromisoformat
    return [(instant(b["startAt"]), instant(b["endAt"])) for b in bookings if b["status"] != "cancelled"]


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))
