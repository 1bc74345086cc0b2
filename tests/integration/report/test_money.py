"""Revenue and payments agree with a recount of what moved: in whole minor units, each currency by itself, by the day of
the business on which it moved."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.integration.booking.api import problem
from tests.integration.report.conftest import Office
from tests.integration.report.test_figures import EDGES, LOWER, PERIOD, UPPER, keys, make_service

Json = dict[str, Any]
GROUPINGS = ("day", "week", "month", "resource", "service", "provider")


def owe(office: Office, booking: UUID, price: int | None, currency: str) -> None:
    """Say what a booking costs."""
    office.world.query("SET session_replication_role = replica")
    office.world.query("UPDATE bookings SET price_amount = %s, currency = %s WHERE id = %s", price, currency, booking)
    office.world.query("SET session_replication_role = DEFAULT")


def pay(office: Office, booking: UUID, currency: str, moves: list[tuple[str, str, int, datetime]]) -> None:
    """A payment and what moved: kind, state, amount, when."""
    done = {kind: sum(move[2] for move in moves if move[:2] == (kind, "done")) for kind in ("capture", "refund")}
    promised = sum(move[2] for move in moves if move[:2] == ("refund", "pending"))
    captured, refunded = done["capture"], done["refund"]
    status = "unpaid" if not captured else "paid" if not refunded else "partially_refunded"
    status = "refunded" if captured and refunded == captured else status
    (row,) = office.world.query(
        """INSERT INTO payments (id, booking_id, user_id, gateway, status, amount, currency, captured, refunded,
                                 refunding, created_by, created_at, updated_at)
           SELECT %s, id, user_id, 'manual', %s, %s, %s, %s, %s, %s, user_id, now(), now() FROM bookings WHERE id = %s
           RETURNING id""",
        *(uuid4(), status, max(captured, 1), currency, captured, refunded, promised, booking),
    )
    for kind, state, amount, at in moves:
        office.world.query(
            """INSERT INTO payment_operations (id, payment_id, kind, amount, state, created_at, finished_at)
               VALUES (%s, %s, %s, %s, %s, %s, %s)""",
            *(uuid4(), row["id"], kind, amount, state, at, None if state == "pending" else at),
        )


@pytest.fixture(scope="module")
def till(office: Office) -> Office:
    """Bookings that were paid, in part, too much, not at all, given back; in euros and yen."""
    world, dice = office.world, random.Random(5)
    providers = [world.provider().id for _ in range(2)]
    world.query("UPDATE resources SET capacity = 1000 WHERE id = ANY (%s)", providers)
    room, services = world.resource(capacity=1000), [make_service(world, name) for name in ("Cut", "Colour")]
    span = int((UPPER - LOWER).total_seconds())

    def moment() -> datetime:
        if dice.random() < 0.3:
            return datetime.fromisoformat(dice.choice(EDGES))
        return (LOWER + timedelta(seconds=dice.randrange(-86_400 * 9, span + 86_400 * 9))).astimezone(UTC)

    for number in range(150):
        currency, price = dice.choice(["EUR", "JPY"]), dice.choice([None, 0, 4500, 9999])
        booking = office.book(
            moment(),
            *dice.choice([[providers[0]], [providers[1]], [room], [providers[0], room]]),
            status=dice.choice(["confirmed", "completed", "completed", "no_show", "cancelled", "declined"]),
            service=dice.choice([None, *services]),
        )
        owe(office, booking, price, currency)
        if number % 5:
            taken = dice.choice([price or 700, 100, 12_000])
            moves = [("capture", "done", taken, moment())]
            left = taken
            for state in dice.sample(["done", "pending", "failed", "done"], dice.randrange(4)):
                part = dice.choice([left, left // 3 + 1])
                if left - part >= 0 and part:
                    moves.append(("refund", state, part, moment()))
                    left -= 0 if state == "failed" else part
            pay(office, booking, currency, moves)
    office.world.query(
        """UPDATE payments SET error = 'gateway_gave_back_less' WHERE id IN (
               SELECT id FROM payments WHERE refunded > 0 AND refunding = 0 ORDER BY created_at, id LIMIT 3)"""
    )
    return office


def moved(office: Office) -> list[Json]:
    """What moved in the period, with its booking."""
    rows = office.world.query(
        """SELECT o.kind, o.amount, o.finished_at, o.payment_id, p.currency, b.resource_ids, b.service_id, b.provider_id
             FROM payment_operations AS o, payments AS p, bookings AS b
            WHERE p.id = o.payment_id AND b.id = p.booking_id AND o.state = 'done'"""
    )
    return [row for row in rows if LOWER <= row["finished_at"] < UPPER]


@pytest.mark.parametrize("group_by", GROUPINGS)
def test_revenue(till: Office, group_by: str) -> None:
    key = group_by if group_by in ("day", "week", "month") else f"{group_by}Id"
    told = {(row[key], row["currency"]): row for row in till.rows("revenue", PERIOD, groupBy=group_by)}
    groups: dict[tuple[str | None, str], list[Json]] = defaultdict(list)
    for row in moved(till):
        for name in keys(row, group_by, "finished_at"):
            groups[name, row["currency"]].append(row)
    assert told.keys() == groups.keys()
    for group, rows in groups.items():
        captured = sum(row["amount"] for row in rows if row["kind"] == "capture")
        refunded = sum(row["amount"] for row in rows if row["kind"] == "refund")
        found = [told[group][name] for name in ("payments", "captured", "refunded", "net")]
        assert found == [len({row["payment_id"] for row in rows}), captured, refunded, captured - refunded], group


def test_revenue_adds_up_to_all_that_moved(till: Office) -> None:
    """Day by day nothing is lost or counted twice."""
    for currency in ("EUR", "JPY"):
        net = sum(row["net"] for row in till.rows("revenue", PERIOD, groupBy="day") if row["currency"] == currency)
        signed = {"capture": 1, "refund": -1}
        assert net == sum(signed[row["kind"]] * row["amount"] for row in moved(till) if row["currency"] == currency)


def test_revenue_of_one_provider(till: Office) -> None:
    wanted = next(row for row in moved(till) if row["provider_id"])["provider_id"]
    rows = till.rows("revenue", PERIOD, groupBy="month", filters={"providerId": str(wanted)})
    mine = [row for row in moved(till) if row["provider_id"] == wanted]
    assert sum(row["captured"] for row in rows) == sum(row["amount"] for row in mine if row["kind"] == "capture")


def verdict(status: str, price: int, captured: int, refunded: int, refunding: int, *, refused: bool, lost: bool) -> str:
    """What a person would say of a booking's money."""
    net = captured - refunded
    if refunding:
        return "refund_pending"
    if lost:
        return "refund_failed"
    if status in ("cancelled", "declined"):
        kept = "refund_failed" if refused else "kept"
        return kept if net else "refunded" if captured else "nothing_due"
    if net == price:
        return "paid"
    if net:
        return "overpaid" if net > price else "partly_paid"
    return "refunded" if captured else "unpaid"


def test_payments_against_bookings(till: Office) -> None:
    told = {row["bookingId"]: row for row in till.rows("payments", PERIOD)}
    recount = {}
    refunds = till.world.query("SELECT * FROM payment_operations WHERE kind = 'refund' ORDER BY created_at, id")
    latest = {row["payment_id"]: row["state"] for row in refunds}
    paid = {row["booking_id"]: row for row in till.world.query("SELECT * FROM payments")}
    for booking in till.world.query("SELECT * FROM bookings"):
        payment = paid.get(booking["id"])
        price = booking["price_amount"] or 0
        if not LOWER <= booking["start_at"] < UPPER or (price == 0 and payment is None):
            continue
        sums = [payment[name] if payment else 0 for name in ("captured", "refunded", "refunding")]
        recount[str(booking["id"])] = {
            "bookingId": str(booking["id"]),
            "startAt": booking["start_at"].isoformat().replace("+00:00", "Z"),
            "status": booking["status"],
            "paymentStatus": booking["payment_status"],
            "currency": booking["currency"],
            "price": price,
            **dict(zip(("captured", "refunded", "refunding"), sums, strict=True)),
            "net": sums[0] - sums[1],
            "verdict": verdict(
                booking["status"],
                price,
                *sums,
                refused=payment is not None and latest.get(payment["id"]) == "failed",
                lost=payment is not None and payment["error"] is not None,
            ),
        }
    assert told == recount
    assert {row["verdict"] for row in told.values()} == {
        *("refund_pending", "refund_failed", "kept", "refunded", "nothing_due"),
        *("overpaid", "paid", "partly_paid", "unpaid"),
    }


@pytest.mark.parametrize("kind", ["revenue", "payments"])
def test_money_is_for_admins(till: Office, kind: str) -> None:
    provider = till.as_(till.world.provider())
    body = {"kind": kind, "from": PERIOD[0], "to": PERIOD[1]}
    problem(provider.call("POST", "/reports", body), 403, "report-not-for-you")
    answer = provider.call("POST", "/reports/schedules", {"kind": kind, "every": "daily", "at": "06:30"})
    problem(answer, 403, "report-not-for-you")
