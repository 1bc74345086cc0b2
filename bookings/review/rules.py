"""The rules of reviews that need a clock. Pure functions."""

from __future__ import annotations

from datetime import datetime, timedelta

STATES = ("shown", "hidden", "withdrawn")


def closed_since(began_at: datetime, window: timedelta, now: datetime) -> datetime | None:
    """When the time that began at an instant was over; None while it is not. The last instant still counts."""
    closes_at = began_at + window
    return closes_at if now > closes_at else None
