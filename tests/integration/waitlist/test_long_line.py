"""More wait than one round can ask: the next goes on behind them."""

from __future__ import annotations

from uuid import UUID

import pytest

from bookings.waitlist import asking
from tests.integration.booking.api import Api, at
from tests.integration.waitlist.line import Json, Line


@pytest.fixture
def line(api: Api) -> Line:
    return Line(api)


def ask(line: Line, rounds: int = 1) -> None:
    """So many rounds of asking, and nothing else."""
    for _ in range(rounds):
        asking.ask(line.database, line.settings)


def test_a_line_that_takes_longer_than_a_round(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each round goes on where the one before ended, and what was looked through is closed."""
    monkeypatch.setattr(asking, "_LOOKS", 0)
    monkeypatch.setattr(asking, "_ROUND", 0)
    room, entries = wanting(line)
    open_up(line, room)
    ask(line, 4)
    assert line.states(*entries) == ["waiting"] * 5
    ask(line)
    assert line.states(*entries) == ["waiting"] * 4 + ["offered"]
    assert not line.world.query("SELECT FROM waitlist_openings")


def test_more_wait_than_are_asked_at_once(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_ENTRIES", 2)
    room, entries = wanting(line)
    open_up(line, room)
    ask(line, 2)
    assert line.states(*entries) == ["waiting"] * 5
    ask(line)
    assert line.states(*entries) == ["waiting"] * 4 + ["offered"]
    assert not line.world.query("SELECT FROM waitlist_openings")


def test_what_is_kept_stays_so_to_the_end_of_the_line(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rounds it takes, and however long: nobody else gets it before the last in line was asked."""
    monkeypatch.setattr(asking, "_ENTRIES", 2)
    room = line.world.resource(capacity=2)
    line.service = line.offer(resourceIds=[str(room)], capacity=2)
    booker = line.person()
    booking = line.book(booker)
    line.book(line.person())
    entries = [line.join(line.person(), partySize=size) for size in (2, 2, 2, 1)]
    line.work()
    booker.act(booking, "cancel")
    for _ in range(2):
        line.world.query(
            "UPDATE allocations SET expires_at = expires_at - interval '25 s' WHERE opening_id IS NOT NULL"
        )
        assert line.person().call("POST", "/bookings", {"serviceId": line.service, "startAt": at(9)}).status_code == 409
        ask(line)
    assert line.states(*entries) == ["waiting"] * 3 + ["offered"]


def test_new_openings_keep_nobody_waiting_for_ever(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has opened since goes to those in front first, for a minute."""
    monkeypatch.setattr(asking, "_ENTRIES", 4)
    room, entries = wanting(line)
    for _ in range(3):
        open_up(line, room)
        ask(line)
    assert line.states(*entries) == ["waiting"] * 5
    line.world.query("UPDATE waitlist_openings SET created_at = created_at - interval '61 s' WHERE asked_to > 0")
    open_up(line, room)
    ask(line)
    assert line.states(*entries) == ["waiting"] * 4 + ["offered"]


def wanting(line: Line) -> tuple[UUID, list[Json]]:
    """A room for six of which two places are left, and those who wait for it, in order: only the last fits in."""
    room = line.world.resource(capacity=6)
    line.service = line.offer(resourceIds=[str(room)], capacity=6)
    line.book(line.person(), partySize=4)
    entries = [line.join(line.person(), partySize=size) for size in (6, 5, 4, 3)]
    line.work()
    last = line.join(line.person(), partySize=2)
    line.world.query("DELETE FROM waitlist_openings")
    return room, [*entries, last]


def open_up(line: Line, room: UUID) -> None:
    """Something of the room may be free."""
    line.world.query("INSERT INTO waitlist_openings (resource_id, created_at) VALUES (%s, clock_timestamp())", room)
