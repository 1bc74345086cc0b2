"""The test gateway: each magic amount does what docs/payments.md says, a key has its effect once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from uuid import uuid4

import orjson
import pytest

from bookings import db
from bookings.db import Database
from bookings.payment.gateways import sandbox
from bookings.payment.gateways.careful import CarefulGateway, InsideTransaction
from bookings.payment.gateways.protocol import BadSignature, GatewayRefusal, GatewayTrouble, Order, Standing
from bookings.payment.gateways.sandbox import SandboxGateway
from tests.factories import World
from tests.integration.payment.conftest import later
from tests.support.people import NO_REDIS, settings_for


@pytest.fixture(scope="module")
def database(module_database_url: str) -> Iterator[Database]:
    database = Database(settings_for(module_database_url, NO_REDIS))
    yield database
    database.close()


@pytest.fixture
def gateway(database: Database) -> SandboxGateway:
    return SandboxGateway(database, secret="a secret for tests, of no use anywhere")


def order(amount: int = 5000, *, capture_later: bool = False) -> Order:
    return Order(uuid4(), uuid4(), amount, "EUR", capture_later)


def effects(world: World, standing: Standing) -> list[tuple[str, int]]:
    rows = world.query("SELECT kind, amount FROM test_gateway_effects WHERE ref = %s ORDER BY at", standing.ref)
    return [(row["kind"], row["amount"]) for row in rows]


def test_an_ordinary_amount_is_paid_and_given_back_once_for_each_key(gateway: SandboxGateway, world: World) -> None:
    asked = order()
    paid = [gateway.pay(asked, key="pay once") for _ in range(3)][-1]
    assert (paid.state, paid.captured, paid.refunded) == ("captured", 5000, 0)
    for key in ("one", "one", "two", "one"):
        back = gateway.refund(paid.ref, 2000, key=key)
    assert (back.captured, back.refunded) == (5000, 4000)
    with pytest.raises(GatewayRefusal, match="refund_too_high"):
        gateway.refund(paid.ref, 2000, key="three")
    with pytest.raises(GatewayRefusal, match="not_cancellable"):
        gateway.cancel(paid.ref, key="four")
    assert effects(world, paid) == [("capture", 5000), ("refund", 2000), ("refund", 2000)]
    assert "secret" not in repr(paid)


def test_reserved_money_is_taken_once_or_released(gateway: SandboxGateway, world: World) -> None:
    one = gateway.pay(order(capture_later=True), key=str(uuid4()))
    assert (one.state, one.captured) == ("authorized", 0)
    with pytest.raises(GatewayRefusal, match="not_capturable"):
        gateway.capture(one.ref, 5001, key="too much")
    taken = [gateway.capture(one.ref, 3000, key="take") for _ in range(2)][-1]
    assert (taken.state, taken.captured) == ("captured", 3000)
    assert effects(world, one) == [("authorize", 5000), ("capture", 3000)]
    other = gateway.pay(order(capture_later=True), key=str(uuid4()))
    assert gateway.cancel(other.ref, key="away").state == "cancelled"
    with pytest.raises(GatewayRefusal, match="not_capturable"):
        gateway.capture(other.ref, 3000, key="late")


def test_a_declined_card(gateway: SandboxGateway, world: World) -> None:
    declined = gateway.pay(order(10002), key=str(uuid4()))
    assert (declined.state, declined.error, effects(world, declined)) == ("failed", "card_declined", [])


def test_three_d_secure(gateway: SandboxGateway, world: World) -> None:
    asked = gateway.pay(order(10003), key=str(uuid4()))
    assert asked.state == "requires_action"
    assert effects(world, asked) == []
    confirmed = [gateway.confirm(asked.ref, key="yes") for _ in range(2)][-1]
    assert confirmed.state == "captured"
    assert effects(world, asked) == [("capture", 10003)]
    other = gateway.pay(order(10004), key=str(uuid4()))
    assert gateway.confirm(other.ref, key="no").error == "authentication_failed"


def test_silence_and_late_success(gateway: SandboxGateway, world: World) -> None:
    """10005 does it without saying so; 10006 says at once that it does not know yet."""
    asked = order(10005)
    with pytest.raises(GatewayTrouble, match="timeout"):
        gateway.pay(asked, key="quiet")
    late = gateway.pay(order(10006), key=str(uuid4()))
    assert (late.state, effects(world, late)) == ("processing", [])
    with pytest.raises(GatewayRefusal, match="not_cancellable"):
        gateway.cancel(late.ref, key="away")
    later(world)
    heard = gateway.pay(asked, key="quiet")
    assert (heard.state, effects(world, heard)) == ("captured", [("capture", 10005)])
    assert [gateway.look(late.ref).state for _ in range(2)] == ["captured", "captured"]
    assert effects(world, late) == [("capture", 10006)]


def test_away_and_unwilling(gateway: SandboxGateway) -> None:
    with pytest.raises(GatewayTrouble, match="unreachable"):
        gateway.pay(order(10007), key="away for good")
    paid = gateway.pay(order(10008), key=str(uuid4()))
    with pytest.raises(GatewayRefusal, match="refund_refused"):
        gateway.refund(paid.ref, 1, key="no way")
    with pytest.raises(GatewayRefusal, match="no_such_charge"):
        gateway.look("test_nothing")


def test_slow(gateway: SandboxGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "SLOW", 0.1)
    began = time.monotonic()
    assert gateway.pay(order(10009), key=str(uuid4())).state == "captured"
    assert time.monotonic() - began >= 0.2


def test_notices_are_believed_only_when_signed_and_fresh(gateway: SandboxGateway, database: Database) -> None:
    raw, now = orjson.dumps({"id": "n1", "type": "charge.captured", "ref": "test_x"}), int(time.time())
    notice = gateway.read(raw, {"Test-Signature": gateway.sign(raw, now)})
    assert (notice.id, notice.type, notice.ref) == ("n1", "charge.captured", "test_x")
    stranger = SandboxGateway(database, secret="another secret")
    for header in (
        "",
        "nonsense",
        "t=x,v1=y",
        stranger.sign(raw, now),
        gateway.sign(raw + b" ", now),
        gateway.sign(raw, now - 301),
        gateway.sign(raw, now + 301),
    ):
        with pytest.raises(BadSignature):
            gateway.read(raw, {"Test-Signature": header})
    for senseless in (b"[]", b"{}", b"not json", b"null"):
        with pytest.raises(BadSignature):
            gateway.read(senseless, {"Test-Signature": gateway.sign(senseless, now)})


def test_a_real_transaction_is_noticed(gateway: SandboxGateway, database: Database) -> None:
    """In both kinds of transaction, and only on the thread and for the time that it is held."""
    careful = CarefulGateway(gateway)
    with pytest.raises(InsideTransaction):
        database.run(lambda tx: careful.look("test_x"))
    with database.transaction():
        assert db.in_transaction()
        with pytest.raises(InsideTransaction):
            careful.pay(order(), key="never")
    assert not db.in_transaction()
    assert careful.pay(order(), key=str(uuid4())).state == "captured"
