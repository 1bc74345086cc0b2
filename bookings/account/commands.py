"""`python -m bookings token USER...`: access tokens for development."""

from __future__ import annotations

from collections.abc import Iterable

from bookings import queries
from bookings.auth import Actor, Tokens
from bookings.config import ConfigurationError, Settings
from bookings.db import Database
from bookings.errors import DatabaseUnavailable
from bookings.http import uuid_or_none

_sql = queries.load("account")


def print_tokens(settings: Settings, users: Iterable[str]) -> int:
    """Print an access token for each e-mail address or id, a line each, and nothing else; or none of them.

    Raises ConfigurationError, in a sentence.
    """
    print("\n".join([token_of(settings, user) for user in users]))
    return 0


def token_of(settings: Settings, user: str) -> str:
    """An access token for an e-mail address or id. Raises ConfigurationError, in a sentence."""
    if settings.production:
        raise ConfigurationError("Tokens are not handed out in production; sign in with POST /auth/login.")
    database = Database(settings, name="bookings-token")
    try:
        actor = _find(database, user)
    except DatabaseUnavailable:
        raise ConfigurationError("The database does not answer; check DATABASE_URL and that it runs.") from None
    finally:
        database.close()
    return Tokens(settings).issue(actor)


def _find(database: Database, user: str) -> Actor:
    user_id = uuid_or_none(user)
    if user_id is not None:
        row = database.row(_sql.find, {"id": user_id})
    else:
        row = database.row(_sql.find_by_email, {"email": user.strip().lower()})
    if row is None:
        raise ConfigurationError(f"There is no user {user!r}; give the e-mail address or the id of one.")
    return Actor(row[0], row[1])
