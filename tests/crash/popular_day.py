"""Two hundred customers who all want the same day: they hold, book, wait in line, accept, move and call off, whatever
is killed, and remember what they were promised and when something went wrong."""

from __future__ import annotations

import http.client
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bookings.auth import Actor
from tests.crash.stubborn import Stubborn
from tests.support.service import Service

Json = dict[str, Any]
#: the day, far enough away that it does not begin while we look
DAY = (datetime.now(UTC) + timedelta(days=30)).replace(hour=0, minute=0, second=0, microsecond=0)
#: it opens at eight and closes at noon (UTC), so that there is far less of it than is wanted
STARTS = [DAY + timedelta(hours=8, minutes=30 * number) for number in range(8)]
#: what may be answered: done, or refused for a reason that a crowd is
CALM = {200, 201, 409, 410, 412, 422}
#: how long (seconds) one wish is repeated until it has an outcome
_PATIENCE = 60


@dataclass(frozen=True)
class Trouble:
    """A 5xx or no answer at all: when, since when it could have been met (both time.monotonic), and what.

    A connection that ended with its worker is found ended when it is next used: it could have been since it was opened.
    """

    at: float
    since: float
    what: str


@dataclass
class Memory:
    """What all customers know together."""

    #: bookings that were acknowledged: whether they were called off, by id
    bookings: dict[str, bool] = field(default_factory=dict)
    #: key → booking
    keys: dict[str, str] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    #: offers seen, and those that were accepted with the booking they became
    offers: set[str] = field(default_factory=set)
    accepted: dict[str, str] = field(default_factory=dict)
    trouble: list[Trouble] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)


class Customer(Stubborn):
    """Does something with the popular day about once a second until told to stop."""

    pauses = (0.2, 1.8)

    def __init__(self, number: int, seed: int, service: Service, actor: Actor, services: list[str], memory: Memory):
        super().__init__(f"customer {number}", seed, service, actor)
        self._services, self._memory, self._number = services, memory, number
        self._mine: list[str] = []
        self._entry: str | None = None
        self._wishes = 0

    def _leave(self) -> None:
        """Most go home. Otherwise offers that nobody answers would go down the line for minutes."""
        if self._entry and self._dice.random() < 0.85:
            self._ask("DELETE", f"/waitlist/{self._entry}", None, None)

    def _turn(self) -> None:
        moves = (self._hold, self._book, self._wait, self._look, self._move, self._call_off)
        # Half of them mostly wait, the others take and give back: so there is always something to offer.
        weights = (1, 0.5, 4, 8, 1, 3) if self._number % 2 else (3, 2, 0.5, 1, 2, 4)
        self._dice.choices(moves, weights)[0]()

    def _wish(self) -> Json:
        return {"serviceId": self._dice.choice(self._services), "startAt": self._dice.choice(STARTS).isoformat()}

    def _hold(self) -> None:
        """Keep a time; book it, give it back, or forget about it."""
        status, hold = self._ask(
            "POST", "/holds", self._wish() | {"ttlSeconds": self._dice.randrange(1, 4)}, self._key()
        )
        if status != 201:
            return
        self.stop.wait(self._dice.uniform(0, 2))
        outcome = self._dice.random()
        if outcome < 0.6:
            key = self._key()
            self._booked(key, *self._ask("POST", "/bookings", {"holdId": hold["id"]}, key))
        elif outcome < 0.8:
            self._ask("DELETE", f"/holds/{hold['id']}", None, None)

    def _book(self) -> None:
        key = self._key()
        self._booked(key, *self._ask("POST", "/bookings", self._wish(), key))

    def _booked(self, key: str, status: int, body: Json) -> None:
        if status == 201:
            known = self._memory.keys.setdefault(key, body["id"])
            if known != body["id"]:
                self._memory.contradictions.append(f"{key} became {known} and {body['id']}")
            self._memory.bookings.setdefault(body["id"], False)
            self._mine.append(body["id"])

    def _wait(self) -> None:
        """Stand in line for some of the morning."""
        if self._entry is None:
            first, last = sorted(self._dice.sample(range(len(STARTS) + 1), 2))
            window = {"from": (DAY + timedelta(hours=8, minutes=30 * first)).isoformat()}
            window["to"] = (DAY + timedelta(hours=8, minutes=30 * last)).isoformat()
            wish = {"serviceId": self._dice.choice(self._services), **window}
            status, entry = self._ask("POST", "/waitlist", wish, self._key())
            self._entry = entry["id"] if status == 201 else None

    def _look(self) -> None:
        """Look whether there is an offer: accept it, refuse it, or leave it alone."""
        if self._entry is None:
            return
        status, entry = self._ask("GET", f"/waitlist/{self._entry}", None, None)
        if status != 200 or entry["state"] not in ("waiting", "offered"):
            self._entry = None
        elif offer := entry["offer"]:
            self._memory.offers.add(offer["holdId"])
            self._answer(offer["holdId"])

    def _answer(self, hold_id: str) -> None:
        outcome, path = self._dice.random(), f"/waitlist/{self._entry}"
        if outcome < 0.6:
            key = self._key()
            status, body = self._ask("POST", f"{path}/accept", {"holdId": hold_id}, key)
            self._booked(key, status, body)
            if status == 201:
                if self._memory.accepted.setdefault(hold_id, body["id"]) != body["id"]:
                    self._memory.contradictions.append(f"offer {hold_id} became two bookings")
                self._entry = None
        elif outcome < 0.8:
            self._ask("POST", f"{path}/decline", {"holdId": hold_id}, None)
        elif outcome < 0.85:
            self._ask("DELETE", path, None, None)

    def _move(self) -> None:
        if self._mine:
            start = self._dice.choice(STARTS).isoformat()
            self._ask("PATCH", f"/bookings/{self._dice.choice(self._mine)}", {"startAt": start}, None)

    def _call_off(self) -> None:
        if self._mine:
            id = self._mine.pop(self._dice.randrange(len(self._mine)))
            status, _ = self._ask("POST", f"/bookings/{id}/cancel", {}, self._key())
            if status == 200:
                self._memory.bookings[id] = True

    def _key(self) -> str:
        self._wishes += 1
        return f"customer {self._number}, wish {self._wishes}"

    def _ask(self, method: str, path: str, body: Any, key: str | None) -> tuple[int, Json]:
        """Repeat the request until there is an answer that says what happened."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            began = time.monotonic()
            try:
                status, answer = self._once(method, path, body, key)
            except (OSError, http.client.HTTPException) as error:
                self._hang_up()
                status, answer = 0, {"detail": repr(error)}
            what = f"{method} {path.split('/')[1]} {status or 'no answer'}"
            self._memory.answers[what] += 1
            if status in CALM:
                return status, answer
            if 0 < status < 500:
                self._memory.contradictions.append(f"{what}: {answer}")
                return status, answer
            since = self._opened if status == 0 else began
            self._memory.trouble.append(Trouble(time.monotonic(), since, f"{what}: {answer.get('detail')}"))
            assert time.monotonic() < deadline, f"{method} {path} has no outcome: {status} {answer}"
            time.sleep(self._dice.uniform(0.1, 0.4))


class Killer:
    """Kills a web worker, then the worker process, and so on, with pauses in which everything must be well."""

    def __init__(self, service: Service, seed: int, pause: float) -> None:
        self._service, self._pause = service, pause
        self._dice = random.Random(f"{seed} killer")
        #: when (time.monotonic), and what
        self.kills: list[tuple[float, str]] = []

    def rage(self, seconds: float) -> None:
        """Kill every so often until the time is over."""
        ends = time.monotonic() + seconds
        time.sleep(min(2.0, self._pause))
        while time.monotonic() + self._pause < ends:
            began = time.monotonic()
            self._kill(("web worker", "worker")[len(self.kills) % 2])
            time.sleep(max(0.0, began + self._pause - time.monotonic()))
        time.sleep(max(0.0, ends - time.monotonic()))

    def _kill(self, kind: str) -> None:
        self.kills.append((time.monotonic(), kind))
        if kind == "web worker":
            os.kill(self._dice.choice(self._service.children("web")), signal.SIGKILL)
            return
        self._service.kill(kind)
        time.sleep(0.5)
        self._service.start(kind)
