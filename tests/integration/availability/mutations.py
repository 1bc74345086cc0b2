"""Break the service on purpose, in one place at a time, and see how soon the machine of test_truth.py notices.

    python -m tests.integration.availability.mutations [--seconds 90] [words of a name ...]

The service as it is comes first: the machine must have nothing to say of it. What the machine seldom meets has a named
test, which is tried before the machine. Each runs in a copy of this folder, so nothing here changes. Exit code 1 when
one was not noticed in time.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
AVAILABILITY = "bookings/availability/"
UNIT = "tests/unit/availability/"
SLOTS_SQL = "sql/queries/availability.slots.sql"
_LIVE = "AND NOT a.overbooked AND {lasting}"
_MACHINE = "tests/integration/availability/test_truth.py::test_service_and_model_never_differ"
_IGNORED = "\n   AND (a.booking_id = %(ignored_booking)s::uuid) IS NOT TRUE"


class Mutation(NamedTuple):
    """What is broken, and how: `old`, which is in the file exactly once, becomes `new`. `test`: one that notices, where
    the machine is not likely to in time."""

    name: str
    file: str
    old: str
    new: str
    test: str = ""


def _lanes(name: str, old: str, new: str, test: str = "") -> Mutation:
    return Mutation(name, AVAILABILITY + "lanes.py", old, new, test)


def _layers(name: str, old: str, new: str, test: str = "") -> Mutation:
    return Mutation(name, AVAILABILITY + "layers.py", old, new, test)


def _sql(name: str, old: str, new: str) -> Mutation:
    return Mutation(name, SLOTS_SQL, old, new)


MUTATIONS = (
    _lanes("notice one minute short", "schedule.rules.notice * 60)", "schedule.rules.notice * 60 - 60)"),
    _lanes("last day of the window left out", "if not first <= day <= last:", "if not first <= day < last:"),
    _layers("first day of the window ignored", "return max(today, window.from_)", "return today"),
    _lanes(
        "today by the wrong clock",
        "hours.local_date(floor(look.picture.now), zone)",
        'hours.local_date(floor(look.picture.now), ZoneInfo("UTC"))',
        UNIT + "test_slots.py::test_today_is_that_of_the_clock_where_it_is_delivered",
    ),
    _lanes("interval offset ignored", "range(offset % interval, hours.MIDNIGHT", "range(0, hours.MIDNIGHT"),
    _lanes(
        "a start at a time that clocks skip",
        "for minute in minutes if hours.exists(day, minute, zone))",
        "for minute in minutes)",
    ),
    Mutation(
        "a time that comes twice taken at its second",
        AVAILABILITY + "hours.py",
        "    seconds = _seconds(wall.replace(tzinfo=zone))\n    if",
        "    seconds = _seconds(wall.replace(tzinfo=zone, fold=1))\n    if",
    ),
    _lanes(
        "last start before closing left out",
        "bisect_right(starts, closes - look.terms.length)",
        "bisect_left(starts, closes - look.terms.length)",
    ),
    _lanes("the end of a claim still taken", "micros(self.terms.before) + 1 ", "micros(self.terms.before) "),
    _lanes(
        "buffer after ignored",
        "first + micros(self.terms.length + self.terms.after)",
        "first + micros(self.terms.length)",
    ),
    _lanes("buffer before ignored", "first - micros(self.terms.before)", "first"),
    _lanes("buffer one second too long", "micros(self.terms.before) + 1 ", "micros(self.terms.before + 1) + 1 "),
    Mutation(
        "a claim ends before its last second is over",
        AVAILABILITY + "spans.py",
        "-(-ends // _MILLION)",
        "ends // _MILLION",
        UNIT + "test_slots.py::test_spans_are_read_as_postgresql_writes_them",
    ),
    _lanes("closures ignored", "for begins, ends in candidate.closures:", "for begins, ends in ():"),
    _lanes("capacity one too much", "if left < look.terms.units:", "if left < look.terms.units - 1:"),
    _lanes("capacity one too little", "if left < look.terms.units:", "if left <= look.terms.units:"),
    _lanes(
        "places of a session ignored", "min(candidate.capacity, places or candidate.capacity)", "candidate.capacity"
    ),
    _lanes("cap reached one too late", "bookings[day] >= caps.day", "bookings[day] > caps.day"),
    Mutation(
        "caps of a resource by the wrong clock",
        AVAILABILITY + "counting.py",
        "hours.instant(day, 0, zone) for zone in",
        'hours.instant(day, 0, ZoneInfo("UTC")) for zone in',
    ),
    Mutation(
        "caps of a customer by the wrong clock",
        AVAILABILITY + "counting.py",
        "hours.local_date(on, found.business_zone)",
        'hours.local_date(on, ZoneInfo("UTC"))',
    ),
    _sql("holds do not count for caps of a customer", "AND h.state = 'active'", "AND false AND h.state = 'active'"),
    _sql("expired holds still block", _LIVE, "AND NOT a.overbooked"),
    _sql(
        "expired holds still count for caps",
        "a.released_at IS NULL\n   AND {lasting}",
        "a.released_at IS NULL",
    ),
    _sql("what is overbooked blocks others", _LIVE, "AND {lasting}"),
    _sql("a booking is in its own way", _LIVE + _IGNORED, _LIVE + "\n   AND true"),
    _sql("a claim that began before is not seen", "WHERE upper(before.during) > %(lower)s", "WHERE false"),
    Mutation(
        "the buffer of a claim behind the end is not seen",
        SLOTS_SQL,
        "%(upper)s + interval '2 days'",
        "%(upper)s",
        "tests/integration/availability/test_slots.py::test_claims_that_reach_into_the_time_that_is_asked_for",
    ),
    _layers("dates of a resource ignored", "{day: (spans, RESOURCE) for day, spans in resource.days.items()}", "{}"),
    _layers("dates of the business ignored", "{day: (spans, BUSINESS) for day, spans in business.days.items()}", "{}"),
    _layers("dates of a service ignored", "tuple(sorted(service.days.items())) if service else ()", "()"),
    _layers(
        "public holidays ignored",
        "{day: () for day in dates if holiday(calendar.country, day)} if calendar.country else {}",
        "{}",
    ),
    _layers(
        "hours past midnight cut there",
        "upper if upper > lower else upper + MIDNIGHT",
        "upper if upper > lower else MIDNIGHT",
    ),
    Mutation(
        "requirements not checked",
        AVAILABILITY + "slots.py",
        "for group, total in zip(groups, totals, strict=True):\n            free &=",
        "for group, total in zip(groups[:1], totals[:1], strict=True):\n            free &=",
    ),
)


def broken(mutation: Mutation) -> str:
    """The text of the file with the mutation in it."""
    text = (ROOT / mutation.file).read_text()
    if text.count(mutation.old) != 1:
        raise ValueError(f"{mutation.name}: {text.count(mutation.old)} times in {mutation.file}: {mutation.old}")
    return text.replace(mutation.old, mutation.new)


def try_one(mutation: Mutation | None, seconds: int, seed: int) -> str | None:
    """What noticed: a named test, or the machine after how many steps and seconds. None: nothing did. No mutation: what
    the machine says of the service as it is."""
    with tempfile.TemporaryDirectory() as folder:
        for part in ("bookings", "sql", "scripts", "tests", "setup.cfg", "pyproject.toml", ".env.example"):
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, Path(folder, part))
            elif (ROOT / part).exists():
                shutil.copy(ROOT / part, folder)
        if mutation:
            Path(folder, mutation.file).write_text(broken(mutation))
            if mutation.test and f"FAILED {mutation.test}" in _run(folder, mutation.test).stdout:
                return mutation.test.rpartition("::")[2]
        bounds = {"TRUTH_STEPS": "100000", "TRUTH_SECONDS": str(seconds), "TRUTH_SEED": str(seed)}
        result = _run(folder, _MACHINE, bounds)
    told = re.findall(r"(\d+ steps in \d+ s)$", result.stdout, re.MULTILINE)
    if not told:
        raise RuntimeError(result.stdout[-3000:] + result.stderr[-1000:])
    return None if f"FAILED {_MACHINE}" not in result.stdout else told[-1]


def _run(folder: str, test: str, settings: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-s", "-p", "no:cacheprovider", test],
        cwd=folder,
        env=os.environ | (settings or {}),
        capture_output=True,
        text=True,
        check=False,
    )


def main() -> int:
    """Try all mutations, or those whose names hold a word."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--seconds", type=int, default=90)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if wrong := try_one(None, options.seconds, options.seed):
        sys.exit(f"The machine ends without anything broken, after {wrong}: what it noticed would mean nothing.")
    unseen = 0
    for mutation in MUTATIONS:
        if not options.words or any(word in mutation.name for word in options.words):
            noticed = try_one(mutation, options.seconds, options.seed)
            unseen += noticed is None
            print(f"{mutation.name}: {noticed or 'NOT NOTICED'}", flush=True)
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main())
