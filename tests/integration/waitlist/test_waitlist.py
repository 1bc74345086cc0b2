"""The waitlist: who is first in line gets what becomes free, for a while alone; then the next."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from bookings.waitlist import asking
from tests.integration.booking.api import Api, Person, at, problem, wrong_fields
from tests.integration.booking.test_agreement import not_come
from tests.integration.booking.test_overriding import say
from tests.integration.waitlist.line import Line

#: one booking a day for each customer; a start every five minutes
CAPPED = {"rules": {"customerCaps": {"day": 1}, "slotIntervalMinutes": 5}}


@pytest.fixture
def line(api: Api) -> Line:
    return Line(api)


@pytest.fixture
def booker(line: Line) -> Person:
    return line.person()


def test_what_is_called_off_goes_to_the_first(line: Line, booker: Person) -> None:
    booking = line.book(booker)
    first, second = line.person(), line.person()
    one, two = line.join(first), line.join(second)
    line.work()
    assert line.states(one, two) == ["waiting", "waiting"]
    assert [line.entry(entry)["position"] for entry in (one, two)] == [1, 2]
    assert booker.act(booking, "cancel").status_code == 200
    line.work()
    assert line.states(one, two) == ["offered", "waiting"]
    offer = line.entry(one)["offer"]
    assert (offer["startAt"], offer["price"]) == (at(9), {"amount": 4500, "currency": "EUR"})
    problem(second.call("POST", "/bookings", {"serviceId": line.service, "startAt": at(9)}), 409, "slot-taken")
    problem(second.call("POST", f"/waitlist/{two['id']}/accept", {}), 409, "nothing-offered")
    for answer in ("accept", "decline"):
        another = {"holdId": str(uuid4())}
        problem(first.call("POST", f"/waitlist/{one['id']}/{answer}", another), 409, "nothing-offered")
    wish = {"holdId": offer["holdId"], "title": "At last"}
    accepted = first.call("POST", f"/waitlist/{one['id']}/accept", wish)
    made = accepted.json or {}
    assert accepted.status_code == 201
    assert (made["startAt"], made["userId"], made["title"]) == (at(9), str(first.id), "At last")
    assert line.entry(one)["bookingId"] == made["id"]
    line.work()
    assert line.states(one, two) == ["booked", "waiting"]
    assert line.entry(two)["position"] == 1
    assert line.told(one) == ["joined", "offered", "booked"]
    problem(first.call("POST", f"/waitlist/{one['id']}/accept", {}), 409, "not-waiting")


@pytest.mark.slow
def test_no_or_silence_passes_it_on(line: Line, booker: Person) -> None:
    """Each is asked once about a time, in order; then it is free for everybody."""
    booking = line.book(booker)
    people = [line.person() for _ in range(3)]
    entries = [line.join(person) for person in people]
    booker.act(booking, "cancel")
    line.work()
    assert line.states(*entries) == ["offered", "waiting", "waiting"]
    declined = people[0].call("POST", f"/waitlist/{entries[0]['id']}/decline", {})
    assert ((declined.json or {})["state"], (declined.json or {})["position"]) == ("waiting", 1)
    line.work()
    assert line.states(*entries) == ["waiting", "offered", "waiting"]
    line.let_lapse(entries[1])
    assert line.states(entries[1]) == ["waiting"]
    problem(people[1].call("POST", f"/waitlist/{entries[1]['id']}/accept", {}), 409, "nothing-offered")
    line.work()
    assert line.states(*entries) == ["waiting", "waiting", "offered"]
    people[2].call("DELETE", f"/waitlist/{entries[2]['id']}")
    line.work()
    assert line.states(*entries) == ["waiting", "waiting", "left"]
    assert [line.told(entry)[1:] for entry in entries] == [
        ["offered", "declined"],
        ["offered", "lapsed"],
        ["offered", "left"],
    ]
    line.book(line.person())


def test_who_said_no_is_asked_about_other_times(line: Line, booker: Person) -> None:
    bookings = [line.book(booker, hour) for hour in (9, 10)]
    entry = line.join(person := line.person(), 9, 11)
    booker.act(bookings[0], "cancel")
    line.work()
    person.call("POST", f"/waitlist/{entry['id']}/decline", {})
    booker.act(bookings[1], "cancel")
    line.work()
    assert line.entry(entry)["offer"]["startAt"] == at(10)


@pytest.mark.parametrize("how", ["decline", "move", "release", "lapse", "hours", "closure"])
def test_whatever_frees_time(line: Line, booker: Person, how: str) -> None:
    if how in ("release", "lapse"):
        hold = booker.call("POST", "/holds", {"serviceId": line.service, "startAt": at(9)}).json or {}
    elif how == "hours":
        closed: dict[str, Any] = {"weekly": {"monday": []}}
        assert line.admin.call("PUT", f"/schedules/resources/{line.provider.id}", closed).status_code == 200
    elif how == "closure":
        line.world.query(
            """INSERT INTO closures (id, resource_id, during, kind, created_at)
               VALUES (gen_random_uuid(), %s, tstzrange(%s, %s), 'time_off', now())""",
            line.provider.id,
            at(8),
            at(12),
        )
    else:
        line.service = line.offer(resourceIds=[str(line.provider.id)], requiresConfirmation=True)
        booking = line.book(booker)
    entry = line.join(line.person())
    line.work()
    assert line.states(entry) == ["waiting"]
    if how == "decline":
        assert line.provider.act(booking, "decline").status_code == 200
    elif how == "hours":
        assert line.admin.call("PUT", f"/schedules/resources/{line.provider.id}", {"weekly": None}).status_code == 200
    elif how == "move":
        assert booker.change(booking, startAt=at(20)).status_code == 200
    elif how == "release":
        assert booker.call("DELETE", f"/holds/{hold['id']}").status_code == 200
    elif how == "lapse":
        line.expire(hold["id"])
    elif how == "closure":
        line.world.query("DELETE FROM closures WHERE resource_id = %s", line.provider.id)
    line.work()
    assert line.states(entry) == ["offered"]


def test_whoever_joins_while_something_is_free_gets_it(line: Line) -> None:
    entry = line.join(line.person(), 9, 12)
    line.work()
    assert line.entry(entry)["offer"]["startAt"] == at(9)


def test_what_is_wished_is_what_is_offered(line: Line) -> None:
    """Weekday and time of day in the wish's zone; the whole hour lies within."""
    day = {"dayFrom": "10:00", "dayTo": "12:00", "timeZone": "UTC"}
    early = line.join(line.person(), 0, 24, **day)
    tomorrow = line.join(line.person(), 0, 47, weekdays=[_weekday(1)], timeZone="UTC")
    never = line.join(line.person(), 9, 9.5)
    line.work()
    assert line.entry(early)["offer"]["startAt"] == at(10)
    assert line.entry(tomorrow)["offer"]["startAt"] == at(0, 1)
    assert line.states(never) == ["waiting"]


def _weekday(day: int) -> int:
    return datetime.fromisoformat(at(0, day)).isoweekday()


def test_who_does_not_fit_lets_the_next_go_first(line: Line) -> None:
    """A party of three waits on while two take the two places."""
    room = line.world.resource(capacity=3)
    line.service = line.offer(resourceIds=[str(room)], capacity=3)
    booker = line.person()
    line.book(booker, partySize=1)
    big, small = line.join(line.person(), partySize=3), line.join(line.person(), partySize=2)
    line.work()
    assert line.states(big, small) == ["waiting", "offered"]


def test_whose_day_is_full_lets_the_next_go_first(line: Line, booker: Person) -> None:
    """Their own cap closes the day for them alone, and they go on to the next day, however much is free before."""
    assert line.admin.call("PUT", f"/schedules/services/{line.service}", CAPPED).status_code == 200
    booking = line.book(booker)
    full, free = line.person(), line.person()
    line.book(full, 14)
    before, behind = line.join(full), line.join(free)
    line.work()
    assert booker.act(booking, "cancel").status_code == 200
    line.work()
    assert line.states(before, behind) == ["waiting", "offered"]
    later = line.join(full, 10, 60)
    line.work()
    assert line.entry(later)["offer"]["startAt"] == at(0, 1)


@pytest.mark.parametrize(
    "then,outcome", [("refuse", None), ("confirm", ("pending", False)), ("pay", ("pending", True))]
)
def test_who_did_not_come_too_often(line: Line, then: str, outcome: Any) -> None:
    """Standing in line is no way around the rule: who is refused gets no offer."""
    say(line.api.world, "service", line.service, {"noShowRule": {"count": 1, "days": 7, "then": then}})
    absent = line.person()
    not_come(line.api, line.api.world, absent, 1)
    first, second = line.join(absent), line.join(line.person(), 9, 11)
    line.work()
    if outcome is None:
        assert line.states(first, second) == ["waiting", "offered"]
        assert line.entry(second)["offer"]["startAt"] == at(9)
        return
    made = absent.call("POST", f"/waitlist/{first['id']}/accept", {}).json or {}
    assert (made["status"], made["paymentRequired"]) == outcome


def test_only_the_one_who_is_wanted(line: Line) -> None:
    other = line.world.provider()
    line.service = line.offer(resourceIds=[str(line.provider.id), str(other.id)])
    first, second = (
        line.join(line.person(), resourceId=str(other.id)),
        line.join(line.person(), resourceId=str(other.id)),
    )
    third = line.join(line.person())
    line.work()
    assert line.states(first, second, third) == ["offered", "waiting", "offered"]
    assert line.entry(first)["offer"]["resourceIds"] == [str(other.id)]
    assert line.entry(third)["offer"]["resourceIds"] == [str(line.provider.id)]


def test_an_offer_is_a_hold_that_cannot_last_longer_and_counts_for_nobody(line: Line) -> None:
    person = line.person()
    entry = line.join(person)
    line.work()
    offer = line.entry(entry)["offer"]
    problem(person.call("POST", f"/holds/{offer['holdId']}/extend", {"ttlSeconds": 86400}), 409, "hold-at-limit")
    for hour in (12, 13, 14):
        held = person.call("POST", "/holds", {"serviceId": line.service, "startAt": at(hour)})
        assert held.status_code == 201, held.text


def test_booked_or_released_by_the_other_door(line: Line) -> None:
    """POST /bookings {holdId} and DELETE /holds are heard of."""
    first, second = line.person(), line.person()
    one, two = line.join(first), line.join(second, 9, 11)
    line.work()
    assert first.call("POST", "/bookings", {"holdId": line.entry(one)["offer"]["holdId"]}).status_code == 201
    assert second.call("DELETE", f"/holds/{line.entry(two)['offer']['holdId']}").status_code == 200
    line.work()
    assert line.states(one, two) == ["booked", "waiting"]
    assert line.told(two) == ["joined", "offered", "declined"]


def test_nobody_stands_in_line_twice(line: Line) -> None:
    person = line.person()
    line.join(person)
    body = {"serviceId": line.service, "from": at(9.5), "to": at(11)}
    problem(person.call("POST", "/waitlist", body), 409, "already-waiting")
    line.join(person, 10, 11)
    for hour in range(11, 29):
        line.join(person, hour, hour + 1)
    more = person.call("POST", "/waitlist", body | {"from": at(40), "to": at(41)})
    assert problem(more, 409, "waits-for-too-much")["limit"] == 20


def test_a_wish_ends_with_its_window(line: Line) -> None:
    entry = line.join(line.person())
    line.world.query(
        "UPDATE waitlist_entries SET from_at = now() - interval '2 h', to_at = now() - interval '1 s' WHERE id = %s",
        entry["id"],
    )
    assert line.states(entry) == ["ended"]
    line.work()
    assert line.told(entry) == ["joined", "ended"]
    assert line.entry(entry)["position"] is None


def test_who_sees_whom(line: Line) -> None:
    customer, stranger = line.person(), line.person()
    other = line.api.as_(line.world.provider())
    entry = line.join(customer)
    for person in (customer, line.provider, line.admin):
        found = person.get("/waitlist", {"serviceId": line.service}).json or {}
        assert [one["id"] for one in found["items"]] == [entry["id"]]
        assert person.get(f"/waitlist/{entry['id']}").status_code == 200
    for person in (stranger, other):
        assert (person.get("/waitlist").json or {})["items"] == []
        problem(person.get(f"/waitlist/{entry['id']}"), 404, "not-found")
        problem(person.call("DELETE", f"/waitlist/{entry['id']}"), 404, "not-found")
        problem(person.call("POST", f"/waitlist/{entry['id']}/decline", {}), 404, "not-found")
    problem(customer.get("/waitlist", {"userId": str(stranger.id)}), 403, "forbidden")


def test_who_waits_for_a_colleague_is_not_ones_own(line: Line) -> None:
    """Of two who deliver a service each sees who waits for them or for anybody; only customer and admin decide."""
    colleague = line.api.as_(line.world.provider())
    room = line.world.resource()
    line.service = line.offer(resourceIds=[str(line.provider.id), str(colleague.id), str(room)])
    theirs = line.join(line.person(), resourceId=str(colleague.id))
    anybodys, nobodys = line.join(line.person()), line.join(line.person(), resourceId=str(room))
    line.work()
    assert line.states(theirs, anybodys, nobodys) == ["offered"] * 3
    problem(line.provider.get(f"/waitlist/{theirs['id']}"), 404, "not-found")
    problem(line.provider.call("DELETE", f"/waitlist/{theirs['id']}"), 404, "not-found")
    for person, seen in ((line.provider, [anybodys, nobodys]), (colleague, [theirs, anybodys, nobodys])):
        page = person.get("/waitlist", {"serviceId": line.service}).json or {}
        assert ([one["id"] for one in page["items"]], page["total"]) == ([one["id"] for one in seen], len(seen))
        for entry in seen:
            assert person.get(f"/waitlist/{entry['id']}").status_code == 200
            for method, path in (("DELETE", ""), ("POST", "/accept"), ("POST", "/decline")):
                problem(person.call(method, f"/waitlist/{entry['id']}{path}", {}), 403, "forbidden")
    assert line.states(theirs, anybodys, nobodys) == ["offered"] * 3
    assert line.admin.call("DELETE", f"/waitlist/{theirs['id']}").status_code == 200


def test_staff_put_a_customer_in_line(line: Line) -> None:
    customer = line.person()
    entry = line.join(line.provider, userId=str(customer.id))
    assert (entry["userId"], entry["createdBy"]) == (str(customer.id), str(line.provider.id))
    other = line.api.as_(line.world.provider())
    body = {"serviceId": line.service, "from": at(12), "to": at(13), "userId": str(customer.id)}
    problem(other.call("POST", "/waitlist", body), 403, "not-for-you")
    assert line.admin.call("DELETE", f"/waitlist/{entry['id']}").status_code == 200
    audited = line.world.query("SELECT action FROM audit_entries WHERE subject_id = %s ORDER BY id", entry["id"])
    assert [row["action"] for row in audited] == ["waitlist.join", "waitlist.leave"]


def test_pages_follow_the_line(line: Line) -> None:
    entries = [line.join(line.person()) for _ in range(3)]
    query: dict[str, Any] = {"serviceId": line.service, "limit": 2}
    first = line.admin.get("/waitlist", query).json or {}
    second = line.admin.get("/waitlist", query | {"cursor": first["nextCursor"]}).json or {}
    assert [one["id"] for one in [*first["items"], *second["items"]]] == [entry["id"] for entry in entries]
    assert (first["total"], second["nextCursor"]) == (3, None)


def test_what_nobody_can_wait_for(line: Line) -> None:
    person = line.person()

    def wrong(**wish: Any) -> list[str]:
        body = {"serviceId": line.service, "from": at(9), "to": at(10)} | wish
        return wrong_fields(person.call("POST", "/waitlist", body))

    assert wrong(serviceId=str(uuid4())) == ["serviceId"]
    assert wrong(resourceId=str(line.world.provider().id)) == ["resourceId"]
    assert wrong(duration=61) == ["duration"]
    assert wrong(partySize=7) == ["partySize"]
    assert wrong(to=at(8)) == ["to"]
    assert wrong(to=at(9, 63)) == ["to"]
    assert wrong(**{"from": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:00Z"}) == ["to"]
    assert wrong(dayFrom="9:00") == ["dayFrom"]
    assert wrong(dayFrom="12:00", dayTo="11:00") == ["dayTo"]
    assert wrong(weekdays=[8]) == ["weekdays.0"]


def test_the_worker_dies_between_two_offers(line: Line, booker: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was offered stays offered, to one person each; the others are asked by the next worker."""
    bookings = [line.book(booker, hour) for hour in (9, 10, 11)]
    entries = [line.join(line.person(), 9, 12) for _ in range(5)]
    line.work()
    for booking in bookings:
        booker.act(booking, "cancel")
    taken: list[Any] = []
    true = asking.Round._take

    def dies(self: asking.Round, *args: Any) -> bool:
        if len(taken) == 1:
            raise SystemExit("killed")
        taken.append(args)
        return true(self, *args)

    monkeypatch.setattr(asking.Round, "_take", dies)
    with pytest.raises(SystemExit):
        line.work()
    monkeypatch.setattr(asking.Round, "_take", true)
    assert line.states(*entries).count("offered") == 1
    line.work()
    assert line.states(*entries) == ["offered"] * 3 + ["waiting"] * 2
    assert [line.entry(entry)["offer"]["startAt"] for entry in entries[:3]] == [at(9), at(10), at(11)]


def test_of_two_askers_one_asks(line: Line) -> None:
    line.join(line.person())
    with line.database.transaction() as other:
        assert other.one(asking._sql.lead) == {"leads": True}
        assert asking.ask(line.database, line.settings) == 0
    assert asking.ask(line.database, line.settings) == 1
