"""What the rule of a series says: its bookings and no others, whatever was left out, called off or moved since."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from bookings import clock
from bookings.booking import recurrence
from tests.factories import World
from tests.integration.booking.api import Api, Person, at, wrong_fields
from tests.integration.booking.test_series import changed, series, wish

Json = dict[str, Any]


def head(person: Person, id: str) -> Json:
    return dict(person.get(f"/bookings/series/{id}").json or {})


def described(series: Json) -> list[str]:
    """The wall-clock times that its rule and exdates say."""
    zone = ZoneInfo(series["timeZone"])
    first = datetime.fromisoformat(series["startsAt"])
    found = recurrence.occurrences(
        series["rrule"],
        first,
        zone,
        without={date.fromisoformat(day) for day in series["exdates"]},
        until=first + timedelta(days=3000),
    )
    return [one.wall.isoformat() for one in found]


def standing(series: Json) -> list[str]:
    return [one["occurrence"] for one in series["occurrences"] if one["status"] != "cancelled"]


@pytest.mark.parametrize("on_conflict", ["skip", "nextFree"])
def test_what_was_left_out_is_not_described(customer: Person, room: UUID, on_conflict: str) -> None:
    """Neither by the series nor by the two that it becomes, though they move to other days."""
    for day in (1, 4, 6):
        customer.booked(0, 24, day=day, workspaceId=room)
    customer.booked(9, 10, day=5, workspaceId=room)
    made = series(customer, room, "FREQ=DAILY;COUNT=8", onConflict=on_conflict, timeZone="UTC")
    whole = head(customer, made["series"]["id"])
    assert made["series"]["exdates"] == whole["exdates"]
    assert described(whole) == standing(whole)
    kept = made["booked"] + made["moved"]
    assert (kept, len(whole["occurrences"])) == ((5, 5) if on_conflict == "nextFree" else (4, 4))
    fourth = made["occurrences"][3]["bookingId"]
    later = changed(customer, whole["id"], scope="following", bookingId=fourth, startAt=at(9, 13))
    earlier = head(customer, whole["id"])
    for one in (earlier, later):
        assert one["rrule"]
        assert described(one) == standing(one)
    assert len(standing(earlier)) + len(standing(later)) == kept


def test_what_was_called_off_does_not_move(customer: Person, room: UUID) -> None:
    made = series(customer, room, "FREQ=DAILY;COUNT=6", timeZone="UTC")
    ids = [one["bookingId"] for one in made["occurrences"]]
    assert customer.call("POST", f"/bookings/{ids[3]}/cancel", {}).status_code == 200
    later = changed(customer, made["series"]["id"], scope="following", bookingId=ids[2], startAt=at(11, 2))
    assert (later["rrule"], later["exdates"]) == ("FREQ=DAILY;COUNT=4", [at(9, 3)[:10]])
    assert described(later) == standing(later)
    assert customer.call("POST", f"/bookings/{ids[5]}/cancel", {}).status_code == 200
    last = changed(customer, later["id"], scope="all", title="Shorter")
    assert (last["rrule"], described(last)) == ("FREQ=DAILY;COUNT=3", standing(last))


def test_a_rule_of_old_that_says_too_much(customer: Person, room: UUID, world: World) -> None:
    """Rules were once cut off where nothing can be booked: what changes says what there is, or nothing."""
    for rule, says in (("UNTIL=21000101", None), ("COUNT=300", "FREQ=WEEKLY;COUNT=3")):
        made = series(customer, room, "FREQ=WEEKLY;COUNT=5", timeZone="UTC")
        id, ids = made["series"]["id"], [one["bookingId"] for one in made["occurrences"]]
        world.query("UPDATE series SET rrule = %s WHERE id = %s", f"FREQ=WEEKLY;{rule}", id)
        later = changed(customer, id, scope="following", bookingId=ids[2], startAt=at(12, 14))
        assert (later["rrule"], later["exdates"]) == (says, [])
        customer.call("POST", f"/bookings/series/{id}/cancel", {"scope": "all"})
        customer.call("POST", f"/bookings/series/{later['id']}/cancel", {"scope": "all"})


@pytest.mark.parametrize("path", ["/bookings/series", "/bookings/series/preview"])
def test_what_ends_behind_the_horizon_is_refused(api: Api, customer: Person, room: UUID, path: str) -> None:
    """By COUNT and by UNTIL alike; on its last day a rule may end."""
    horizon = clock.now() + api.app.extensions["settings"].max_booking_ahead
    behind, last = (f"{horizon + timedelta(days=more):%Y%m%d}" for more in (1, 0))
    for rule in (f"FREQ=MONTHLY;UNTIL={behind}", f"FREQ=MONTHLY;UNTIL={behind}T000000Z", "FREQ=YEARLY;COUNT=300"):
        assert wrong_fields(customer.call("POST", path, wish(room, rule, timeZone="UTC"))) == ["rrule"]
    found = customer.call("POST", path, wish(room, f"FREQ=MONTHLY;UNTIL={last}", timeZone="UTC"))
    assert found.status_code in (200, 201), found.text
