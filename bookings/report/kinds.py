"""What each kind of report shows: its columns in the order of its query, how it may be grouped, and for whom it is."""

from __future__ import annotations

from dataclasses import dataclass

from bookings.report.rules import GROUPINGS, TIMED


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `type`: text, integer, percent, date or instant; money is integers, minor units of a `currency`."""

    name: str
    type: str = "integer"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of report. `groupings`: how it may be grouped, the default first; None is one row for each thing."""

    name: str
    groupings: tuple[str | None, ...]
    columns: tuple[Column, ...]
    #: for the rows without grouping
    each: tuple[Column, ...] = ()
    filters: tuple[str, ...] = ("resourceId", "serviceId", "providerId", "userId", "status")
    admins_only: bool = False

    @property
    def query(self) -> str:
        """The part of its queries' names that is its own."""
        return self.name.replace("-", "_")


def _columns(*names: str, **types: str) -> tuple[Column, ...]:
    return tuple(Column(name, types.get(name, "integer")) for name in names)


_BOOKINGS = _columns(
    *("bookings", "pending", "confirmed", "checkedIn", "completed", "noShow", "cancelled", "declined"),
    *("units", "bookedMinutes"),
)
_CANCELLATIONS = _columns(
    *("bookings", "cancelledByCustomer", "cancelledByOthers", "declined", "noShow"),
    *("cancelledPercent", "noShowPercent"),
    cancelledPercent="percent",
    noShowPercent="percent",
)
_LEAD_TIME = _columns(
    "bookings", "shortestMinutes", "medianMinutes", "ninetiethPercentileMinutes", "longestMinutes", "meanMinutes"
)
_EACH_CUSTOMER = (
    Column("userId", "text"),
    Column("name", "text"),
    *_columns("bookings", "completed", "calledOff", "noShow"),
    Column("firstStartAt", "instant"),
    Column("lastStartAt", "instant"),
)
_UTILISATION = (
    Column("resourceId", "text"),
    Column("resource", "text"),
    Column("kind", "text"),
    *_columns("capacity", "claimedMinutes", "openMinutes", "utilisationPercent", utilisationPercent="percent"),
)
_THINGS = ("resourceId", "serviceId", "providerId", "userId")
_REVENUE = _columns("currency", "payments", "captured", "refunded", "net", currency="text")
_EACH_PAYMENT = (
    Column("bookingId", "text"),
    Column("startAt", "instant"),
    Column("status", "text"),
    Column("paymentStatus", "text"),
    Column("currency", "text"),
    *_columns("price", "captured", "refunded", "refunding", "net"),
    Column("verdict", "text"),
)

KINDS = {
    kind.name: kind
    for kind in (
        Kind("bookings", GROUPINGS, _BOOKINGS),
        Kind("cancellations", GROUPINGS, _CANCELLATIONS),
        Kind("lead-time", GROUPINGS, _LEAD_TIME),
        Kind("customers", (None, *GROUPINGS), _columns("customers", "newCustomers", "bookings"), each=_EACH_CUSTOMER),
        Kind("revenue", GROUPINGS, _REVENUE, filters=_THINGS, admins_only=True),
        Kind("payments", (None,), (), each=_EACH_PAYMENT, admins_only=True),
        Kind("utilisation", ("resource", *TIMED, "provider"), _UTILISATION, filters=("resourceId",)),
    )
}


def columns(kind: Kind, group_by: str | None) -> tuple[Column, ...]:
    """The columns of a report."""
    if group_by is None:
        return kind.each
    if kind.name == "utilisation":
        return (Column(group_by, "date"), *kind.columns) if group_by in TIMED else kind.columns
    if group_by in TIMED:
        return (Column(group_by, "date"), *kind.columns)
    return (Column(f"{group_by}Id", "text"), Column(group_by, "text"), *kind.columns)
