"""What can go wrong with a booking."""

from __future__ import annotations

from bookings.errors import Conflict, Forbidden


class SlotTaken(Conflict):
    """That time is already taken.

    One of the resources has no room for part of it, or somebody is away. `nextFree` names the next starts at which all
    of them have room for as long; none within 14 days leaves it empty.
    """

    code = "slot-taken"
    constraints = (
        "allocations_no_overlap",
        "allocations_within_capacity",
        "allocations_claimed_together",
        # by the booking itself, when its statement ran twice: `refusals.explain` then finds it done
        "allocations_once_per_booking",
        "bookings_pkey",
    )


class SeriesRefused(Conflict):
    """Some times of the series cannot be had, so nothing was done.

    `occurrences` names each of them and why, with times nearby that can be had.
    """

    code = "series-refused"


class NotBookable(Conflict):
    """Opening hours or rules do not allow that time.

    `rules` names those that forbid it, in the order in which they are asked; `GET /availability/explain` tells more.
    `nextFree` names the next starts that can be booked; none within 14 days leaves it empty.
    """

    code = "not-bookable"


class PartyComplete(Conflict):
    """As many people are named as come.

    `partySize` says how many; take a name off, or book for more.
    """

    code = "party-complete"


class ResourceChanged(Conflict):
    """The resource changed while it was being booked; try again."""

    code = "resource-changed"
    constraints = ("allocations_resource_known",)


class TransitionRefused(Conflict):
    """The booking cannot go there from where it stands.

    `bookingStatus` is the present status, `allowed` lists the actions that are possible for you now.
    """

    code = "transition-refused"
    constraints = ("bookings_transition_allowed",)


class BookingClosed(Conflict):
    """A booking that is over, cancelled or declined cannot be changed."""

    code = "booking-closed"


class TooEarly(Conflict):
    """It is too early for this; `opensAt` says when it becomes possible.

    Staff may do it sooner with `"override": true` and a `reason`.
    """

    code = "too-early"


class TooLate(Conflict):
    """It is too late for this; `until` says how long it was possible.

    The cut-off was agreed when the booking was made: `policy` of the booking says it. Staff may do it all the same,
    with `"override": true` and a `reason`.
    """

    code = "too-late"


class MovedTooOften(Conflict):
    """This booking has been moved as often as its customer may; `allowed` says how often that is.

    Staff may move it all the same.
    """

    code = "moved-too-often"


class TooManyNoShows(Conflict):
    """You did not come too often; ask the staff to book for you.

    `noShows` says how often within the last `days` days.
    """

    code = "too-many-no-shows"


class NotForYou(Forbidden):
    """You may book for yourself, or as a provider for your own calendar."""

    code = "not-for-you"


class StaffOnly(Forbidden):
    """Only whoever provides the booked resource, or an admin, may do this."""

    code = "staff-only"


class HoldEnded(Conflict):
    """The hold has ended: it was released, booked, or its time ran out.

    `holdState` says which. Ask for the time anew.
    """

    code = "hold-ended"
    constraints = ("holds_end_once",)


class TooManyHolds(Conflict):
    """So many holds at a time are not for one customer; book or release one first.

    `limit` is how many there may be.
    """

    code = "too-many-holds"


class HoldAtLimit(Conflict):
    """The hold lasts as long as a hold may, or until its time begins; book it or let it go."""

    code = "hold-at-limit"
