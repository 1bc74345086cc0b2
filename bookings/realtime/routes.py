"""/ws, and the tickets that open it for browsers."""

from __future__ import annotations

import logging
from typing import Any

from flask import Blueprint, current_app, g, request
from flask.blueprints import BlueprintSetupState
from flask_sock import Sock
from wsproto.utilities import RemoteProtocolError

from bookings import http
from bookings.answer import Answer
from bookings.errors import BadRequest, Unauthorized, Unavailable
from bookings.http import described, endpoint
from bookings.realtime import tickets as tickets_
from bookings.realtime.commands import Context
from bookings.realtime.connection import Connection
from bookings.realtime.errors import OriginRefused, TooManySockets
from bookings.realtime.feed import Feed
from bookings.realtime.hub import Hub
from bookings.realtime.messages import Messages
from bookings.realtime.schemas import Ticket
from bookings.realtime.wire import OPTIONS

log = logging.getLogger(__name__)
blueprint = Blueprint("realtime", __name__)
tickets = Blueprint("tickets", __name__)
_sock = Sock()


@blueprint.record_once
def _prepare(state: BlueprintSetupState) -> None:
    extensions = state.app.extensions
    extensions["hub"] = Hub(extensions["settings"], extensions["database"])
    state.app.config["SOCK_SERVER_OPTIONS"] = OPTIONS


@_sock.route("/ws", bp=blueprint)  # type: ignore[untyped-decorator]
@described(  # type: ignore[arg-type]
    {101: None}, problems=(BadRequest, Unauthorized, OriginRefused, TooManySockets, Unavailable)
)
def socket(ws: Any) -> None:
    """Become a WebSocket: events as they happen, and bookings by message. docs/sockets.md defines the frames."""
    extensions = current_app.extensions
    hub, database, settings = extensions["hub"], extensions["database"], extensions["settings"]
    connection = Connection(ws, request.environ["gunicorn.socket"], g.actor, g.expires_at)
    feed = Feed(hub, database, settings.stream_length)
    context = Context(connection, feed, database, settings, extensions["tokens"], g.request_id)
    hub.enter(connection)
    log.info("socket opened", extra={"user_id": str(g.actor.id), "sockets": hub.count})
    try:
        connection.serve(Messages(context).handle, feed.catch_up)
    finally:
        hub.leave(connection)


@blueprint.errorhandler(RemoteProtocolError)
def _not_a_handshake(error: RemoteProtocolError) -> Any:
    """The upgrade was asked for but not as RFC 6455, section 4.2.1, says."""
    return current_app.handle_user_exception(BadRequest(f"This is no WebSocket handshake: {error}."))


@tickets.post("/ws/tickets")
@endpoint(answers={201: Ticket}, problems=(Unavailable,), replayable=False)
def issue() -> Answer:
    """A ticket that opens one socket within 30 seconds, for browsers: /ws?ticket=…"""
    # The guard has verified it; this only asks when it ends.
    token = request.environ["HTTP_AUTHORIZATION"].partition(" ")[2].strip()
    _, expires_at = current_app.extensions["tokens"].verify(token)
    ticket = tickets_.issue(current_app.extensions["redis"], g.actor, expires_at)
    return Answer(http.dump({"ticket": ticket, "expiresIn": tickets_.LIFETIME}), 201, {"Cache-Control": "no-store"})
