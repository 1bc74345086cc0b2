"""What can go wrong with a payment."""

from __future__ import annotations

from typing import Any

from bookings.errors import BadRequest, Conflict, DomainError, Unavailable


class NothingToPay(Conflict):
    """There is nothing to pay for this booking.

    It has no price, or it was called off.
    """

    code = "nothing-to-pay"


class PaymentExists(Conflict):
    """This booking has a payment already.

    `payment` is its id, `paymentStatus` where it stands. Another one is possible when it has failed, expired or been
    given back.
    """

    code = "payment-exists"
    constraints = ("payments_one_current",)


class PaymentRefused(Conflict):
    """The payment cannot go there from where it stands.

    `paymentStatus` is where it stands.
    """

    code = "payment-refused"
    constraints = (
        "payments_transition_allowed",
        "payments_status_fits",
        "payment_operations_once",
        "payment_operations_one_at_a_time",
    )


class RefundTooHigh(DomainError):
    """More cannot be given back than was taken and not yet given back.

    `refundable` is how much that is, in minor units.
    """

    code = "refund-too-high"
    constraints = ("payments_refunds_covered",)


class GatewayRefused(Conflict):
    """The gateway refused.

    `reason` is its word for why.
    """

    code = "gateway-refused"


class GatewayUnavailable(Unavailable):
    """The payment gateway does not answer; try again as late as Retry-After says.

    Send the same request again: nothing is charged or given back twice. What was begun goes on by itself when the
    gateway answers again.
    """

    code = "gateway-unavailable"

    def __init__(self, retry_after: int = 5, **extra: Any) -> None:
        super().__init__(**extra)
        self.retry_after = retry_after


class NoticeRefused(BadRequest):
    """This notice is not signed by the gateway it names, or it is too old."""

    code = "notice-refused"
