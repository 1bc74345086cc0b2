"""How long tests wait. They run side by side, often on a machine that does other things, too."""

from __future__ import annotations

import os

#: seconds: how long an HTTP request of a test may take, when it is not about that
REQUEST = 60.0
#: What a test waits for may take so many times as long as on a quiet machine. It only costs time when it never comes.
PATIENCE = 6.0


def patient(seconds: float) -> float:
    """Return when to give up on something that takes at most `seconds` on a quiet machine."""
    return seconds * PATIENCE


def soon(seconds: float) -> float:
    """Return how long something may take now of which a test says that it takes at most `seconds` on a quiet machine.

    The more processes want each processor, the longer: on a quiet machine the test is sharp, on a busy one it is fair.
    The load is a mean of the last minute and knows nothing of what has just begun; tests side by side count, too.
    """
    side_by_side = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0"))
    crowd = max(os.getloadavg()[0], side_by_side) / (os.cpu_count() or 1)
    return seconds * max(1.0, 2 * crowd)
