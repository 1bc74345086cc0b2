"""A machine that lives in the service and its model at once, and looks after each step whether they still agree."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from math import floor
from time import time
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.integration.availability.house import House, minute_of
from tests.support import wishes
from tests.support.model import Booking, Service, Town, Wish, is_holiday
from tests.support.wall import is_first, reached, shown
from tests.support.wishes import CUSTOMERS, FAR, LENGTHS, Near, Plan

#: what was done how often, of all machines of this process; what only looked is counted as "look"
done: Counter[str] = Counter()


@dataclass(frozen=True)
class Look:
    """Which slots are looked at after a step."""

    service: int
    length: int
    party: int
    customer: str
    shift: int
    zone: str
    named: int


looks = st.builds(
    Look,
    service=st.integers(0, 1),
    length=st.sampled_from(LENGTHS),
    party=st.sampled_from([1, 1, 1, 2, 3]),
    customer=st.sampled_from(CUSTOMERS),
    shift=st.sampled_from([0, 0, 0, 1, -1]),
    zone=st.sampled_from(sorted(wishes.DAYS)),
    named=st.sampled_from([0, 0, 0, 1, 2, 3]),
)
#: minutes from the middle of the day of interest
times = st.one_of(st.integers(-FAR // 15, FAR // 15).map(lambda n: n * 15), st.integers(-FAR, FAR))
numbers = st.integers(0, 1 << 16)
besides = st.sampled_from([None, *((where, by) for where in ("before", "after") for by in (-1, 0, 1))])


class Truth(RuleBasedStateMachine):
    """Set `house` before use."""

    house: House

    @initialize(plan=wishes.plans())
    def begin(self, plan: Plan) -> None:
        """A new house."""
        self.plan, self.day = plan, plan.day
        self.noon = reached(ZoneInfo("UTC"), plan.day, 720)
        self.house.empty(plan.zone, plan.now)
        for name in CUSTOMERS:
            self.house.person(name)
        for resource in plan.resources:
            self.house.resource(replace(resource, layer=type(resource.layer)()))
        for service in plan.services:
            self.house.service(replace(service, layer=type(service.layer)()), LENGTHS)
        self.names = ["", *self.town.resources, *self.town.services]
        if plan.weekly is not None:
            self.house.say("", plan.weekly, None, {})

    @property
    def town(self) -> Town:
        """The model."""
        return self.house.town

    def one_of(self, some: Any, number: int) -> Any:
        """One of some things that are there."""
        return sorted(some)[number % len(some)]

    # What the layers say

    @rule(number=numbers, weekly=wishes.weeks, holidays=wishes.holidays, data=st.data(), look=looks)
    def say(self, number: int, weekly: Any, holidays: str | None, data: st.DataObject, look: Look) -> None:
        """A layer says something else."""
        rules = data.draw(wishes.rules(self.day))
        self.house.say(self.one_of(self.names, number), weekly, holidays, rules)
        self.compare("say", look)

    # Hypothesis leaves out some rules of a machine; so what finds most is several rules.

    @rule(near=wishes.nears("resourceCaps", "customerCaps"), number=numbers, second=numbers, look=looks)
    def cap_nearly(self, near: Near, number: int, second: int, look: Look) -> None:
        """A layer has a cap that is just reached, or just not; then one more is tried."""
        self.say_nearly(near, number, second, look)

    @rule(near=wishes.nears("notice"), number=numbers, second=numbers, look=looks)
    def notice_nearly(self, near: Near, number: int, second: int, look: Look) -> None:
        """A layer asks for a notice that a start just keeps, or just not."""
        self.say_nearly(near, number, second, look)

    @rule(near=wishes.nears("rolling", "range"), number=numbers, second=numbers, look=looks)
    def window_nearly(self, near: Near, number: int, second: int, look: Look) -> None:
        """A layer has a window that begins or ends with a start, or just beside it."""
        self.say_nearly(near, number, second, look)

    @rule(near=wishes.nears("grid", "grid", "holidays"), number=numbers, second=numbers, look=looks)
    def grid_nearly(self, near: Near, number: int, second: int, look: Look) -> None:
        """A layer has a grid on which a start just lies, or just not; or rests on the public holidays of its day."""
        self.say_nearly(near, number, second, look)

    def say_nearly(self, near: Near, number: int, second: int, look: Look) -> None:
        """A layer says a rule that just allows, or just forbids, something that is shown; then it is tried."""
        found = self.compare("look", look)
        if not found:
            return
        start, service = self.one_of(found, number), self.town.services[self.wish(look).service]
        if near.kind == "holidays":
            name = self.one_of(["", *service.deliverers], second)
            layer, day = self.house.layer(name), shown(self.zone_of(service), start).date()
            places = [place for place in wishes.PLACES_WITH_HOLIDAYS if is_holiday(place, day)]
            self.house.say(name, layer.weekly, self.one_of(places or [""], second), layer.rules)
        else:
            names = ["", service.name, *service.deliverers, *service.deliverers]
            name = self.one_of(names, second)
            self.house.add_rules(name, self._nearly(near, service, look.customer, start, number))
        self._agree(f"say nearly: {near.kind}", look, start)
        if near.kind == "grid":  # of most use where clocks change
            self.compare("look", replace(look, shift=0, zone=self.zone_of(service).key))

    def zone_of(self, service: Service) -> ZoneInfo:
        """By whose clock a service is delivered."""
        return self.town.resources[service.deliverers[0]].zone if service.deliverers else self.town.zone

    def _nearly(self, near: Near, service: Service, customer: str, start: int, number: int) -> dict[str, Any]:
        """The rule that is said: at its very edge, or `by` one more or less."""
        zone, bookings = self.zone_of(service), self.town.bookings.values()
        wall, today = shown(zone, start), shown(zone, floor(self.town.now)).date()
        day, some = wall.date(), timedelta(days=near.by)
        if near.kind == "notice":
            return {"minimumNoticeMinutes": max(0, start - floor(self.town.now) + near.by)}
        if near.kind == "rolling":
            kind = "rolling" if near.unit == "day" else "businessDays"
            return {"bookingWindow": {"kind": kind, "days": max(0, (day - today + some).days)}}
        if near.kind == "range":
            first, last = (
                (day - timedelta(days=2), day + some) if near.unit == "day" else (day + some, day + 2 * abs(some))
            )
            return {"bookingWindow": {"kind": "range", "from": first.isoformat(), "to": last.isoformat()}}
        if near.kind == "grid":
            interval = (7, 20, 25, 50, 90)[number % 5]
            offset = (wall.hour * 60 + wall.minute + near.by) % interval
            return {"slotIntervalMinutes": interval, "slotOffsetMinutes": offset}
        if near.kind == "resourceCaps":
            counts = [sum(name in one.resources for one in bookings) for name in service.deliverers]
        else:
            counts = [sum(one.customer == customer for one in bookings)]
        return {near.kind: {near.unit: max([1, *(count + near.by for count in counts)])}}

    @rule(number=numbers, shift=st.integers(-1, 1), hours=wishes.single_days, unsay=st.booleans(), look=looks)
    def say_of_day(self, number: int, shift: int, hours: Any, unsay: bool, look: Look) -> None:
        """A layer has other hours on a date, or its usual ones again."""
        said = [(name, day) for name in self.names for day in self.house.layer(name).days]
        if said and unsay:
            self.house.unsay_day(*self.one_of(said, number))
        else:
            self.house.say_of_day(self.one_of(self.names, number), self.day + timedelta(days=shift), hours)
        self.compare("say of a day", look)

    @precondition(lambda self: len(self.town.closures) < 5)
    @rule(number=numbers, begins=times, length=st.one_of(st.integers(1, 60), st.integers(1, 600)), look=looks)
    def close(self, number: int, begins: int, length: int, look: Look) -> None:
        """A time is closed."""
        name = self.one_of(["", *self.town.resources], number) or None
        self.house.close(name, self.noon + begins, self.noon + begins + length)
        self.compare("close", look)

    @rule(number=numbers, before=st.sampled_from([0, 5, 15, 61]), after=st.sampled_from([0, 10, 60]), look=looks)
    def change_service(self, number: int, before: int, after: int, look: Look) -> None:
        """A service has other buffers."""
        self.house.change_service(self.one_of(self.town.services, number), before=before, after=after)
        self.compare("change a service", look)

    @rule(minutes=st.sampled_from([1, 15, 60, 300, 0.5]), look=looks)
    def wait(self, minutes: float, look: Look) -> None:
        """Time goes by."""
        if self.town.now + minutes < self.noon + FAR:
            self.town.now += minutes
            self.compare("wait", look)

    # Bookings

    @rule(look=looks, number=numbers)
    def book_shown(self, look: Look, number: int) -> None:
        """Whatever is shown can be booked."""
        found = self.compare("look", look)
        if found:
            wish, start = self.wish(look), self.one_of(found, number)
            answer = self.house.book(wish, start)
            assert answer.status_code == 201, f"{wish} at {self.wall(start)} is shown: {answer.text}"
            self.compare("book what is shown", look)

    @rule(look=looks, number=numbers, by=st.sampled_from([None, -15, -1, 1, 15]), time=times)
    def book_any(self, look: Look, number: int, by: int | None, time: int) -> None:
        """A time, or the same right beside what is shown, can be booked when the model says so, and else not."""
        found = self.compare("look", look) if by else []
        self._agree("book any time", look, self.one_of(found, number) + by if found and by else self.noon + time)

    def _agree(self, what: str, look: Look, start: int) -> None:
        wish = self.wish(look)
        expected = 201 if self.town.takers(wish, start) else (409, 422)
        self._expect(self.house.book(wish, start), expected, wish, start)
        self.compare(what, look)

    def _expect(self, answer: Any, expected: Any, wish: Any, start: int) -> None:
        right = answer.status_code == expected if isinstance(expected, int) else answer.status_code in expected
        assert right, f"{wish} at {self.wall(start)}: {answer.status_code}, expected {expected}: {answer.text}"

    @rule(number=numbers, second=numbers, time=times, beside=besides, length=st.integers(1, 200), look=looks)
    def book_plainly(self, number: int, second: int, time: int, beside: Any, length: int, look: Look) -> None:
        """A resource, or two, without a service: the same rules but the grid."""
        wish = self._plain(number, second, time, beside, length, look)
        expected = 201 if self.town.can_book_plainly(wish) else (409, 422)
        self._expect(self.house.book_plainly(wish), expected, wish, wish.start)
        self.compare("book plainly", look)

    @rule(number=numbers, second=numbers, time=times, beside=besides, length=st.integers(1, 200), look=looks)
    def overbook(self, number: int, second: int, time: int, beside: Any, length: int, look: Look) -> None:
        """Staff book whatever the rules say, but not the past; what stands beside others blocks nobody."""
        wish = self._plain(number, second, time, beside, length, look)
        expected = 201 if wish.start >= self.town.now else (409, 422)
        self._expect(self.house.overbook(wish), expected, wish, wish.start)
        self.compare("overbook", look)

    def _plain(self, number: int, second: int, time: int, beside: Any, length: int, look: Look) -> Booking:
        """Time of a resource, or of two; mostly right before or after what is taken, or over it by a minute."""
        first = self.one_of(self.town.resources, number)
        rooms = [one.name for one in self.town.resources.values() if one.kind == "workspace" and one.name != first]
        names = (first, self.one_of(rooms, second)) if rooms and second % 2 else (first,)
        there = [id for id, one in self.town.bookings.items() if set(names) & set(one.resources)]
        start = self.noon + time
        if there and beside:
            where, by = beside
            one = self.town.bookings[self.one_of(there, second)]
            start = by + (one.end + one.after if where == "after" else one.start - one.before - length)
        return Booking("new", names, start, start + length, customer=look.customer)

    @rule(look=looks, number=numbers, end=st.sampled_from(["", "", "release", "expire", "expire", "book"]))
    def hold(self, look: Look, number: int, end: str) -> None:
        """What is shown can be kept; not what has been, by the clock of PostgreSQL. It may end at once."""
        found = [one for one in self.compare("look", look) if one > time() // 60 + 60]
        if found and len(self.held) < 3:
            wish, start = self.wish(look), self.one_of(found, number)
            self._expect(self.house.hold(wish, start), 201, wish, start)
            self.compare("hold", look)
            if end:
                self._end(self.held[-1], end, look)
            if end != "book":
                self._agree("book what is held, or was", look, start)

    @precondition(lambda self: self.held)
    @rule(number=numbers, how=st.sampled_from(["release", "expire", "book"]), look=looks)
    def end_hold(self, number: int, how: str, look: Look) -> None:
        """A hold is given back, ends by itself, or becomes a booking."""
        self._end(self.one_of(self.held, number), how, look)

    def _end(self, id: str, how: str, look: Look) -> None:
        if how == "book":
            answer = self.house.book_held(id)
            assert answer.status_code == 201, answer.text
        else:
            getattr(self.house, how)(id)
        self.compare(f"hold: {how}", look)

    @rule(look=looks, number=numbers)
    def book_series(self, look: Look, number: int) -> None:
        """The same on three days by the clock, as far as it can be had."""
        found = self.compare("look", look)
        zone = self.town.zone
        if not found or not is_first(zone, start := self.one_of(found, number)):
            return
        wish, wall = self.wish(look), shown(zone, start)
        times: list[int] = []
        while len(times) < 3:
            time = reached(zone, wall.date(), wall.hour * 60 + wall.minute)
            times += [time] if shown(zone, time) == wall else []  # clocks may skip it
            wall += timedelta(days=1)
        occurrences = [one for one in self.house.book_series(wish, start, 3)["occurrences"] if one["startAt"]]
        assert [minute_of(one["startAt"]) for one in occurrences] == times
        for time, one in zip(times, occurrences, strict=True):
            takers = self.town.takers(wish, time)
            assert (one["outcome"] == "booked") == bool(takers), f"{wish} at {self.wall(time)}: {one}, {takers}"
            if takers:
                self.house.know(replace(self.town.claim(wish, time), id=one["bookingId"]), one["resourceIds"])
        self.compare("book a series", look)

    @property
    def held(self) -> list[str]:
        """Holds that have not ended."""
        return [id for id, one in self.town.bookings.items() if one.is_hold] if hasattr(self, "day") else []

    @property
    def booked(self) -> list[str]:
        """Bookings that stand."""
        return [id for id, one in self.town.bookings.items() if not one.is_hold] if hasattr(self, "day") else []

    @precondition(lambda self: self.booked)
    @rule(number=numbers, look=looks)
    def cancel(self, number: int, look: Look) -> None:
        """A booking is called off."""
        self.house.cancel(self.one_of(self.booked, number))
        self.compare("cancel", look)

    @precondition(lambda self: self.booked)
    @rule(number=numbers, second=numbers, time=times, look=looks, shown_one=st.booleans())
    def move(self, number: int, second: int, time: int, look: Look, shown_one: bool) -> None:
        """A booking of a service can move to what is shown for it, and only there, until it begins."""
        booking = self.town.bookings[self.one_of(self.booked, number)]
        if booking.service is None:
            return
        wish = Wish(booking.service, booking.end - booking.start, customer=booking.customer, moves=booking.id)
        found = self.compare_wish("look where to move", look, wish)
        start = self.one_of(found, second) if found and shown_one else self.noon + time
        if start == booking.start:
            return
        begun = self.town.now >= booking.start
        expected = 200 if self.town.takers(wish, start) and not begun else (409, 422)
        self._expect(self.house.move(booking.id, start), expected, wish, start)
        self.compare("move", look)

    # Looking

    def wish(self, look: Look) -> Wish:
        """What is looked for."""
        service = self.town.services[self.one_of(self.town.services, look.service)]
        resource = None
        if look.named:
            able = set(service.deliverers)
            for need in service.needs:
                able |= {one.name for one in self.town.resources.values() if one.kind == need.kind} & (
                    set(need.names) or set(self.town.resources)
                )
            resource = self.one_of(able, look.named)
        return Wish(service.name, look.length, min(look.party, service.places), look.customer, resource)

    def compare(self, what: str, look: Look) -> list[int]:
        """The slots that are shown for a look; they must be the model's."""
        done[what] += 1
        return self.compare_wish("", look, self.wish(look))

    def compare_wish(self, what: str, look: Look, wish: Wish) -> list[int]:
        """The same for a wish."""
        if what:
            done[what] += 1
        zone = ZoneInfo(look.zone)
        first = self.day + timedelta(days=look.shift)
        lower, upper = reached(zone, first, 0), reached(zone, first, 1440)
        if lower == upper:
            return []  # a date that never was
        slots = self.house.shown(wish, lower, upper)
        expected = self.town.answers(wish, lower, upper)
        assert list(slots) == list(expected), self.difference(wish, set(slots), set(expected))
        for start, found in slots.items():
            if not wish.resource and not wish.moves and self.town.services[wish.service].deliverers:
                assert found == expected[start], f"{wish} at {self.wall(start)}: {found}, expected {expected[start]}"
        return list(slots)

    def difference(self, wish: Wish, slots: set[int], expected: set[int]) -> str:
        """What is shown too much and too little."""
        wrong = [f"{wish}, now {self.wall(self.town.now)}"]
        wrong += [f"shown, not bookable: {self.wall(one)}" for one in sorted(slots - expected)[:5]]
        wrong += [f"bookable, not shown: {self.wall(one)}" for one in sorted(expected - slots)[:5]]
        return "\n".join([*wrong, repr(self.town)])

    def wall(self, minute: float) -> str:
        """A minute as UTC and as the business's clock shows it."""
        here = shown(self.town.zone, int(minute))
        return f"{shown(ZoneInfo('UTC'), int(minute)):%Y-%m-%d %H:%M}Z ({here:%H:%M} in {self.town.zone.key})"
