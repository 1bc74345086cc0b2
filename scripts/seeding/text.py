"""Values as PostgreSQL's COPY reads them. A million bookings are a hundred million values: this is plain and quick."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

NULL = r"\N"
DAY = 86_400
_EPOCH = date(1970, 1, 1)
_CLOCK = [f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}+00" for second in range(DAY)]
_days: dict[int, str] = {}


def instant(seconds: int) -> str:
    """Seconds since 1970 as a timestamptz."""
    day, rest = divmod(seconds, DAY)
    if day not in _days:
        _days[day] = (_EPOCH + timedelta(days=day)).isoformat()
    return f"{_days[day]} {_CLOCK[rest]}"


def iso(seconds: int) -> str:
    """Seconds since 1970 as documents show instants."""
    return instant(seconds).replace(" ", "T").replace("+00", "Z")


def document(value: Any) -> str:
    """A JSON value; NULL for None. Backslashes mean something to COPY."""
    return NULL if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False).replace("\\", "\\\\")


def array(values: Iterable[Any]) -> str:
    """An array of words, numbers or ids."""
    return "{" + ",".join(f'"{value}"' for value in values) + "}"


def line(values: Iterable[Any]) -> str:
    """One row: None is NULL, truth is t or f, everything else stands as it is."""
    return "\t".join(NULL if v is None else "t" if v is True else "f" if v is False else str(v) for v in values) + "\n"


class Ids:
    """UUIDs of version 7 (RFC 9562) whose random half comes from the seed."""

    def __init__(self, dice: random.Random) -> None:
        self._bits = dice.getrandbits

    def at(self, seconds: int) -> str:
        """An id made in this second."""
        bits = self._bits(84)
        milliseconds = seconds * 1000 + (bits & 0x3FF) % 1000
        return (
            f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7{bits >> 10 & 0xFFF:03x}"
            f"-{0x8000 | bits >> 22 & 0x3FFF:04x}-{bits >> 36:012x}"
        )

    def request(self) -> str:
        """The id of a request, as the service writes them."""
        return f"{self._bits(128):032x}"
