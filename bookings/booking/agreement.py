"""What is agreed with every new booking besides time and price: the policy as the rules say it at that moment, and what
its customer must do first after not coming too often. Whoever delivers says it, else service and business."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from bookings import queries
from bookings.auth import SYSTEM
from bookings.availability.layers import RESOURCE, Rules
from bookings.availability.picture import Picture
from bookings.availability.service import Reader
from bookings.booking import policies
from bookings.booking.errors import TooManyNoShows
from bookings.prepared import Prepared

_sql = queries.load("booking")
_NO_SHOWS = Prepared("booking.no_shows", _sql.no_shows)
#: parameters of a booking without a service
PLAIN: Mapping[str, Any] = {
    "service_id": None,
    "party_size": 1,
    "price_amount": None,
    "place_price": None,
    "currency": None,
    "payment_required": False,
    "payment_status": None,
    "confirm_when_paid": False,
    "buffer_before_minutes": 0,
    "buffer_after_minutes": 0,
    "session_places": None,
    "cancellation_policy": None,
    "reminder_leads": None,
    "policy": None,
    "overbooked": False,
    "assignment": None,
}


def rules_of(picture: Picture, leading: Any = None) -> Rules:
    """The rules of who delivers (`leading`, else the first who can), or of service and business when nobody does."""
    delivering = [one for group in picture.groups if group.leads for one in group.candidates]
    chosen = next((one for one in delivering if one.id == leading), delivering[0] if delivering else None)
    return chosen.schedule.rules if chosen else picture.general.rules


def kept(rules: Rules) -> str | None:
    """The policy that is kept with a new booking, as JSON."""
    agreed = policies.agreed(rules.policy)
    return None if agreed is None else orjson.dumps(agreed).decode()


def cancellation_policy(rules: Rules, of_service: Any) -> Any:
    """A resource's word, else the service's, else the business's."""
    said = rules.policy.get("cancellationPolicy")
    return said if rules.source("cancellationPolicy") == RESOURCE else of_service or said


def demand(reader: Reader, rules: Rules, wish: Mapping[str, Any], *, price: int | None = None) -> str:
    """What a customer who books for themselves, or is offered it by the waitlist, must do because of no-shows: "",
    "confirm" or "pay".

    Raises TooManyNoShows.
    """
    rule = rules.policy.get("noShowRule")
    return _demand(reader, rule, wish, price) if wish["actor_id"] in (wish["user_id"], SYSTEM.id) else ""


def undemanded(rules: Rules, wish: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The rule that is kept with a hold because staff, of whom nothing is demanded, hold it for somebody: who books it
    for themselves is asked then (`convert`)."""
    rule: Mapping[str, Any] | None = rules.policy.get("noShowRule")
    return None if wish["actor_id"] in (wish["user_id"], SYSTEM.id) else rule


def demanded(terms: Mapping[str, Any], demand: str) -> Mapping[str, Any]:
    """What of the terms is otherwise with a demand."""
    if demand == policies.CONFIRM:
        return {"status": "pending", "confirm_when_paid": False}
    if demand == policies.PAY:
        confirms = terms["status"] == "confirmed" or terms["confirm_when_paid"]
        return {"status": "pending", "payment_required": True, "confirm_when_paid": confirms}
    return {}


def convert(reader: Reader, terms: Mapping[str, Any], wish: Mapping[str, Any]) -> Mapping[str, Any]:
    """The terms of a hold for whoever books it. Raises TooManyNoShows."""
    if wish["actor_id"] != wish["user_id"]:
        return terms
    return {**terms, **demanded(terms, _demand(reader, terms.get("no_show_rule"), wish, terms["price_amount"]))}


def _demand(reader: Reader, rule: Mapping[str, Any] | None, wish: Mapping[str, Any], price: int | None) -> str:
    if rule is None:
        return ""
    params = {"user_id": wish["user_id"], "now": wish["now"], "days": rule["days"]}
    times = int(reader.hot_rows(_NO_SHOWS, params)[0][0] or 0)
    verdict = policies.after_no_shows(rule, times, price=price)
    if verdict == policies.REFUSE:
        raise TooManyNoShows(noShows=times, days=rule["days"])
    return verdict
