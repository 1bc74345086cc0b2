"""Which gateways this service has: the one of PAYMENT_GATEWAY; `manual`, because cash can always be taken; and any
whose keys are there, so that payments begun with it can still be finished after PAYMENT_GATEWAY has changed."""

from __future__ import annotations

from bookings.config import Settings
from bookings.db import Database
from bookings.payment.gateways.careful import CarefulGateway
from bookings.payment.gateways.manual import ManualGateway
from bookings.payment.gateways.protocol import Gateway
from bookings.payment.gateways.sandbox import SandboxGateway


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
    """The gateways of these settings, each with its own circuit."""
    gateways: list[Gateway] = [ManualGateway()]
    if not settings.production:
        gateways.append(SandboxGateway(database, secret=settings.jwt_secret))
    if settings.stripe_secret_key and settings.stripe_webhook_secret:
        # Only who uses it pays for loading it: the library is large.
        from bookings.payment.gateways.stripe_gateway import StripeGateway

        stripe = StripeGateway(
            secret_key=settings.stripe_secret_key,
            webhook_secret=settings.stripe_webhook_secret,
            timeout=settings.payment_timeout,
            api_base=settings.stripe_api_base,
        )
        gateways.append(stripe)
    return Gateways(*map(CarefulGateway, gateways), default=settings.payment_gateway)
