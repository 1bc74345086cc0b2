"""Where the payment stands is written on the booking like any other change: next version, history, event, reminders."""

from __future__ import annotations

from typing import Any

from bookings.auth import SYSTEM, SYSTEM_CALLER
from bookings.booking import service
from tests.factories import World
from tests.integration.booking.api import Api


def pay(api: Api, booking: dict[str, Any], status: str, *, confirm: bool = False) -> dict[str, Any]:
    """What a payment does to its booking."""
    database, settings = api.app.extensions["database"], api.app.extensions["settings"]
    answer = database.run(
        lambda tx: service.set_payment_status(
            tx, settings=settings, caller=SYSTEM_CALLER, booking_id=booking["id"], status=status, confirm=confirm
        )
    )
    assert answer.headers["ETag"]
    return priced_row(api.world, booking)


def priced(api: Api, world: World) -> dict[str, Any]:
    """A pending booking with a price."""
    booking = api.as_(world.user()).booked(providerId=world.provider().id)
    world.query(
        "UPDATE bookings SET price_amount = 4500, currency = 'EUR', version = version + 1 WHERE id = %s", booking["id"]
    )
    world.query(
        """INSERT INTO booking_history (booking_id, version, action, status, start_at, end_at, actor_id, at)
           SELECT id, version, 'update', status, start_at, end_at, user_id, now() FROM bookings WHERE id = %s""",
        booking["id"],
    )
    world.query(
        """INSERT INTO outbox (type, booking_id, topics, data, occurred_at)
           SELECT 'booking.updated', booking_id, topics, jsonb_set(data::jsonb, '{version}', '2'), now()
             FROM outbox WHERE booking_id = %s""",
        booking["id"],
    )
    world.query("UPDATE reminders SET booking_version = 2 WHERE booking_id = %s", booking["id"])
    return booking


def priced_row(world: World, booking: dict[str, Any]) -> dict[str, Any]:
    """The booking as it stands."""
    return world.query("SELECT * FROM bookings WHERE id = %s", booking["id"])[0]


def test_it_is_a_version_with_history_event_and_reminder(api: Api, world: World) -> None:
    booking = priced(api, world)
    after = pay(api, booking, "authorized")
    assert (after["payment_status"], after["status"], after["version"]) == ("authorized", "pending", 3)
    entry = world.query("SELECT * FROM booking_history WHERE booking_id = %s AND version = 3", booking["id"])[0]
    assert (entry["action"], entry["actor_id"]) == ("payment", SYSTEM.id)
    event = world.query("SELECT * FROM outbox WHERE booking_id = %s ORDER BY seq DESC LIMIT 1", booking["id"])[0]
    assert (event["type"], event["data"]["paymentStatus"]) == ("booking.payment-changed", "authorized")
    assert event["data"]["price"] == {"amount": 4500, "currency": "EUR"}
    reminders = world.query("SELECT booking_version FROM reminders WHERE booking_id = %s", booking["id"])
    assert [row["booking_version"] for row in reminders] == [3]


def test_it_may_confirm(api: Api, world: World) -> None:
    after = pay(api, priced(api, world), "paid", confirm=True)
    assert (after["payment_status"], after["status"], after["version"]) == ("paid", "confirmed", 4)


def test_the_same_again_changes_nothing(api: Api, world: World) -> None:
    booking = priced(api, world)
    pay(api, booking, "paid", confirm=True)
    assert pay(api, booking, "paid", confirm=True)["version"] == 4
