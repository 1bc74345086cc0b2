"""Giving different resources to groups that may share some of them. Pure functions."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

Holder = tuple[int, Hashable]


def disjoint(groups: Sequence[Sequence[Hashable]]) -> bool:
    """Whether nobody is in two of the groups."""
    if len(groups) < 2:
        return True
    seen: set[Hashable] = set()
    for group in groups:
        if not seen.isdisjoint(group):
            return False
        seen.update(group)
    return True


def possible(counts: Sequence[int], holders: Iterable[Holder]) -> bool:
    """Whether each group can get its count of different members; `holders` are pairs of a group's number and who could
    serve it."""
    return assign(counts, holders) is not None


def assign(counts: Sequence[int], holders: Iterable[Holder]) -> list[list[Hashable]] | None:
    """Different members for each group, the earlier ones of `holders` before the later where there is a choice; None
    when there are too few. Whoever comes first in a group is given up only when all could not be served otherwise."""
    able: list[list[Hashable]] = [[] for _ in counts]
    for number, member in holders:
        able[number].append(member)
    if any(len(able[number]) < count for number, count in enumerate(counts)):
        return None
    seats = [number for number, count in enumerate(counts) for _ in range(count)]
    if disjoint(able):
        return [one[:count] for one, count in zip(able, counts, strict=True)]
    chosen: list[list[Hashable]] = [[] for _ in counts]
    taken: set[Hashable] = set()
    for position, number in enumerate(seats):
        rest = seats[position + 1 :]
        for member in able[number]:
            if member not in taken and _all_served(rest, able, taken | {member}):
                chosen[number].append(member)
                taken.add(member)
                break
        else:
            return None
    return chosen


def _all_served(seats: Sequence[int], able: Sequence[Sequence[Hashable]], taken: set[Hashable]) -> bool:
    """Whether every seat can have somebody who is not taken, by augmenting paths."""
    sitting: dict[Hashable, int] = {}

    def seat(position: int, asked: set[Hashable]) -> bool:
        for member in able[seats[position]]:
            if member in taken or member in asked:
                continue
            asked.add(member)
            if member not in sitting or seat(sitting[member], asked):
                sitting[member] = position
                return True
        return False

    return all(seat(position, set()) for position in range(len(seats)))
