"""Reads other calendars in a process of its own, which may take only so much time and memory.

A stranger writes them, and a few words are enough to ask for years of work: a rule that never takes place, a time zone
that changes every second, sixty thousand exceptions. Nothing in the libraries that read them can be told to stop.
"""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from math import ceil
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson

from bookings.availability.errors import UnreadableCalendar
from bookings.availability.hours import Interval

#: seconds of CPU: to look at what is sent (somebody waits), and to work out times; the largest real ones take half
CHECKING, READING = 2, 5
#: whatever the load, nobody waits longer (seconds) than so many times that
_PATIENCE = 6
_MOST_MEMORY = 1 << 30
_ROOT = Path(__file__).resolve().parent.parent.parent
_TOO_MUCH = "It takes too long to read: an event, a rule or a time zone in it asks for too much."


def check(text: str) -> None:
    """Whether this can be read at all. Raises UnreadableCalendar."""
    _apart(text, CHECKING)


def busy_times(text: str, zone: ZoneInfo, lower: int, upper: int) -> list[Interval]:
    """As other_calendars.busy_times. Raises UnreadableCalendar."""
    return [(begins, ends) for begins, ends in _apart(text, READING, zone.key, str(lower), str(upper))]


def _apart(text: str, seconds: int, *words: str) -> list[list[int]]:
    command = [sys.executable, "-m", __name__, str(seconds), *words]
    # It has nothing of our own surroundings: no address of a database, no secret.
    surroundings = {"PYTHONPATH": str(_ROOT), "PYTHONIOENCODING": "utf-8"}
    try:
        done = subprocess.run(
            command,
            input=text.encode(),
            capture_output=True,
            timeout=seconds * _PATIENCE,
            env=surroundings,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnreadableCalendar(_TOO_MUCH) from None
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise UnreadableCalendar(_TOO_MUCH)
    if done.returncode:
        # What it wrote may quote the calendar, which is nobody's business.
        raise RuntimeError(f"the process that reads a calendar ended with {done.returncode}")
    said = orjson.loads(done.stdout)
    if "error" in said:
        raise UnreadableCalendar(said["error"])
    times: list[list[int]] = said["times"]
    return times


def _limit(seconds: int) -> None:
    """From now on so much CPU; what starting took does not count."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    end = ceil(usage.ru_utime + usage.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (end, end + 1))
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(seconds: str, *words: str) -> None:
    """Read a calendar from standard input, write what it says to standard output, as JSON."""
    # Only here: the libraries behind it are not worth loading for those who merely ask.
    from bookings.availability import other_calendars

    text = sys.stdin.buffer.read().decode()
    _limit(int(seconds))
    times: list[Interval] = []
    try:
        if words:
            zone, lower, upper = words
            times = other_calendars.busy_times(text, ZoneInfo(zone), int(lower), int(upper))
        else:
            other_calendars.read(text)
        said = orjson.dumps({"times": times})
    except UnreadableCalendar as error:
        said = orjson.dumps({"error": str(error)})
    except (MemoryError, RecursionError):
        said = orjson.dumps({"error": _TOO_MUCH})
    sys.stdout.buffer.write(said)


if __name__ == "__main__":
    main(*sys.argv[1:])
