"""What the worker does about people."""

from __future__ import annotations

from datetime import timedelta

from bookings.config import Settings
from bookings.db import Database
from bookings.job.service import Registry
from bookings.people.erasing import KIND, Eraser


def register(registry: Registry, database: Database, settings: Settings) -> None:
    """Say who does the rest of an erasure. It walks through all events, which takes minutes when there are millions."""
    registry.register(KIND, Eraser(database, settings), timeout=timedelta(minutes=30))
