"""What can go wrong with a resource."""

from __future__ import annotations

from bookings.errors import Conflict


class ProviderExists(Conflict):
    """This provider can be booked already; the resource has the id of the user."""

    code = "provider-exists"
    constraints = ("resources_pkey",)


class CapacityClaimed(Conflict):
    """The capacity cannot go below what is claimed at some time.

    Cancel or move bookings first. Claims of the past count, too: what was promised stays provable.
    """

    code = "capacity-claimed"
    constraints = ("resources_capacity_covers_claims",)
