"""Loaded by Schemathesis (SCHEMATHESIS_HOOKS): gives generated requests what a schema cannot: real ids, times ahead.

Only valid input is touched; what was generated to be wrong stays wrong, but not everything that is wrong in the same
way is asked. And it counts how often each operation was asked.
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zlib import crc32
from zoneinfo import available_timezones

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode

from bookings.account.rules import COUNTRIES

WORLD: dict[str, str] = json.loads(os.environ["FUZZ_WORLD"])
_hours = itertools.count(1)
_asked: Counter[str] = Counter()
#: of requests that are wrong in the same way an operation hears the first, and then one of so many; 1: all
ALIKE = int(os.environ.get("FUZZ_ALIKE", "3"))
#: a method that an operation does not have is wrong in the same way as any other
_METHOD = re.compile(r"(HTTP method: )\w+")
_alike: Counter[tuple[str | None, ...]] = Counter()

schemathesis.serializer.alias("text/calendar", "text/plain")
schemathesis.openapi.format("iso-3166-1-alpha-2", st.sampled_from(sorted(COUNTRIES)))
schemathesis.openapi.format("iana-time-zone", st.sampled_from(sorted(available_timezones() - {"Factory", "localtime"})))


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Leave out most of what differs from requests before it only in how it is wrong, as the types that a field is not.

    Which ones are left is another matter for each field, so that whatever is shared by them hears everything.
    """
    meta = case.meta
    if meta is None or meta.phase.name.name != "COVERAGE" or meta.generation.mode is GenerationMode.POSITIVE:
        return True
    what = meta.phase.data
    kind = _METHOD.sub(r"\1", what.description)
    key = (case.operation.label, str(what.parameter_location), what.parameter, what.location, kind)
    _alike[key] += 1
    return _alike[key] == 1 or (_alike[key] + crc32(repr(key).encode())) % ALIKE == 0


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Make a valid request meaningful: a key of its own, a time nobody has asked for, people who exist."""
    meta = case.meta
    if meta is None or meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid4())
    if case.operation.label == "PUT /resources/{resourceId}/calendars/{calendarId}":
        case.body = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//fuzz//\r\nEND:VCALENDAR\r\n"
    if case.operation.label == "POST /bookings" and isinstance(case.body, dict):
        start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2, hours=next(_hours))
        case.body |= {
            "userId": WORLD["customer"],
            "providerId": WORLD["provider"],
            "startAt": start.isoformat(),
            "endAt": (start + timedelta(minutes=45)).isoformat(),
            "units": 1,
        }
        for other in ("resourceId", "workspaceId"):
            case.body.pop(other, None)


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Count what has had an answer. (A request with another method than the operation's is none of it.)"""
    label: str = case.operation.label
    _asked[label] += label.startswith(f"{case.method} ")


@atexit.register
def write() -> None:
    """Tell test_fuzz.py."""
    Path(os.environ["FUZZ_ASKED"]).write_text(json.dumps(_asked))
