"""What is never fetched: addresses that only we can reach, in whatever disguise."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from bookings.availability import fetching
from bookings.availability.fetching import Limits, Refused


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",  # noqa: S104 -- nothing is bound
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",  # where clouds keep secrets
        "100.64.0.1",
        "198.18.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:a9fe:a9fe",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",  # 6to4 of 127.0.0.1
        "2002:a9fe:a9fe::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
    ],
)
def test_not_public(address: str) -> None:
    assert not fetching.public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public(address: str) -> None:
    assert fetching.public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.ics",
        "ftp://example.com/a.ics",
        "file:///etc/passwd",
        "webcal://example.com/a.ics",
        "https://",
        "https:///a.ics",
        "https://user:secret@example.com/a.ics",
        "https://user@example.com/",
        "https://example.com:99999/",
        "https://example.com:port/",
        "https://[::1/",
        "https://example.com/a b",
        "https://example.com/\r\nX-Header: y",
        "https://exämple.com/",
        "https://example.com/" + "a" * 2000,
        "//example.com/",
        "",
    ],
)
def test_addresses_that_are_refused_as_they_stand(url: str) -> None:
    assert fetching.wrong(url)


def test_http_only_where_it_is_allowed() -> None:
    assert fetching.wrong("https://example.com/a.ics?x=1") is None
    assert fetching.wrong("http://example.com/a.ics", internal=True) is None
    assert fetching.wrong("file:///etc/passwd", internal=True)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "::1", "::ffff:127.0.0.1"],
)
def test_a_name_for_this_machine_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(Refused):
        fetching.resolve(host, 443)


def test_one_internal_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    def answers(*addresses: str) -> None:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    answers("8.8.8.8", "10.0.0.1")
    with pytest.raises(Refused, match="not public"):
        fetching.resolve("example.com", 443)
    answers("8.8.8.8")
    assert fetching.resolve("example.com", 443) == "8.8.8.8"


@pytest.mark.slow
def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that means this machine when it is asked a second time (DNS rebinding) is not asked a second time."""
    asked: list[Any] = []
    reached: list[Any] = []

    def lookup(*about: Any, **_: Any) -> list[Any]:
        asked.append(about)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8" if len(asked) == 1 else "127.0.0.1", 443))]

    def connect(address: Any, **_: Any) -> socket.socket:
        reached.append(address)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(Refused, match="broke"):
        fetching.fetch("https://rebinding.example/a.ics", Limits())
    assert reached == [("8.8.8.8", 443)]
    assert len(asked) == 1
