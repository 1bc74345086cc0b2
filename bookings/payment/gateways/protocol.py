"""What the service wants of a gateway, whichever it is. Amounts are whole minor units of an ISO 4217 currency.

Every command carries a key: a gateway that has seen it does nothing again and answers as it did the first time, so a
command whose answer was lost is simply given once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import UUID

#: processing: nobody knows yet; requires_action: the payer must do something (enter a card, answer their bank)
State = Literal["processing", "requires_action", "authorized", "captured", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be paid. With `capture_later` the money is only reserved until `capture` is called."""

    payment_id: UUID
    booking_id: UUID
    amount: int
    currency: str
    capture_later: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How a payment stands at the gateway now. `captured` and `refunded` are its sums so far, None where it does not
    say; `error` is its word for what went wrong; the secret lets the payer, and nobody else, finish the payment with
    the gateway."""

    ref: str
    state: State
    captured: int | None = None
    refunded: int | None = None
    error: str | None = None
    client_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Notice:
    """What a gateway's webhook said: its own id, its type, and which payment it is about. How that payment stands is
    asked, never read from here: notices come late, twice and in any order."""

    id: str
    type: str
    ref: str | None


class GatewayTrouble(Exception):
    """The gateway gave no usable answer: slow, unreachable, overloaded. Whether it did what was asked is unknown; ask
    again with the same key."""


class GatewayRefusal(Exception):
    """The gateway understood and said no. `code` is its word for why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class BadSignature(Exception):
    """A notice is not signed by the gateway, or too old to be believed."""


class Gateway(Protocol):
    """A place where money moves. Every method may raise GatewayTrouble; commands also GatewayRefusal."""

    @property
    def name(self) -> str:
        """The word for it in settings, paths and rows."""

    def pay(self, order: Order, *, key: str) -> Standing:
        """Begin a payment. A card that is declined is a Standing of state `failed`, not a refusal."""

    def confirm(self, ref: str, *, key: str) -> Standing:
        """Go on after the payer has acted, where that happens through us. Raises GatewayRefusal where it does not."""

    def capture(self, ref: str, amount: int, *, key: str) -> Standing:
        """Take reserved money, all or part; the rest is released."""

    def refund(self, ref: str, amount: int, *, key: str) -> Standing:
        """Give taken money back, all or part."""

    def cancel(self, ref: str, *, key: str) -> Standing:
        """Give up a payment of which nothing was taken; no money can come of it afterwards. Raises GatewayRefusal when
        it is too late for that."""

    def look(self, ref: str) -> Standing | None:
        """How a payment stands now; None when this gateway knows nothing but what we tell it."""

    def read(self, raw: bytes, headers: Mapping[str, str]) -> Notice:
        """Verify and read a webhook's body. Raises BadSignature, or ValueError when it makes no sense."""
