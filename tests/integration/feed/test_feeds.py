"""Calendar feeds as calendar programs meet them: secret, revocable, cheap to ask again, and only what may be seen."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import icalendar
import pytest
import vobject
from flask import Flask
from werkzeug.test import TestResponse

from bookings import clock, create_app
from bookings.feed import service
from tests.factories import World
from tests.integration.booking.api import Api, Person, problem
from tests.support.people import NO_REDIS, settings_for

Json = dict[str, Any]
TITLE = "Sieglinde, long; very \\ long\nand 😀"


@pytest.fixture
def anna(api: Api, world: World) -> Person:
    """A customer."""
    return api.as_(world.user())


@pytest.fixture
def doctor(api: Api, world: World) -> Person:
    """A provider."""
    return api.as_(world.provider())


def made(person: Person, **wish: Any) -> Json:
    """A new feed."""
    answer = person.call("POST", "/calendar-feeds", wish)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    found: Json = answer.get_json()
    return found


def read(app: Flask, feed: Json, **headers: str) -> TestResponse:
    """The feed as a program asks for it, without a token of any kind."""
    path = feed["url"].removeprefix("http://localhost:8000")
    return app.test_client().get(path, headers={name.replace("_", "-"): text for name, text in headers.items()})


def parsed(text: bytes) -> list[Any]:
    """The entries of a calendar."""
    return list(icalendar.Calendar.from_ical(text).walk("VEVENT"))


def entries(answer: TestResponse) -> dict[str, Any]:
    """Its entries by UID, after both parsers have agreed on them."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    found = {str(event["uid"]): event for event in parsed(answer.data)}
    other = vobject.readOne(answer.get_data(as_text=True))
    seen = {event.uid.value: event for event in getattr(other, "vevent_list", ())}
    assert found.keys() == seen.keys()
    for uid, event in found.items():
        assert str(event["status"]) == seen[uid].status.value
        assert str(event["summary"]) == seen[uid].summary.value
        assert event["dtstart"].dt == seen[uid].dtstart.value
    return found


def test_one_sees_ones_bookings_and_what_becomes_of_them(api: Api, anna: Person, doctor: Person) -> None:
    feed = made(anna, name="Phone")
    assert feed["url"].startswith("http://localhost:8000/calendar/bkc_")
    assert entries(read(api.app, feed)) == {}
    booking = anna.booked(9, 10, providerId=doctor.id, title=TITLE, location="Room; 3,\nupstairs", notes="private")
    uid = f"booking-{booking['id']}@bookings"
    (event,) = entries(read(api.app, feed)).values()
    assert str(event["uid"]) == uid
    assert str(event["summary"]) == TITLE
    assert (int(event["sequence"]), str(event["status"])) == (1, "TENTATIVE")
    assert str(event["location"]) == "Room; 3,\nupstairs"
    assert str(event["url"]) == f"http://localhost:8000/bookings/{booking['id']}"
    assert "private" not in read(api.app, feed).text
    doctor.act(booking, "confirm")
    anna.change(booking, startAt=(datetime.fromisoformat(booking["startAt"]) + timedelta(days=1)).isoformat())
    (event,) = entries(read(api.app, feed)).values()
    assert (str(event["uid"]), int(event["sequence"]), str(event["status"])) == (uid, 3, "CONFIRMED")
    assert event["dtstart"].dt == datetime.fromisoformat(booking["startAt"]) + timedelta(days=1)
    anna.act(booking, "cancel")
    (event,) = entries(read(api.app, feed)).values()
    assert (int(event["sequence"]), str(event["status"])) == (4, "CANCELLED")


def test_an_owner_sees_who_comes_and_busy_tells_times_alone(
    api: Api, world: World, anna: Person, doctor: Person
) -> None:
    booking = anna.booked(11, 12, providerId=doctor.id, title=TITLE, location="Hidden place")
    full, busy = made(doctor, resourceId=str(doctor.id)), made(doctor, resourceId=str(doctor.id), kind="busy")
    (event,) = entries(read(api.app, full)).values()
    assert str(event["summary"]) == f"{TITLE} (Test customer)"
    (event,) = entries(read(api.app, busy)).values()
    assert str(event["summary"]) == "Busy"
    assert event["dtstart"].dt == datetime.fromisoformat(booking["startAt"])
    assert not {"DESCRIPTION", "LOCATION", "URL", "ATTENDEE", "ORGANIZER"} & set(event)
    text = read(api.app, busy).text
    for word in ("Sieglinde", "Hidden", "customer", "provider", str(anna.id), str(doctor.id)):
        assert word not in text


def test_what_was_passed_on_is_cancelled_where_it_was(
    api: Api, world: World, anna: Person, doctor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs that only add would keep it for ever; where it goes and what becomes of it is not told there."""
    colleague, admin = api.as_(world.provider()), api.as_(world.admin())
    feeds = {kind: made(doctor, resourceId=str(doctor.id), kind=kind) for kind in ("full", "busy")}
    theirs, mine = made(colleague, resourceId=str(colleague.id)), made(anna)
    booking = anna.booked(7, 8, providerId=doctor.id, title=TITLE, location="Hidden place")
    uid, start = f"booking-{booking['id']}@bookings", datetime.fromisoformat(booking["startAt"])

    def seen(feed: Json) -> tuple[int, str, datetime]:
        event = entries(read(api.app, feed))[uid]
        return int(event["sequence"]), str(event["status"]), event["dtstart"].dt

    before = read(api.app, feeds["full"])
    assert seen(feeds["full"]) == (1, "TENTATIVE", start)
    assert admin.act(booking, "reassign", resourceId=str(colleague.id)).status_code == 200
    later = start + timedelta(hours=3)
    anna.change(booking, startAt=later.isoformat(), title="Secret")
    for feed in feeds.values():
        assert seen(feed) == (2, "CANCELLED", start)
        text = read(api.app, feed).text
        for word in ("Sieglinde", "Secret", "Hidden", "customer", f"/bookings/{booking['id']}"):
            assert word not in text
    assert seen(theirs) == seen(mine) == (3, "TENTATIVE", later)
    after = read(api.app, feeds["full"], If_None_Match=before.headers["ETag"])
    assert after.status_code == 200
    assert read(api.app, feeds["full"], If_None_Match=after.headers["ETag"]).status_code == 304
    assert admin.act(booking, "reassign", resourceId=str(doctor.id)).status_code == 200
    assert seen(feeds["full"]) == seen(mine) == (4, "TENTATIVE", later)
    assert seen(theirs) == (4, "CANCELLED", later)
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(days=31))
    assert uid in entries(read(api.app, feeds["full"]))
    assert uid not in entries(read(api.app, theirs))


def test_asking_again_costs_one_statement_and_no_text(
    api: Api, anna: Person, doctor: Person, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = made(anna)
    booking = anna.booked(13, 14, providerId=doctor.id)
    first = read(api.app, feed)
    etag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    assert read(api.app, feed).data == first.data
    with monkeypatch.context() as patched:
        patched.setattr(service, "text", None)
        for headers in ({"If_None_Match": etag}, {"If_None_Match": f'W/{etag}, "x"'}, {"If_Modified_Since": modified}):
            again = read(api.app, feed, **headers)
            assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", etag)
    assert read(api.app, feed, If_None_Match='"other"', If_Modified_Since=modified).status_code == 200
    anna.change(booking, title="Other")
    changed = read(api.app, feed, If_None_Match=etag)
    assert changed.status_code == 200
    # What people and things are called stands in it, too.
    world.query("UPDATE resources SET name = 'Renamed', version = version + 1 WHERE id = %s", doctor.id)
    renamed = read(api.app, feed, If_None_Match=changed.headers["ETag"])
    assert renamed.status_code == 200
    assert "Renamed" in renamed.text


def test_what_is_shown_is_bounded(api: Api, anna: Person, doctor: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = made(anna)
    kept, called_off = anna.booked(15, 16, providerId=doctor.id), anna.booked(17, 18, providerId=doctor.id)
    anna.act(called_off, "cancel")
    start = datetime.fromisoformat(kept["startAt"])

    def seen(at: datetime) -> set[str]:
        monkeypatch.setattr(clock, "now", lambda: at)
        return {uid.removeprefix("booking-").removesuffix("@bookings") for uid in entries(read(api.app, feed))}

    now = datetime.now(UTC)
    assert seen(now) == {kept["id"], called_off["id"]}
    assert seen(now + timedelta(days=29)) == {kept["id"], called_off["id"]}
    assert seen(now + timedelta(days=31)) == {kept["id"]}
    assert seen(start + timedelta(days=29)) == {kept["id"]}
    assert seen(start + timedelta(days=32)) == set()
    assert seen(start - timedelta(days=366)) == set()


def test_a_program_that_asks_by_time_hears_of_what_comes_into_sight(
    api: Api, anna: Person, doctor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = made(anna)
    booking = anna.booked(19, 20, providerId=doctor.id)
    start = datetime.fromisoformat(booking["startAt"])
    long_ago = start - timedelta(days=800)
    api.world.query("SET session_replication_role = replica")
    api.world.query(
        "UPDATE bookings SET created_at = %s, updated_at = %s WHERE id = %s", long_ago, long_ago, booking["id"]
    )
    api.world.query("RESET session_replication_role")
    api.world.query("UPDATE calendar_feeds SET created_at = %s", long_ago)
    api.world.query("UPDATE users SET updated_at = %s", long_ago)
    api.world.query("UPDATE resources SET updated_at = %s", long_ago)
    monkeypatch.setattr(clock, "now", lambda: start - timedelta(days=366))
    before = read(api.app, feed)
    assert entries(before) == {}
    monkeypatch.setattr(clock, "now", lambda: start - timedelta(days=364))
    after = read(api.app, feed, If_Modified_Since=before.headers["Last-Modified"])
    assert len(entries(after)) == 1


def test_an_ended_feed_shows_nothing(api: Api, anna: Person, world: World) -> None:
    feed = made(anna)
    assert anna.get("/calendar-feeds").get_json()["items"][0]["id"] == feed["id"]
    stranger = api.as_(world.user())
    problem(stranger.call("DELETE", f"/calendar-feeds/{feed['id']}"), 404, "not-found")
    assert read(api.app, feed).status_code == 200
    assert anna.call("DELETE", f"/calendar-feeds/{feed['id']}").status_code == 204
    problem(read(api.app, feed), 404, "not-found")
    problem(anna.call("DELETE", f"/calendar-feeds/{feed['id']}"), 404, "not-found")


def test_a_feed_shows_what_its_user_may_see_now(api: Api, world: World, anna: Person) -> None:
    owner = world.provider()
    room = world.resource(owner=owner)
    feed = made(api.as_(owner), resourceId=str(room))
    assert read(api.app, feed).status_code == 200
    world.query("UPDATE resources SET owner_id = %s WHERE id = %s", world.provider().id, room)
    problem(read(api.app, feed), 404, "not-found")
    mine = made(anna)
    world.query("UPDATE users SET disabled_at = now() WHERE id = %s", anna.id)
    problem(read(api.app, mine), 404, "not-found")


def test_who_may_have_which_feed(api: Api, world: World, anna: Person, doctor: Person) -> None:
    for person in (anna, api.as_(world.provider())):
        problem(person.call("POST", "/calendar-feeds", {"resourceId": str(doctor.id)}), 404, "not-found")
    problem(doctor.call("POST", "/calendar-feeds", {"resourceId": str(uuid4())}), 404, "not-found")
    admin = api.as_(world.admin())
    made(admin, resourceId=str(doctor.id))
    (entry,) = world.query("SELECT * FROM audit_entries WHERE action = 'feed.create' AND actor_id = %s", admin.id)
    assert (entry["subject_id"], entry["after"]) == (str(doctor.id), {"kind": "full"})


def test_feeds_are_few(anna: Person) -> None:
    for _ in range(20):
        made(anna)
    problem(anna.call("POST", "/calendar-feeds", {}), 409, "too-many-feeds")


def test_a_feed_is_not_read_all_the_time(anna: Person, module_database_url: str) -> None:
    feed, app = made(anna), create_app(settings_for(module_database_url, NO_REDIS))
    statuses = [read(app, feed).status_code for _ in range(61)]
    assert statuses == [200] * 60 + [429]
    assert read(app, feed).headers["Retry-After"]
    app.extensions["database"].close()


def test_the_secret_is_kept_nowhere(
    api: Api, world: World, anna: Person, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("bookings.access"), "level", logging.INFO)
    logging.getLogger("bookings.access").manager._clear_cache()  # type: ignore[attr-defined]
    feed = made(anna)
    token = feed["url"].rpartition("/")[2].removesuffix(".ics")
    assert read(api.app, feed).status_code == 200
    # Also when somebody forgets a part of the address.
    assert api.app.test_client().get(f"/calendar/{token}").status_code == 404
    refused = api.app.test_client().get(f"/calendar/{token}x.ics")
    assert token not in refused.text
    said = capfd.readouterr()
    assert "/calendar/" in said.out
    assert token not in said.out + said.err
    tables = world.query("SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'")
    for table in tables:
        rows = world.query(f"SELECT t::text AS text FROM {table['name']} AS t")  # noqa: S608 (names of our own)
        assert not [row for row in rows if token in row["text"]], table["name"]
    assert token not in json.dumps(anna.get("/calendar-feeds").get_json())
    assert anna.get("/calendar-feeds").get_json()["items"][0]["lastReadAt"] is not None


def test_a_booking_as_a_file(api: Api, world: World, anna: Person, doctor: Person) -> None:
    booking = anna.booked(21, 22, providerId=doctor.id, title=TITLE)
    path = f"/bookings/{booking['id']}.ics"
    mine = anna.get(path)
    (event,) = entries(mine).values()
    assert (str(event["summary"]), int(event["sequence"])) == (TITLE, 1)
    assert mine.headers["Content-Disposition"] == f'inline; filename="booking-{booking["id"]}.ics"'
    assert anna.get(path, If_None_Match=mine.headers["ETag"]).status_code == 304
    (event,) = entries(doctor.get(path)).values()
    assert str(event["summary"]) == f"{TITLE} (Test customer)"
    problem(api.as_(world.user()).get(path), 404, "not-found")
    assert api.app.test_client().get(path).status_code == 401
    problem(anna.get(f"/bookings/{UUID(int=5)}.ics"), 404, "not-found")


def test_a_file_with_a_new_name_is_told_anew(world: World, anna: Person, doctor: Person) -> None:
    """Names are in it that change without the booking."""
    booking = anna.booked(20, 21, providerId=doctor.id)
    path = f"/bookings/{booking['id']}.ics"
    first = anna.get(path)
    etag = first.headers["ETag"]
    assert anna.get(path, If_None_Match=f"W/{etag}").status_code == 304
    world.query("UPDATE resources SET name = 'Dr. Newname' WHERE id = %s", doctor.id)
    again = anna.get(path, If_None_Match=etag)
    assert (again.status_code, again.headers["ETag"] == etag) == (200, False)
    assert "Newname" in again.text
