"""Who gets the booking, once it is known who is free."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from bookings.booking.choosing import Candidate, Choice, Need, choose, fewest_bookings, in_order, permitted, spread

ME, YOU = UUID(int=100), UUID(int=200)


def one(
    number: int, *, kind: str = "provider", free: bool = True, bookings: int = 0, owner: UUID | None = None
) -> Candidate:
    """Candidate number so and so."""
    return Candidate(UUID(int=number), kind, owner, free, bookings)


def chosen(choice: Choice) -> list[int]:
    """The numbers of what is claimed."""
    assert not choice.wrong
    return [candidate.id.int for candidate in choice.claimed]


def test_the_fewest_bookings_then_the_order() -> None:
    crowd = [one(1, bookings=2), one(2, bookings=1), one(3, bookings=1), one(4, bookings=0, free=False)]
    assert chosen(choose(crowd, [], {}, fewest_bookings)) == [2]
    assert chosen(choose(crowd, [], {}, in_order)) == [1]


def test_nobody_free_is_no_choice() -> None:
    assert choose([one(1, free=False)], [], {}, in_order) == Choice()
    assert choose([one(1)], [Need("workspace", 1, ())], {}, in_order) == Choice()


def test_the_named_one_or_nobody() -> None:
    crowd = [one(1), one(2), one(3, free=False)]
    assert chosen(choose(crowd, [], {"providerId": UUID(int=2)}, in_order)) == [2]
    assert choose(crowd, [], {"providerId": UUID(int=3)}, in_order) == Choice()
    assert [field for field, _ in choose(crowd, [], {"providerId": UUID(int=9)}, in_order).wrong] == ["providerId"]


def test_names_must_be_of_their_kind() -> None:
    rooms = [one(1, kind="workspace")]
    assert chosen(choose(rooms, [], {"resourceId": UUID(int=1)}, in_order)) == [1]
    assert [field for field, _ in choose(rooms, [], {"providerId": UUID(int=1)}, in_order).wrong] == ["providerId"]


def test_needs_are_met_with_different_ones() -> None:
    rooms = tuple(one(number, kind="workspace") for number in (11, 12, 13))
    needs = [Need("workspace", 1, rooms), Need("workspace", 2, rooms)]
    assert chosen(choose([one(1)], needs, {}, in_order)) == [1, 11, 12, 13]
    assert choose([one(1)], [*needs, Need("workspace", 1, rooms)], {}, in_order) == Choice()


def test_a_name_may_mean_what_is_needed() -> None:
    rooms = tuple(one(number, kind="workspace") for number in (11, 12))
    named: dict[str, Any] = {"providerId": UUID(int=2), "workspaceId": UUID(int=12)}
    assert chosen(choose([one(1), one(2)], [Need("workspace", 1, rooms)], named, in_order)) == [2, 12]


def test_one_resource_under_two_names_is_one() -> None:
    named = {"providerId": UUID(int=2), "resourceId": UUID(int=2)}
    assert chosen(choose([one(1), one(2)], [], named, in_order)) == [2]


def test_losers_of_a_race_begin_elsewhere() -> None:
    crowd = [one(1), one(2), one(3)]
    assert [chosen(choose(crowd, [], {}, spread(number)))[0] for number in range(4)] == [1, 2, 3, 1]
    assert spread(5)([]) == []


def test_a_provider_may_book_their_own_and_nobodys() -> None:
    crowd = [one(1, owner=ME), one(2, owner=YOU), one(3)]
    assert [candidate.id.int for candidate in permitted(crowd, ME)] == [1, 3]
