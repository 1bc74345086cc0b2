"""Telling gateways what the ledger says they are to be told, and asking them how payments stand.

Between the database's transactions, never in one. Everything here may be done twice, by anybody, at any time: a command
carries its operation's id as key, and what comes of it is written once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from bookings import queries
from bookings.config import Settings
from bookings.db import Database
from bookings.payment import ledger
from bookings.payment.gateways.careful import CarefulGateway
from bookings.payment.gateways.choose import Gateways, choose
from bookings.payment.gateways.protocol import GatewayRefusal, GatewayTrouble, Order, Standing

log = logging.getLogger(__name__)
_sql = queries.load("payment")


class Cashier:
    """The way to the gateways, for one process."""

    def __init__(self, database: Database, settings: Settings, gateways: Gateways | None = None) -> None:
        self.database = database
        self.settings = settings
        self.gateways = gateways or choose(settings, database)

    def carry_out(self, payment_id: UUID) -> Standing | None:
        """Tell the gateway what is pending about a payment, oldest first: its last answer. Raises GatewayTrouble."""
        standing = None
        while (errand := self._next(payment_id)) is not None:
            standing = self._tell(errand)
        return standing

    def refresh(self, payment_id: UUID) -> Standing | None:
        """Tell what is pending, then ask how the payment stands and write it down; None when there is nobody to ask.

        Raises GatewayTrouble.
        """
        self.carry_out(payment_id)
        row = self.database.row(_sql.look_at, {"id": payment_id})
        if row is None or row[1] is None:
            return None
        standing = self._gateway(row[0]).look(row[1])
        if standing is not None:
            self.database.run(lambda tx: ledger.seen(tx, self.settings, payment_id, standing, row[2]))
        return standing

    def _next(self, payment_id: UUID) -> dict[str, Any] | None:
        return self.database.run(lambda tx: tx.one(_sql.next_errand, {"payment_id": payment_id}))

    def _tell(self, errand: dict[str, Any]) -> Standing | None:
        gateway, settings = self._gateway(errand["gateway"]), self.settings
        self.database.run(lambda tx: tx.execute(_sql.try_errand, errand))
        try:
            standing = _command(gateway, errand)
        except GatewayRefusal as refusal:
            code = refusal.code
            log.warning("a gateway refused", extra={"payment_id": str(errand["payment_id"]), "reason": code})
            self.database.run(lambda tx: ledger.refused(tx, settings, errand, code))
            return None
        self.database.run(lambda tx: ledger.done(tx, settings, errand, standing))
        return standing

    def _gateway(self, name: str) -> CarefulGateway:
        if name not in self.gateways:
            raise GatewayTrouble(f"the gateway {name} is not configured any more")
        return self.gateways[name]


def _command(gateway: CarefulGateway, errand: Mapping[str, Any]) -> Standing:
    key, ref, amount = str(errand["id"]), errand["gateway_ref"] or "", errand["amount"]
    match errand["kind"]:
        case "pay":
            order = Order(
                errand["payment_id"], errand["booking_id"], errand["whole"], errand["currency"], errand["capture_later"]
            )
            return gateway.pay(order, key=key)
        case "confirm":
            return gateway.confirm(ref, key=key)
        case "capture":
            return gateway.capture(ref, amount, key=key)
        case "refund":
            return gateway.refund(ref, amount, key=key)
        case kind:
            assert kind == "cancel"
            return gateway.cancel(ref, key=key)
