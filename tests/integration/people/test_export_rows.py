"""The export holds every row that erasing changes: not only something of each table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from bookings.event import service as event
from bookings.notification import service as notification
from bookings.notification.service import Fact
from tests.factories import World
from tests.integration.people.person import Person
from tests.integration.people.test_leaving import CALENDAR, work
from tests.support.people import PASSWORD, Client
from tests.support.personal import HELD

Json = dict[str, Any]
#: what tells the rows of a table apart; of most of them the id
_KEYS: dict[str, Callable[[Json], Any]] = {
    "booking_history": lambda row: (row["booking_id"], row["version"]),
    "events": lambda row: row["position"],
    "outbox": lambda row: (row["type"], said(row["data"])),
    "schedule_days": lambda row: (row["layer"], row["subject_id"], row["day"]),
    "idempotency_keys": lambda row: row["created_at"],
    "webhook_inbox": lambda row: bytes.fromhex(row["body"][2:]).decode(),
}


def said(data: Json) -> str:
    """A document that can be compared."""
    return json.dumps(data, sort_keys=True)


def shown(whole: Json) -> Iterator[tuple[str, Any]]:
    """Every row in the export: its table and what tells it from others."""
    yield "users", whole["profile"]["id"]
    for one in whole["bookings"]:
        if "booking" in one:
            yield "bookings", one["booking"]["id"]
            yield from (("booking_history", (one["booking"]["id"], entry["version"])) for entry in one["history"])
            yield from (("attendees", guest["id"]) for guest in one["attendees"] or ())
        elif "attendee" in one:
            yield "attendees", one["attendee"]["id"]
        for told in [*(one.get("events") or ()), *(one.get("eventsUnderWay") or ())]:
            yield of_event(told)
    yield from map(of_event, whole["events"])
    for one in whole["payments"]:
        yield "payments", one["payment"]["id"]
        yield from (("payment_operations", step["id"]) for step in one["operations"])
        yield from (("webhook_inbox", notice["body"]) for notice in one["notices"] or ())
    for one in whole["resources"]:
        for day in one.get("days") or ():
            yield "schedule_days", (day["layer"], day["subject_id"], day["day"])
        yield from ((table, one.get("id")) for table in ("resources", "closures", "calendars"))
    yield from (("idempotency_keys", one["createdAt"]) for one in whole["answers"])
    parts = {"reviews": "reviews", "notifications": "notifications", "calendarFeeds": "calendar_feeds"}
    for part, table in (parts | {"reports": "report_schedules", "audit": "audit_entries"}).items():
        yield from ((table, one["id"]) for one in whole[part])


def of_event(told: Json) -> tuple[str, Any]:
    return ("events", told["id"]) if "id" in told else ("outbox", (told["event"], said(told["data"])))


def held(url: str) -> dict[tuple[str, Any], dict[str, Any]]:
    """The words of every row of every table that has some."""
    found = {}
    with psycopg.connect(url) as connection:
        for table in (table for table, known in HELD.items() if known.words):
            rows = connection.execute(sql.SQL("SELECT row_to_json(t) FROM {} AS t").format(sql.Identifier(table)))
            for (row,) in rows:
                key = _KEYS[table](row) if table in _KEYS else row["id"]
                found[table, key] = {name: row[name] for name in HELD[table].words if row[name] not in (None, [])}
    return found


def changed(url: str, erase: Callable[[], None]) -> set[tuple[str, Any]]:
    """The rows that lost a word."""
    before = held(url)
    erase()
    after = held(url)
    return {row for row, words in before.items() if words and after.get(row) != words}


def tell(person: Person, booking: Json) -> None:
    """Both sides of a booking are told of it."""
    extensions = person.client.app.extensions
    fact = Fact("booking_created", f"booking:{booking['id']}:test", booking)
    extensions["database"].run(lambda tx: notification.tell(tx, extensions["settings"], fact))


@pytest.mark.slow
def test_of_a_customer(client: Client, world: World, module_database_url: str) -> None:
    person = Person(client, world, world.admin(), world.provider())
    person.live()
    boss, provider = person.as_(person.boss), person.as_(person.provider)
    for booking in person.call("GET", "/bookings")["items"]:
        tell(person, booking)
    (review,) = world.query("SELECT id FROM reviews WHERE author_id = %s", person.id)
    person.call("PATCH", f"/reviews/{review['id']}", {"text": person.word("other-review")})
    person.call("POST", f"/reviews/{review['id']}/hide", {"reason": person.word("hidden")}, token=boss)
    world.query(
        """INSERT INTO audit_entries (at, actor_id, actor_role, action, subject_type, subject_id, after)
           SELECT now(), %s, 'admin', 'payment.refund', 'payment', id, json_build_object('reason', %s::text)
             FROM payments WHERE user_id = %s""",
        person.boss.id,
        person.word("refund"),
        person.id,
    )
    event.place(client.app.extensions["database"], 1000)
    last = person.book(token=provider, key=f"{person.mark} with a key")
    tell(person, last)
    person.call("PATCH", f"/reviews/{review['id']}", {"rating": 4})

    whole = person.call("GET", "/me/export")

    def erase() -> None:
        person.call("DELETE", "/me", {"password": PASSWORD})
        work(client)

    lost = changed(module_database_url, erase)
    tables = {table for table, known in HELD.items() if known.words}
    of_providers = {"resources", "schedule_days", "calendars", "closures"}
    assert {table for table, _ in lost} == tables - of_providers, "somebody who has something in each"
    assert lost - set(shown(whole)) == set()
    others = {str(person.boss.id), str(person.provider.id)}
    assert not [one for one in whole["notifications"] if one.get("recipient_id") in others]


@pytest.mark.slow
def test_of_a_provider(client: Client, world: World, module_database_url: str) -> None:
    provider = world.provider(auto_confirm=True)
    customer = Person(client, world, world.admin(), provider)
    boss, mine = customer.as_(customer.boss), customer.as_(provider)
    me = Person(client, world, customer.boss, provider)
    booking = customer.book()
    tell(customer, booking)
    done = {"reason": "test", "override": True}
    customer.call("POST", f"/bookings/{booking['id']}/complete", done, token=boss)
    stars = {"bookingId": booking["id"], "rating": 3, "text": customer.word("review")}
    review = customer.call("POST", "/reviews", stars)
    event.place(client.app.extensions["database"], 1000)
    for word in ("reply", "better-reply"):
        customer.call("PUT", f"/reviews/{review['id']}/reply", {"text": me.word(word)}, token=mine)
    customer.call("POST", f"/reviews/{review['id']}/hide", {"reason": me.word("hidden")}, token=boss)
    times = {"startAt": "2027-08-01T00:00:00Z", "endAt": "2027-08-15T00:00:00Z"}
    closed = {"resourceIds": [str(provider.id)], "reason": me.word("holiday"), **times}
    customer.call("POST", "/closures", closed, token=mine)
    day = {"hours": [], "note": me.word("note")}
    customer.call("PUT", f"/schedules/resources/{provider.id}/days/2027-09-01", day, token=mine)
    calendar = {"name": me.word("calendar"), "ics": CALENDAR}
    customer.call("POST", f"/resources/{provider.id}/calendars", calendar, token=mine)
    customer.call("PATCH", f"/resources/{provider.id}", {"description": me.word("praise")}, token=boss)

    whole = customer.call("GET", "/me/export", token=mine)

    def erase() -> None:
        customer.call("POST", f"/users/{provider.id}/erase", {"reason": "asked"}, token=boss)
        work(client)

    lost = changed(module_database_url, erase)
    assert {"resources", "schedule_days", "calendars", "closures", "reviews", "events", "outbox", "audit_entries"} <= {
        table for table, _ in lost
    }
    assert lost - set(shown(whole)) == set()


def test_what_is_about_others_in_the_same_answer_is_not_exported(client: Client, world: World) -> None:
    """Somebody was answered about several people at once."""
    provider = world.provider(auto_confirm=True)
    person, other = (Person(client, world, world.admin(), provider) for _ in range(2))
    mine, theirs = person.book(), other.book()
    world.query(
        """INSERT INTO idempotency_keys (actor_id, key, fingerprint, status, headers, body)
           VALUES (%s, 'several', '', 200, '{}', %s), (%s, 'not JSON', '', 200, '{}', %s)""",
        provider.id,
        json.dumps({"items": [mine, theirs]}),
        provider.id,
        f"of {person.id}",
    )
    (answer,) = person.call("GET", "/me/export")["answers"]
    assert answer["body"] == [mine]
    assert answer.keys() == {"status", "body", "createdAt"}
