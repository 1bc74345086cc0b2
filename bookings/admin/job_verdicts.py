"""Is the work getting done? Pure functions over what was counted."""

from __future__ import annotations

from collections.abc import Collection, Mapping

#: due for so long (seconds) without being started, or behind for so long, is late
LATE = 60.0


def of_kind(counts: Mapping[str, int], oldest_due: float, *, has_worker: bool) -> str:
    """How the jobs of one kind are doing: `no-worker`, `late`, `dead-letters` (somebody must decide) or `ok`."""
    if oldest_due > 0 and not has_worker:
        return "no-worker"
    if oldest_due > LATE:
        return "late"
    return "dead-letters" if counts.get("dead") else "ok"


def of_consumer(failing: int | None, lag: float) -> str:
    """How a consumer is doing: `failing` at an event, `late`, or `ok`."""
    if failing is not None:
        return "failing"
    return "late" if lag > LATE else "ok"


def of_all(*, workers_alive: int, verdicts: Collection[str]) -> str:
    """The whole: `down` without a worker, `degraded` when some part is not `ok`, or `ok`."""
    if not workers_alive:
        return "down"
    return "ok" if set(verdicts) <= {"ok"} else "degraded"
