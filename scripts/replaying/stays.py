"""The file: hotel bookings as they were, moved into the future."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Lisbon")
CHECK_IN, CHECK_OUT, DAY_USE_ENDS = time(15), time(11), time(20)
#: 52 weeks, so that arrivals keep their day of the week
YEAR = timedelta(weeks=52)
#: how far ahead the first arrival lies at least
NOTICE = timedelta(days=30)
#: what became of a booking in the file → the status it ends with here
ENDS_AS = {"Canceled": "cancelled", "Check-Out": "completed", "No-Show": "no_show"}
#: on which terms stays are paid; replaying/money.py says what they mean
DEPOSITS = ("No Deposit", "Non Refund", "Refundable")
_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)


class FileError(Exception):
    """The file is missing or is not what it should be; one sentence with the remedy."""


@dataclass(frozen=True, slots=True)
class Stay:
    """One row of the file. Times are instants in UTC; the room is named by hotel and assigned room type."""

    number: int
    room: str
    arrival: date
    nights: int
    start: datetime
    end: datetime
    ends_as: str
    changes: int
    guests: str
    #: cents a night, and on which terms they are paid
    rate: int
    deposit: str

    @property
    def minutes(self) -> int:
        """How long it lasts."""
        return int((self.end - self.start).total_seconds()) // 60

    @property
    def price(self) -> int:
        """Of the whole stay, in cents; a day without a night costs one rate."""
        return self.rate * max(1, self.nights)

    def nights_slept(self) -> Iterator[date]:
        """The nights of the stay, each by the date on which it begins; none for day use."""
        return (self.arrival + timedelta(days=night) for night in range(self.nights))


def read(path: Path, *, today: date) -> list[Stay]:
    """Read the file and shift all arrivals by one whole number of 52-week years. Raises FileError."""
    try:
        with gzip.open(path, "rt", newline="") as file:
            rows = list(csv.DictReader(file))
        arrivals = [_arrival(row) for row in rows]
        shift = _shift(min(arrivals), today)
        return [
            _stay(number, row, day + shift) for number, (row, day) in enumerate(zip(rows, arrivals, strict=True), 1)
        ]
    except FileNotFoundError:
        raise FileError(f"There is no file {path}; name hotel_bookings.csv.gz.") from None
    except (OSError, EOFError, KeyError, ValueError, InvalidOperation) as error:
        raise FileError(f"{path} is not a gzipped file of hotel bookings ({error}); name another.") from None


def _arrival(row: dict[str, str]) -> date:
    month = _MONTHS.index(row["arrival_date_month"]) + 1
    return date(int(row["arrival_date_year"]), month, int(row["arrival_date_day_of_month"]))


def _shift(first: date, today: date) -> timedelta:
    years = 0
    while first + years * YEAR < today + NOTICE:
        years += 1
    return years * YEAR


def _stay(number: int, row: dict[str, str], arrival: date) -> Stay:
    nights = int(row["stays_in_weekend_nights"]) + int(row["stays_in_week_nights"])
    last = arrival + timedelta(days=nights)
    guests = [f"{row[kind]} {kind}" for kind in ("adults", "children", "babies") if row[kind] not in ("0", "NA", "")]
    return Stay(
        number=number,
        room=f"{row['hotel']} {row['assigned_room_type']}",
        arrival=arrival,
        nights=nights,
        start=_instant(arrival, CHECK_IN),
        end=_instant(last, CHECK_OUT if nights else DAY_USE_ENDS),
        ends_as=ENDS_AS[row["reservation_status"]],
        changes=int(row["booking_changes"]),
        guests=", ".join(guests) or "nobody named",
        rate=int(Decimal(row["adr"]) * 100),
        deposit=_known_deposit(row["deposit_type"]),
    )


def _known_deposit(name: str) -> str:
    if name not in DEPOSITS:
        raise ValueError(f"{name} is no deposit_type")
    return name


def _instant(day: date, at: time) -> datetime:
    return datetime.combine(day, at, ZONE).astimezone(UTC)


def by_room(stays: Iterable[Stay]) -> dict[str, list[Stay]]:
    """The stays of each room type, rooms in alphabetical order."""
    rooms: dict[str, list[Stay]] = defaultdict(list)
    for stay in stays:
        rooms[stay.room].append(stay)
    return dict(sorted(rooms.items()))


def peak(times: Iterable[tuple[datetime, datetime]]) -> int:
    """The most stays at any instant: a walk over arrivals and departures, departures first where they meet."""
    edges = sorted(edge for start, end in times for edge in ((start, 1), (end, -1)))
    most = now = 0
    for _, change in edges:
        now += change
        most = max(most, now)
    return most
