"""Hashing passwords: argon2id with the parameters of RFC 9106, section 4 (64 MiB, about 0.3 s of two cores).

PASSWORD_MEMORY asks for more memory; outside production also for less, so that tests need not wait for every sign-in.
"""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bookings.account.errors import SignInBusy
from bookings.account.rules import normal
from bookings.config import PASSWORD_MEMORY

T = TypeVar("T")
#: hashes computed at one time in a process, and how many more may wait; the others hear 429. Together they hold fewer
#: threads than a web process has, so that signing in never stops everything else.
AT_ONCE, WAITING = 2, 2


class Passwords:
    """Hashes and checks passwords, a few at a time: each takes `memory` KiB. Methods raise SignInBusy."""

    def __init__(self, memory: int = PASSWORD_MEMORY) -> None:
        self._hasher = PasswordHasher(memory_cost=memory)
        self._nobodys = _hash_of_nobody(self._hasher)
        self._running = threading.Semaphore(AT_ONCE)
        self._admitted = threading.Semaphore(AT_ONCE + WAITING)

    def hash(self, password: str) -> str:
        """The hash of a password, in PHC format."""
        return self._in_turn(lambda: self._hasher.hash(normal(password)))

    def verify(self, password: str, hashed: str | None) -> bool:
        """Whether this is the password. Without a hash the answer is no, at the same cost: time tells nothing."""
        return self._in_turn(lambda: self._matches(password, hashed or self._nobodys)) and hashed is not None

    def outdated(self, hashed: str) -> bool:
        """Whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hashed)

    def _matches(self, password: str, hashed: str) -> bool:
        try:
            return self._hasher.verify(hashed, normal(password))
        except (VerificationError, InvalidHashError):
            return False

    def _in_turn(self, work: Callable[[], T]) -> T:
        if not self._admitted.acquire(blocking=False):
            raise SignInBusy(retry_after=1)
        try:
            with self._running:
                return work()
        finally:
            self._admitted.release()


def hash_password(password: str, *, salt: bytes | None = None) -> str:
    """The hash of a password, for scripts: no queue, no limit. A salt is given only where data must be repeatable."""
    return PasswordHasher(memory_cost=PASSWORD_MEMORY).hash(normal(password), salt=salt)


def _hash_of_nobody(hasher: PasswordHasher) -> str:
    """A well-formed hash with today's parameters that no known password has."""
    salt, digest = (b64encode(bytes(length)).decode().rstrip("=") for length in (hasher.salt_len, hasher.hash_len))
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"
