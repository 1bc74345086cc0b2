"""What stays cost, and what the file says was taken and given back.

A rate plan is what a hotel sells: a room type at a nightly rate on terms of payment. Each becomes a service.

| deposit_type | paid | called off by the guest |
|---|---|---|
| No Deposit | on departure; nobody who does not come pays | nothing was paid |
| Non Refund | all at once, before it is confirmed | nothing is given back |
| Refundable | all at once, before it is confirmed | everything is given back |
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from replaying.stays import Stay

CURRENCY = "EUR"
NO_DEPOSIT = "No Deposit"
#: how much guests get back who call off a stay that is paid already
_GIVEN_BACK = {"Non Refund": 0, "Refundable": 100}


class Plan(NamedTuple):
    """A room type at a rate (cents a night) with terms: what stays with the same ones have in common."""

    room: str
    rate: int
    deposit: str


@dataclass(frozen=True, slots=True)
class Money:
    """Cents, and the payments they came with."""

    payments: int = 0
    captured: int = 0
    refunded: int = 0

    def __add__(self, other: Money) -> Money:
        return Money(self.payments + other.payments, self.captured + other.captured, self.refunded + other.refunded)

    def shown(self) -> dict[str, int]:
        """Under the names of the revenue report."""
        net = self.captured - self.refunded
        return {"payments": self.payments, "captured": self.captured, "refunded": self.refunded, "net": net}


def plan_of(stay: Stay) -> Plan:
    """The rate plan of a stay."""
    return Plan(stay.room, stay.rate, stay.deposit)


def prepaid(stay: Stay) -> bool:
    """Whether it is paid before it is confirmed."""
    return stay.deposit != NO_DEPOSIT


def pays(stay: Stay) -> bool:
    """Whether any money ever comes: in advance, or on departure."""
    return stay.price > 0 and (prepaid(stay) or stay.ends_as == "completed")


def money_of(stay: Stay) -> Money:
    """What the file says was taken for a stay and given back."""
    if not pays(stay):
        return Money()
    back = _GIVEN_BACK[stay.deposit] if stay.ends_as == "cancelled" else 0
    return Money(1, stay.price, stay.price * back // 100)


def by_room(stays: Iterable[Stay]) -> dict[str, Money]:
    """The same for all stays of each room type, rooms without any money left out."""
    sums: dict[str, Money] = {}
    for stay in stays:
        if pays(stay):
            sums[stay.room] = sums.get(stay.room, Money()) + money_of(stay)
    return sums


def services(stays: Iterable[Stay], resources: dict[str, str], run: str) -> dict[Plan, dict[str, Any]]:
    """Each rate plan as a service for POST /services: one duration for each length of stay that the file has."""
    lengths: dict[Plan, dict[int, int]] = {}
    for stay in stays:
        lengths.setdefault(plan_of(stay), {})[stay.minutes] = stay.price
    return {
        plan: {
            "name": f"{plan.room}, {plan.rate / 100:.2f} a night, {plan.deposit} ({run})",
            "durations": [{"minutes": minutes, "price": price} for minutes, price in sorted(prices.items())],
            "currency": CURRENCY,
            "requiresConfirmation": plan.deposit == NO_DEPOSIT,
            "requiresPayment": plan.deposit != NO_DEPOSIT,
            "cancellationPolicy": None if plan.deposit == NO_DEPOSIT else _policy(plan.deposit),
            "resourceIds": [resources[plan.room]],
        }
        for plan, prices in sorted(lengths.items())
    }


def _policy(deposit: str) -> dict[str, Any]:
    return {"tiers": [{"beforeMinutes": 0, "refundPercent": _GIVEN_BACK[deposit]}]}
