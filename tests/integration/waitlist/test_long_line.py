"""More wait than one round can ask: the next goes on behind them."""

from __future__ import annotations

from uuid import UUID

import pytest

from bookings.waitlist import asking
from tests.integration.booking.api import Api
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
    opening = {"resource_id": room, "service_id": None, "from_at": None, "to_at": None}
    line.database.run(lambda tx: tx.execute(asking._sql.open_up, opening))
