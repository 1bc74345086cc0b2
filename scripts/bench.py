#!/usr/bin/env python3
"""Measure the booking path beside its floors, in one run on one machine, and give ratios.

Starts PostgreSQL (fsync on), Valkey, web, relay and worker of its own under .data/bench, loads bookings, and drives
them with wrk (`apt-get install wrk`): create, get by id, and the upcoming list, with authentication, validation,
events, reminders and metrics on. Beside each, in the same rounds: the same SQL through a bare Flask route, and through
pgbench. The worker stands still but for one row: what follows from bookings is work of its own. Machines drift: rounds
are interleaved and medians compared.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from uuid import UUID

from benching import catalogue, database_time, dataset, pgbench, servers, slot_time
from bookings.auth import Actor, Tokens
from bookings.config import Settings
from devtools.embedded import SetupError

#: what is measured, and the floor it is held against
PAIRS = {"get": "floor-get", "list": "floor-list", "create": "floor-create"}
#: creates while the worker does what follows from them (notifications, counts); it stands still otherwise
FOLLOWED = "create, followed"


def main() -> int:
    """Run the rounds and print the table; exit code 1 when something could not run or answered wrongly."""
    options = _options()
    try:
        if options.database_time:
            return _database_time(options)
        if options.slots:
            return _slots(options)
        if not shutil.which("wrk"):
            raise SetupError("wrk is not installed: run apt-get install wrk.")
        with servers.running(
            ROOT / ".data" / "bench", options.port, workers=options.workers, threads=options.threads
        ) as bench:
            print(f"loading {options.bookings:,} bookings …", file=sys.stderr)
            dataset.load(bench.database_url, options.bookings)
            results = _rounds(bench, options)
    except SetupError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    _print_table(results)
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=2))
    wrong = [kind for kind, runs in results.items() for run in runs if run.get("refused") or run.get("broken")]
    if wrong:
        print(f"bench: some answers were errors: {', '.join(sorted(set(wrong)))}.", file=sys.stderr)
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bookings", type=int, help="bookings loaded before (default 100000, 1000000)")
    parser.add_argument("--database-time", action="store_true", help="time the statements of lists and the dashboard")
    parser.add_argument("--slots", action="store_true", help="time searches for slots as the table of claims grows")
    parser.add_argument("--claims", type=int, default=10_000_000, help="with --slots: the largest table (default 10^7)")
    parser.add_argument("--svg", metavar="FILE", help="with --slots: draw the times there")
    parser.add_argument("--times", type=int, default=1000, help="how often each request is timed (default 1000)")
    parser.add_argument("--plans", action="store_true", help="show what PostgreSQL does for each statement")
    parser.add_argument("--seconds", type=int, default=8, help="length of each measurement (default 8)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default 3)")
    parser.add_argument("--connections", type=int, default=32, help="keep-alive connections (default 32)")
    parser.add_argument("--workers", type=int, default=2, help="gunicorn workers (default 2)")
    parser.add_argument("--threads", type=int, default=8, help="threads a worker (default 8)")
    parser.add_argument("--only", choices=list(PAIRS), help="measure only this and its floors")
    parser.add_argument("--no-pgbench", action="store_true", help="leave out pgbench")
    parser.add_argument("--port", type=int, default=8700, help="first of five ports (default 8700)")
    parser.add_argument("--json", metavar="FILE", help="write all measurements there")
    options = parser.parse_args()
    options.bookings = options.bookings or (1_000_000 if options.database_time else 100_000)
    return options


def _database_time(options: argparse.Namespace) -> int:
    """Load bookings and a catalogue, time what people look at; 1 when something takes longer than it may."""
    folder = ROOT / ".data" / "bench"
    with servers.running(folder, options.port, workers=options.workers, threads=options.threads) as bench:
        print(f"loading {options.bookings:,} bookings and {catalogue.SERVICES:,} services …", file=sys.stderr)
        dataset.load(bench.database_url, options.bookings)
        catalogue.load(bench.database_url)
        database_time.recount(bench)
        results = database_time.measure(bench, options.times)
    print(database_time.table(results))
    if options.plans:
        for one in results:
            print(f"\n## {one['path']}\n\n" + "\n\n".join(one["plans"]))
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=2))
    slow = [one["path"] for one in results if one["p99"] > database_time.BOUND]
    if slow:
        print(f"bench: more than {database_time.BOUND:.0f} ms at p99: {', '.join(slow)}.", file=sys.stderr)
    return 1 if slow else 0


def _slots(options: argparse.Namespace) -> int:
    """Let the table of claims grow and time searches at each size; 1 when one takes longer than it may."""
    results = {}
    with slot_time.server(ROOT / ".data" / "bench-slots", options.port) as url:
        environment = {**os.environ, "DATABASE_URL": url}
        subprocess.run([sys.executable, "scripts/migrate.py", "up"], cwd=ROOT, env=environment, check=True)
        growing = slot_time.Growing(url)
        for size in [size for size in slot_time.SIZES if size <= options.claims]:
            began = time.monotonic()
            growing.grow(size)
            print(f"  {size:,} claims after {time.monotonic() - began:.0f} s", file=sys.stderr)
            results[size] = slot_time.measure(url, options.times, size)
    print(slot_time.table(results))
    if options.svg:
        Path(options.svg).write_text(slot_time.plot(results))
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=2))
    slow = {one["what"] for ones in results.values() for one in ones if one["bound"] and one["p99"] > one["bound"]}
    if slow:
        print(f"bench: slower than it may be: {', '.join(sorted(slow))}.", file=sys.stderr)
    return 1 if slow else 0


def _rounds(bench: servers.Bench, options: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    tokens = _token_file(bench)
    kinds = [k for pair in PAIRS.items() for k in pair if options.only in (None, pair[0])]
    results: dict[str, list[dict[str, Any]]] = {}
    for kind in ["constant", *kinds]:
        _wrk(bench, kind, tokens, options, seconds=2, day=_first_day() + 1000)  # warm up
    for number in range(options.rounds):
        for kind in ["constant", *kinds]:
            run = _wrk(bench, kind, tokens, options, seconds=options.seconds, day=_first_day() + number * 100)
            results.setdefault(kind, []).append(run)
            print(f"  {number + 1} {kind}: {run['rate']:,.0f}/s", file=sys.stderr)
        if "create" in kinds:
            with bench.following():
                run = _wrk(
                    bench, "create", tokens, options, seconds=options.seconds, day=_first_day() + number * 100 + 50
                )
            results.setdefault(FOLLOWED, []).append(run)
        for kind in [] if options.no_pgbench else [k for k in PAIRS if options.only in (None, k)]:
            run = pgbench.run(bench, kind, options.connections, options.seconds, options.bookings, number)
            results.setdefault(f"pgbench {kind}", []).append(run)
    return results


def _first_day() -> int:
    """Days since 1970 from which all providers are free."""
    return int(time.time() // 86400) + 500


def _token_file(bench: servers.Bench) -> Path:
    tokens = Tokens(Settings.from_env(bench.env | {"ACCESS_TOKEN_TTL": "2h"}))
    path = ROOT / ".data" / "bench" / "tokens"
    lines = [tokens.issue(Actor(UUID(dataset.user_id(n)), "customer")) for n in range(1, dataset.USERS + 1)]
    path.write_text("\n".join(lines))
    return path


def _wrk(
    bench: servers.Bench, kind: str, tokens: Path, options: argparse.Namespace, *, seconds: int, day: int
) -> dict[str, Any]:
    url = bench.floor if kind.startswith(("floor", "constant")) else bench.web
    script = ROOT / "scripts" / "benching" / "load.lua"
    command = ["wrk", "-t2", f"-c{options.connections}", f"-d{seconds}s", "--latency", "-s", str(script), url]
    arguments = [kind, str(tokens), str(options.bookings), str(day)]
    output = subprocess.run([*command, "--", *arguments], capture_output=True, text=True, check=True).stdout
    run: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return run | {"rate": run["requests"] / run["seconds"]}


def _print_table(results: dict[str, list[dict[str, Any]]]) -> None:
    def median(kind: str, what: str) -> float:
        return float(statistics.median(run[what] for run in results[kind]))

    print("\n| what | requests/s | of its floor | p50 ms | p99 ms | p99/p50 | errors |")
    print("|---|---|---|---|---|---|---|")
    for kind, runs in results.items():
        floor = PAIRS.get("create" if kind == FOLLOWED else kind)
        ratio = f"{median(kind, 'rate') / median(floor, 'rate'):.0%}" if floor else ""
        latency = " | | "
        if "p50" in runs[0]:
            p50, p99 = median(kind, "p50"), median(kind, "p99")
            latency = f"{p50:.1f} | {p99:.1f} | {p99 / p50:.1f}"
        errors = sum(run.get("refused", 0) + run.get("broken", 0) for run in runs)
        print(f"| {kind} | {median(kind, 'rate'):,.0f} | {ratio} | {latency} | {errors} |")


if __name__ == "__main__":
    sys.exit(main())
