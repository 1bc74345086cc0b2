"""Hashing in turn: two at once, a short queue, then a refusal."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bookings.account import rules
from bookings.account.errors import SignInBusy
from bookings.account.passwords import AT_ONCE, WAITING, Passwords


def test_at_most_two_hash_at_once_and_the_fifth_is_refused() -> None:
    passwords = Passwords()
    running: list[int] = []
    peak: list[int] = []
    go_on, full = threading.Event(), threading.Semaphore(0)

    def work() -> str:
        running.append(1)
        peak.append(len(running))
        full.release()
        go_on.wait(10)
        running.pop()
        return "done"

    with ThreadPoolExecutor(AT_ONCE + WAITING) as pool:
        admitted = [pool.submit(passwords._in_turn, work) for _ in range(AT_ONCE + WAITING)]
        for _ in range(AT_ONCE):
            assert full.acquire(timeout=60)
        while passwords._admitted.acquire(blocking=False):  # the last of them may not have come yet
            passwords._admitted.release()
        with pytest.raises(SignInBusy) as refusal:
            passwords.hash("correct horse battery staple")
        go_on.set()
        assert [future.result(60) for future in admitted] == ["done"] * (AT_ONCE + WAITING)
    assert max(peak) == AT_ONCE
    assert refusal.value.retry_after == 1


def test_a_refusal_leaves_no_place_taken() -> None:
    passwords = Passwords()

    def fail() -> None:
        raise RuntimeError

    for _ in range(AT_ONCE + WAITING + 1):
        with pytest.raises(RuntimeError):
            passwords._in_turn(fail)
    assert passwords.verify("x", passwords.hash("x"))


def test_what_is_no_hash_matches_nothing() -> None:
    assert not Passwords().verify("x", "not a hash")
    assert not Passwords().verify("x", None)


@pytest.mark.parametrize(
    "password, fault",
    [
        ("elevenchars", "The password must have 12 to 128 characters."),
        ("x" * 129, "The password must have 12 to 128 characters."),
        ("first.last@example.com", "The password must not be the e-mail address."),
        ("FIRST.last@example.com ", "The password must not be the e-mail address."),
        ("x" * 12, None),
        ("x" * 128, None),
    ],
)
def test_what_makes_a_password_weak(password: str, fault: str | None) -> None:
    assert rules.password_fault(password, "First.Last@example.com") == fault
