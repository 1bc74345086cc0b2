"""Two wait for a time, and a crowd hammers for it by every door while it becomes free: the line is asked first, in
order. Over HTTP, with a real worker and a relay. Without what keeps freed time the same crowd overtakes the line."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bookings.auth import Actor
from tests.factories import World
from tests.race.crowd import ROUNDS, Crowd, Reply, Request, at, create
from tests.support.patience import patient
from tests.support.service import Service, ServiceOptions

pytestmark = [pytest.mark.race, pytest.mark.slow]
SERVICE = ServiceOptions(processes=("web", "relay", "worker"), env={"RATE_LIMIT": "off", "OFFER_TTL": "60s"})
#: clients that hammer at a time
HAMMERS = 16
#: so often it is tried to overtake an unguarded line, however few rounds the others have
TRIES = 20
#: hours of the test day at which those begin who then try to move
_LATER = 30


@pytest.fixture(scope="module")
def quiet(service: Service) -> Iterator[Crowd]:
    """Whoever does not hammer."""
    crowd = Crowd(service, 4)
    yield crowd
    crowd.close()


class Scene:
    """A provider whose hour from nine to ten somebody has, two who wait for it, and many who want it."""

    def __init__(self, quiet: Crowd, world: World, how: str) -> None:
        self._quiet, self._world, self._how = quiet, world, how
        self.provider, self.booker = world.provider(), world.user()
        body: dict[str, Any] = {"name": "Rush", "slug": f"rush-{world.user().id.hex}", "currency": "EUR"}
        body |= {"durations": [{"minutes": 60, "price": 100}], "resourceIds": [str(self.provider.id)]}
        self.service_id = self.done("POST", "/services", body, world.admin())["id"]
        wish = {"serviceId": self.service_id, "startAt": at(9)}
        self.taken = self.done("POST", "/holds" if how == "lapses" else "/bookings", wish, self.booker)
        self.waiting = [world.user() for _ in range(2)]
        line = {"serviceId": self.service_id, "from": at(9), "to": at(10)}
        self.entries = [self.done("POST", "/waitlist", line, person)["id"] for person in self.waiting]
        self.hammers = [self._hammer(number, world.user()) for number in range(HAMMERS)]

    def done(self, method: str, path: str, body: dict[str, Any], actor: Actor) -> dict[str, Any]:
        """A request that succeeds."""
        reply = self._quiet.one(Request(method, path, body, actor))
        assert reply.status in (200, 201), reply.body
        return reply.body

    def _hammer(self, number: int, person: Actor) -> Request:
        """A way to the hour: the service, plain time, a hold of either, a series, or a booking that moves."""
        service: dict[str, Any] = {"serviceId": self.service_id, "startAt": at(9)}
        plain: dict[str, Any] = {"providerId": str(self.provider.id), "startAt": at(9), "endAt": at(10)}
        if number % 6 == 5:
            hour = _LATER + number
            own = self.done("POST", "/bookings", plain | {"startAt": at(hour), "endAt": at(hour + 1)}, person)
            return Request("PATCH", f"/bookings/{own['id']}", {"startAt": at(9)}, person)
        return [
            Request("POST", "/bookings", plain, person),
            Request("POST", "/bookings", service, person),
            Request("POST", "/holds", service, person),
            Request("POST", "/holds", plain, person),
            Request("POST", "/bookings/series", plain | {"rrule": "FREQ=DAILY;COUNT=1"}, person),
        ][number % 6]

    def free(self) -> None:
        """The hour becomes free: it is called off, moved away, or its hold ends in a moment."""
        path = f"/bookings/{self.taken['id']}"
        if self._how == "cancelled":
            self.done("POST", f"{path}/cancel", {}, self.booker)
        elif self._how == "moved":
            self.done("PATCH", path, {"startAt": at(_LATER + HAMMERS + 1)}, self.booker)
        else:
            self._world.query(
                """WITH soon AS (SELECT clock_timestamp() + interval '40 ms' AS at), held AS (
                       UPDATE holds SET expires_at = soon.at FROM soon WHERE id = %s RETURNING id)
                   UPDATE allocations SET expires_at = soon.at FROM soon, held WHERE hold_id = held.id""",
                self.taken["id"],
            )

    def offered(self) -> list[str]:
        """To whom it was offered, in order."""
        rows = self._world.query(
            "SELECT entry_id FROM waitlist_offers WHERE entry_id = ANY (%s::uuid[]) ORDER BY offered_at", self.entries
        )
        return [str(row["entry_id"]) for row in rows]

    def decline(self, number: int) -> None:
        """Somebody in line says no."""
        self.done("POST", f"/waitlist/{self.entries[number]}/decline", {}, self.waiting[number])


class Hammering:
    """The crowd at work until it is told to stop, or somebody gets in."""

    def __init__(self, crowd: Crowd, requests: list[Request]) -> None:
        self.replies: list[Reply] = []
        self._crowd, self._requests, self._stopping = crowd, requests, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stopping.is_set() and not self.got_in:
            self.replies += self._crowd.together(self._requests)

    @property
    def got_in(self) -> list[Reply]:
        """Those who got the hour."""
        return [reply for reply in self.replies if reply.status in (200, 201)]

    def __enter__(self) -> Hammering:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping.set()
        self._thread.join()


def _until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + patient(20)
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


@pytest.mark.parametrize("how", ["cancelled", "moved", "lapses"])
def test_nobody_overtakes_the_line(crowd: Crowd, quiet: Crowd, world: World, undisturbed: None, how: str) -> None:
    """The first is offered it, says no, the second is offered it, says no, and only then anybody gets it."""
    for _ in range(ROUNDS):
        _in_order(crowd, quiet, Scene(quiet, world, how), create(world.user(), 9, 10))


def _in_order(crowd: Crowd, quiet: Crowd, scene: Scene, anybody: Request) -> None:
    with Hammering(crowd, scene.hammers) as hammering:
        _until(lambda: hammering.replies)
        scene.free()
        _until(lambda: len(scene.offered()) == 1 or hammering.got_in)
        assert not hammering.got_in
        scene.decline(0)
        _until(lambda: len(scene.offered()) == 2 or hammering.got_in)
    assert {reply.status for reply in hammering.replies} == {409}
    assert scene.offered() == scene.entries
    scene.decline(1)
    anybody.body["providerId"] = str(scene.provider.id)
    _until(lambda: quiet.one(anybody).status == 201)


def _overtaken(crowd: Crowd, scene: Scene) -> bool:
    """Whether anybody got in before anybody was asked."""
    with Hammering(crowd, scene.hammers) as hammering:
        _until(lambda: hammering.replies)
        scene.free()
        _until(lambda: scene.offered() or hammering.got_in)
    return bool(hammering.got_in) and not scene.offered()


@pytest.mark.parametrize("how", ["cancelled", "lapses"])
def test_without_what_keeps_it_the_line_is_overtaken(crowd: Crowd, quiet: Crowd, world: World, how: str) -> None:
    """The test above can fail: the triggers that pass freed time on are gone, and somebody gets in first."""
    triggers = ("allocations_left_to_line", "allocations_changed_to_line")
    ended = world.query("SELECT pg_get_functiondef('ended_for_line'::regproc) AS text")[0]["text"]
    for trigger in triggers:
        world.query(f"ALTER TABLE allocations DISABLE TRIGGER {trigger}")
    world.query(ended.split("BEGIN")[0] + "BEGIN RETURN false; END $function$")
    try:
        assert any(_overtaken(crowd, Scene(quiet, world, how)) for _ in range(TRIES))
    finally:
        for trigger in triggers:
            world.query(f"ALTER TABLE allocations ENABLE TRIGGER {trigger}")
        world.query(ended)
