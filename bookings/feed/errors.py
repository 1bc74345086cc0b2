"""What can go wrong with calendars for other programs."""

from __future__ import annotations

from bookings.errors import Conflict


class TooManyFeeds(Conflict):
    """You have as many calendar addresses as one may have; end one that is not used any more."""

    code = "too-many-feeds"
