"""How many requests one caller may make: RATE_LIMIT and PUBLIC_RATE_LIMIT, counted in each process, and the headers
that tell of limits.

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

from bookings import auth
from bookings.config import ConfigurationError, Settings
from bookings.errors import TooManyRequests

OFF = ("", "off")
#: blueprints that stay out of it: probes must be answered when everything else is refused
UNLIMITED = ("platform",)
#: public blueprints that PUBLIC_RATE_LIMIT leaves alone: signing in has a stricter limit, and a gateway's calls, which
#: are signed, come from few addresses, many at once
NOT_SEARCHED = ("auth", "payment_webhook")


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
    public_item = read("PUBLIC_RATE_LIMIT", settings.public_rate_limit)
    if item is None:
        return
    everybody = _Limit("default", item)
    strangers = _Limit("public", public_item) if public_item else None
    app.after_request(_refused(app, everybody))
    for name in app.blueprints:
        if name not in UNLIMITED:
            guards = app.before_request_funcs.setdefault(name, [])
            searched = auth.public in guards and name not in NOT_SEARCHED
            guards.append(_searched(everybody, strangers) if strangers and searched else _counted(everybody))


def read(name: str, text: str) -> RateLimitItem | None:
    """A limit such as 10/minute; None when it is off. Raises ConfigurationError."""
    if text.strip().lower() in OFF:
        return None
    try:
        return parse(text)
    except ValueError:
        raise ConfigurationError(f"{name} is {text!r}; write for instance 10/minute, 1000/second or off.") from None


class _Limit:
    """A limit with its name, and what it has counted."""

    def __init__(self, name: str, item: RateLimitItem) -> None:
        self._name = name
        self._window, self._policy = Window(item.amount, item.get_expiry()), policy_header(name, item)

    def count(self, caller: int | str) -> None:
        """Count a request; the headers tell of it unless a limit met before leaves less. Raises TooManyRequests."""
        left, ends_in = self._window.count(caller)
        context = g._get_current_object()
        if left <= context.get("requests_left", left):
            context.requests_left = left
            context.rate_limit = (self._policy, state_header(self._name, left, ends_in))
        if left < 0:
            raise TooManyRequests(ends_in)


def _counted(everybody: _Limit) -> Callable[[], None]:
    def limit() -> None:
        """Guard: count a request of the signed-in user, or else of the address. Raises TooManyRequests."""
        actor = g.get("actor")
        everybody.count(actor.id.int if actor else client_address())

    return limit


def _searched(everybody: _Limit, strangers: _Limit) -> Callable[[], None]:
    def limit() -> None:
        """Guard where everybody may ask: whoever has no valid token meets both limits. Raises TooManyRequests."""
        actor = auth.known()
        everybody.count(actor.id.int if actor else client_address())
        if actor is None:
            strangers.count(client_address())

    return limit


def _refused(app: Flask, everybody: _Limit) -> Callable[[Response], Response]:
    def count(response: Response) -> Response:
        """Count what never came to a guard above: it met no route, or another guard refused it."""
        if "requests_left" in g or request.blueprint in UNLIMITED:
            return response
        actor = g.get("actor")
        try:
            everybody.count(actor.id.int if actor else client_address())
        except TooManyRequests as error:
            return app.make_response(app.handle_user_exception(error))
        return response

    return count


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
