"""Payments over HTTP.

A command has two halves: it writes down what is to happen and commits, then the gateway is told. If that is cut short,
a job tells it later, or the request does that comes again under its Idempotency-Key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import orjson
from flask import Blueprint, current_app, g, request

from bookings import http, idempotency
from bookings.answer import Answer
from bookings.db import Tx
from bookings.errors import DomainError, Forbidden, NotFound
from bookings.http import caller, database, described, endpoint
from bookings.payment import listing, service
from bookings.payment.cashier import Cashier
from bookings.payment.errors import (
    GatewayRefused,
    GatewayUnavailable,
    NothingToPay,
    NoticeRefused,
    PaymentExists,
    PaymentRefused,
    RefundTooHigh,
)
from bookings.payment.gateways.careful import GatewayResting
from bookings.payment.gateways.protocol import BadSignature, GatewayTrouble
from bookings.payment.rules import WAITING
from bookings.payment.schemas import (
    BegunPayment,
    Capture,
    Confirmation,
    GivingUp,
    ListQuery,
    NewPayment,
    Payment,
    PaymentPage,
    RefundWish,
)
from bookings.web import JsonResponse

of_bookings = Blueprint("payment_of_booking", __name__, url_prefix="/bookings")
blueprint = Blueprint("payment", __name__, url_prefix="/payments")
webhooks = Blueprint("payment_webhook", __name__, url_prefix="/webhooks/payments")
_STEP = (NotFound, Forbidden, PaymentRefused, GatewayRefused, GatewayUnavailable)
#: gateways write more than people: a notice holds the whole charge, with what its merchant keeps beside it (bytes)
NOTICE_LIMIT = 1024 * 1024
#: what a command that was done or replayed is about: the payment, and the operation when there is one
Done = tuple[UUID, UUID | None]


def _cashier() -> Cashier:
    """The app's way to the gateways, made at the first need."""
    extensions = current_app.extensions
    if "cashier" not in extensions:
        extensions["cashier"] = Cashier(database(), extensions["settings"])
    found: Cashier = extensions["cashier"]
    return found


@of_bookings.post("/<uuid:booking_id>/payments")
@endpoint(
    body=NewPayment,
    answers={200: BegunPayment, 201: BegunPayment},
    problems=(NotFound, Forbidden, NothingToPay, PaymentExists, GatewayUnavailable),
)
def begin(booking_id: UUID, body: dict[str, Any]) -> Answer:
    """Pay for a booking.

    A card that is declined makes a payment of status `failed`, after which another may be begun. One that still waits
    is gone on with (200). `clientSecret` is for the payer alone, who finishes the payment with the gateway.
    """
    cashier, settings = _cashier(), current_app.extensions["settings"]
    gateway = body.get("gateway") or cashier.gateways.default
    if gateway not in cashier.gateways:
        raise Forbidden(f"Payments by {gateway} are not offered here.")
    _check(cashier, gateway)
    by_hand = gateway != cashier.gateways.default
    created: list[bool] = []

    def work(tx: Tx) -> Done:
        payment_id, new = service.begin(
            tx, settings=settings, caller=caller(), booking_id=booking_id, gateway=gateway, by_hand=by_hand
        )
        created[:] = [new]
        return payment_id, None

    (payment_id, _), headers = _once(work)
    try:
        standing = cashier.carry_out(payment_id) or cashier.refresh(payment_id)
    except GatewayTrouble as trouble:
        raise _unavailable(trouble, payment=str(payment_id)) from trouble
    finally:
        http.nudge()
    row = service.show(database(), payment_id)
    open_to_payer = row["status"] in (*WAITING, "failed") and row["user_id"] == g.actor.id
    secret = standing.client_secret if standing and open_to_payer else None
    status = 201 if created and created[0] else 200
    answer = http.versioned(
        service.document_of(row, client_secret=secret), row["version"], status, location=f"/payments/{payment_id}"
    )
    answer.headers.update(headers)
    return answer


@blueprint.get("")
@endpoint(query=ListQuery, answers={200: PaymentPage}, problems=(Forbidden,))
def list_(query: Mapping[str, Any]) -> Answer:
    """List payments, newest first.

    A customer's own; for a provider also those of bookings that claim something of theirs; everybody's for an admin.
    """
    return Answer(listing.listing(database(), actor=g.actor, query=query))


@blueprint.get("/<uuid:payment_id>")
@endpoint(answers={200: Payment, 304: None}, problems=(NotFound,))
def get(payment_id: UUID) -> Answer:
    """One payment with its ledger, for whoever may see its booking."""
    return http.unless_known(*service.get(database(), actor=g.actor, payment_id=payment_id))


@blueprint.post("/<uuid:payment_id>/confirm")
@endpoint(body=Confirmation, answers={200: Payment, 202: Payment}, problems=_STEP, conditional=True)
def confirm(payment_id: UUID, body: dict[str, Any]) -> Answer:
    """The payer has done what the gateway asked for.

    Only with the test gateway; with others the payer speaks to the gateway. 202: it is being done.
    """
    return _order(payment_id, service.confirm)


@blueprint.post("/<uuid:payment_id>/capture")
@endpoint(body=Capture, answers={200: Payment, 202: Payment}, problems=_STEP, conditional=True)
def capture(payment_id: UUID, body: dict[str, Any]) -> Answer:
    """Take reserved money, or say that money has come in by hand.

    For staff. Of reserved money the rest is released; by hand it must be all that is owed, which it is when `amount` is
    left out. 202: the gateway is being slow; it will be done.
    """
    return _order(payment_id, service.capture, amount=body["amount"])


@blueprint.post("/<uuid:payment_id>/refund")
@endpoint(body=RefundWish, answers={200: Payment, 202: Payment}, problems=(*_STEP, RefundTooHigh), conditional=True)
def refund(payment_id: UUID, body: dict[str, Any]) -> Answer:
    """Give money back, all or part of it.

    For staff. 202: the gateway is being slow; it will be done.
    """
    return _order(payment_id, service.refund, amount=body["amount"], reason=body["reason"])


@blueprint.post("/<uuid:payment_id>/cancel")
@endpoint(body=GivingUp, answers={200: Payment, 202: Payment}, problems=_STEP, conditional=True)
def cancel(payment_id: UUID, body: dict[str, Any]) -> Answer:
    """Give up a payment of which nothing was taken.

    The payer may while it waits; staff also while money is reserved. 202: the gateway is being slow; it will be done.
    """
    return _order(payment_id, service.cancel, reason=body["reason"])


@webhooks.post("/<gateway>")
@described({204: None}, problems=(NotFound, NoticeRefused))
def receive(gateway: str) -> JsonResponse:
    """A gateway's notice, signed by it.

    It is kept as it came, once however often it comes, and looked into by a job, which asks the gateway how the payment
    stands now: the order of notices does not matter. It may have 1 MiB.
    """
    cashier = _cashier()
    if gateway not in cashier.gateways:
        raise NotFound
    request.max_content_length = NOTICE_LIMIT
    raw = request.get_data(cache=False)
    try:
        notice = cashier.gateways[gateway].read(raw, dict(request.headers))
    except (BadSignature, ValueError):
        raise NoticeRefused from None
    service.receive(database(), gateway=gateway, notice=notice, raw=raw)
    return JsonResponse(None, 204)


def _order(payment_id: UUID, command: Callable[..., UUID], **more: Any) -> Answer:
    cashier, settings = _cashier(), current_app.extensions["settings"]
    document, _ = service.get(database(), actor=g.actor, payment_id=payment_id)
    _check(cashier, orjson.loads(document)["gateway"])
    versions = http.expected_versions()

    def work(tx: Tx) -> Done:
        return payment_id, command(
            tx, settings=settings, caller=caller(), payment_id=payment_id, versions=versions, **more
        )

    (_, operation_id), headers = _once(work)
    assert operation_id is not None
    try:
        cashier.carry_out(payment_id)
    except GatewayTrouble:
        current_app.logger.warning("a gateway will be told later", extra={"payment_id": str(payment_id)})
    http.nudge()
    state, reason = service.outcome(database(), operation_id)
    if state == "failed":
        raise GatewayRefused(reason=reason)
    row = service.show(database(), payment_id)
    answer = http.versioned(row["document"], row["version"], 200 if state == "done" else 202)
    answer.headers.update(headers)
    return answer


def _once(work: Callable[[Tx], Done]) -> tuple[Done, dict[str, str]]:
    """Do the first half of a command once for each Idempotency-Key, and the headers that say so.

    What is kept under the key is which payment and operation it made, not the answer: that may hold a secret, and the
    payment may have got on since.
    """
    key = http.idempotency_key()

    def first(tx: Tx) -> Done:
        done = work(tx)
        if key is not None:
            idempotency.store(tx, key, Answer(orjson.dumps(done, default=str), 200))
        return done

    try:
        return database().run(first), {}
    except DomainError:
        stored = idempotency.find(database(), key) if key else None
        if stored is None:
            raise
    payment_id, operation_id = orjson.loads(stored.body)
    return (UUID(payment_id), http.uuid_or_none(operation_id)), {"Idempotent-Replayed": "true"}


def _check(cashier: Cashier, gateway: str) -> None:
    """Refuse at once what the gateway would not be asked now."""
    try:
        if gateway in cashier.gateways:
            cashier.gateways[gateway].check()
    except GatewayResting as resting:
        raise _unavailable(resting) from resting


def _unavailable(trouble: GatewayTrouble, **extra: Any) -> GatewayUnavailable:
    seconds = trouble.retry_after if isinstance(trouble, GatewayResting) else 5
    return GatewayUnavailable(seconds, **extra)
