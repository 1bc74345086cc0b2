"""The job of an operation: tell the gateway, and keep a refund that it refused, or that did not arrive, where somebody
sees it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from bookings import queries
from bookings.auth import SYSTEM_CALLER
from bookings.db import Tx
from bookings.job.errors import GiveUp
from bookings.job.service import Job
from bookings.payment import ledger, rules
from bookings.payment.cashier import Cashier
from bookings.payment.rules import Step

_sql = queries.load("payment")
#: how the reason of a dead letter begins; by it a job knows that an admin has begun it anew
REFUSED = "The gateway refused the refund: "


def operate(cashier: Cashier, payload: dict[str, Any], job: Job) -> None:
    """Tell the gateway what is pending about a payment. Raises GatewayTrouble; GiveUp when the job's own operation is a
    refund that was refused and that no later one replaces.

    An admin who retries such a dead letter has the refund tried anew, as a new operation with a job of its own: under
    the old one's key a gateway would only repeat its refusal.
    """
    payment_id = UUID(payload["paymentId"])
    cashier.carry_out(payment_id)
    if "operationId" not in payload:  # of a job older than this
        return
    operation_id = UUID(payload["operationId"])
    refusal = cashier.database.run(lambda tx: tx.one(_sql.refused_refund, {"id": operation_id}))
    if refusal is None:
        return
    if job.last_error is not None and job.last_error.startswith(REFUSED):
        cashier.database.run(lambda tx: _anew(tx, cashier, payment_id, operation_id, job))
    elif not refusal["replaced"]:
        raise GiveUp(REFUSED + refusal["error"])


def await_refund(cashier: Cashier, payment_id: UUID) -> None:
    """Ask about a payment of which a refund did not arrive. Raises GiveUp while the gateway has given back less than it
    agreed to; whoever has given it back there retries the dead letter, which then is done."""
    standing = cashier.refresh(payment_id)
    row = cashier.database.row(_sql.gave_back_less, {"id": payment_id, "error": ledger.GAVE_LESS})
    if row is not None and standing is not None:
        back = f"{standing.refunded} of {row[0]} were given back"
        raise GiveUp(f"A refund did not arrive: {back}. See to it at the gateway.")


def _anew(tx: Tx, cashier: Cashier, payment_id: UUID, operation_id: UUID, job: Job) -> None:
    """Plan the refused refund once more and be done, in one transaction, so that it is planned once.

    When another refund of this payment was planned since, this one may be a part of it: then a person must decide.
    """
    held = ledger.hold(tx, cashier.settings, payment_id)
    refusal = tx.one(_sql.refused_refund, {"id": operation_id})
    assert refusal is not None
    if refusal["replaced"] or refusal["amount"] > rules.refundable(held.payment):
        raise GiveUp(f"{REFUSED}{refusal['error']}. There was another refund since; refund what is still owed by hand.")
    ledger.plan(held, Step("refund", refusal["amount"]), SYSTEM_CALLER, refusal["reason"], at_once=True)
    ledger.store(held)
    job.complete(tx)
