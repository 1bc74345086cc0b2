"""Replaying: rooms, rate plans, guests, then every stay with all that happened to it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

from tqdm import tqdm

from replaying import money
from replaying.api import Api, ApiError, Reply
from replaying.money import Plan, pays, plan_of, prepaid
from replaying.stays import ZONE, Stay, by_room, peak

S = TypeVar("S")
T = TypeVar("T")
#: of the replayed guests, who are nobody
PASSWORD = "replay of hotel bookings"  # noqa: S105 (it opens nothing but what this script made)
_REASON = "replayed: in the file this day has come"
#: the last action, and whether it must override because the day has not come. Guests call off, admins do the rest
_ENDS = {"cancelled": ("cancel", False), "completed": ("complete", True), "no_show": ("no-show", True)}


@dataclass(frozen=True, slots=True)
class Guest:
    """A customer: the id under which an admin books, and the service as this customer uses it."""

    id: str
    api: Api


@dataclass
class Outcome:
    """What became of the stays, as the service answered: booking ids of the accepted, the stays that were refused."""

    run: str
    resources: dict[str, str] = field(default_factory=dict)
    capacities: dict[str, int] = field(default_factory=dict)
    services: dict[Plan, str] = field(default_factory=dict)
    accepted: dict[int, str] = field(default_factory=dict)
    refused: list[Stay] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    passes: list[tuple[int, int]] = field(default_factory=list)
    #: of the stays that were asked of /slots before they were booked: how many were shown, and where booking said else
    shown: Counter[bool] = field(default_factory=Counter)
    not_as_shown: list[str] = field(default_factory=list)


class Replay:
    """One replay under a name; the same name and file give the same idempotency keys, and so change nothing twice."""

    def __init__(self, api: Api, *, run: str, factor: float, threads: int, as_shown: bool = False) -> None:
        self._api, self._factor, self._threads, self._as_shown = api, factor, threads, as_shown
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

    def services(self, stays: list[Stay]) -> None:
        """Offer each rate plan of the file as a service."""
        plans = list(money.services(stays, self.outcome.resources, self.outcome.run).items())

        def offer(plan: tuple[Plan, dict[str, Any]]) -> None:
            key = self._key("plan-" + "-".join(map(str, plan[0])))
            reply = self._expect(201, self._api.call("POST", "/services", plan[1], key=key))
            self.outcome.services[plan[0]] = str(reply.body["id"])

        self._all(offer, plans, "rate plans")

    def guests(self, count: int) -> list[Guest]:
        """Register customers, or sign them in when they are there from an earlier run.

        A few suffice: each costs a password hash, and SIGN_IN_RATE_LIMIT counts them.
        """
        return [self._guest(number) for number in tqdm(range(1, count + 1), desc="guests", unit="")]

    def _guest(self, number: int) -> Guest:
        who = {"email": f"guest-{number}@replay.example.com", "password": PASSWORD}

        def sign_in() -> dict[str, Any]:
            return self._expect(200, self._api.call("POST", "/auth/login", who)).body

        reply = self._api.call("POST", "/auth/register", who | {"name": f"Guest {number}", "timeZone": "Europe/Lisbon"})
        known = reply.status == 409 and reply.body["code"] == "email-taken"
        session = sign_in() if known else self._expect(201, reply).body
        api = self._api.acting(str(session["accessToken"]), lambda: str(sign_in()["accessToken"]))
        return Guest(str(session["user"]["id"]), api)

    def stays(self, stays: list[Stay], guests: list[Guest]) -> None:
        """Book every stay and let happen what happened; then whoever was refused asks again, as long as
        cancellations have made room. At the end nothing that was refused would fit, so a repetition ends the same."""
        waiting, cancelled = stays, 1
        while waiting and cancelled:
            booked = self._book(waiting, guests)
            cancelled = self._carry_on(booked, guests)
            self.outcome.passes.append((len(waiting), len(booked)))
            waiting = [stay for stay in waiting if stay.number not in self.outcome.accepted]
        self.outcome.refused = waiting

    def _book(self, stays: list[Stay], guests: list[Guest]) -> list[Stay]:
        """Those whose stay was accepted. As shown: each asks /slots first, one after the other."""

        def book(stay: Stay) -> Stay | None:
            shown = self._as_shown and self._is_shown(stay)
            reply = self._ask_for(stay, guests)
            if self._as_shown and not reply.replayed:
                self._compare(stay, shown, reply)
            if reply.status == 409 and reply.body["code"] == "slot-taken":
                return None
            self.outcome.accepted[stay.number] = str(self._expect(201, reply).body["id"])
            return stay

        if not self._as_shown:
            return [stay for stay in self._all(book, stays, "bookings") if stay]
        rooms = self._all(lambda its: [book(stay) for stay in its], list(by_room(stays).values()), "rooms")
        return [stay for its in rooms for stay in its if stay]

    def _is_shown(self, stay: Stay) -> bool:
        """Whether /slots shows the very stay: that many minutes from that instant."""
        day = stay.arrival.isoformat()
        query = {
            "serviceId": self.outcome.services[plan_of(stay)],
            "from": day,
            "to": day,
            "timeZone": ZONE.key,
            "duration": stay.minutes,
        }
        reply = self._expect(200, self._api.call("GET", f"/slots?{urlencode(query)}"))
        self._count("slots", reply)
        times = {(slot["startAt"], slot["endAt"]) for day in reply.body["days"] for slot in day["slots"]}
        return tuple(at.isoformat().replace("+00:00", "Z") for at in (stay.start, stay.end)) in times

    def _compare(self, stay: Stay, shown: bool, reply: Reply) -> None:
        with self._lock:
            self.outcome.shown[shown] += 1
            if shown != (reply.status == 201):
                self.outcome.not_as_shown.append(
                    f"row {stay.number} was {'' if shown else 'not '}shown: {reply.problem}"
                )

    def _ask_for(self, stay: Stay, guests: list[Guest]) -> Reply:
        body = {
            "userId": guests[stay.number % len(guests)].id,
            "serviceId": self.outcome.services[plan_of(stay)],
            "startAt": stay.start.isoformat(),
            "endAt": stay.end.isoformat(),
            "title": f"{stay.room}, {stay.nights} nights" if stay.nights else f"{stay.room}, day use",
            "notes": f"row {stay.number}: {stay.guests}",
        }
        reply = self._api.call("POST", "/bookings", body, key=self._key(str(stay.number)))
        self._count("create", reply)
        return reply

    def _carry_on(self, stays: list[Stay], guests: list[Guest]) -> int:
        """Changes, money and the end of each stay; returns how many were cancelled just now (not in an earlier run)."""

        def carry_on(stay: Stay) -> bool:
            path = f"/bookings/{self.outcome.accepted[stay.number]}"
            self._change(stay, path)
            if prepaid(stay):
                self._pay(stay, path)
            elif stay.ends_as != "cancelled":
                self._act(self._api, stay, path, "confirm", False)
            action, override = _ENDS[stay.ends_as]
            guest = guests[stay.number % len(guests)]
            who = guest.api if action == "cancel" else self._api
            reply = self._act(who, stay, path, action, override)
            if not prepaid(stay):
                self._pay(stay, path)
            return stay.ends_as == "cancelled" and not reply.replayed

        return sum(self._all(carry_on, stays, "what became of them"))

    def _pay(self, stay: Stay, path: str) -> None:
        """The hotel says that the money came in, by the gateway for money that moves elsewhere. Payments that need it
        confirm their booking."""
        if not pays(stay):
            return
        begun = self._api.call("POST", f"{path}/payments", {"gateway": "manual"}, key=self._key(f"{stay.number}-pay"))
        self._count("pay", self._expect((200, 201), begun))
        taken = f"/payments/{begun.body['id']}/capture"
        reply = self._api.call("POST", taken, {}, key=self._key(f"{stay.number}-capture"))
        self._count("capture", self._expect((200, 202), reply))

    def _change(self, stay: Stay, path: str) -> None:
        """PATCH as often as the file counts changes. The version makes it repeatable: 412 says it was made before."""
        for change in range(1, stay.changes + 1):
            body = {"notes": f"row {stay.number}: {stay.guests}; changed {change} times"}
            reply = self._api.call("PATCH", path, body, if_match=f'"{change}"')
            self._count("change", reply if reply.status == 412 else self._expect(200, reply))

    def _act(self, who: Api, stay: Stay, path: str, action: str, override: bool) -> Reply:
        body = {"override": True, "reason": _REASON} if override else {}
        reply = who.call("POST", f"{path}/{action}", body, key=self._key(f"{stay.number}-{action}"))
        self._count(action, reply)
        return self._expect(200, reply)

    def _all(self, work: Callable[[S], T], things: list[S], what: str) -> list[T]:
        """Do the work for every stay or plan, many at a time, under a progress bar."""
        with ThreadPoolExecutor(self._threads) as pool, tqdm(total=len(things), desc=what, unit="") as bar:

            def one(thing: S) -> T:
                done = work(thing)
                bar.update()
                return done

            futures = [pool.submit(one, thing) for thing in things]
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
    def _expect(status: int | tuple[int, ...], reply: Reply) -> Reply:
        allowed = (status,) if isinstance(status, int) else status
        if reply.status not in allowed:
            raise ApiError(f"The service answered {reply.problem!r} instead of {allowed[0]}; its log tells why.")
        return reply
