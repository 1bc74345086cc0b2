"""Everything that is checked before a connection becomes a WebSocket, while it can still be refused over HTTP."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app, g, request

from bookings.auth import Actor
from bookings.errors import BadRequest, Unauthorized
from bookings.realtime import tickets
from bookings.realtime.errors import OriginRefused
from bookings.realtime.wire import WholeSocket


def handshake() -> None:
    """Guard of /ws: who it is becomes `g.actor`, until when `g.expires_at`; the environ is made fit for the upgrade.

    Raises Unavailable, TooManySockets, OriginRefused, Unauthorized, BadRequest.
    """
    environ = request.environ
    if "gunicorn.socket" not in environ:
        raise BadRequest("This server cannot upgrade connections.")
    current_app.extensions["hub"].admit()
    check_origin(request.headers.get("Origin"), request.host, current_app.extensions["settings"].allowed_origins)
    g.actor, g.expires_at = _credentials()
    # Each compressed connection would cost a hundred kilobytes of memory, and the library accepts it when offered.
    environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
    environ["gunicorn.socket"] = WholeSocket(environ["gunicorn.socket"])


def check_origin(origin: str | None, host: str, allowed: tuple[str, ...]) -> None:
    """Raise OriginRefused unless the page may connect: one of this host, or of an origin in ALLOWED_ORIGINS.

    Browsers open WebSockets to anywhere and say from where (RFC 6455, section 10.2); what says nothing is no browser.
    """
    if origin is None or origin in allowed or "*" in allowed:
        return
    if _host_of(origin) != host.lower():
        raise OriginRefused(f"Pages of {origin} may not open a socket here.")


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _credentials() -> tuple[Actor, float]:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        verified: tuple[Actor, float] = current_app.extensions["tokens"].verify(token.strip())
        return verified
    ticket = request.args.get("ticket")
    if ticket:
        return tickets.redeem(current_app.extensions["redis"], ticket)
    raise Unauthorized("Send Authorization: Bearer <access token>, or ?ticket=<ticket> from POST /ws/tickets.")
