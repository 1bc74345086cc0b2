"""What was agreed about calling off, moving and coming, as it is kept: refused, charged, counted, released."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from bookings.booking import unattended
from tests.factories import World
from tests.integration.booking.api import DAY, Api, Person, at, problem

TIERS = {"tiers": [{"beforeMinutes": 120, "refundPercent": 100}, {"beforeMinutes": 0, "refundPercent": 50}]}
#: when the bookings of these tests begin
NINE = DAY.replace(hour=9)


class Deal:
    """A confirmed booking of 50 EUR at nine with a policy, its customer and its provider."""

    def __init__(self, api: Api, world: World, policy: Any = None, tiers: Any = None) -> None:
        world.sell()
        provider = world.provider(auto_confirm=True)
        self.api, self.world, self.resource = api, world, provider.id
        self.customer, self.provider = api.as_(world.user()), api.as_(provider)
        agreed = {"price_amount": 5000, "currency": "EUR", "cancellation_policy": tiers, "policy": policy}
        self.booking = self.customer.booked(providerId=provider.id, notes=json.dumps(agreed))

    def now(self, who: Person | None = None) -> dict[str, Any]:
        """The booking as it stands."""
        return dict((who or self.customer).get(f"/bookings/{self.booking['id']}").json or {})

    def events(self) -> list[dict[str, Any]]:
        """What was told of it."""
        return self.world.query("SELECT type, data FROM outbox WHERE booking_id = %s ORDER BY seq", self.booking["id"])


def when(minutes: float) -> Any:
    """So many minutes before nine (negative: after)."""
    return mock.patch("bookings.clock.now", return_value=NINE - timedelta(minutes=minutes))


def test_the_booking_tells_what_was_agreed(api: Api, world: World) -> None:
    policy = {"cancelCutoffMinutes": 60, "rescheduleCutoffMinutes": 90, "maxReschedules": 2}
    deal = Deal(api, world, policy, TIERS)
    assert deal.booking["policy"] == policy
    assert (deal.booking["canCancelUntil"], deal.booking["canRescheduleUntil"]) == (at(8), at(7.5))
    assert (deal.booking["reschedulesLeft"], deal.booking["fees"], deal.booking["overbooked"]) == (2, None, False)
    assert deal.booking["cancellationFeeNow"] is None


@pytest.mark.parametrize("minutes,fee", [(120, 0), (119, 2500), (60, 2500), (59, None)])
def test_the_fee_of_this_moment_is_told_to_who_reads_and_kept_nowhere(
    api: Api, world: World, minutes: float, fee: int | None
) -> None:
    """None behind the cut-off: then it cannot be called off any more. An ETag must not hide another fee."""
    deal = Deal(api, world, {"cancelCutoffMinutes": 60}, TIERS)
    expected = None if fee is None else {"amount": fee, "currency": "EUR"}
    with when(minutes):
        answer = deal.customer.get(f"/bookings/{deal.booking['id']}", If_None_Match='"1"')
        assert (answer.status_code, (answer.json or {})["cancellationFeeNow"]) == (200, expected)
        listed = (deal.customer.get("/bookings").json or {})["items"]
        assert [item["cancellationFeeNow"] for item in listed] == [expected]
    assert [event["data"]["cancellationFeeNow"] for event in deal.events()] == [None]


@pytest.mark.parametrize(
    "late,status,fees",
    [("fee", "cancelled", 2500), ("noShow", "no_show", 5000), ("refuse", "confirmed", None), (None, "confirmed", None)],
)
def test_called_off_too_late(api: Api, world: World, late: str | None, status: str, fees: int | None) -> None:
    deal = Deal(api, world, {"cancelCutoffMinutes": 60} | ({"lateCancel": late} if late else {}), TIERS)
    with when(59.9):
        answer = deal.customer.act(deal.booking, "cancel", reason="rain")
    after = deal.now()
    if late in ("refuse", None):
        assert problem(answer, 409, "too-late")["until"] == at(8)
        assert (after["version"], after["status"]) == (1, "confirmed")
        return
    assert (after["status"], after["statusReason"]) == (status, "rain")
    assert after["fees"] == {"amount": fees, "currency": "EUR"}
    assert after["releasedAt"] == (at(8 + 0.1 / 60) if late == "noShow" else None)
    assert deal.api.as_(world.user()).booked(providerId=deal.resource)["status"] == "confirmed"


@pytest.mark.parametrize("late", ["fee", "noShow", "refuse"])
def test_called_off_in_time(api: Api, world: World, late: str) -> None:
    deal = Deal(api, world, {"cancelCutoffMinutes": 60, "lateCancel": late}, TIERS)
    with when(60):
        assert deal.customer.act(deal.booking, "cancel").status_code == 200
    assert (deal.now()["status"], deal.now()["fees"]) == ("cancelled", {"amount": 2500, "currency": "EUR"})


def test_staff_pay_no_fee_and_say_why_behind_the_cutoff(api: Api, world: World) -> None:
    deal = Deal(api, world, {"cancelCutoffMinutes": 60, "lateCancel": "noShow"}, {"tiers": []})
    with when(10):
        problem(deal.provider.act(deal.booking, "cancel"), 409, "too-late")
        problem(deal.provider.act(deal.booking, "cancel", override=True), 422, "invalid")
        problem(deal.customer.act(deal.booking, "cancel", override=True, reason="x"), 403, "forbidden")
        assert deal.provider.act(deal.booking, "cancel", override=True, reason="ill").status_code == 200
    assert (deal.now()["status"], deal.now()["fees"]) == ("cancelled", None)
    entry = world.query("SELECT after FROM audit_entries WHERE subject_id = %s", deal.booking["id"])[-1]["after"]
    assert (entry["override"], entry["statusReason"]) == (True, "ill")


def test_moving_is_counted_charged_and_at_last_refused(api: Api, world: World) -> None:
    moving = {"tiers": [{"beforeMinutes": 0, "feeAmount": 700}]}
    deal = Deal(api, world, {"maxReschedules": 2, "reschedulePolicy": moving})
    for hour, left in ((10, 1), (11, 0)):
        after = deal.customer.change(deal.booking, startAt=at(hour)).json or {}
        assert (after["reschedulesLeft"], after["fees"]["amount"]) == (left, 700 * (2 - left))
    assert deal.customer.change(deal.booking, notes="not a move").status_code == 200
    assert problem(deal.customer.change(deal.booking, startAt=at(12)), 409, "moved-too-often")["allowed"] == 2
    after = deal.provider.change(deal.booking, startAt=at(13)).json or {}
    assert (after["reschedulesLeft"], after["fees"]["amount"], after["startAt"]) == (0, 1400, at(13))


def test_moved_too_late(api: Api, world: World) -> None:
    deal = Deal(api, world, {"rescheduleCutoffMinutes": 60})
    with when(59):
        assert problem(deal.customer.change(deal.booking, startAt=at(12)), 409, "too-late")["until"] == at(8)
        problem(deal.provider.change(deal.booking, startAt=at(12)), 409, "too-late")
        problem(deal.provider.change(deal.booking, startAt=at(12), override=True), 422, "invalid")
        problem(deal.customer.change(deal.booking, startAt=at(12), override=True, reason="x"), 403, "forbidden")
        moved = deal.provider.change(deal.booking, startAt=at(12), override=True, reason="asked by phone").json or {}
    assert (moved["startAt"], moved["canRescheduleUntil"]) == (at(12), at(11))
    entry = world.query("SELECT after FROM audit_entries WHERE subject_id = %s", deal.booking["id"])[-1]["after"]
    assert entry["override"] is True
    history = deal.provider.get(f"/bookings/{deal.booking['id']}/history").json or {}
    assert history["items"][-1]["reason"] == "asked by phone"


@pytest.mark.parametrize("minutes", [0, -30, -600])
def test_what_has_begun_is_called_off_and_moved_by_staff_only(api: Api, world: World, minutes: float) -> None:
    """Whatever was agreed: else who was there could have it for nothing afterwards."""
    deal = Deal(api, world)
    why: dict[str, Any] = {"override": True, "reason": "The heating failed."}
    with when(minutes):
        assert problem(deal.customer.act(deal.booking, "cancel"), 409, "too-late")["until"] == at(9)
        assert problem(deal.customer.change(deal.booking, startAt=at(9, 3)), 409, "too-late")["until"] == at(9)
        problem(deal.provider.act(deal.booking, "cancel"), 409, "too-late")
        problem(deal.provider.change(deal.booking, startAt=at(9, 3)), 409, "too-late")
        assert deal.provider.change(deal.booking, startAt=at(9, 3), **why).status_code == 200
    with when(minutes - 3 * 24 * 60):
        assert deal.provider.act(deal.booking, "cancel", **why).status_code == 200
    assert (deal.now()["status"], deal.now()["fees"]) == ("cancelled", None)


def test_fees_of_moving_and_calling_off_add_up(api: Api, world: World) -> None:
    moving = {"tiers": [{"beforeMinutes": 0, "feePercent": 10}]}
    deal = Deal(api, world, {"reschedulePolicy": moving}, {"tiers": [{"beforeMinutes": 0, "feeAmount": 1000}]})
    assert deal.customer.change(deal.booking, startAt=at(10)).status_code == 200
    assert (deal.customer.act(deal.booking, "cancel").json or {})["fees"] == {"amount": 1500, "currency": "EUR"}


def test_check_in_opens_as_agreed(api: Api, world: World) -> None:
    deal = Deal(api, world, {"checkInOpensMinutes": 5})
    with when(5.1):
        assert problem(deal.provider.act(deal.booking, "check-in"), 409, "too-early")["opensAt"] == at(8 + 55 / 60)
    with when(5):
        assert deal.provider.act(deal.booking, "check-in").status_code == 200


def database(api: Api) -> Any:
    return api.app.extensions["database"]


def released(api: Api, now: datetime) -> int:
    with mock.patch("bookings.clock.now", return_value=now):
        return unattended.release(database(api))


def test_nobody_came(api: Api, world: World) -> None:
    """Released in that minute, once, and the rest of its time is free."""
    deal = Deal(api, world, {"releaseAfterMinutes": 15})
    others = Deal(api, world), Deal(api, world, {"maxReschedules": 1})
    late = NINE + timedelta(minutes=15)
    assert released(api, late - timedelta(microseconds=1)) == 0
    assert released(api, late) == 1
    assert released(api, late) == 0
    after = deal.now()
    assert (after["status"], after["releasedAt"], after["statusReason"]) == ("no_show", at(9.25), "Nobody came.")
    assert [event["type"] for event in deal.events()] == ["booking.created", "booking.released"]
    assert [other.now()["status"] for other in others] == ["confirmed"] * 2
    with mock.patch("bookings.clock.now", return_value=late):
        assert api.as_(world.user()).book(9.25, 10, providerId=deal.resource).status_code == 201
        assert deal.provider.act(deal.booking, "complete").status_code == 200
    assert (deal.now()["status"], deal.now()["releasedAt"]) == ("completed", at(9.25))


def test_nobody_answered(api: Api, world: World) -> None:
    """A request claims its time, too; but whoever was never told to come has not failed to."""
    world.sell()
    room, customer = world.resource(), api.as_(world.user())
    request = customer.booked(workspaceId=room, notes=json.dumps({"policy": {"releaseAfterMinutes": 15}}))
    assert request["status"] == "pending"
    late = NINE + timedelta(minutes=15)
    assert (released(api, late - timedelta(microseconds=1)), released(api, late), released(api, late)) == (0, 1, 0)
    after = customer.get(f"/bookings/{request['id']}").json or {}
    assert (after["status"], after["statusReason"]) == ("declined", "Nobody confirmed it in time.")
    with mock.patch("bookings.clock.now", return_value=late):
        assert api.as_(world.user()).book(9.25, 10, workspaceId=room).status_code == 201


def test_who_has_checked_in_keeps_the_time(api: Api, world: World) -> None:
    deal = Deal(api, world, {"releaseAfterMinutes": 0})
    with when(0):
        assert deal.provider.act(deal.booking, "check-in").status_code == 200
    assert released(api, NINE + timedelta(hours=1)) == 0
    assert deal.now()["status"] == "checked_in"


@pytest.mark.slow
def test_check_in_and_release_at_the_same_moment(api: Api, world: World) -> None:
    """One of them happens to each booking, and it happens once, though two sweepers look."""
    deals = [Deal(api, world, {"releaseAfterMinutes": 10}) for _ in range(24)]
    late = NINE + timedelta(minutes=10)
    with mock.patch("bookings.clock.now", return_value=late), ThreadPoolExecutor(8) as pool:
        sweeps = [pool.submit(unattended.release, database(api)) for _ in range(2)]
        answers = list(pool.map(lambda deal: deal.provider.act(deal.booking, "check-in").status_code, deals))
        released = sum(sweep.result() for sweep in sweeps) + unattended.release(database(api))
    assert set(answers) <= {200, 409}
    for deal, status in zip(deals, answers, strict=True):
        told = [event["type"] for event in deal.events()][1:]
        assert (deal.now()["status"], told) == (
            ("checked_in", ["booking.checked-in"]) if status == 200 else ("no_show", ["booking.released"])
        )
    assert released == answers.count(409)


def test_many_moves_at_the_same_moment(api: Api, world: World) -> None:
    """No more than were agreed, whoever is first."""
    deal = Deal(
        api, world, {"maxReschedules": 2, "reschedulePolicy": {"tiers": [{"beforeMinutes": 0, "feeAmount": 5}]}}
    )
    with ThreadPoolExecutor(8) as pool:
        starts = [at(10 + number) for number in range(8)]
        answers = list(pool.map(lambda start: deal.customer.change(deal.booking, startAt=start), starts))
    assert Counter((answer.status_code, (answer.json or {}).get("code")) for answer in answers) == {
        (200, None): 2,
        (409, "moved-too-often"): 6,
    }
    assert (deal.now()["reschedulesLeft"], deal.now()["fees"]["amount"]) == (0, 10)
