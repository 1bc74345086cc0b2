"""Fetching what strangers name: only from public addresses, over https, in little time.

Whoever may give us an address could otherwise make us ask what only we can reach (server-side request forgery). So each
address, that of every redirect too, is looked up once, all its answers are checked, and the connection goes to the very
address that was checked: a name that means something else a moment later changes nothing.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
LONGEST_URL = 2000
_REDIRECTS = 5
_MOVED = (301, 302, 303, 307, 308)
_CHUNK = 64 * 1024
#: addresses that carry an IPv4 address inside: NAT64, and its local use
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))


class Refused(Exception):
    """It cannot be fetched; the message says why, and never holds the address or what was answered."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read at most (bytes), how long everything may take (seconds), and whether http and addresses that are
    not public are allowed."""

    size: int = 1024 * 1024
    seconds: float = 20.0
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a server answered; None: it is as it was when it had these marks."""

    text: str | None
    etag: str | None
    last_modified: str | None


def wrong(url: str, *, internal: bool = False) -> str | None:
    """What keeps an address from being fetched, as far as its words tell."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "Is no address."
    if len(url) > LONGEST_URL or not all("!" <= one <= "~" for one in url):
        return f"Must be at most {LONGEST_URL} printable ASCII characters without spaces."
    if parts.scheme != "https" and not (internal and parts.scheme == "http"):
        return "Must begin with https://."
    if not host:
        return "Names no server."
    if "@" in parts.netloc:
        return "Must not hold a user name or password."
    return None


def public(address: str) -> bool:
    """Whether an IP address is one that everybody can reach, and means nothing else in disguise."""
    ip: IpAddress = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if any(ip in network for network in _NAT64):
            return False
        hidden = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if hidden is not None:
            return public(str(hidden))
        if int(ip) < 2**32:  # IPv4-compatible, long out of use
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def resolve(host: str, port: int, *, internal: bool = False) -> str:
    """The address to connect to. Raises Refused when there is none, or any of the name's addresses is not public."""
    try:
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        raise Refused("The server's name cannot be found.") from None
    if not found:
        raise Refused("The server's name cannot be found.")
    if not internal and not all(public(address) for address in found):
        raise Refused("The server's address is not public.")
    return found[0]


def fetch(url: str, limits: Limits, *, etag: str | None = None, last_modified: str | None = None) -> Fetched:
    """What is at an address, unless it still has one of the marks. Raises Refused."""
    deadline = time.monotonic() + limits.seconds
    headers = {"Accept": "text/calendar", "Accept-Encoding": "identity", "User-Agent": "Bookings"}
    headers |= {"If-None-Match": etag} if etag else {}
    headers |= {"If-Modified-Since": last_modified} if last_modified else {}
    for _ in range(_REDIRECTS + 1):
        if text := wrong(url, internal=limits.internal):
            raise Refused(f"The address or one that it leads to is refused: {text}")
        with _answer(urlsplit(url), headers, limits, deadline) as answer:
            if answer.status not in _MOVED:
                return _read(answer, limits, deadline)
            url = urljoin(url, answer.getheader("Location") or "")
    raise Refused("The address leads to others again and again.")


@contextlib.contextmanager
def _answer(
    parts: SplitResult, headers: dict[str, str], limits: Limits, deadline: float
) -> Iterator[http.client.HTTPResponse]:
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = resolve(host, port, internal=limits.internal)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = http.client.HTTPConnection(host, port, timeout=_left(deadline))
    guard: threading.Timer | None = None
    try:
        connection.sock = _connected(parts.scheme, host, address, port, deadline)
        # Each read has a timeout of its own, so a server that sends a byte now and then is cut off by the clock.
        guard = threading.Timer(_left(deadline), _cut, [connection.sock])
        guard.daemon = True
        guard.start()
        connection.request("GET", path, headers=headers)
        yield connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        raise Refused(_words(error)) from None
    finally:
        if guard is not None:
            guard.cancel()
        connection.close()


def _connected(scheme: str, host: str, address: str, port: int, deadline: float) -> socket.socket:
    plain = socket.create_connection((address, port), timeout=_left(deadline))
    if scheme == "http":
        return plain
    try:
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise Refused("The server takes too long.")
    return left


def _read(answer: http.client.HTTPResponse, limits: Limits, deadline: float) -> Fetched:
    etag, last_modified = answer.getheader("ETag"), answer.getheader("Last-Modified")
    marks = [mark if mark and len(mark) <= 200 and mark.isprintable() else None for mark in (etag, last_modified)]
    if answer.status == 304:
        return Fetched(None, *marks)
    if answer.status != 200:
        raise Refused(f"The server answered {answer.status}.")
    if answer.getheader("Content-Encoding", "identity").lower() != "identity":
        raise Refused("The server compresses what nobody asked it to compress.")
    body = bytearray()
    while chunk := answer.read1(_CHUNK):
        body += chunk
        if len(body) > limits.size:
            raise Refused(f"It is larger than {limits.size // 1024} KiB.")
        _left(deadline)
    if answer.length:
        raise Refused("The connection broke.")
    _left(deadline)
    return Fetched(body.decode("utf-8-sig", errors="replace"), *marks)


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "The server takes too long."
    if isinstance(error, ssl.SSLError):
        return "The server's certificate or its TLS is not right."
    if isinstance(error, http.client.HTTPException):
        return "The server does not speak HTTP."
    return "The connection to the server broke."
