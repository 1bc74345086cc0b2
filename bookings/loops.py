"""What a process does again and again beside its requests or tasks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from bookings.errors import DatabaseUnavailable

log = logging.getLogger(__name__)


class Loop(threading.Thread):
    """A thread that takes a `turn`, waits `interval` seconds or until it is woken, and so on until `stop` is called."""

    def __init__(self, name: str, turn: Callable[[], object], interval: float) -> None:
        super().__init__(name=name, daemon=True)
        self._turn = turn
        self._interval = interval
        self._stopping = threading.Event()
        self._bell = threading.Event()

    def run(self) -> None:
        while self._waited():
            try:
                self._turn()
            except DatabaseUnavailable:
                log.warning("%s waits for the database", self.name)
            except Exception:
                # The loop must outlive a mistake in one turn: what it did not do is due in the next.
                log.exception("a turn of %s failed", self.name)

    def _waited(self) -> bool:
        """Wait for the next turn; False when there is none."""
        self._bell.wait(self._interval)
        self._bell.clear()
        return not self.stopping

    def wake(self) -> None:
        """Have it take a turn now, or another one after that in hand."""
        self._bell.set()

    @property
    def stopping(self) -> bool:
        """Whether it has been asked to end."""
        return self._stopping.is_set()

    def begin_to_stop(self) -> None:
        """Ask it to end after this turn."""
        self._stopping.set()
        self._bell.set()

    def stop(self, seconds: float = 10) -> None:
        """Ask it to end and wait a while for its turn."""
        self.begin_to_stop()
        self.join(seconds)
