"""Between the instant when time becomes free and the offer nobody else can have it; and not for longer than it takes to
ask the line."""

from __future__ import annotations

from typing import Any

import pytest

from bookings.waitlist import asking
from tests.integration.booking.api import Api, Person, at
from tests.integration.waitlist.line import Json, Line

Answer = Any


@pytest.fixture
def line(api: Api) -> Line:
    return Line(api)


@pytest.fixture
def booker(line: Line) -> Person:
    return line.person()


def kept(line: Line) -> list[Json]:
    """What is kept for the line, by claims: from when to when in hours of the test day, and how many units."""
    return line.world.query(
        """SELECT extract(epoch FROM lower(during) - %s::timestamptz)::float8 / 3600 AS lower,
                  extract(epoch FROM upper(during) - %s::timestamptz)::float8 / 3600 AS upper, units
             FROM allocations WHERE opening_id IS NOT NULL AND expires_at > clock_timestamp() ORDER BY during""",
        at(0),
        at(0),
    )


def attempts(line: Line, person: Person, hour: float = 9) -> list[Answer]:
    """Every way past the line to an hour of the provider."""
    own = person.booked(20, 21, providerId=line.provider.id)
    service = {"serviceId": line.service, "startAt": at(hour)}
    plain = {"providerId": str(line.provider.id), "startAt": at(hour), "endAt": at(hour + 1)}
    series = {**plain, "rrule": "FREQ=DAILY;COUNT=1"}
    answers = [
        person.call("POST", "/bookings", service),
        person.call("POST", "/bookings", plain),
        person.call("POST", "/holds", service),
        person.call("POST", "/holds", plain),
        person.call("POST", "/bookings/series", series),
        person.change(own, startAt=at(hour)),
    ]
    assert person.act(own, "cancel").status_code == 200
    return answers


def shown(line: Line, hour: float = 9) -> bool:
    """Whether a slot begins at that hour."""
    query = {"serviceId": line.service, "from": at(hour), "to": at(hour + 1)}
    answer = line.person().get("/slots", query)
    assert answer.status_code == 200, answer.text
    return at(hour) in [slot["startAt"] for day in (answer.json or {})["days"] for slot in day["slots"]]


def free(line: Line, hour: float = 9) -> bool:
    """Whether a stranger is shown an hour and can have it; shown and bookable are the same."""
    seen = shown(line, hour)
    answer = line.person().call("POST", "/bookings", {"serviceId": line.service, "startAt": at(hour)})
    assert (answer.status_code == 201) == seen, answer.text
    return seen


def test_nobody_gets_past_the_line(line: Line, booker: Person) -> None:
    """From the commit that frees it an hour is neither shown nor to be had, until the first in line has it offered."""
    booking = line.book(booker)
    one = line.join(line.person())
    line.work()
    booker.act(booking, "cancel")
    assert kept(line) == [{"lower": 9.0, "upper": 10.0, "units": 1}]
    answers = attempts(line, line.person())
    assert [answer.status_code for answer in answers] == [409] * 6
    assert {(answer.json or {})["code"] for answer in answers} == {"slot-taken", "series-refused"}
    assert at(9) not in (answers[1].json or {})["nextFree"]
    busy = line.person().get(f"/resources/{line.provider.id}/free-busy", {"from": at(8), "to": at(11)}).json or {}
    assert [(one["startAt"], one["endAt"]) for one in busy["busy"]] == [(at(9), at(10))]
    why = line.admin.get("/availability/explain", {"serviceId": line.service, "at": at(9)}).json or {}
    assert not why["bookable"]
    assert not free(line)
    line.work()
    assert line.states(one) == ["offered"]
    assert kept(line) == []


def test_what_nobody_in_line_can_use_is_free_once_they_were_asked(line: Line, booker: Person) -> None:
    """A wish for another time of day meets the hour, but does not suit it."""
    booking = line.book(booker)
    entry = line.join(line.person(), 8, 13, dayFrom="11:00", dayTo="11:30", timeZone="UTC")
    line.work()
    booker.act(booking, "cancel")
    assert len(kept(line)) == 1
    assert not shown(line)
    assert asking.turn(line.database, line.settings) == 0
    assert (kept(line), line.states(entry)) == ([], ["waiting"])
    assert free(line)


@pytest.mark.parametrize("who", ["nobody", "for another day", "for somebody else", "for another service"])
def test_what_nobody_waits_for_is_free_at_once(line: Line, booker: Person, who: str) -> None:
    booking = line.book(booker)
    if who == "for another day":
        line.join(line.person(), 40, 41)
    elif who == "for somebody else":
        colleague = line.world.provider()
        both = [str(line.provider.id), str(colleague.id)]
        waited = line.offer(resourceIds=both)
        line.join(line.person(), serviceId=waited, resourceId=str(colleague.id))
    elif who == "for another service":
        line.join(line.person(), serviceId=line.offer(resourceIds=[str(line.world.provider().id)]))
    line.world.query("DELETE FROM waitlist_openings")
    booker.act(booking, "cancel")
    assert kept(line) == []
    assert line.world.query("SELECT FROM waitlist_openings") == []
    assert free(line)


@pytest.mark.parametrize("capacity", [1, 3])
def test_without_a_worker_it_is_free_again_after_a_while(line: Line, booker: Person, capacity: int) -> None:
    if capacity > 1:
        room = line.world.resource(capacity=capacity)
        line.service = line.offer(resourceIds=[str(room)], capacity=capacity, maxPartySize=capacity)
    booking = line.book(booker, partySize=capacity)
    line.join(line.person())
    booker.act(booking, "cancel")
    assert not free(line)
    rows = line.world.query(
        "SELECT expires_at - clock_timestamp() AS left FROM allocations WHERE opening_id IS NOT NULL"
    )
    assert [25 < row["left"].total_seconds() <= 30 for row in rows] == [True]
    line.world.query("UPDATE allocations SET expires_at = clock_timestamp() WHERE opening_id IS NOT NULL")
    assert free(line)
    line.work()


def test_places_of_a_session(line: Line, booker: Person) -> None:
    """Of three places two come free, one after the other: each is kept, and the third stays taken."""
    room = line.world.resource(capacity=5)
    line.service = line.offer(resourceIds=[str(room)], capacity=3, maxPartySize=3)
    line.book(line.person(), partySize=1)
    booking = line.book(booker, partySize=2)
    one, two = line.join(line.person(), partySize=1), line.join(line.person(), partySize=1)
    line.work()
    fewer = booker.call("POST", f"/bookings/{booking['id']}/attendees/cancel", {"count": 1})
    assert fewer.status_code == 200, fewer.text
    assert kept(line) == [{"lower": 9.0, "upper": 10.0, "units": 1}]
    assert not free(line)
    assert booker.act(fewer.json or {}, "cancel").status_code == 200
    assert [one["units"] for one in kept(line)] == [1, 1]
    assert not free(line)
    line.work()
    assert line.states(one, two) == ["offered", "offered"]
    assert not free(line)


def test_a_move_keeps_what_it_leaves(line: Line, booker: Person) -> None:
    """Half an hour later: the half hour that it leaves is kept, and no more."""
    booking = line.book(booker)
    line.join(line.person(), 8, 11)
    line.world.query("DELETE FROM waitlist_openings")
    assert booker.change(booking, startAt=at(9.5)).status_code == 200
    assert kept(line) == [{"lower": 9.0, "upper": 9.5, "units": 1}]


@pytest.mark.parametrize("capacity", [2, 3])
def test_a_move_in_a_shared_room_keeps_what_it_leaves(line: Line, booker: Person, capacity: int) -> None:
    room = line.world.resource(capacity=capacity)
    line.service = line.offer(resourceIds=[str(room)])
    for person in (booker, line.person()):
        booking = line.book(person)
    line.join(line.person(), 8, 11)
    line.world.query("DELETE FROM waitlist_openings")
    moved = line.api.as_(line.world.admin()).change(booking, startAt=at(9.5))
    assert moved.status_code == 200, moved.text
    assert kept(line) == [{"lower": 9.0, "upper": 9.5, "units": 1}]


def test_what_an_offer_leaves_is_kept_for_the_next(line: Line, booker: Person) -> None:
    """Three hours come free, two people want one each, a third is asked and cannot: the last hour is everybody's."""
    line.service = line.offer(
        resourceIds=[str(line.provider.id)], durations=[{"minutes": 60, "price": 1}, {"minutes": 180, "price": 2}]
    )
    booking = line.book(booker, endAt=at(12))
    entries = [line.join(line.person(), 9, 12, duration=60) for _ in range(2)]
    line.work()
    booker.act(booking, "cancel")
    seen: list[list[Json]] = []
    true = asking.Round._offer

    def offers(self: asking.Round, *args: Any) -> bool:
        made = true(self, *args)
        seen.append(kept(line))
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking.Round, "_offer", offers)
        line.work()
    assert [line.entry(entry)["offer"]["startAt"] for entry in entries] == [at(9), at(10)]
    assert [[(one["lower"], one["upper"]) for one in each] for each in seen] == [[(10.0, 12.0)], [(11.0, 12.0)]]
    assert free(line, 11)


def test_what_an_offer_leaves_of_several_places(line: Line, booker: Person) -> None:
    """Three places come free for three hours; one is offered for the first: two are kept beside it, three behind it."""
    room = line.world.resource(capacity=3)
    line.service = line.offer(
        resourceIds=[str(room)],
        capacity=3,
        maxPartySize=3,
        durations=[{"minutes": 60, "price": 1}, {"minutes": 180, "price": 2}],
    )
    booking = line.book(booker, partySize=3, endAt=at(12))
    line.join(line.person(), 9, 12, duration=60)
    line.work()
    booker.act(booking, "cancel")
    seen: list[list[Json]] = []
    true = asking.Round._offer

    def offers(self: asking.Round, *args: Any) -> bool:
        made = true(self, *args)
        seen.append(kept(line))
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking.Round, "_offer", offers)
        line.work()
    assert seen == [[{"lower": 9.0, "upper": 10.0, "units": 2}, {"lower": 10.0, "upper": 12.0, "units": 3}]]
    assert free(line, 10)


@pytest.mark.parametrize("how", ["hold", "offer"])
def test_a_hold_that_has_ended_is_the_lines(line: Line, booker: Person, how: str) -> None:
    """Nobody sweeps it: it is free for nobody; then the line is asked; without workers it is free after a while."""
    if how == "hold":
        hold = booker.call("POST", "/holds", {"serviceId": line.service, "startAt": at(9)}).json or {}
        second = line.join(line.person())
        line.work()
    else:
        first, second = line.join(line.person()), line.join(line.person())
        line.work()
        hold = {"id": line.entry(first)["offer"]["holdId"]}
    line.expire(hold["id"])
    assert [answer.status_code for answer in attempts(line, line.person())] == [409] * 6
    assert not free(line)
    line.work()
    assert line.states(second) == ["offered"]
    line.expire(line.entry(second)["offer"]["holdId"])
    assert not free(line)
    line.world.query(
        """WITH held AS (UPDATE holds SET expires_at = expires_at - interval '31 s' WHERE state = 'active' RETURNING id)
           UPDATE allocations SET expires_at = expires_at - interval '31 s' FROM held WHERE hold_id = held.id"""
    )
    line.world.query("UPDATE waitlist_offers SET expires_at = expires_at - interval '31 s' WHERE state = 'open'")
    assert free(line)
    line.work()


@pytest.mark.parametrize("how", ["hours of the resource", "hours of the business", "closure", "rules of the service"])
def test_what_opens_without_a_claim_is_kept_too(line: Line, how: str) -> None:
    """Hours, rules and closures: whoever books is judged, and until the line was asked the judgement says no."""
    path = {
        "hours of the resource": f"/schedules/resources/{line.provider.id}",
        "hours of the business": "/schedules/business",
        "rules of the service": f"/schedules/services/{line.service}",
    }.get(how)
    closed: Json = {"weekly": {"monday": []}}
    if how == "rules of the service":
        closed = {"rules": {"minimumNoticeMinutes": 100 * 24 * 60}}
    if path:
        assert line.admin.call("PUT", path, closed).status_code == 200
    else:
        body = {"resourceIds": [str(line.provider.id)], "startAt": at(8), "endAt": at(12), "kind": "time_off"}
        answer = line.admin.call("POST", "/closures", body)
        assert answer.status_code == 201, answer.text
    entry = line.join(line.person())
    line.work()
    assert line.states(entry) == ["waiting"]
    try:
        if path:
            assert line.admin.call("PUT", path, {"weekly": None, "rules": {}}).status_code == 200
        else:
            id = (answer.json or {})["items"][0]["id"]
            assert line.admin.call("DELETE", f"/closures/{id}").status_code == 204
        answers = attempts(line, line.person())
        assert [answer.status_code for answer in answers] == [409] * 6, [answer.text for answer in answers]
        assert not free(line)
        line.work()
        assert line.states(entry) == ["offered"]
        assert free(line, 11)
    finally:
        line.admin.call("PUT", "/schedules/business", {"weekly": None, "rules": {}})


def test_what_a_cap_frees_elsewhere_on_that_day(line: Line, booker: Person) -> None:
    """One booking a day: when it is called off, whoever waits for another hour of that day gets that."""
    path = f"/schedules/resources/{line.provider.id}"
    assert line.admin.call("PUT", path, {"rules": {"resourceCaps": {"day": 1}}}).status_code == 200
    booking = line.book(booker)
    entry = line.join(line.person(), 14, 15)
    line.work()
    assert line.states(entry) == ["waiting"]
    booker.act(booking, "cancel")
    assert not free(line, 14)
    assert not free(line, 9)
    line.work()
    assert line.states(entry) == ["offered"]


def test_what_stands_beside_others_has_its_place_first(line: Line, booker: Person) -> None:
    """Who was overbooked takes the place of who leaves, in the same transaction; nothing is left for the line."""
    booking = line.book(booker)
    force = {"override": True, "overbook": True, "reason": "important", "userId": str(line.person().id)}
    assert (
        line.admin.call("POST", "/bookings", {"serviceId": line.service, "startAt": at(9)} | force).status_code == 201
    )
    entry = line.join(line.person())
    line.work()
    booker.act(booking, "cancel")
    assert kept(line) == []
    line.work()
    assert line.states(entry) == ["waiting"]


def test_two_resources_of_one_booking(line: Line, booker: Person) -> None:
    """Who waits for the room of a booking gets it when that booking is called off; nobody waits for its provider."""
    room = line.world.resource(kind="workspace")
    needs = [{"kind": "workspace", "count": 1, "resourceIds": [str(room)]}]
    line.service = line.offer(resourceIds=[str(line.provider.id)], requirements=needs)
    booking = line.book(booker)
    other = line.offer(resourceIds=[str(line.world.provider().id)], requirements=needs)
    entry = line.join(line.person(), serviceId=other)
    line.work()
    booker.act(booking, "cancel")
    assert len(kept(line)) == 1
    assert line.person().book(9, 10, workspaceId=room).status_code == 409
    assert line.person().book(9, 10, providerId=line.provider.id).status_code == 201
    line.work()
    assert line.states(entry) == ["offered"]


def test_an_asker_that_fails_again_and_again_keeps_nothing_for_ever(line: Line, booker: Person) -> None:
    """What is being asked about is kept for longer, for ten minutes at most."""
    booking = line.book(booker)
    line.join(line.person())
    booker.act(booking, "cancel")
    asked = "UPDATE allocations SET expires_at = expires_at - interval '20 s' WHERE opening_id IS NOT NULL"
    line.world.query(asked)

    def left() -> float:
        rows = line.world.query(
            """SELECT extract(epoch FROM expires_at - clock_timestamp())::float8 AS left
                 FROM allocations WHERE opening_id IS NOT NULL"""
        )
        return float(rows[0]["left"])

    with pytest.MonkeyPatch.context() as patch:

        def fails(*args: Any) -> None:
            raise RuntimeError("no")

        patch.setattr(asking.Round, "run", fails)
        with pytest.raises(RuntimeError):
            asking.ask(line.database, line.settings)
        assert 25 < left() <= 30
        line.world.query("UPDATE waitlist_openings SET created_at = created_at - interval '590 s'")
        with pytest.raises(RuntimeError):
            asking.ask(line.database, line.settings)
        assert left() < 11
    line.work()
