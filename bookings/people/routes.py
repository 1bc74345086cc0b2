"""Managing people over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from flask import Blueprint, current_app, g

from bookings import http
from bookings.account import directory
from bookings.account.errors import AccountDisabled, AccountErased, EmailTaken, LastAdmin, OwnAccount
from bookings.account.invitations import Invitation
from bookings.account.schemas import User
from bookings.answer import Answer
from bookings.errors import Forbidden, NotFound, PreconditionFailed
from bookings.fields import instant_text
from bookings.http import caller, database, endpoint
from bookings.people import service
from bookings.people.schemas import (
    CreatedUser,
    Disabling,
    InvitationToken,
    ListQuery,
    NewUser,
    Nothing,
    Person,
    UserChange,
    UserPage,
    WholeProfile,
)

blueprint = Blueprint("people", __name__, url_prefix="/users")
_CHANGE = (Forbidden, NotFound, AccountErased, EmailTaken, PreconditionFailed)


@blueprint.get("")
@endpoint(query=ListQuery, answers={200: UserPage}, problems=(Forbidden,))
def list_(query: Mapping[str, Any]) -> Answer:
    """List users by name. For admins."""
    return Answer(directory.listing(database(), caller=caller(), query=query))


@blueprint.post("")
@endpoint(body=NewUser, answers={201: CreatedUser}, problems=(Forbidden, EmailTaken), replayable=False)
def create(body: dict[str, Any]) -> Answer:
    """Open an account of any role for somebody, who chooses a password with the invitation. For admins."""
    lifetime = current_app.extensions["settings"].invitation_ttl
    user, invitation = database().run(lambda tx: directory.create(tx, caller=caller(), body=body, lifetime=lifetime))
    document = orjson.loads(user["document"]) | {"invitation": _shown(invitation)}
    answer = http.versioned(http.dump(document), user["version"], 201, location=f"/users/{user['id']}")
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.post("/<uuid:user_id>/invitation")
@endpoint(
    body=Nothing,
    answers={200: InvitationToken},
    problems=(Forbidden, NotFound, AccountErased, AccountDisabled),
    replayable=False,
)
def invite(user_id: UUID, body: dict[str, Any]) -> Answer:
    """Another invitation for a user who never came or forgot their password; older ones end. For admins."""
    lifetime = current_app.extensions["settings"].invitation_ttl
    invitation = database().run(lambda tx: directory.invite(tx, caller=caller(), user_id=user_id, lifetime=lifetime))
    return Answer(http.dump(_shown(invitation)), 200, {"Cache-Control": "no-store"})


@blueprint.get("/<uuid:user_id>")
@endpoint(answers={200: Person, 304: None}, problems=(NotFound,))
def get(user_id: UUID) -> Answer:
    """One user: for admins, the person themself, and with fewer fields for a provider whom they have booked."""
    return http.unless_known(*service.get(database(), actor=g.actor, user_id=user_id))


@blueprint.patch("/<uuid:user_id>")
@endpoint(body=UserChange, answers={200: Person}, problems=_CHANGE, conditional=True)
def change(user_id: UUID, body: dict[str, Any]) -> Answer:
    """Change a profile: one's own, as an admin anybody's, as a provider how customers who have booked one are called
    and reached."""
    return _change(user_id, body)


@blueprint.put("/<uuid:user_id>")
@endpoint(body=WholeProfile, answers={200: User}, problems=_CHANGE, conditional=True)
def replace(user_id: UUID, body: dict[str, Any]) -> Answer:
    """Write a whole profile anew: one's own, or as an admin anybody's. What is left out is emptied."""
    return _change(user_id, service.whole(body))


def _change(user_id: UUID, body: Mapping[str, Any]) -> Answer:
    versions = http.expected_versions()
    return http.run(
        lambda tx: http.versioned(*service.change(tx, caller=caller(), user_id=user_id, body=body, versions=versions))
    )


@blueprint.post("/<uuid:user_id>/disable")
@endpoint(
    body=Disabling,
    answers={200: User},
    problems=(Forbidden, NotFound, OwnAccount, LastAdmin, AccountErased, PreconditionFailed),
    conditional=True,
)
def disable(user_id: UUID, body: dict[str, Any]) -> Answer:
    """Let a user sign in no more. Sessions end at once, access tokens when they expire. For admins."""
    versions = http.expected_versions()
    return http.run(
        lambda tx: http.versioned(
            *service.disable(tx, caller=caller(), user_id=user_id, reason=body["reason"], versions=versions)
        )
    )


@blueprint.post("/<uuid:user_id>/enable")
@endpoint(
    body=Nothing,
    answers={200: User},
    problems=(Forbidden, NotFound, AccountErased, PreconditionFailed),
    conditional=True,
)
def enable(user_id: UUID, body: dict[str, Any]) -> Answer:
    """Let a disabled user sign in again. A provider's resource stays inactive until activated. For admins."""
    versions = http.expected_versions()
    return http.run(
        lambda tx: http.versioned(*directory.enable(tx, caller=caller(), user_id=user_id, versions=versions))
    )


def _shown(invitation: Invitation) -> dict[str, str]:
    return {"token": invitation.token, "expiresAt": instant_text(invitation.expires_at)}
