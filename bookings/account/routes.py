"""Accounts over HTTP. Answers with tokens are never stored: not by caches, and not under an Idempotency-Key."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from flask import Blueprint, current_app, g
from flask.blueprints import BlueprintSetupState

from bookings import http
from bookings.account import invitations, service, sessions
from bookings.account.errors import (
    AccountDisabled,
    AccountErased,
    EmailTaken,
    InvalidCredentials,
    InvalidInvitation,
    InvalidRefreshToken,
    LastAdmin,
    OwnRole,
    PasswordChanged,
    SignInUnavailable,
)
from bookings.account.passwords import Passwords
from bookings.account.rules import is_email
from bookings.account.schemas import (
    InvitedPassword,
    PasswordChange,
    ProfileChange,
    RefreshToken,
    Registration,
    RoleChange,
    Session,
    SignIn,
    User,
)
from bookings.account.sign_in_limit import SignInLimit, attempt
from bookings.answer import Answer
from bookings.auth import Actor
from bookings.config import Settings
from bookings.db import Tx
from bookings.errors import Forbidden, Invalid, NotFound, PreconditionFailed
from bookings.http import caller, database, endpoint

#: for everybody: whoever calls has no access token yet, or an expired one
public = Blueprint("auth", __name__, url_prefix="/auth")
#: for whoever is signed in
blueprint = Blueprint("account", __name__)


@public.record_once
def _prepare(state: BlueprintSetupState) -> None:
    settings = state.app.extensions["settings"]
    state.app.extensions["passwords"] = Passwords(settings.password_memory)
    state.app.extensions["sign_in_limit"] = SignInLimit(settings)


@public.post("/register")
@endpoint(body=Registration, answers={201: Session}, problems=(EmailTaken, SignInUnavailable))
def register(body: dict[str, Any]) -> Answer:
    """Open an account as a customer, and sign in."""
    attempt()
    hashed = _passwords().hash(body["password"])

    def work(tx: Tx) -> tuple[service.User, str]:
        user = service.create(
            tx,
            email=body["email"],
            name=body["name"],
            phone=body["phone"],
            time_zone=body["timeZone"],
            locale=body["locale"],
            password_hash=hashed,
        )
        return service.sign_in(tx, settings=_settings(), user_id=user["id"], checked_hash=hashed)

    return _session(database().run(work), status=201)


@public.post("/login")
@endpoint(body=SignIn, answers={200: Session}, problems=(InvalidCredentials, AccountDisabled, SignInUnavailable))
def login(body: dict[str, Any]) -> Answer:
    """Sign in. An unknown e-mail address and a wrong password are answered alike, in the same time."""
    attempt(email=body["email"])
    user_id, known_hash = service.credentials(database(), email=body["email"])
    right = _passwords().verify(body["password"], known_hash)
    if not right or user_id is None or known_hash is None:
        raise InvalidCredentials
    checked = _renewed(user_id, known_hash, body["password"])
    return _session(
        database().run(lambda tx: service.sign_in(tx, settings=_settings(), user_id=user_id, checked_hash=checked))
    )


@public.post("/refresh")
@endpoint(body=RefreshToken, answers={200: Session}, problems=(InvalidRefreshToken,))
def refresh(body: dict[str, Any]) -> Answer:
    """Exchange a refresh token for new tokens. A token works once; showing a used one ends the session."""
    exchanged = database().run(
        lambda tx: sessions.rotate(tx, token=body["refreshToken"], lifetime=_settings().refresh_token_ttl)
    )
    if exchanged is None:
        raise InvalidRefreshToken
    return _session(exchanged)


@public.post("/logout")
@endpoint(body=RefreshToken, answers={204: None})
def logout(body: dict[str, Any]) -> Answer:
    """End the session that a refresh token belongs to. The access token lives on until it expires."""
    database().run(lambda tx: sessions.end(tx, token=body["refreshToken"]))
    return Answer("", 204)


@public.post("/password")
@endpoint(body=InvitedPassword, answers={200: Session}, problems=(InvalidInvitation, SignInUnavailable))
def choose_password(body: dict[str, Any]) -> Answer:
    """Choose a password with an invitation, and sign in. Ends every other session; the invitation works once."""
    attempt()
    if is_email(body["newPassword"], invitations.email_of(database(), token=body["token"])):
        raise Invalid([("newPassword", "Must not be the e-mail address.")])
    hashed = _passwords().hash(body["newPassword"])
    lifetime = _settings().refresh_token_ttl
    return _session(
        database().run(lambda tx: invitations.accept(tx, token=body["token"], password_hash=hashed, lifetime=lifetime))
    )


@blueprint.get("/me")
@endpoint(answers={200: User, 304: None}, problems=(NotFound,))
def me() -> Answer:
    """Who is signed in."""
    return http.unless_known(*service.get(database(), user_id=g.actor.id))


@blueprint.patch("/me")
@endpoint(
    body=ProfileChange, answers={200: User}, problems=(NotFound, AccountErased, PreconditionFailed), conditional=True
)
def change_me(body: dict[str, Any]) -> Answer:
    """Change name, phone, time zone, language, addresses or what one hears of."""
    versions, user_id = http.expected_versions(), g.actor.id
    return http.run(lambda tx: http.versioned(*service.change(tx, user_id=user_id, body=body, versions=versions)))


@blueprint.put("/me/password")
@endpoint(body=PasswordChange, answers={200: Session}, problems=(PasswordChanged, SignInUnavailable))
def change_password(body: dict[str, Any]) -> Answer:
    """Set another password. Signs out everywhere, and answers with the tokens of one new session."""
    user_id = g.actor.id
    attempt(email=str(user_id))
    email, known_hash = service.credentials_of(database(), user_id=user_id)
    if is_email(body["newPassword"], email):
        raise Invalid([("newPassword", "Must not be the e-mail address.")])
    if not _passwords().verify(body["currentPassword"], known_hash) or known_hash is None:
        raise Invalid([("currentPassword", "Is not your password.")])
    new_hash = _passwords().hash(body["newPassword"])
    return _session(
        database().run(
            lambda tx: service.replace_password(
                tx, settings=_settings(), user_id=user_id, checked_hash=known_hash, new_hash=new_hash
            )
        )
    )


@blueprint.patch("/users/<uuid:user_id>/role")
@endpoint(
    body=RoleChange,
    answers={200: User},
    problems=(Forbidden, NotFound, OwnRole, LastAdmin, AccountErased, PreconditionFailed),
    conditional=True,
)
def set_role(user_id: UUID, body: dict[str, Any]) -> Answer:
    """Make a user a customer, provider or admin. For admins; works for the user from their next refresh."""
    versions, role = http.expected_versions(), body["role"]
    return http.run(
        lambda tx: http.versioned(*service.set_role(tx, caller=caller(), user_id=user_id, role=role, versions=versions))
    )


def _session(signed_in: tuple[service.User, str], status: int = 200) -> Answer:
    """The answer that carries tokens; no cache may keep it (RFC 6749, section 5.1)."""
    user, refresh_token = signed_in
    tokens = current_app.extensions["tokens"]
    body = {
        "user": orjson.Fragment(user["document"]),
        "accessToken": tokens.issue(Actor(user["id"], user["role"])),
        "refreshToken": refresh_token,
        "tokenType": "Bearer",
        "expiresIn": tokens.lifetime,
    }
    return Answer(http.dump(body), status, {"Cache-Control": "no-store"})


def check_password(user_id: UUID, password: str) -> None:
    """Make sure that it is not just somebody at an unlocked screen.

    Counts as an attempt to sign in. Raises Invalid, TooManyRequests, SignInUnavailable, Unauthorized.
    """
    attempt(email=str(user_id))
    _, known_hash = service.credentials_of(database(), user_id=user_id)
    if not _passwords().verify(password, known_hash):
        raise Invalid([("password", "Is not your password.")])


def _renewed(user_id: UUID, known_hash: str, password: str) -> str:
    """The user's hash, made anew when its parameters are not today's."""
    if not _passwords().outdated(known_hash):
        return known_hash
    new_hash = _passwords().hash(password)
    database().run(lambda tx: service.renew_hash(tx, user_id=user_id, checked_hash=known_hash, new_hash=new_hash))
    return new_hash


def _passwords() -> Passwords:
    found: Passwords = current_app.extensions["passwords"]
    return found


def _settings() -> Settings:
    found: Settings = current_app.extensions["settings"]
    return found
