"""Which resources a booking of a service claims. Pure functions: what is free is known, who of them gets it is decided
here. A fairer strategy than "fewest bookings that day" is another order of the same candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Candidate:
    """A resource that could be claimed, as it was when the offer was read."""

    id: UUID
    kind: str
    owner_id: UUID | None
    free: bool
    #: bookings it has on the day of the start
    bookings: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Candidate:
        """From JSON that SQL wrote (sql/queries/booking.sql, `offer`)."""
        owner = row["ownerId"]
        return cls(UUID(row["id"]), row["kind"], UUID(owner) if owner else None, row["free"], row["bookings"])


@dataclass(frozen=True, slots=True)
class Need:
    """So many resources of a kind, from these."""

    kind: str
    count: int
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What is claimed, who delivers first; or what is wrong with what was named; or neither: too little is free."""

    claimed: tuple[Candidate, ...] = ()
    #: (field, message)
    wrong: tuple[tuple[str, str], ...] = ()


Strategy = Callable[[Sequence[Candidate]], Sequence[Candidate]]


def in_order(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """As the service names them: a group session fills up before the next one begins."""
    return candidates


def fewest_bookings(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Who has the fewest bookings that day; between equals as the service names them."""
    return sorted(candidates, key=lambda candidate: candidate.bookings)


def spread(number: int) -> Strategy:
    """Begin somewhere else for each number: many who lost a race for the first one do not race for the second."""

    def rotated(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        at = number % len(candidates) if candidates else 0
        return [*candidates[at:], *candidates[:at]]

    return rotated


def choose(
    deliverers: Sequence[Candidate],
    needs: Sequence[Need],
    named: Mapping[str, UUID],
    strategy: Strategy,
    strategy_of_needs: Strategy = in_order,
) -> Choice:
    """One who delivers and everything that is needed, all different and free; what is named is taken, or nothing.

    `named` maps fields of the request to ids.
    """
    wanted = dict(named)
    claimed: list[Candidate] = []
    complete = True
    if deliverers:
        complete = _take(deliverers, 1, wanted, claimed, strategy)
    for need in needs:
        complete = _take(need.candidates, need.count, wanted, claimed, strategy_of_needs) and complete
    if wanted:
        return Choice(wrong=tuple((field, "Does not deliver this service.") for field in wanted))
    if misnamed := tuple(_misnamed(claimed, named)):
        return Choice(wrong=misnamed)
    return Choice(tuple(claimed)) if complete and claimed else Choice()


def _take(
    candidates: Sequence[Candidate],
    count: int,
    wanted: dict[str, UUID],
    claimed: list[Candidate],
    strategy: Strategy,
) -> bool:
    """Move `count` candidates to what is claimed, the named ones first; whether there were enough."""
    left = [candidate for candidate in candidates if candidate not in claimed]
    by_id = {candidate.id: candidate for candidate in left}
    taken = [by_id[id] for id in dict.fromkeys(wanted.values()) if id in by_id][:count]
    for field in [field for field, id in wanted.items() if id in {one.id for one in taken}]:
        del wanted[field]
    others = strategy([one for one in left if one.free and one not in taken])
    taken += others[: count - len(taken)]
    claimed += taken
    return len(taken) == count and all(one.free for one in taken)


def _misnamed(claimed: Iterable[Candidate], named: Mapping[str, UUID]) -> Iterable[tuple[str, str]]:
    kinds = {candidate.id: candidate.kind for candidate in claimed}
    for field, id in named.items():
        if field != "resourceId" and kinds[id] != field.removesuffix("Id"):
            yield field, f"Is a resource of kind {kinds[id]}; send it as resourceId."


def permitted(candidates: Sequence[Candidate], actor_id: UUID) -> list[Candidate]:
    """Those that a provider may book for somebody else: their own, and nobody's."""
    return [candidate for candidate in candidates if candidate.owner_id in (actor_id, None)]
