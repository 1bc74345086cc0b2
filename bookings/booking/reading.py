"""What a booking's document can only say at the moment of reading: what calling it off would cost now.

Documents are written by SQL once and kept: in events, in stored answers. So there `cancellationFeeNow` is null, and GET
fills it in for whoever reads. Bookings without a policy pay a search in their bytes for it.
"""

from __future__ import annotations

from datetime import datetime

import orjson

from bookings.booking import policies

# Quotation marks inside of texts are escaped, so these can only be members of the document.
_NO_TIERS, _NO_POLICY = b'"cancellationPolicy":null', b'"policy":null'


def ticks(document: bytes) -> bool:
    """Whether the document says something else at another moment."""
    return _NO_TIERS not in document or _NO_POLICY not in document


def at(document: bytes, now: datetime) -> bytes:
    """The document as it is true now."""
    if not ticks(document):
        return document
    booking = orjson.loads(document)
    price = booking["price"]
    fee = policies.fee_now(
        {
            "status": booking["status"],
            "start_at": datetime.fromisoformat(booking["startAt"]),
            "price_amount": price and price["amount"],
            "cancellation_policy": booking["cancellationPolicy"],
            "policy": booking["policy"],
        },
        now,
    )
    booking["cancellationFeeNow"] = None if fee is None else {"amount": fee, "currency": price["currency"]}
    return orjson.dumps(booking)
