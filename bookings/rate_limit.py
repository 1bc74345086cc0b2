"""How many requests one caller may make: RATE_LIMIT, counted in each process, and the headers that tell of limits.

Headers: RateLimit-Policy and RateLimit (IETF draft-ietf-httpapi-ratelimit-headers-10), Retry-After with 429. Sign-in
has a stricter limit of its own, shared by all processes (bookings/account/sign_in_limit.py). The library `limits`
reads the settings and counts sign-ins; its own memory storage takes ten times as long as the window below, which stands
before every request.
"""

from __future__ import annotations

import ipaddress
import itertools
import math
import time
from collections.abc import Callable

from flask import Flask, Response, g, request
from limits import RateLimitItem, parse
from werkzeug.middleware.proxy_fix import ProxyFix

from bookings.config import ConfigurationError, Settings
from bookings.errors import TooManyRequests

OFF = ("", "off")
#: blueprints that stay out of it: probes must be answered when everything else is refused
UNLIMITED = ("platform",)


class Window:
    """Counts the requests of each caller in the present window, in this process's memory."""

    def __init__(self, quota: int, seconds: int) -> None:
        self.quota = quota
        self._seconds = seconds
        self._ends = 0.0
        self._counters: dict[int | str, itertools.count[int]] = {}

    def count(self, caller: int | str) -> tuple[int, int]:
        """Count one request: how many are left (negative: too many), and the seconds until the window ends.

        Needs no lock: next() on a counter is atomic, and two threads that begin a window at once lose a request or two.
        """
        at = time.monotonic()
        if at >= self._ends:
            self._counters, self._ends = {}, at + self._seconds
        counter = self._counters.get(caller) or self._counters.setdefault(caller, itertools.count(1))
        return self.quota - next(counter), math.ceil(self._ends - at)


def register(app: Flask) -> None:
    """Limit and announce. Call it after the blueprints and their guards, which say who is calling.

    Raises ConfigurationError.
    """
    settings: Settings = app.extensions["settings"]
    app.after_request(announce)
    if settings.trusted_proxies > 0:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    item = read("RATE_LIMIT", settings.rate_limit)
    if item is not None:
        guard = _guard(item)
        for name in app.blueprints:
            if name not in UNLIMITED:
                app.before_request_funcs.setdefault(name, []).append(guard)


def read(name: str, text: str) -> RateLimitItem | None:
    """A limit such as 10/minute; None when it is off. Raises ConfigurationError."""
    if text.strip().lower() in OFF:
        return None
    try:
        return parse(text)
    except ValueError:
        raise ConfigurationError(f"{name} is {text!r}; write for instance 10/minute, 1000/second or off.") from None


def _guard(item: RateLimitItem) -> Callable[[], None]:
    window, policy = Window(item.amount, item.get_expiry()), policy_header("default", item)

    def limit() -> None:
        """Guard: count a request of the signed-in user, or else of the address. Raises TooManyRequests."""
        context = g._get_current_object()
        actor = context.get("actor")
        left, ends_in = window.count(actor.id.int if actor else client_address())
        context.rate_limit = (policy, state_header("default", left, ends_in))
        if left < 0:
            raise TooManyRequests(ends_in)

    return limit


def policy_header(name: str, item: RateLimitItem) -> tuple[str, str]:
    """The header that describes a limit."""
    return "RateLimit-Policy", f'"{name}";q={item.amount};w={item.get_expiry()}'


def state_header(name: str, left: int, ends_in: int) -> tuple[str, str]:
    """The header that says what is left of it, and for how many seconds."""
    return "RateLimit", f'"{name}";r={left if left > 0 else 0};t={ends_in}'


def announce(response: Response) -> Response:
    """Tell the client how much it has left, of the strictest limit that it met."""
    headers = g.get("rate_limit")
    if headers is not None:
        for name, value in headers:  # a third of the time that extend() takes
            response.headers.add(name, value)
    return response


def client_address() -> str:
    """The address to count by: IPv4 whole, IPv6 by its /64, which is what one customer of a network is given."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return request.remote_addr or "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)
