"""The service and its model side by side: whatever is done is done to both.

Every method sends requests to the real app, on a real PostgreSQL, and writes into the model what the answer says was
done. Names of people, resources and services are those of the model; minutes are minutes since 1970.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from werkzeug.test import TestResponse

from bookings import clock
from bookings.auth import Actor
from bookings.availability import service as availability
from bookings.availability import slots
from bookings.booking import moving
from tests.factories import World
from tests.support.model import Booking, Closure, Hours, Layer, Resource, Service, Town, Wish
from tests.support.people import Client

Json = dict[str, Any]
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: what a machine makes; people stay
_EMPTY = """TRUNCATE allocations, bookings, booking_departures, series, holds, booking_history, reminders, outbox,
            closures, schedule_days, schedules, service_requirements, service_resources, services, audit_entries,
            resources CASCADE"""
_numbers = itertools.count(1)


def text(minute: float) -> str:
    """An instant as the API takes and gives it."""
    return datetime.fromtimestamp(minute * 60, UTC).isoformat().replace("+00:00", "Z")


def minute_of(instant: str) -> int:
    """The minute of an instant in an answer."""
    seconds = int(datetime.fromisoformat(instant).timestamp())
    assert seconds % 60 == 0, instant
    return seconds // 60


def spans(hours: Hours) -> list[Json]:
    """Hours as the API takes them; what passes midnight ends on the next day's clock."""

    def clock_(minutes: int) -> str:
        minutes -= 1440 if minutes > 1440 else 0
        return f"{minutes // 60:02}:{minutes % 60:02}"

    return [{"from": clock_(begins), "to": clock_(ends)} for begins, ends in hours]


class House:
    """The service, empty, and an empty model of it."""

    def __init__(self, client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.client, self.world = client, world
        self.town = Town(ZoneInfo("UTC"), 0)
        self.people: dict[str, Actor] = {}
        self.ids: dict[str, str] = {}
        self.admin = world.admin()
        monkeypatch.setattr(clock, "now", lambda: datetime.fromtimestamp(self.town.now * 60, UTC))

    def empty(self, zone: ZoneInfo, now: float) -> None:
        """Begin anew, where and when."""
        self.world.query("SET session_replication_role = replica")  # some of it refuses to be emptied
        self.world.query(_EMPTY)
        self.world.query("SET session_replication_role = DEFAULT")
        settings = self.client.app.extensions["settings"]
        self.client.app.extensions["settings"] = replace(settings, business_time_zone=zone.key)
        self.town, self.ids, self.people = Town(zone, now), {}, {}

    def call(self, method: str, path: str, body: Any = None, who: str = "", **rest: Any) -> TestResponse:
        """A request of somebody, of an admin unless told whose."""
        actor = self.people[who] if who else self.admin
        return self.client.call(method, path, body, token=self.client.token(actor), **rest)

    def done(self, method: str, path: str, body: Any = None, who: str = "", **rest: Any) -> Json:
        """The same, for what must not be refused."""
        answer = self.call(method, path, body, who, **rest)
        assert answer.status_code < 300, f"{method} {path} {body}: {answer.text}"
        return dict(answer.get_json(silent=True) or {})

    # Who and what there is

    def person(self, name: str) -> None:
        """A customer."""
        self.people[name] = self.world.user()

    def resource(self, resource: Resource) -> None:
        """Something to be booked."""
        self.ids[resource.name] = id = str(uuid4())
        self.world.query(
            """INSERT INTO resources (id, kind, name, time_zone, capacity, auto_confirm, active, created_at, updated_at)
               VALUES (%s, %s, %s, %s, %s, true, %s, now(), now())""",
            id,
            resource.kind,
            resource.name,
            resource.zone.key,
            resource.capacity,
            resource.active,
        )
        self.town.resources[resource.name] = resource

    def service(self, service: Service, lengths: Iterable[int]) -> None:
        """Something to be sold."""
        body = {
            "name": f"{service.name} {next(_numbers)}",
            "durations": [{"minutes": minutes, "price": 0} for minutes in lengths],
            "currency": "EUR",
            **self._terms(service),
            "resourceIds": [self.ids[name] for name in service.deliverers],
            "requirements": [
                {"kind": one.kind, "count": one.count, "resourceIds": [self.ids[name] for name in one.names]}
                for one in service.needs
            ],
        }
        self.ids[service.name] = self.done("POST", "/services", body)["id"]
        self.town.services[service.name] = service

    def change_service(self, name: str, **changes: int) -> None:
        """Other buffers, or another number of places."""
        service = replace(self.town.services[name], **changes)  # type: ignore[arg-type]
        self.done("PATCH", f"/services/{self.ids[name]}", self._terms(service))
        self.town.services[name] = service

    @staticmethod
    def _terms(service: Service) -> Json:
        return {
            "bufferBeforeMinutes": service.before,
            "bufferAfterMinutes": service.after,
            "capacity": service.places,
            "maxPartySize": service.places,
        }

    # What the layers say

    def layer(self, name: str) -> Layer:
        """What the business (""), a service or a resource says in the model."""
        if not name:
            return self.town.business
        return (self.town.resources.get(name) or self.town.services[name]).layer

    def _address(self, name: str) -> str:
        if not name:
            return "/schedules/business"
        return f"/schedules/{'resources' if name in self.town.resources else 'services'}/{self.ids[name]}"

    def say(self, name: str, weekly: list[Hours] | None, holidays: str | None, rules: Json) -> None:
        """What a layer says from now on; its single dates stay."""
        body: Json = {
            "weekly": None if weekly is None else dict(zip(WEEKDAYS, map(spans, weekly), strict=True)),
            "rules": rules,
        }
        if name not in self.town.services:
            body["holidays"] = holidays
        self.done("PUT", self._address(name), body)
        layer = self.layer(name)
        layer.weekly, layer.rules = weekly, rules
        layer.holidays = holidays if name not in self.town.services else None

    def add_rules(self, name: str, rules: Json) -> None:
        """A layer says some rules more; the rest of what it says stays."""
        layer = self.layer(name)
        off = [one for one in layer.rules.get("off", ()) if one not in rules]
        self.say(name, layer.weekly, layer.holidays, {**layer.rules, **rules, "off": off})

    def say_of_day(self, name: str, day: date, hours: Hours) -> None:
        """Other hours on one date."""
        self.done("PUT", f"{self._address(name)}/days/{day}", {"hours": spans(hours)})
        self.layer(name).days[day] = hours

    def unsay_day(self, name: str, day: date) -> None:
        """The usual hours of a date again."""
        self.done("DELETE", f"{self._address(name)}/days/{day}")
        del self.layer(name).days[day]

    def close(self, name: str | None, begins: int, ends: int) -> None:
        """Nothing new in a time, of one resource or of all."""
        ids = [UUID(self.ids[name])] if name else None
        self.world.query(
            "INSERT INTO closures (id, resource_id, during, kind, created_at)"
            " VALUES (%s, %s, tstzrange(%s, %s), 'blackout', now())",
            uuid4(),
            ids[0] if ids else None,
            text(begins),
            text(ends),
        )
        self.world.query(
            "UPDATE resources SET schedule_version = schedule_version + 1 WHERE id = ANY (%s) OR %s", ids or [], not ids
        )
        self.town.closures.append(Closure(name, begins, ends))

    # What can be booked, and booking it

    def shown(self, wish: Wish, lower: int, upper: int) -> dict[int, set[str]]:
        """The slots that are found for a wish between two minutes, and who could take each."""
        database, settings = self.client.app.extensions["database"], self.client.app.extensions["settings"]
        begins, ends = (datetime.fromtimestamp(minute * 60, UTC) for minute in (lower, upper))
        customer = self.people[wish.customer]
        if wish.moves:
            with database.transaction() as tx:
                row = tx.one("SELECT * FROM bookings WHERE id = %(id)s", {"id": UUID(wish.moves)})
            found = moving.read_booking(database, settings, row, begins, ends)
        else:
            found = availability.read(
                database,
                settings=settings,
                service_id=UUID(self.ids[wish.service]),
                lower=begins,
                upper=ends,
                minutes=wish.minutes,
                party_size=wish.party,
                customer_id=customer.id,
                named={"resourceId": UUID(self.ids[wish.resource])} if wish.resource else None,
            )
        names = {id: name for name, id in self.ids.items()}
        return {slot.start // 60: {names[str(one.id)] for one in slot.candidates} for slot in slots.find(found)}

    def book(self, wish: Wish, start: int) -> TestResponse:
        """Book a service. What is booked is in the model, too."""
        answer = self.call("POST", "/bookings", self._wished(wish, start), who=wish.customer)
        if answer.status_code == 201:
            self._booked(answer, self.town.claim(wish, start))
        return answer

    def _wished(self, wish: Wish, start: int) -> Json:
        body: Json = {
            "serviceId": self.ids[wish.service],
            "startAt": text(start),
            "endAt": text(start + wish.minutes),
            "partySize": wish.party,
        }
        if wish.resource:
            body["resourceId"] = self.ids[wish.resource]
        return body

    def book_plainly(self, wish: Booking) -> TestResponse:
        """Book one or two resources without a service."""
        body = {"startAt": text(wish.start), "endAt": text(wish.end), "units": wish.units}
        body |= dict(zip(("resourceId", "workspaceId"), (self.ids[name] for name in wish.resources), strict=False))
        answer = self.call("POST", "/bookings", body, who=wish.customer)
        if answer.status_code == 201:
            self._booked(answer, wish)
        return answer

    def overbook(self, wish: Booking) -> TestResponse:
        """Staff book resources without a service, whatever the rules say and beside what is there."""
        body = {"startAt": text(wish.start), "endAt": text(wish.end), "userId": str(self.people[wish.customer].id)}
        body |= dict(zip(("resourceId", "workspaceId"), (self.ids[name] for name in wish.resources), strict=False))
        answer = self.call("POST", "/bookings", {**body, "override": True, "overbook": True, "reason": "Asked for."})
        if answer.status_code == 201:
            full = [name for name in wish.resources if not self.town.fits(self.town.resources[name], wish)]
            assert answer.get_json()["overbooked"] == bool(full), f"{wish}: {answer.text}"
            self._booked(answer, replace(wish, beside=tuple(full)))
        return answer

    def book_series(self, wish: Wish, start: int, count: int) -> Json:
        """Book the same on so many days, as far as it can be had. Its bookings are not in the model yet."""
        body = {"rrule": f"FREQ=DAILY;COUNT={count}", "timeZone": self.town.zone.key, "onConflict": "skip"}
        return self.done("POST", "/bookings/series", {**self._wished(wish, start), **body}, who=wish.customer)

    def know(self, booking: Booking, resource_ids: list[str]) -> None:
        """What was booked by other ways is in the model, too."""
        names = {id: name for name, id in self.ids.items()}
        resources = tuple(names[id] for id in resource_ids)
        self.town.bookings[booking.id] = replace(booking, resources=resources)

    def take_places(self) -> None:
        """Something has left: what stood beside it may have taken its place. Which did is the service's to say; that
        there was room for it is looked at."""
        rows = self.world.query(
            "SELECT booking_id, resource_id FROM allocations WHERE overbooked AND released_at IS NULL"
        )
        marked = {(str(row["booking_id"]), str(row["resource_id"])) for row in rows}
        for booking in [one for one in self.town.bookings.values() if one.beside]:
            beside = tuple(name for name in booking.beside if (booking.id, self.ids[name]) in marked)
            for name in set(booking.beside) - set(beside):
                assert self.town.fits(self.town.resources[name], booking), f"{booking} took a place that is taken"
            self.town.bookings[booking.id] = replace(booking, beside=beside)

    def _booked(self, answer: TestResponse, claim: Booking) -> None:
        document = answer.get_json()
        self.know(replace(claim, id=document["id"]), document["resourceIds"])

    def hold(self, wish: Wish, start: int) -> TestResponse:
        """Keep a time for a while."""
        answer = self.call("POST", "/holds", self._wished(wish, start), who=wish.customer)
        if answer.status_code == 201:
            self._booked(answer, replace(self.town.claim(wish, start), is_hold=True))
        return answer

    def release(self, id: str) -> None:
        """Give a held time back."""
        self.done("DELETE", f"/holds/{id}", who=self.town.bookings[id].customer)
        del self.town.bookings[id]

    def expire(self, id: str) -> None:
        """Let a hold end by itself, and nobody sweep it away."""
        past = """WITH past AS (SELECT clock_timestamp() - interval '1 microsecond' AS at), claims AS (
                UPDATE allocations SET expires_at = at FROM past WHERE hold_id = %s)
            UPDATE holds SET expires_at = at FROM past WHERE id = %s"""
        self.world.query(past, UUID(id), UUID(id))
        del self.town.bookings[id]

    def book_held(self, id: str) -> TestResponse:
        """Make a booking of a hold."""
        hold = self.town.bookings[id]
        answer = self.call("POST", "/bookings", {"holdId": id}, who=hold.customer)
        if answer.status_code == 201:
            del self.town.bookings[id]
            self._booked(answer, replace(hold, is_hold=False))
        return answer

    def cancel(self, id: str) -> None:
        """Call a booking off, even one that has begun."""
        self.done("POST", f"/bookings/{id}/cancel", {"override": True, "reason": "Asked for."})
        del self.town.bookings[id]
        self.take_places()

    def move(self, id: str, start: int) -> TestResponse:
        """Move a booking; it keeps its length."""
        booking = self.town.bookings[id]
        answer = self.call("PATCH", f"/bookings/{id}", {"startAt": text(start)}, who=booking.customer)
        if answer.status_code == 200:
            length = booking.end - booking.start
            self.town.bookings[id] = replace(booking, start=start, end=start + length)
            self.take_places()
        return answer
