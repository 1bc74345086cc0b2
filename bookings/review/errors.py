"""What can go wrong with a review."""

from __future__ import annotations

from bookings.errors import Conflict, Forbidden


class AlreadyReviewed(Conflict):
    """This booking has been reviewed.

    A booking has one review. Change it while that is possible; a deleted one is not replaced.
    """

    code = "already-reviewed"
    constraints = ("reviews_once_per_booking",)


class NotCompleted(Conflict):
    """Only a booking that took place can be reviewed.

    `bookingStatus` is where it stands; whoever provides it marks it completed.
    """

    code = "booking-not-completed"


class ReviewWindowClosed(Conflict):
    """It is too late for this; `closedAt` says since when.

    Reviews are written and changed within a time that the operator sets (REVIEW_WINDOW, REVIEW_EDIT_WINDOW).
    """

    code = "review-window-closed"


class CustomerOnly(Forbidden):
    """Only the customer of a booking may review it."""

    code = "customer-only"


class AuthorOnly(Forbidden):
    """Only its author may do this to a review."""

    code = "author-only"


class ReplyNotForYou(Forbidden):
    """Only whoever provides what was booked, or an admin, may reply to a review."""

    code = "reply-not-for-you"
