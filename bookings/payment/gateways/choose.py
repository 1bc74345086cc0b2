"""Which gateways this service has: the one of PAYMENT_GATEWAY, and `manual`, because cash can always be taken."""

from __future__ import annotations

from bookings.config import Settings
from bookings.db import Database
from bookings.payment.gateways.careful import CarefulGateway
from bookings.payment.gateways.manual import ManualGateway
from bookings.payment.gateways.protocol import Gateway


class Gateways:
    """The gateways of a process, by name. `default` is the one that payers get."""

    def __init__(self, *gateways: CarefulGateway, default: str) -> None:
        self._by_name = {gateway.name: gateway for gateway in gateways}
        self.default = default

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> CarefulGateway:
        return self._by_name[name]


def choose(settings: Settings, database: Database) -> Gateways:
    """The gateways that the settings name, each with its own circuit."""
    chosen = _configured(settings, database)
    manual = [CarefulGateway(ManualGateway())] if chosen.name != "manual" else []
    return Gateways(CarefulGateway(chosen), *manual, default=chosen.name)


def _configured(settings: Settings, database: Database) -> Gateway:
    if settings.payment_gateway == "stripe":
        # Only who uses it pays for loading it: the library is large.
        from bookings.payment.gateways.stripe_gateway import StripeGateway

        return StripeGateway(
            secret_key=settings.stripe_secret_key,
            webhook_secret=settings.stripe_webhook_secret,
            timeout=settings.payment_timeout,
            api_base=settings.stripe_api_base,
        )
    if settings.payment_gateway == "test":
        from bookings.payment.gateways.sandbox import SandboxGateway

        return SandboxGateway(database, secret=settings.jwt_secret)
    return ManualGateway()
