"""The gateway named `test`: no money, but everything that can happen to money, chosen by the amount.

Its books are in tables, so that web and worker see the same, and count every effect, so that a test can say that nobody
was charged twice. It behaves like a service elsewhere: it is slow, it is away, it answers late. docs/payments.md lists
the amounts. Other amounts are simply paid.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from bookings import clock, queries
from bookings.db import Database, Tx
from bookings.payment.gateways.protocol import (
    BadSignature,
    GatewayRefusal,
    GatewayTrouble,
    Notice,
    Order,
    Standing,
    State,
)

_sql = queries.load("payment")
#: how long (seconds) the late ones keep us waiting, and the slow ones take before and after each effect
LATE = 3.0
SLOW = 1.0
#: how old (seconds) a notice may be
_TOLERANCE = 300


@dataclass(frozen=True, slots=True)
class Magic:
    """What an amount makes the test gateway do."""

    #: how the charge stands at first; None: paid at once
    first: State | None = None
    #: what the payer's confirmation comes to
    confirmed: bool = True
    #: no answer to anything for LATE seconds, although it was done
    silent: bool = False
    #: no answer ever, and nothing done
    away: bool = False
    refuses_refunds: bool = False
    slow: bool = False


MAGIC: dict[int, Magic] = {
    10002: Magic(first="failed"),
    10003: Magic(first="requires_action"),
    10004: Magic(first="requires_action", confirmed=False),
    10005: Magic(silent=True),
    10006: Magic(first="processing"),
    10007: Magic(away=True),
    10008: Magic(refuses_refunds=True),
    10009: Magic(slow=True),
}
_ORDINARY = Magic()
Charge = dict[str, Any]


class SandboxGateway:
    """See above. `secret` signs its notices."""

    name = "test"

    def __init__(self, database: Database, *, secret: str) -> None:
        self._database = database
        self._secret = hashlib.sha256(b"test gateway:" + secret.encode()).digest()

    def pay(self, order: Order, *, key: str) -> Standing:
        """Take an order. Its reference follows from the key, so the same key is the same charge."""
        ref, magic = f"test_{key}", MAGIC.get(order.amount, _ORDINARY)
        _present(magic)

        def work(tx: Tx) -> Charge:
            values = {
                "ref": ref,
                "amount": order.amount,
                "currency": order.currency,
                "capture_later": order.capture_later,
                "state": magic.first or "processing",
                "error": "card_declined" if magic.first == "failed" else None,
            }
            if tx.execute(_sql.test_charge, values) and magic.first is None:
                _take(tx, _locked(tx, ref), key)
            return _locked(tx, ref)

        return self._answered(magic, work)

    def confirm(self, ref: str, *, key: str) -> Standing:
        """The payer's bank says yes, or for one amount no."""

        def work(tx: Tx) -> Charge:
            charge = _locked(tx, ref)
            if charge["state"] == "requires_action":
                if _magic(charge).confirmed:
                    _take(tx, charge, key)
                else:
                    _write(tx, charge, state="failed", error="authentication_failed")
            return charge

        return self._command(ref, work)

    def capture(self, ref: str, amount: int, *, key: str) -> Standing:
        """Take what is reserved."""

        def work(tx: Tx) -> Charge:
            charge = _locked(tx, ref)
            if _seen(tx, key):
                return charge
            if charge["state"] != "authorized" or amount > charge["amount"]:
                raise GatewayRefusal("not_capturable")
            _effect(tx, key, ref, "capture", amount)
            return _write(tx, charge, state="captured", captured=amount)

        return self._command(ref, work)

    def refund(self, ref: str, amount: int, *, key: str) -> Standing:
        """Give back what was taken."""

        def work(tx: Tx) -> Charge:
            charge = _locked(tx, ref)
            if _seen(tx, key):
                return charge
            if _magic(charge).refuses_refunds:
                raise GatewayRefusal("refund_refused")
            if amount > charge["captured"] - charge["refunded"]:
                raise GatewayRefusal("refund_too_high")
            _effect(tx, key, ref, "refund", amount)
            return _write(tx, charge, refunded=charge["refunded"] + amount)

        return self._command(ref, work)

    def cancel(self, ref: str, *, key: str) -> Standing:
        """Give up a charge nothing was taken of."""

        def work(tx: Tx) -> Charge:
            charge = _locked(tx, ref)
            if charge["state"] in ("processing", "captured"):
                raise GatewayRefusal("not_cancellable")
            return _write(tx, charge, state="cancelled")

        return self._command(ref, work)

    def look(self, ref: str) -> Standing:
        """The charge as it is now."""
        return self._command(ref, lambda tx: _locked(tx, ref))

    def read(self, raw: bytes, headers: Mapping[str, str]) -> Notice:
        """Verify `Test-Signature: t=<seconds>,v1=<hmac>` and read the notice."""
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            at, signature = (part.partition("=")[2] for part in headers.get("Test-Signature", "").split(","))
            fresh = abs(clock.now().timestamp() - int(at)) <= _TOLERANCE
            if fresh and hmac.compare_digest(signature, self._signature(raw, at)):
                notice = orjson.loads(raw)
                return Notice(str(notice["id"]), str(notice["type"]), notice.get("ref"))
        raise BadSignature

    def sign(self, raw: bytes, at: int) -> str:
        """The header that `read` believes, for whoever plays the gateway."""
        return f"t={at},v1={self._signature(raw, str(at))}"

    def _signature(self, raw: bytes, at: str) -> str:
        return hmac.new(self._secret, at.encode() + b"." + raw, hashlib.sha256).hexdigest()

    def _command(self, ref: str, work: Callable[[Tx], Charge]) -> Standing:
        charge = self._database.run(lambda tx: _locked(tx, ref))
        return self._answered(_magic(charge), work)

    def _answered(self, magic: Magic, work: Callable[[Tx], Charge]) -> Standing:
        _present(magic)
        pause = SLOW if magic.slow else 0
        time.sleep(pause)
        charge = self._database.run(work)
        time.sleep(pause)
        if magic.silent and charge["age"] < LATE:
            raise GatewayTrouble("timeout")
        return Standing(
            ref=charge["ref"],
            state=charge["state"],
            captured=charge["captured"],
            refunded=charge["refunded"],
            error=charge["error"],
            client_secret=f"{charge['ref']}_secret",
        )


def _present(magic: Magic) -> None:
    if magic.away:
        raise GatewayTrouble("unreachable")


def _magic(charge: Charge) -> Magic:
    return MAGIC.get(charge["amount"], _ORDINARY)


def _locked(tx: Tx, ref: str) -> Charge:
    """The charge, locked. One that is late comes through now if its time has come."""
    charge = tx.one(_sql.test_find, {"ref": ref})
    if charge is None:
        raise GatewayRefusal("no_such_charge")
    if charge["state"] == "processing" and _magic(charge).first == "processing" and charge["age"] >= LATE:
        return _take(tx, charge, f"{ref}:late")
    return charge


def _take(tx: Tx, charge: Charge, key: str) -> Charge:
    """The payer's bank agrees: money is reserved, or taken at once."""
    kind = "authorize" if charge["capture_later"] else "capture"
    _effect(tx, key, charge["ref"], kind, charge["amount"])
    if charge["capture_later"]:
        return _write(tx, charge, state="authorized")
    return _write(tx, charge, state="captured", captured=charge["amount"])


def _seen(tx: Tx, key: str) -> bool:
    return tx.one(_sql.test_seen, {"key": key}) is not None


def _effect(tx: Tx, key: str, ref: str, kind: str, amount: int) -> None:
    tx.execute(_sql.test_effect, {"key": key, "ref": ref, "kind": kind, "amount": amount})


def _write(tx: Tx, charge: Charge, **news: Any) -> Charge:
    charge.update(news)
    tx.execute(_sql.test_write, charge)
    return charge
