"""When nothing is left of something that several can have."""

from __future__ import annotations

import pytest

from bookings.availability.free_busy import full


@pytest.mark.parametrize(
    "claims,capacity,expected",
    [
        ([], 1, []),
        ([(0, 10, 1)], 1, [(0, 10)]),
        ([(0, 10, 1), (10, 20, 1)], 1, [(0, 20)]),
        ([(0, 10, 1)], 2, []),
        ([(0, 10, 1), (5, 15, 1)], 2, [(5, 10)]),
        ([(0, 10, 2), (10, 20, 1), (10, 20, 1)], 2, [(0, 20)]),
        ([(0, 30, 1), (5, 10, 2), (12, 14, 2)], 3, [(5, 10), (12, 14)]),
        ([(0, 10, 3)], 2, [(0, 10)]),
    ],
)
def test_full(claims: list[tuple[int, int, int]], capacity: int, expected: list[tuple[int, int]]) -> None:
    assert full(claims, capacity) == expected
