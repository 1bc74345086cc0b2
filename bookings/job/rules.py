"""When to try again. Pure functions."""

from __future__ import annotations

import random
from datetime import timedelta

#: each pause may be so many times as long as the one before
FACTOR = 3
_LONGEST_ERROR = 2000
_chance = random.SystemRandom()


def backoff(failures: int, *, base: timedelta, longest: timedelta) -> timedelta:
    """How long to wait after so many failures (1 after the first): exponential, with full jitter, capped.

    Full jitter (anything between nothing and the whole pause) spreads those who failed together best.
    """
    # The exponent is bounded, because a float is.
    whole = min(base * FACTOR ** min(failures - 1, 30), longest)
    return timedelta(seconds=_chance.uniform(0, whole.total_seconds()))


def error_text(error: BaseException) -> str:
    """An error as it is kept: its kind and message, of bounded length, in characters that PostgreSQL can store."""
    text = f"{type(error).__name__}: {error}".replace("\x00", "").encode(errors="replace").decode()
    return text[:_LONGEST_ERROR]
