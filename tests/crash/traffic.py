"""Clients that go on booking whatever happens to the service, and remember what they were promised."""

from __future__ import annotations

import http.client
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from bookings.auth import Actor
from tests.crash.stubborn import Stubborn
from tests.support.service import Service

#: reminders come due so long before a start …
LEAD = timedelta(seconds=20)
#: … and the start is so much further away (seconds) when the booking is made
SOON = (4, 9)
#: how long (seconds) a client goes on asking for an outcome
_PATIENCE = 60


@dataclass
class Promise:
    """What a client was told about one key: the booking, its start, and what it did to it afterwards."""

    key: str
    booking: str
    start: datetime
    cancelled: bool = False


@dataclass
class Ledger:
    """Everything the clients know, by key. `contradictions` is for answers that cannot both be true."""

    promises: dict[str, Promise] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    answers: Counter[int | str] = field(default_factory=Counter)
    contradictions: list[str] = field(default_factory=list)


class Client(Stubborn):
    """One customer: books, sometimes changes or cancels, sometimes sends an old request again; until told to stop."""

    timeout = 10

    def __init__(self, number: int, seed: int, service: Service, actor: Actor, resources: list[UUID], ledger: Ledger):
        super().__init__(f"client {number}", seed, service, actor)
        self._resources, self._ledger, self._number = resources, ledger, number
        self._sent: dict[str, dict[str, Any]] = {}

    def _turn(self) -> None:
        key = f"client {self._number}, wish {len(self._sent)}"
        if self._sent and self._dice.random() < 0.1:
            key = self._dice.choice(sorted(self._sent))
        elif self._dice.random() < 0.9:
            start = datetime.now(UTC) + LEAD + timedelta(seconds=self._dice.uniform(*SOON))
            wish = {"startAt": start.isoformat(), "endAt": (start + timedelta(seconds=1)).isoformat()}
            self._sent[key] = wish | {"resourceId": str(self._dice.choice(self._resources))}
        if key in self._sent:
            self._book(key, self._sent[key])
        if self._dice.random() < 0.3:
            self._touch()

    def _book(self, key: str, wish: dict[str, Any]) -> None:
        """Send the request until its outcome is known, then compare it with what was said before."""
        status, body = self._ask("POST", "/bookings", wish, key)
        known = self._ledger.promises.get(key)
        if status == 201 and known is None:
            start = datetime.fromisoformat(wish["startAt"])
            self._ledger.promises[key] = Promise(key, body["id"], start)
            self._ledger.refused.discard(key)  # there was no room before; since then somebody cancelled
        elif status == 201 and known and known.booking != body["id"]:
            self._ledger.contradictions.append(f"{key} was {known.booking}, then {body['id']}")
        elif status in (409, 422) and known:
            self._ledger.contradictions.append(f"{key} was {known.booking}, then {body['code']}")
        elif status in (409, 422):
            self._ledger.refused.add(key)

    def _touch(self) -> None:
        """Cancel one of our bookings, or change a detail of it."""
        mine = [self._ledger.promises[key] for key in self._sent if key in self._ledger.promises]
        if not mine:
            return
        promise = self._dice.choice(mine[-5:])
        if self._dice.random() < 0.5:
            status, _ = self._ask("POST", f"/bookings/{promise.booking}/cancel", {}, f"cancel {promise.key}")
            promise.cancelled |= status == 200
        elif not promise.cancelled:
            self._ask("PATCH", f"/bookings/{promise.booking}", {"notes": str(self._dice.random())}, None)

    def _ask(self, method: str, path: str, body: Any, key: str | None) -> tuple[int, dict[str, Any]]:
        """Repeat the request until there is an answer that says what happened."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                status, answer = self._once(method, path, body, key)
            except (OSError, http.client.HTTPException) as error:
                self._hang_up()
                status, answer = 0, {"error": str(error)}
            self._ledger.answers[status or "no answer"] += 1
            if 0 < status < 500:
                return status, answer
            if status == 500:
                self._ledger.contradictions.append(f"500 for {method} {path}: {answer}")
                return status, answer
            assert time.monotonic() < deadline, f"{method} {path} has no outcome: {status} {answer}"
            time.sleep(self._dice.uniform(0.05, 0.3))
