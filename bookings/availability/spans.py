"""Times as PostgreSQL sends them, many at once: microseconds since 2000, in arrays.

A month of a thousand full calendars is 170,000 claims. Most are only laid over the grid, so they stay numbers in two
arrays; whoever goes through them gets whole seconds since 1970, widened outwards.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator

from bookings.availability.hours import Interval

_MILLION = 1_000_000
#: seconds from 1970 to 2000, where PostgreSQL counts from
_EPOCH = 946_684_800


class Spans:
    """Half-open times, in any order. Never changed."""

    __slots__ = ("begins", "ends")

    def __init__(self, begins: bytes | None = None, ends: bytes | None = None) -> None:
        """From the bounds of ranges as `timestamptz_send` writes them, joined. A bound without an end is not there."""
        self.begins, self.ends = numbers("q", begins), numbers("q", ends)
        if len(self.begins) != len(self.ends):
            raise ValueError("a claim or closure has no beginning or no end")

    @classmethod
    def of(cls, intervals: Iterable[Interval]) -> Spans:
        """The same from seconds since 1970."""
        found = cls()
        for begins, ends in intervals:
            found.begins.append(micros_since(begins))
            found.ends.append(micros_since(ends))
        return found

    def __len__(self) -> int:
        return len(self.begins)

    def __iter__(self) -> Iterator[Interval]:
        for begins, ends in zip(self.begins, self.ends, strict=True):
            yield begins // _MILLION + _EPOCH, -(-ends // _MILLION) + _EPOCH


def micros(seconds: int) -> int:
    """So many seconds in microseconds."""
    return seconds * _MILLION


def micros_since(at: int) -> int:
    """An instant, seconds since 1970, as these count."""
    return (at - _EPOCH) * _MILLION


def numbers(code: str, sent: bytes | None) -> array[int]:
    """Whole numbers as PostgreSQL's `…send` functions write them, joined; `code` is their type, as `array` has it."""
    found: array[int] = array(code, sent or b"")
    if sys.byteorder == "little":
        found.byteswap()
    return found


#: no times
NEVER = Spans()
