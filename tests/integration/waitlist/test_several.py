"""Waiting for several who deliver a service together."""

from __future__ import annotations

import pytest

from tests.integration.booking.api import Api, at, problem, wrong_fields
from tests.integration.waitlist.line import Line


@pytest.fixture
def line(api: Api) -> Line:
    """A service, and nobody who waits for it."""
    return Line(api)


def test_all_of_them_or_nobody(line: Line) -> None:
    """The first leads. Whoever wants some of them is in the same line, whoever wants others is not."""
    ids = [str(line.world.provider().id) for _ in range(4)]
    line.service = line.offer(resourceIds=ids)
    busy = line.book(line.person(), 9, providerId=ids[2])
    person = line.person()
    first = line.join(person, providerIds=[ids[2], ids[1]])
    assert (first["providerIds"], first["resourceId"]) == ([ids[2], ids[1]], None)
    line.work()
    assert line.states(first) == ["waiting"]
    behind, beside, alone, anybody = (
        line.join(line.person(), providerIds=[ids[1], ids[3]]),
        line.join(line.person(), providerIds=[ids[0], ids[3]]),
        line.join(line.person(), resourceId=ids[2]),
        line.join(line.person()),
    )
    positions = [line.entry(one)["position"] for one in (first, behind, beside, alone, anybody)]
    assert positions == [1, 2, 2, 2, 5]
    assert line.admin.act(busy, "cancel").status_code == 200
    line.work()
    assert line.entry(first)["offer"]["resourceIds"] == [ids[2], ids[1]]
    assert line.states(behind, beside, alone) == ["waiting", "offered", "waiting"]
    made = person.call("POST", f"/waitlist/{first['id']}/accept", {}).json or {}
    assert (made["resourceIds"], made["providerId"]) == ([ids[2], ids[1]], ids[2])


def test_each_of_them_hears_of_it_and_no_colleague(line: Line) -> None:
    one, other = (line.api.as_(line.world.provider()) for _ in range(2))
    line.service = line.offer(resourceIds=[str(who.id) for who in (line.provider, one, other)])
    entry = line.join(line.person(), 12, 13, providerIds=[str(line.provider.id), str(one.id)])
    for person in (line.provider, one):
        assert person.get(f"/waitlist/{entry['id']}").status_code == 200
        named = person.get("/waitlist", {"resourceId": str(person.id)}).json or {}
        assert [item["id"] for item in named["items"]] == [entry["id"]]
    problem(other.get(f"/waitlist/{entry['id']}"), 404, "not-found")
    query = "SELECT topics FROM outbox WHERE type = 'waitlist.joined' AND data ->> 'id' = %s"
    (told,) = line.world.query(query, entry["id"])
    assert set(told["topics"]) == {f"user:{entry['userId']}", f"resource:{line.provider.id}", f"resource:{one.id}"}


def test_the_same_people_in_another_order_are_the_same_thing(line: Line) -> None:
    ids = [str(line.world.provider().id) for _ in range(3)]
    line.service = line.offer(resourceIds=ids)
    person = line.person()
    line.join(person, providerIds=ids[:2])
    body = {"serviceId": line.service, "from": at(9), "to": at(10)}
    again = person.call("POST", "/waitlist", body | {"providerIds": ids[1::-1]})
    problem(again, 409, "already-waiting")
    line.join(person, providerIds=ids[1:])
    line.join(person)


def test_who_cannot_be_waited_for(line: Line) -> None:
    first, second, stranger = (str(line.world.provider().id) for _ in range(3))
    person = line.person()

    def wrong(*ids: str) -> list[str]:
        body = {"serviceId": line.service, "from": at(9), "to": at(10), "providerIds": ids}
        return wrong_fields(person.call("POST", "/waitlist", body))

    line.service = line.offer(resourceIds=[first, second])
    assert wrong(first, stranger) == wrong(first, first) == wrong() == wrong(*[first] * 11) == ["providerIds"]
    line.service = line.offer(resourceIds=[first, second, stranger], collective=True)
    assert wrong(first, second) == ["providerIds"]
    line.join(person, providerIds=[second, stranger, first])
    line.world.query("UPDATE resources SET active = false WHERE id = %s", first)
    line.service = line.offer(resourceIds=[second, stranger])
    line.world.query("UPDATE resources SET active = false WHERE id = %s", second)
    assert wrong(second, stranger) == ["providerIds"]
