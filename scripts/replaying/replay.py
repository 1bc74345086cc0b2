"""Replaying: rooms, guests, then every stay with all that happened to it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from tqdm import tqdm

from replaying.api import Api, ApiError, Reply
from replaying.stays import Stay, by_room, peak

T = TypeVar("T")
#: of the replayed guests, who are nobody
PASSWORD = "replay of hotel bookings"  # noqa: S105 (it opens nothing but what this script made)
_REASON = "replayed: in the file this day has come"
#: the actions after the last change: what an admin does, and whether it must override because the day has not come
_STEPS = {
    "cancelled": (("cancel", False),),
    "completed": (("confirm", False), ("complete", True)),
    "no_show": (("confirm", False), ("no-show", True)),
}


@dataclass
class Outcome:
    """What became of the stays, as the service answered: booking ids of the accepted, the stays that were refused."""

    run: str
    resources: dict[str, str] = field(default_factory=dict)
    capacities: dict[str, int] = field(default_factory=dict)
    accepted: dict[int, str] = field(default_factory=dict)
    refused: list[Stay] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    passes: list[tuple[int, int]] = field(default_factory=list)


class Replay:
    """One replay under a name; the same name and file give the same idempotency keys, and so change nothing twice."""

    def __init__(self, api: Api, *, run: str, factor: float, threads: int) -> None:
        self._api, self._factor, self._threads = api, factor, threads
        self._lock = threading.Lock()
        self.outcome = Outcome(run)

    def rooms(self, stays: list[Stay]) -> None:
        """Make each room type a resource: as many rooms as the file needs at its fullest, times the factor."""
        for room, its in by_room(stays).items():
            capacity = max(1, int(peak((stay.start, stay.end) for stay in its) * self._factor))
            body = {
                "kind": "workspace",
                "name": f"{room} ({self.outcome.run})",
                "timeZone": "Europe/Lisbon",
                "capacity": capacity,
            }
            reply = self._expect(201, self._api.call("POST", "/resources", body, key=self._key(room)))
            self.outcome.resources[room], self.outcome.capacities[room] = str(reply.body["id"]), capacity

    def guests(self, count: int) -> list[str]:
        """Register customers, or sign them in when they are there from an earlier run; their ids.

        A few suffice: each costs a password hash, and SIGN_IN_RATE_LIMIT counts them.
        """
        return [self._guest(number) for number in tqdm(range(1, count + 1), desc="guests", unit="")]

    def _guest(self, number: int) -> str:
        who = {"email": f"guest-{number}@replay.example.com", "password": PASSWORD}
        reply = self._api.call("POST", "/auth/register", who | {"name": f"Guest {number}", "timeZone": "Europe/Lisbon"})
        if reply.status == 409 and reply.body["code"] == "email-taken":
            reply = self._api.call("POST", "/auth/login", who)
            return str(self._expect(200, reply).body["user"]["id"])
        return str(self._expect(201, reply).body["user"]["id"])

    def stays(self, stays: list[Stay], guests: list[str]) -> None:
        """Book every stay and let happen what happened; then whoever was refused asks again, as long as
        cancellations have made room. At the end nothing that was refused would fit, so a repetition ends the same."""
        waiting, cancelled = stays, 1
        while waiting and cancelled:
            booked = self._book(waiting, guests)
            cancelled = self._carry_on(booked)
            self.outcome.passes.append((len(waiting), len(booked)))
            waiting = [stay for stay in waiting if stay.number not in self.outcome.accepted]
        self.outcome.refused = waiting

    def _book(self, stays: list[Stay], guests: list[str]) -> list[Stay]:
        def book(stay: Stay) -> Stay | None:
            body = {
                "userId": guests[stay.number % len(guests)],
                "resourceId": self.outcome.resources[stay.room],
                "startAt": stay.start.isoformat(),
                "endAt": stay.end.isoformat(),
                "title": f"{stay.room}, {stay.nights} nights" if stay.nights else f"{stay.room}, day use",
                "notes": f"row {stay.number}: {stay.guests}",
            }
            reply = self._api.call("POST", "/bookings", body, key=self._key(str(stay.number)))
            self._count("create", reply)
            if reply.status == 409 and reply.body["code"] == "slot-taken":
                return None
            self.outcome.accepted[stay.number] = str(self._expect(201, reply).body["id"])
            return stay

        return [stay for stay in self._all(book, stays, "bookings") if stay]

    def _carry_on(self, stays: list[Stay]) -> int:
        """Changes and the end of each stay; returns how many were cancelled just now (not in an earlier run)."""

        def carry_on(stay: Stay) -> bool:
            path = f"/bookings/{self.outcome.accepted[stay.number]}"
            self._change(stay, path)
            replies = [self._act(stay, path, action, override) for action, override in _STEPS[stay.ends_as]]
            return stay.ends_as == "cancelled" and not replies[-1].replayed

        return sum(self._all(carry_on, stays, "what became of them"))

    def _change(self, stay: Stay, path: str) -> None:
        """PATCH as often as the file counts changes. The version makes it repeatable: 412 says it was made before."""
        for change in range(1, stay.changes + 1):
            body = {"notes": f"row {stay.number}: {stay.guests}; changed {change} times"}
            reply = self._api.call("PATCH", path, body, if_match=f'"{change}"')
            self._count("change", reply if reply.status == 412 else self._expect(200, reply))

    def _act(self, stay: Stay, path: str, action: str, override: bool) -> Reply:
        body = {"override": True, "reason": _REASON} if override else {}
        reply = self._api.call("POST", f"{path}/{action}", body, key=self._key(f"{stay.number}-{action}"))
        self._count(action, reply)
        return self._expect(200, reply)

    def _all(self, work: Callable[[Stay], T], stays: list[Stay], what: str) -> list[T]:
        """Do the work for every stay, many at a time, under a progress bar."""
        with ThreadPoolExecutor(self._threads) as pool, tqdm(total=len(stays), desc=what, unit="") as bar:

            def one(stay: Stay) -> T:
                done = work(stay)
                bar.update()
                return done

            futures = [pool.submit(one, stay) for stay in stays]
            try:
                return [future.result() for future in futures]
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _key(self, what: str) -> str:
        return f"replay-{self.outcome.run}-{what}"

    def _count(self, what: str, reply: Reply) -> None:
        with self._lock:
            self.outcome.answers[f"{what} {reply.status}{' replayed' if reply.replayed else ''}"] += 1

    @staticmethod
    def _expect(status: int, reply: Reply) -> Reply:
        if reply.status != status:
            raise ApiError(f"The service answered {reply.problem!r} instead of {status}; its log tells why.")
        return reply
