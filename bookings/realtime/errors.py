"""What can go wrong on a socket or before there is one."""

from __future__ import annotations

from bookings.errors import Conflict, Forbidden, Unavailable


class OriginRefused(Forbidden):
    """Pages of this origin may not open a socket.

    The operator lists the origins that may in ALLOWED_ORIGINS.
    """

    code = "origin-refused"


class TooManySockets(Unavailable):
    """This process has as many sockets as it may; try again, perhaps reaching another one."""

    code = "too-many-sockets"


class NotYourTopic(Forbidden):
    """You may not subscribe to this topic.

    A topic is `me`, `user:<your id>`, `resource:<id of a resource you own>`; for admins any of them, and `all`.
    """

    code = "not-your-topic"


class FeedBegun(Conflict):
    """A socket catches up once: send `after` with its first subscription.

    Events reach a socket in one order, so it cannot go back. Open another one.
    """

    code = "feed-begun"
