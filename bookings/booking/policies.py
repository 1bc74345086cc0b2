"""What was agreed about calling off, moving and coming: pure functions over a booking and its `policy`.

A policy is what the rules said when the booking was made; its keys are those of the rules (docs/scheduling.md). Minutes
count back from the start (for `releaseAfterMinutes` on from it); an instant that is exactly so many minutes away still
belongs to the better side. Fees are whole minor units of the booking's currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bookings.availability.moves import moves_left, passed
from bookings.money import percent_of

Booking = Mapping[str, Any]
#: the rules that are kept with a booking; `cancellationPolicy` has had a place of its own before there were others
KEPT = (
    "cancelCutoffMinutes",
    "lateCancel",
    "rescheduleCutoffMinutes",
    "reschedulePolicy",
    "maxReschedules",
    "checkInOpensMinutes",
    "releaseAfterMinutes",
)
FEE, REFUSE, NO_SHOW = LATE = ("fee", "refuse", "noShow")
CONFIRM, PAY = "confirm", "pay"
AFTER_NO_SHOWS = (CONFIRM, PAY, REFUSE)
#: what can still be called off
_OPEN = ("pending", "confirmed")


def said(name: str, layers: Iterable[Mapping[str, Any]]) -> Any:
    """A rule as the first layer says it that says it; give the most specific layer first."""
    return next((layer[name] for layer in layers if layer.get(name) is not None), None)


def agreed(*layers: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is kept with a new booking, from the rules of resource, service and business in this order; or None."""
    kept = {name: value for name in KEPT if (value := said(name, layers)) is not None}
    return kept or None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a customer may do something now, and what it costs. `how`: "" (nothing is in the way), "fee", "refuse" or
    "noShow"; `until`: the cut-off that has passed."""

    how: str = ""
    fee: int = 0
    until: datetime | None = None


def cancelling(booking: Booking, now: datetime) -> Verdict:
    """What becomes of it when its customer calls it off: what has begun cannot be."""
    until = passed(booking, "cancelCutoffMinutes", now)
    if until is None:
        return Verdict("", cancellation_fee(booking, now))
    if now >= booking["start_at"]:
        return Verdict(REFUSE, until=booking["start_at"])
    late = (booking["policy"] or {}).get("lateCancel", REFUSE)
    if late == REFUSE:
        return Verdict(REFUSE, until=until)
    if late == NO_SHOW:
        return Verdict(NO_SHOW, booking["price_amount"] or 0, until)
    return Verdict(FEE, _late_fee(booking, now), until)


def leaving(booking: Booking, now: datetime) -> Verdict:
    """The same when its customer leaves for good, which nothing can refuse: what would be refused counts as called off
    late, for the fee that `lateCancel: fee` would charge."""
    verdict = cancelling(booking, now)
    return Verdict(FEE, _late_fee(booking, now), verdict.until) if verdict.how == REFUSE else verdict


def _late_fee(booking: Booking, now: datetime) -> int:
    """What the tiers keep, or without any the whole price."""
    return cancellation_fee(booking, now) if booking["cancellation_policy"] else int(booking["price_amount"] or 0)


def cancellation_fee(booking: Booking, now: datetime) -> int:
    """What the tiers of its cancellation policy keep of the price: the first tier, the longest notice first, whose
    notice is kept; without one the whole price, without a policy nothing."""
    price, policy = booking["price_amount"], booking["cancellation_policy"]
    if not price or policy is None:
        return 0
    tier = _tier(policy, booking["start_at"] - now)
    if tier is None:
        return int(price)
    if tier.get("feeAmount") is not None:
        return min(int(tier["feeAmount"]), int(price))
    return int(price - percent_of(price, tier["refundPercent"]))


def rescheduling(booking: Booking, now: datetime) -> Verdict:
    """Whether its customer may move it, and what that costs. Refused without `until`: it was moved often enough."""
    until = passed(booking, "rescheduleCutoffMinutes", now)
    if until is not None:
        return Verdict(REFUSE, until=until)
    if moves_left(booking) == 0:
        return Verdict(REFUSE)
    return Verdict("", _move_fee(booking, now))


def _move_fee(booking: Booking, now: datetime) -> int:
    price, policy = booking["price_amount"], (booking["policy"] or {}).get("reschedulePolicy")
    if not price or policy is None:
        return 0
    tier = _tier(policy, booking["start_at"] - now) or min(policy["tiers"], key=lambda one: one["beforeMinutes"])
    if tier.get("feeAmount") is not None:
        return min(int(tier["feeAmount"]), int(price))
    return percent_of(price, tier["feePercent"])


def _tier(policy: Mapping[str, Any], left: timedelta) -> Mapping[str, Any] | None:
    """The first tier, the longest notice first, whose notice is kept with so much time left."""
    tiers = sorted(policy["tiers"], key=lambda tier: -int(tier["beforeMinutes"]))
    return next((tier for tier in tiers if left >= timedelta(minutes=tier["beforeMinutes"])), None)


def fee_now(booking: Booking, now: datetime) -> int | None:
    """What calling it off would cost its customer now; None: nothing can be charged, or it cannot be called off."""
    if booking["price_amount"] is None or booking["status"] not in _OPEN:
        return None
    verdict = cancelling(booking, now)
    return None if verdict.how == REFUSE else verdict.fee


def check_in_opens(booking: Booking, otherwise: timedelta) -> timedelta:
    """How long before the start check-in becomes possible."""
    minutes = (booking["policy"] or {}).get("checkInOpensMinutes")
    return otherwise if minutes is None else timedelta(minutes=minutes)


def is_unattended(booking: Booking, now: datetime) -> bool:
    """Whether nobody has come for so long that its time is given back."""
    minutes = (booking["policy"] or {}).get("releaseAfterMinutes")
    return minutes is not None and now >= booking["start_at"] + timedelta(minutes=minutes)


def after_no_shows(rule: Mapping[str, Any] | None, times: int, *, price: int | None) -> str:
    """What a customer who did not come so often must do: "" (nothing), "confirm" (be confirmed by staff), "pay" before
    it is confirmed, or "refuse". What costs nothing cannot be paid, so staff look at it instead."""
    if rule is None or times < rule["count"]:
        return ""
    then = str(rule["then"])
    return CONFIRM if then == PAY and not price else then
