"""What a handler may raise to steer its job (all else it raises is a failed attempt), and what admins are refused."""

from __future__ import annotations

from datetime import timedelta

from bookings.errors import Conflict


class GiveUp(Exception):
    """Trying again is of no use: the job is dead at once, for this reason."""


class Later(Exception):
    """Not yet: run it again after `delay`. The attempt does not count."""

    def __init__(self, delay: timedelta) -> None:
        super().__init__(f"later, in {delay}")
        self.delay = delay


class LeaseLost(Exception):
    """This run of the job is no longer ours: it took too long, or somebody took it over. Stop; nothing is recorded."""


class JobNotDead(Conflict):
    """Only a job that has failed can be tried again, only a dead one discarded."""

    code = "job-not-dead"


class SameJobOpen(Conflict):
    """Another job of the same kind and key is to be done already; this one is not needed."""

    code = "same-job-open"
