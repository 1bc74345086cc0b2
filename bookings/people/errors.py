"""What can stand in the way of leaving."""

from __future__ import annotations

from bookings.errors import Conflict


class OthersAhead(Conflict):
    """Others have booked this person, or what is theirs; first decide what becomes of these bookings.

    The member `bookings` names up to twenty of them.
    """

    code = "others-ahead"


class TooManyAhead(Conflict):
    """There are more bookings ahead than can be cancelled together; cancel some first."""

    code = "too-many-ahead"
