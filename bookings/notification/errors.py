"""What can go wrong with a notification."""

from __future__ import annotations

from bookings.errors import Conflict


class NotDead(Conflict):
    """Only a dead letter, or a mail that was skipped, can be sent again.

    One that is queued, being sent or failed is tried by itself; one that was sent has left. The member
    `notificationStatus` says which of these it is.
    """

    code = "notification-not-dead"


class NotMail(Conflict):
    """Only e-mails are delivered by somebody else.

    What is shown in the app or written to the log is there at once.
    """

    code = "notification-not-mail"
