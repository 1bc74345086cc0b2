"""The links that turn one kind of e-mail off without signing in: signed, so that nobody can make one for another."""

from __future__ import annotations

from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer

from bookings.config import Settings
from bookings.notification.rules import CAUSES

#: by which log lines recognise a token; those made before it was there go on working without
_PREFIX = "bku_"


def link(settings: Settings, user_id: UUID, cause: str) -> str:
    """The address for a person and a cause. It never expires: an old mail must not be harder to stop than a new one."""
    token = _signer(settings).dumps([user_id.hex, cause])
    assert isinstance(token, str)
    return f"{settings.public_url.rstrip('/')}/unsubscribe/{_PREFIX}{token}"


def read(settings: Settings, token: str) -> tuple[UUID, str] | None:
    """Whose mails of which cause a token turns off; None when it is not one of ours."""
    try:
        user_id, cause = _signer(settings).loads(token.removeprefix(_PREFIX))
        return (UUID(user_id), cause) if cause in CAUSES else None
    except (BadData, ValueError, TypeError, AttributeError):
        return None


def _signer(settings: Settings) -> URLSafeSerializer:
    return URLSafeSerializer(settings.jwt_secret, salt="bookings.notification.unsubscribe")
