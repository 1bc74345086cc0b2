"""What can go wrong on the waitlist."""

from __future__ import annotations

from bookings.errors import Conflict


class AlreadyWaiting(Conflict):
    """You stand in line for this already: same service, same names, and windows that meet."""

    code = "already-waiting"
    constraints = ("waitlist_entries_one_place",)


class WaitsForTooMuch(Conflict):
    """Nobody may wait for so much at a time; leave another line first. `limit` is how many there may be."""

    code = "waits-for-too-much"


class NothingOffered(Conflict):
    """There is no offer that could be accepted or declined: none was made yet, its time ran out, or the offer that was
    named is not the present one."""

    code = "nothing-offered"


class NotWaiting(Conflict):
    """This wish is over: it was booked, left, or its window has passed. `entryState` says which."""

    code = "not-waiting"
