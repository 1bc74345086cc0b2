"""How long tests wait. They run side by side, often on a machine that does other things, too."""

from __future__ import annotations

import os

#: What a test waits for may take so many times as long as on a quiet machine. It only costs time when it never comes.
PATIENCE = 6.0


def patient(seconds: float) -> float:
    """Return when to give up on something that takes at most `seconds` on a quiet machine."""
    return seconds * PATIENCE


def soon(seconds: float) -> float:
    """Return how long something may take now of which a test says that it takes at most `seconds` on a quiet machine.

    The more processes want each processor, the longer: on a quiet machine the test is sharp, on a busy one it is fair.
    """
    crowd = os.getloadavg()[0] / (os.cpu_count() or 1)
    return seconds * max(1.0, 2 * crowd)
