#!/usr/bin/env python3
"""Replay real hotel bookings through the HTTP API of a running service, and compare what it says with the file.

FILE is hotel_bookings.csv.gz (docs/replay.md says what is in it). Each hotel and room type becomes a resource with as
many units as the file needs at its fullest, each nightly rate on its terms of payment a service, guests are customers,
arrivals move by whole years of 52 weeks into the future. An admin books for the guests and lets happen what happened:
changes, payments, stays, no-shows; for the last two the admin overrides, because the day has not come. Guests cancel
themselves. In the end the revenue report must say what the file adds up to. Idempotency keys come from the rows: a
second run changes nothing and ends with the same totals. Exit code 1 when the service and the file differ in anything.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

try:
    import tqdm  # noqa: F401 (the one library this needs)
except ImportError:  # started with a Python that has nothing installed
    from devtools import environment

    environment.enter()

from replaying.api import Api, ApiError, development_set
from replaying.replay import Outcome, Replay
from replaying.report import compare
from replaying.stays import FileError, read


def main(arguments: list[str] | None = None) -> int:
    """Replay and report; 0 when service and file agree, 1 when not or when it could not be tried."""
    options = _options(arguments)
    try:
        stays = read(options.file, today=datetime.now(UTC).date())[: options.rows]
        api = Api(*_service(options))
        replay = Replay(
            api,
            run=options.run or f"x{options.capacity_factor:g}",
            factor=options.capacity_factor,
            threads=options.threads,
            as_shown=options.as_shown,
        )
        guests = replay.guests(options.guests)
        began = time.monotonic()
        replay.rooms(stays)
        replay.services(stays)
        replay.stays(stays, guests)
        seconds = time.monotonic() - began
        report = compare(api, replay.outcome, stays)
    except (FileError, ApiError) as error:
        print(f"replay: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("replay: Interrupted: run it again with the same options, it goes on where it was.", file=sys.stderr)
        return 1
    print("\n".join([*_story(replay.outcome, len(stays), seconds), *report.lines]))
    print(
        f"The service and the file differ in {', '.join(report.wrong)}."
        if report.wrong
        else "The service and the file agree."
    )
    return 1 if report.wrong else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--port", type=int, default=8000, help="of the set that scripts/dev.py started (default 8000)")
    parser.add_argument("--base-url", help="another service, with --token")
    parser.add_argument("--token", help="an admin's access token for --base-url")
    parser.add_argument(
        "--capacity-factor", type=_factor, default=1.0, help="rooms there are for each needed (default 1)"
    )
    parser.add_argument(
        "--as-shown",
        action="store_true",
        help="ask GET /slots for each stay first: what is shown must be accepted, and nothing else",
    )
    parser.add_argument("--run", help="name of the run in keys and resources (default: from the factor)")
    parser.add_argument("--rows", type=int, help="only the first so many rows")
    parser.add_argument("--guests", type=int, default=10, help="customers to register and share (default 10)")
    parser.add_argument("--threads", type=int, default=16, help="requests at a time (default 16)")
    options = parser.parse_args(arguments)
    if bool(options.base_url) != bool(options.token):
        parser.error("give --base-url and --token together, or neither.")
    return options


def _factor(text: str) -> float:
    factor = float(text)
    if not 0 < factor <= 10:
        raise argparse.ArgumentTypeError("choose a factor above 0, at most 10")
    return factor


def _service(options: argparse.Namespace) -> tuple[str, Callable[[], str]]:
    if options.base_url:
        return options.base_url, lambda: str(options.token)
    return development_set(options.port)


def _story(outcome: Outcome, rows: int, seconds: float) -> list[str]:
    """What was asked and answered, before it is compared."""
    requests = sum(outcome.answers.values())
    passes = ", ".join(f"{accepted} of {asked}" for asked, accepted in outcome.passes)
    return [
        "",
        f"{rows} rows, {len(outcome.resources)} resources, {len(outcome.services)} rate plans,"
        f" {requests} requests in {seconds:.0f} s.",
        *_as_shown(outcome),
        f"Accepted {len(outcome.accepted)}, refused {len(outcome.refused)}; by pass: {passes}.",
        "Answers: " + ", ".join(f"{what}: {count}" for what, count in sorted(outcome.answers.items())),
        "",
    ]


def _as_shown(outcome: Outcome) -> list[str]:
    """How /slots and the bookings agreed, when slots were asked for."""
    if not outcome.shown:
        return []
    return [
        f"/slots showed {outcome.shown[True]} stays and did not show {outcome.shown[False]}; of these"
        f" {len(outcome.not_as_shown)} were booked or refused otherwise than shown.",
        *outcome.not_as_shown[:5],
    ]


if __name__ == "__main__":
    sys.exit(main())
