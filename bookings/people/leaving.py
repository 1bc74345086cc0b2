"""What is held about people, and erasing it, over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, current_app, g

from bookings import http
from bookings.account.errors import AccountErased, LastAdmin, SignInUnavailable
from bookings.account.routes import check_password
from bookings.answer import Answer
from bookings.auth import Actor
from bookings.booking.errors import TransitionRefused
from bookings.errors import Forbidden, NotFound
from bookings.http import caller, database, described, endpoint
from bookings.people import erasing, service
from bookings.people.errors import OthersAhead, TooManyAhead
from bookings.people.export import export
from bookings.people.schemas import Erasing, Erasure, Export, Leaving, Stats

blueprint = Blueprint("leaving", __name__)
_REFUSED = (NotFound, AccountErased, LastAdmin, OthersAhead, TooManyAhead, TransitionRefused)


@blueprint.get("/users/<uuid:user_id>/stats")
@endpoint(answers={200: Stats}, problems=(NotFound,))
def stats(user_id: UUID) -> Answer:
    """How often somebody booked, what they spent and how often they did not come. For admins and the person."""
    return Answer(service.stats(database(), actor=g.actor, user_id=user_id))


@blueprint.get("/me/export")
@described({200: Export}, problems=(NotFound,))
def export_me() -> Response:
    """Everything that is held about oneself, as one JSON document; streamed, so it may be long."""
    response = Response(export(database(), user_id=g.actor.id), content_type=http.JSON)
    response.headers["Content-Disposition"] = 'attachment; filename="bookings-export.json"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.delete("/me")
@endpoint(body=Leaving, answers={202: Erasure}, problems=(*_REFUSED, SignInUnavailable))
def erase_me(body: dict[str, Any]) -> Answer:
    """Leave for good: cancel what lies ahead, end all sessions, and erase everything personal. Needs the password."""
    actor: Actor = g.actor
    check_password(actor.id, body["password"])
    return _erase(actor.id, None)


@blueprint.post("/users/<uuid:user_id>/erase")
@endpoint(body=Erasing, answers={202: Erasure}, problems=(Forbidden, *_REFUSED))
def erase(user_id: UUID, body: dict[str, Any]) -> Answer:
    """Erase everything personal of a user for good: cancel what lies ahead, end all sessions. For admins."""
    if not g.actor.is_admin:
        raise Forbidden("Only an admin may do this.")
    return _erase(user_id, body["reason"])


def _erase(user_id: UUID, reason: str | None) -> Answer:
    settings, who = current_app.extensions["settings"], caller()

    def work(tx: Any) -> Answer:
        cancelled = erasing.erase(tx, settings=settings, caller=who, user_id=user_id, reason=reason)
        return Answer(http.dump({"userId": user_id, "cancelledBookings": cancelled}), 202)

    return http.run(work)
