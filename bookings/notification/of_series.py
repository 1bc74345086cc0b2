"""What is told of a series: one notification for all bookings that were made, moved or called off together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from bookings import queries
from bookings.config import Settings
from bookings.db import Tx
from bookings.event.consumer import Event
from bookings.notification import rules, service
from bookings.notification.service import Fact

_sql = queries.load("notification")
Bookings = Sequence[Mapping[str, Any]]


def tell(tx: Tx, settings: Settings, event: Event) -> None:
    """Tell the customer of all of them, and whoever provides some of those that they provide, each once.

    The subject has the event's position, because what is called off leaves the series' version as it was.
    """
    series = event.data
    audiences = {UUID(series["userId"]): (rules.CUSTOMER, series["bookings"])}
    for owner, bookings in _of_owners(tx, series).items():
        audiences[owner] = (rules.PROVIDER, bookings)
    ids = list({bookings[0]["id"] for _, bookings in audiences.values()})
    documents = {row["id"]: row["document"] for row in tx.all(_sql.told_together, {"ids": ids})}
    for person, (audience, bookings) in audiences.items():
        document, more = rules.of_series(documents[UUID(bookings[0]["id"])], bookings)
        subject = f"series:{series['id']}:{event.position}"
        fact = Fact(rules.OF_SERIES[event.type], subject, document, more | {"dates": more["dates"][: rules.DATES]})
        service.tell_to(tx, settings, fact, {person: audience}, mailed=more)


def _of_owners(tx: Tx, series: Mapping[str, Any]) -> dict[UUID, list[Mapping[str, Any]]]:
    """Which bookings claim something of whom, the customer left out."""
    claimed = list({id for one in series["bookings"] for id in one["resourceIds"]})
    owned = tx.all(_sql.owners, {"resource_ids": claimed, "user_id": series["userId"]})
    owner_of = {str(row["id"]): row["owner_id"] for row in owned}
    found: dict[UUID, list[Mapping[str, Any]]] = {}
    for one in series["bookings"]:
        for owner in {owner_of[id] for id in one["resourceIds"] if id in owner_of}:
            found.setdefault(owner, []).append(one)
    return found
