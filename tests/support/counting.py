"""In which processes coverage counts: in those that run tests, and in those that ask for it.

Whatever Python starts with coverage's variables in its environment needs 0.2 to 0.3 s of CPU more, and a run starts
hundreds. So they are taken out of it, and given to services that are `counted` (tests/support/service.py).
"""

from __future__ import annotations

import os

_hidden: dict[str, str] = {}


def hide() -> None:
    """From now on, processes that this one starts are not counted."""
    for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
        _hidden[name] = os.environ.pop(name)


def hidden() -> dict[str, str]:
    """The variables by which a process is counted all the same; none when coverage does not count at all."""
    return dict(_hidden)
