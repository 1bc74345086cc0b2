"""Series through the API: looking first, booking all at once, changing and calling off parts of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from tests.factories import World
from tests.integration.booking.api import Api, Person, at, problem, wrong_fields

BERLIN = ZoneInfo("Europe/Berlin")
Json = dict[str, Any]


def wish(room: UUID | str, rrule: str = "FREQ=DAILY;COUNT=5", start: float = 9, end: float = 10, **rest: Any) -> Json:
    return {"workspaceId": str(room), "startAt": at(start), "endAt": at(end), "rrule": rrule} | rest


def series(person: Person, room: UUID, rrule: str = "FREQ=DAILY;COUNT=5", **rest: Any) -> Json:
    answer = person.call("POST", "/bookings/series", wish(room, rrule, **rest))
    assert answer.status_code == 201, answer.text
    return dict(answer.json or {})


def bookings(person: Person, id: str) -> list[Json]:
    answer = person.get(f"/bookings/series/{id}/bookings", {"limit": 100})
    assert answer.status_code == 200, answer.text
    return list((answer.json or {})["items"])


def change(person: Person, id: str, **body: Any) -> Any:
    return person.call("PATCH", f"/bookings/series/{id}", body)


def changed(person: Person, id: str, **body: Any) -> Json:
    answer = change(person, id, **body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json or {})


def starts(items: list[Json]) -> list[str]:
    return [item["startAt"] for item in items]


def test_all_of_it_is_booked(customer: Person, room: UUID, world: World) -> None:
    made = series(customer, room, title="Course")
    assert (made["booked"], made["moved"], made["skipped"]) == (5, 0, 0)
    assert starts(made["occurrences"]) == [at(9, day) for day in range(5)]
    id = made["series"]["id"]
    items = bookings(customer, id)
    assert [item["id"] for item in items] == [one["bookingId"] for one in made["occurrences"]]
    assert {(item["seriesId"], item["status"], item["title"], item["version"]) for item in items} == {
        (id, "confirmed", "Course", 1)
    }
    assert [item["occurrence"] for item in items] == [one["occurrence"] for one in made["occurrences"]]
    told = world.query("SELECT type, data->>'id' AS id FROM outbox WHERE data->>'seriesId' = %s ORDER BY seq", id)
    assert [(row["type"], row["id"]) for row in told] == [("booking.created", item["id"]) for item in items]
    reminders = world.query("SELECT 1 FROM reminders WHERE booking_id = ANY (%s)", [item["id"] for item in items])
    assert reminders
    assert len(reminders) % 5 == 0
    shown = customer.get(f"/bookings/series/{id}").json or {}
    assert shown["rrule"] == "FREQ=DAILY;COUNT=5"
    assert starts(shown["occurrences"]) == starts(items)
    assert problem(customer.book(9.5, 10.5, day=3, workspaceId=room), 409, "slot-taken")


def test_the_wall_time_is_kept(api: Api, customer: Person, room: UUID) -> None:
    """Sixty days before the test days clocks may change, so look for the next change after them."""
    made = series(customer, room, "FREQ=WEEKLY;COUNT=40", timeZone="Europe/Berlin")
    hours = {datetime.fromisoformat(one["startAt"]).astimezone(BERLIN).hour for one in made["occurrences"]}
    assert len(hours) == 1
    assert len({one["startAt"][11:13] for one in made["occurrences"]}) == 2


def test_a_time_that_clocks_skip_is_left_out_and_told(customer: Person, room: UUID) -> None:
    spring = next(day for day in _sundays() if day.month == 3 and day.day > 24)
    begin = (spring - timedelta(days=1)).replace(hour=2, minute=30, tzinfo=BERLIN)
    body = wish(room, "FREQ=DAILY;COUNT=3", timeZone="Europe/Berlin", onConflict="fail")
    body |= {"startAt": begin.isoformat(), "endAt": (begin + timedelta(minutes=20)).isoformat()}
    made = (customer.call("POST", "/bookings/series", body).json) or {}
    outcomes = [(one["outcome"], one["rule"]) for one in made["occurrences"]]
    assert outcomes == [("booked", None), ("skipped", "no-such-time"), ("booked", None), ("booked", None)]
    assert made["occurrences"][1]["startAt"] is None


def _sundays() -> list[datetime]:
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None) + timedelta(days=60)
    day += timedelta(days=6 - day.weekday())
    return [day + timedelta(weeks=n) for n in range(60)]


def test_looking_first(customer: Person, room: UUID, world: World) -> None:
    customer.booked(9.5, 11, day=2, workspaceId=room)
    before = world.query("SELECT count(*) AS n FROM bookings")
    answer = customer.call("POST", "/bookings/series/preview", wish(room))
    found = answer.json or {}
    assert answer.status_code == 200, answer.text
    assert [one["status"] for one in found["occurrences"]] == ["free", "free", "taken", "free", "free"]
    assert (found["free"], found["taken"], found["refused"]) == (4, 1, 0)
    assert at(11, 2) in found["occurrences"][2]["alternatives"]
    assert world.query("SELECT count(*) AS n FROM bookings") == before


def test_several_providers_together(customer: Person, world: World) -> None:
    """Named as a single booking names them, without a service."""
    people = [str(world.provider(auto_confirm=True).id) for _ in range(2)]
    times = {"startAt": at(9), "endAt": at(10), "rrule": "FREQ=DAILY;COUNT=3"}
    preview = customer.call("POST", "/bookings/series/preview", {"providerIds": people} | times)
    assert (preview.status_code, (preview.json or {})["free"]) == (200, 3), preview.text
    made = customer.call("POST", "/bookings/series", {"providerIds": people} | times)
    assert made.status_code == 201, made.text
    items = bookings(customer, (made.json or {})["series"]["id"])
    assert [(item["resourceIds"], item["providerId"]) for item in items] == [(people, people[0])] * 3


def test_of_several_all_must_be_providers(customer: Person, room: UUID, world: World) -> None:
    provider = str(world.provider().id)
    times = {"startAt": at(9), "endAt": at(10), "rrule": "FREQ=DAILY;COUNT=3"}
    for path in ("/bookings/series", "/bookings/series/preview"):
        for other in (str(room), str(uuid4())):
            refused = customer.call("POST", path, {"providerIds": [provider, other]} | times)
            assert wrong_fields(refused) == ["providerIds"]
        assert wrong_fields(customer.call("POST", path, {"providerIds": [provider], "units": 2} | times)) == ["units"]


@pytest.mark.parametrize("path", ["/bookings/series", "/bookings/series/preview"])
def test_a_series_overrides_nothing(api: Api, world: World, room: UUID, path: str) -> None:
    admin = api.as_(world.admin())
    body = wish(room) | {"override": True, "overbook": True, "reason": "The boss wants it."}
    assert wrong_fields(admin.call("POST", path, body)) == ["overbook", "override", "reason"]


def test_all_or_nothing(customer: Person, room: UUID, world: World) -> None:
    customer.booked(9.5, 11, day=2, workspaceId=room)
    refused = problem(customer.call("POST", "/bookings/series", wish(room)), 409, "series-refused")
    assert [(one["startAt"], one["status"]) for one in refused["occurrences"]] == [(at(9, 2), "taken")]
    assert len(world.query("SELECT 1 FROM allocations WHERE resource_id = %s", room)) == 1
    assert world.query("SELECT 1 FROM series WHERE user_id = %s", customer.id) == []


def test_what_is_taken_is_left_out(customer: Person, room: UUID) -> None:
    customer.booked(9.5, 11, day=2, workspaceId=room)
    made = series(customer, room, onConflict="skip")
    assert [one["outcome"] for one in made["occurrences"]] == ["booked", "booked", "skipped", "booked", "booked"]
    assert made["occurrences"][2]["bookingId"] is None


def test_what_is_taken_moves_to_the_next_free_time(customer: Person, room: UUID) -> None:
    customer.booked(9.5, 11, day=2, workspaceId=room)
    made = series(customer, room, onConflict="nextFree")
    moved = made["occurrences"][2]
    assert (moved["outcome"], moved["startAt"]) == ("moved", at(11, 2))
    item = bookings(customer, made["series"]["id"])[2]
    assert (item["startAt"], item["endAt"]) == (at(11, 2), at(12, 2))
    assert item["occurrence"] == moved["occurrence"]


def test_nothing_can_be_had(customer: Person, room: UUID) -> None:
    series(customer, room)
    refused = customer.call("POST", "/bookings/series", wish(room, onConflict="skip"))
    assert len(problem(refused, 409, "series-refused")["occurrences"]) == 5


def test_the_same_request_again(customer: Person, room: UUID, world: World) -> None:
    first = customer.call("POST", "/bookings/series", wish(room), Idempotency_Key="weekly")
    again = customer.call("POST", "/bookings/series", wish(room), Idempotency_Key="weekly")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json == first.json
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert len(world.query("SELECT 1 FROM allocations WHERE resource_id = %s", room)) == 5


@pytest.mark.parametrize(
    "body,fields",
    [
        ({"rrule": "FREQ=DAILY"}, ["rrule"]),
        ({"rrule": "FREQ=HOURLY;COUNT=3"}, ["rrule"]),
        ({"rrule": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=3"}, ["rrule"]),
        ({"endAt": at(40)}, ["rrule"]),
        ({"startAt": "2020-01-01T09:00:00Z", "endAt": "2020-01-01T10:00:00Z"}, ["startAt"]),
        ({"startAt": at(9).replace("00Z", "01Z")}, ["startAt"]),
        ({"timeZone": "Mars/Olympus"}, ["timeZone"]),
        ({"exdates": ["soon"]}, ["exdates.0"]),
        ({"onConflict": "hope"}, ["onConflict"]),
        ({"workspaceId": str(uuid4())}, ["workspaceId"]),
        ({"units": 2}, ["units"]),
        ({"serviceId": str(uuid4())}, ["serviceId"]),
    ],
)
def test_what_cannot_be_understood(customer: Person, room: UUID, body: Json, fields: list[str]) -> None:
    assert wrong_fields(customer.call("POST", "/bookings/series", wish(room) | body)) == fields


def test_dates_left_out(customer: Person, room: UUID) -> None:
    made = series(customer, room, exdates=[at(9, 1)[:10], at(9, 3)[:10]])
    assert starts(made["occurrences"]) == [at(9, 0), at(9, 2), at(9, 4)]


@pytest.mark.slow
def test_the_longest_series(customer: Person, room: UUID) -> None:
    made = series(customer, room, "FREQ=DAILY;COUNT=366")
    assert made["booked"] == 366
    id = made["series"]["id"]
    assert starts(changed(customer, id, scope="all", title="Long")["occurrences"])[-1] == at(9, 365)
    first = made["occurrences"][0]["bookingId"]
    moved = changed(customer, id, scope="all", bookingId=first, startAt=at(10))
    assert starts(moved["occurrences"])[-1] == at(10, 365)
    gone = customer.call("POST", f"/bookings/series/{id}/cancel", {"scope": "all"})
    assert {one["status"] for one in (gone.json or {})["occurrences"]} == {"cancelled"}


def test_one_occurrence_is_moved_alone(customer: Person, room: UUID) -> None:
    made = series(customer, room)
    second = made["occurrences"][1]["bookingId"]
    after = changed(customer, made["series"]["id"], scope="this", bookingId=second, startAt=at(14, 1))
    assert starts(after["occurrences"]) == [at(9, 0), at(14, 1), at(9, 2), at(9, 3), at(9, 4)]
    assert after["occurrences"][1]["occurrence"] == made["occurrences"][1]["occurrence"]


def test_it_and_all_that_follow_become_a_series(customer: Person, room: UUID, world: World) -> None:
    made = series(customer, room)
    id, third = made["series"]["id"], made["occurrences"][2]["bookingId"]
    after = changed(customer, id, scope="following", bookingId=third, startAt=at(11, 2), title="Later")
    assert after["splitFrom"] == id
    assert (after["rrule"], starts(after["occurrences"])) == ("FREQ=DAILY;COUNT=3", [at(11, day) for day in (2, 3, 4)])
    old = customer.get(f"/bookings/series/{id}").json or {}
    assert (old["rrule"], starts(old["occurrences"])) == ("FREQ=DAILY;COUNT=2", [at(9, 0), at(9, 1)])
    items = bookings(customer, after["id"])
    assert {(item["title"], item["version"]) for item in items} == {("Later", 2)}
    told = world.query("SELECT type FROM outbox WHERE booking_id = %s ORDER BY seq", third)
    assert [row["type"] for row in told] == ["booking.created", "booking.rescheduled"]
    reminders = world.query(
        """SELECT b.start_at - r.lead = r.due_at AS fits, r.booking_version = b.version AS fresh FROM reminders AS r
             JOIN bookings AS b ON b.id = r.booking_id WHERE b.series_id = %s""",
        after["id"],
    )
    assert reminders
    assert all(row["fits"] and row["fresh"] for row in reminders)


def test_all_move_by_a_day_onto_each_others_places(customer: Person, room: UUID) -> None:
    made = series(customer, room)
    first = made["occurrences"][0]["bookingId"]
    after = changed(customer, made["series"]["id"], scope="all", bookingId=first, startAt=at(9, 1))
    assert after["id"] == made["series"]["id"]
    assert starts(after["occurrences"]) == [at(9, day) for day in range(1, 6)]


def test_a_move_is_all_or_nothing(customer: Person, room: UUID) -> None:
    customer.booked(14, 15, day=3, workspaceId=room)
    made = series(customer, room)
    first, id = made["occurrences"][0]["bookingId"], made["series"]["id"]
    refused = problem(change(customer, id, scope="all", bookingId=first, startAt=at(14)), 409, "series-refused")
    assert starts(refused["occurrences"]) == [at(14, 3)]
    assert starts(bookings(customer, id)) == [at(9, day) for day in range(5)]
    problem(customer.book(9, 10, day=1, workspaceId=room), 409, "slot-taken")


def test_a_longer_time(customer: Person, room: UUID) -> None:
    made = series(customer, room)
    second = made["occurrences"][1]["bookingId"]
    after = changed(customer, made["series"]["id"], scope="following", bookingId=second, endAt=at(11, 1))
    assert [one["endAt"] for one in after["occurrences"]] == [at(11, day) for day in range(1, 5)]


def test_calling_off_it_and_all_that_follow(customer: Person, room: UUID) -> None:
    made = series(customer, room)
    id, third = made["series"]["id"], made["occurrences"][2]["bookingId"]
    body = {"scope": "following", "bookingId": third, "reason": "Holiday"}
    after = customer.call("POST", f"/bookings/series/{id}/cancel", body).json or {}
    assert [one["status"] for one in after["occurrences"]] == ["confirmed"] * 2 + ["cancelled"] * 3
    assert customer.book(9, 10, day=2, workspaceId=room).status_code == 201
    again = customer.call("POST", f"/bookings/series/{id}/cancel", body)
    problem(again, 409, "booking-closed")


def test_calling_off_one(customer: Person, room: UUID) -> None:
    made = series(customer, room)
    body = {"scope": "this", "bookingId": made["occurrences"][1]["bookingId"]}
    after = customer.call("POST", f"/bookings/series/{made['series']['id']}/cancel", body).json or {}
    assert [one["status"] for one in after["occurrences"]].count("cancelled") == 1
    alone = customer.act({"id": made["occurrences"][2]["bookingId"]}, "cancel")
    assert alone.status_code == 200


def test_a_series_of_somebody_else(api: Api, world: World, customer: Person, room: UUID) -> None:
    made = series(customer, room)
    id = made["series"]["id"]
    stranger = api.as_(world.user())
    assert stranger.get(f"/bookings/series/{id}").status_code == 404
    assert stranger.get(f"/bookings/series/{id}/bookings").status_code == 404
    assert change(stranger, id, scope="all", title="Mine").status_code == 404
    other = series(stranger, world.resource())
    body = {"scope": "this", "bookingId": made["occurrences"][0]["bookingId"]}
    assert stranger.call("POST", f"/bookings/series/{other['series']['id']}/cancel", body).status_code == 404


def test_the_provider_changes_it_and_that_is_recorded(api: Api, world: World, customer: Person) -> None:
    actor = world.provider()
    provider = api.as_(actor)
    body = {"providerId": str(actor.id), "startAt": at(9), "endAt": at(10), "rrule": "FREQ=DAILY;COUNT=2"}
    made = customer.call("POST", "/bookings/series", body).json or {}
    id = made["series"]["id"]
    changed(provider, id, scope="all", title="Moved")
    entries = world.query(
        "SELECT before, after FROM audit_entries WHERE action = 'booking.update' AND actor_id = %s", actor.id
    )
    assert [(entry["before"], entry["after"]) for entry in entries] == [({"title": None}, {"title": "Moved"})] * 2
    for_customer = provider.call(
        "POST", "/bookings/series", body | {"startAt": at(12), "endAt": at(13), "userId": str(customer.id)}
    )
    assert for_customer.status_code == 201
    problem(
        provider.call(
            "POST", "/bookings/series", body | {"userId": str(customer.id), "providerId": str(world.provider().id)}
        ),
        403,
        "not-for-you",
    )


def test_one_of_two_overrides_nothing_for_the_other(api: Api, world: World, customer: Person) -> None:
    one, other = world.provider(), world.provider()
    body = {"providerId": str(one.id), "resourceId": str(other.id), "rrule": "FREQ=DAILY;COUNT=2"}
    made = customer.call("POST", "/bookings/series", body | {"startAt": at(9), "endAt": at(10)}).json or {}
    move = {"scope": "all", "bookingId": made["occurrences"][0]["bookingId"], "startAt": at(12)}
    why = {"override": True, "reason": "a regular"}
    problem(change(api.as_(one), made["series"]["id"], **move, **why), 403, "forbidden")
    changed(api.as_(world.admin()), made["series"]["id"], **move, **why)


def test_an_older_version_is_refused(customer: Person, room: UUID) -> None:
    id = series(customer, room)["series"]["id"]
    changed(customer, id, scope="all", title="One")
    stale = customer.call("PATCH", f"/bookings/series/{id}", {"scope": "all", "title": "Two"}, If_Match='"1"')
    assert problem(stale, 412, "precondition-failed")["current"]["id"] == id
