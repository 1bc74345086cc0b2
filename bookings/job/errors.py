"""What a handler may raise to steer its job. Anything else it raises is a failed attempt."""

from __future__ import annotations

from datetime import timedelta


class GiveUp(Exception):
    """Trying again is of no use: the job is dead at once, for this reason."""


class Later(Exception):
    """Not yet: run it again after `delay`. The attempt does not count."""

    def __init__(self, delay: timedelta) -> None:
        super().__init__(f"later, in {delay}")
        self.delay = delay


class LeaseLost(Exception):
    """This run of the job is no longer ours: it took too long, or somebody took it over. Stop; nothing is recorded."""
