"""The app for guards that only look at it: nothing listens where its settings point."""

from __future__ import annotations

from flask import Flask

from bookings import create_app
from bookings.config import Settings

SETTINGS = Settings(
    app_env="test",
    database_url="postgresql://nobody@127.0.0.1:1/none",
    redis_url="redis://127.0.0.1:1/0",
    jwt_secret="for guards only: nothing is signed with this",
)


def make_app() -> Flask:
    """A new app."""
    return create_app(SETTINGS)
