"""What can go wrong with opening hours, closures and other calendars."""

from __future__ import annotations

from bookings.errors import Conflict


class TooManyDates(Conflict):
    """No more than 1,000 dates of one calendar can have hours of their own.

    Delete those that are past, or say it in weekly hours.
    """

    code = "too-many-dates"
