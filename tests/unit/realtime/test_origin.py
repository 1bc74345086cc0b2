"""Which pages may open a socket."""

from __future__ import annotations

import pytest

from bookings.realtime.errors import OriginRefused
from bookings.realtime.handshake import check_origin

ALLOWED = ("https://app.example.com",)


@pytest.mark.parametrize(
    "origin, host",
    [
        (None, "api.example.com"),
        ("https://app.example.com", "api.example.com"),
        ("https://api.example.com", "api.example.com"),
        ("http://API.example.com:8001", "api.example.com:8001"),
    ],
)
def test_accepted(origin: str | None, host: str) -> None:
    check_origin(origin, host, ALLOWED)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "https://app.example.com:444",
        "http://app.example.com",
        "https://app.example.com.evil.example",
        "https://evil.example/https://app.example.com",
        "https://api.example.com@evil.example",
        "api.example.com",
        "https://api.example.com:8001",
        "https://[broken",
    ],
)
def test_refused(origin: str) -> None:
    with pytest.raises(OriginRefused):
        check_origin(origin, "api.example.com", ALLOWED)


def test_a_star_allows_everyone() -> None:
    check_origin("https://anywhere.example", "api.example.com", ("*",))
