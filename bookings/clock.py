"""The only source of "now" for rules. Tests replace `now` to travel; due times of reminders come from PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The current instant, aware, in UTC."""
    return datetime.now(UTC)
