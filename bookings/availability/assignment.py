"""Who gets it, of those who are free. Pure functions; `assignment` in the rules of a service or of the business names
the strategy.

- `least_busy` (unless said otherwise): who has the fewest bookings that day; a group session fills up before the next.
- `priority`: the first in the service's order.
- `round_robin`: whose turn was longest ago, who never had one first.
- `random`: an order that the seed, the service, the start and the resource decide: the same for everybody who asks.

Between equals the service's order decides, so every strategy is deterministic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from uuid import UUID

from bookings.availability import matching
from bookings.availability.picture import Candidate, Picture
from bookings.availability.slots import Found

LEAST_BUSY, PRIORITY, ROUND_ROBIN, RANDOM = "least_busy", "priority", "round_robin", "random"
STRATEGIES = (LEAST_BUSY, PRIORITY, ROUND_ROBIN, RANDOM)
#: resource → (bookings on the day, turn at which it was last chosen)
Fairness = Mapping[UUID, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Assigned:
    """What is claimed, who delivers first, and why them: `because` is for people."""

    claimed: tuple[Candidate, ...]
    strategy: str
    because: str
    #: whether it was chosen who delivers: not where somebody was named, or nobody else could
    chosen: bool

    @property
    def is_turn(self) -> bool:
        """Whether who delivers comes last for the next one."""
        return self.chosen and self.strategy == ROUND_ROBIN

    @property
    def claimed_ids(self) -> list[UUID]:
        """The ids of what is claimed."""
        return [one.id for one in self.claimed]


def strategy_of(picture: Picture) -> str:
    """The strategy by which a picture's deliverer is chosen."""
    return str((picture.assignment or {}).get("strategy", LEAST_BUSY))


def has_choice(picture: Picture) -> bool:
    """Whether more could deliver than are needed, free or not: nobody was named."""
    return any(group.leads and len(group.candidates) > group.count for group in picture.groups)


def takes_turns(picture: Picture) -> bool:
    """Whether whoever is chosen comes last for the next one."""
    return has_choice(picture) and strategy_of(picture) == ROUND_ROBIN


def needs_fairness(picture: Picture, found: Found) -> bool:
    """Whether choosing depends on what others were given before."""
    several = any(group.leads and len(free) > 1 for group, free in zip(picture.groups, found.free, strict=True))
    return several and (
        strategy_of(picture) == ROUND_ROBIN or (strategy_of(picture) == LEAST_BUSY and not _group(picture))
    )


def choose(picture: Picture, found: Found, fairness: Fairness) -> Assigned | None:
    """Different resources for every group, by the strategy for those who deliver and in order for the rest; None when
    there are too few."""
    if not found.enough:
        return None
    strategy = strategy_of(picture)
    free = [
        ordered(picture, found.start, one, fairness) if group.leads else list(one)
        for group, one in zip(picture.groups, found.free, strict=True)
    ]
    holders = [(number, one.id) for number, members in enumerate(free) for one in members]
    chosen = matching.assign([group.count for group in picture.groups], holders)
    if chosen is None:
        return None
    by_id = {one.id: one for members in free for one in members}
    claimed = tuple(by_id[id] for group in chosen for id in group)  # type: ignore[index]
    return Assigned(claimed, strategy, _because(picture, strategy, free, claimed, fairness), has_choice(picture))


def ordered(picture: Picture, start: int, free: Sequence[Candidate], fairness: Fairness) -> list[Candidate]:
    """Those who are free, in the order in which a strategy takes them."""
    strategy = strategy_of(picture)
    if strategy == RANDOM:
        seed = str((picture.assignment or {}).get("seed", ""))
        service = (picture.service or {}).get("id", "")
        return sorted(free, key=lambda one: blake2b(f"{seed}|{service}|{start}|{one.id}".encode()).digest())
    if strategy == ROUND_ROBIN:
        return sorted(free, key=lambda one: fairness.get(one.id, (0, 0))[1])
    if strategy == LEAST_BUSY and not _group(picture):
        return sorted(free, key=lambda one: fairness.get(one.id, (0, 0))[0])
    return list(free)


def _group(picture: Picture) -> bool:
    return picture.terms.places is not None


def _because(
    picture: Picture,
    strategy: str,
    free: Sequence[Sequence[Candidate]],
    claimed: Sequence[Candidate],
    fairness: Fairness,
) -> str:
    leading = [members for group, members in zip(picture.groups, free, strict=True) if group.leads]
    if not leading:
        return "nobody delivers it; what it needs is taken in order"
    number = len(leading[0])
    if number == 1:
        return "the only one who is free or was named"
    bookings, turn = fairness.get(claimed[0].id, (0, 0))
    if strategy == ROUND_ROBIN:
        return f"of {number} who are free, {'whose turn was longest ago' if turn else 'never had a turn before'}"
    if strategy == RANDOM:
        return f"of {number} who are free, first in the random order of this start"
    if strategy == LEAST_BUSY and not _group(picture):
        return f"of {number} who are free, the fewest bookings that day ({bookings})"
    return f"of {number} who are free, first in the service's order"


def document(assigned: Assigned) -> dict[str, Any]:
    """As the API tells it."""
    return {
        "strategy": assigned.strategy,
        "chosen": str(assigned.claimed[0].id) if assigned.claimed else None,
        "because": assigned.because,
    }
