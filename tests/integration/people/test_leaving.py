"""Everything held about a person is exported; once erased, not a word of theirs is left in any table."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest
from psycopg import sql

from bookings import queries
from bookings.auth import Actor
from bookings.job.runner import Runner
from bookings.job.service import Registry
from bookings.people import jobs
from bookings.people.schemas import Erasure, Export, Stats
from tests.factories import World
from tests.integration.people.person import Person
from tests.support.people import PASSWORD, Client
from tests.support.personal import HELD

Json = dict[str, Any]


@pytest.fixture(scope="module")
def boss(world: World) -> Actor:
    """An admin."""
    return world.admin()


@pytest.fixture
def person(client: Client, world: World, boss: Actor) -> Person:
    """Somebody with a life here."""
    person = Person(client, world, boss, world.provider())
    person.live()
    return person


def work(client: Client) -> None:
    """Do the jobs that are due, as a worker would."""
    database, settings = client.app.extensions["database"], client.app.extensions["settings"]
    registry = Registry()
    jobs.register(registry, database, settings)
    runner = Runner(database, registry, settings, lambda: None)
    with psycopg.connect(settings.database_url) as connection:
        due = connection.execute(
            "SELECT id FROM jobs WHERE state = 'waiting' AND run_at <= now() AND kind = ANY (%s)", [registry.names]
        ).fetchall()
    for (id,) in due:
        assert runner.run(id)
    with psycopg.connect(settings.database_url) as connection:
        failed = connection.execute("SELECT last_error FROM jobs WHERE last_error IS NOT NULL").fetchall()
    assert failed == []


CALENDAR = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:mark\nEND:VCALENDAR\n"


def found(url: str, *words: str) -> set[str]:
    """Every `table.column` of the database, of whatever kind, in which one of the words stands."""
    places = set()
    with psycopg.connect(url) as connection:
        listed = connection.execute(
            """SELECT c.table_name, c.column_name FROM information_schema.columns AS c
                 JOIN information_schema.tables AS t USING (table_schema, table_name)
                WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'"""
        ).fetchall()
        for table, column in listed:
            query = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {}::text ILIKE ANY (%s))")
            patterns = [f"%{word}%" for word in words] + [rf"%\\x%{word.encode().hex()}%" for word in words]
            row = connection.execute(query.format(sql.Identifier(table), sql.Identifier(column)), [patterns]).fetchone()
            if row and row[0]:
                places.add(f"{table}.{column}")
    return places


def test_everything_is_in_the_export(person: Person, module_database_url: str) -> None:
    answer = person.client.call("GET", "/me/export", token=person.token)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    whole = answer.get_json()
    assert Export().validate(whole) == {}
    assert whole["profile"]["email"] == f"{person.mark}@example.com"
    assert len(whole["bookings"]) == 4
    words = (
        "street city other-name reason confirmed cancelled review told changed-notes title description location notes"
        " declined wants-it-back billing bounced schedule"
    )
    for what in [*words.split(), "waiting", "key"]:
        assert person.word(what) in answer.text, what
    counts = {name: len(rows) for name, rows in whole.items() if isinstance(rows, list)}
    assert counts == {
        "bookings": 4,
        "events": 3,  # of the hold, the place in line and the review
        "payments": 1,
        "holds": 1,
        "waitlist": 1,
        "reviews": 1,
        "notifications": 1,
        "sessions": 2,
        "answers": 2,  # one to whoever booked for them
        "resources": 0,
        "reports": 1,
        "calendarFeeds": 1,
        # name, invitation; confirmed, completed; booked for them, its notes
        "audit": 6,
    }


def test_an_export_goes_on_over_many_pages(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bookings.people.export._PAGE", 3)
    session = client.register()
    id = session["user"]["id"]
    for number in range(8):  # all at one instant, so that only the key tells them apart
        world.query(
            """INSERT INTO notifications (id, recipient_id, cause, channel, audience, subject, status, sent_at, data,
                                          created_at)
               VALUES (gen_random_uuid(), %s, 'booking_created', 'log', 'customer', gen_random_uuid(), 'sent', now(),
                       json_build_object('n', %s::integer), '2027-01-01Z')""",
            id,
            number,
        )
    whole = client.call("GET", "/me/export", token=session["accessToken"]).get_json()
    assert sorted(one["data"]["n"] for one in whole["notifications"]) == list(range(8))
    world.query("DELETE FROM notifications WHERE recipient_id = %s", id)


@pytest.mark.slow
def test_nothing_is_left_in_any_table(person: Person, module_database_url: str) -> None:
    """By hand at first: every column that is said to hold words held some of theirs, and none does afterwards."""
    held = {f"{table}.{column}" for table, known in HELD.items() for column in known.words}
    unplanted = {
        # of providers; the next test
        *(f"resources.{column}" for column in HELD["resources"].words),
        *(f"calendars.{column}" for column in HELD["calendars"].words),
        "closures.reason",
        "schedule_days.note",
        "reviews.reply",
        # of admins
        "reviews.hidden_reason",
        # no word: looked for by itself
        "users.phone",
    }
    before = found(module_database_url, person.mark)
    assert held - before == unplanted
    others = before - held
    assert others == {"idempotency_keys.key"}, "a word of theirs stands where nobody expects it"
    assert "users.phone" in found(module_database_url, person.phone)
    totals = person.call("GET", f"/users/{person.id}/stats", token=person.as_(person.boss))

    refused = person.client.call("DELETE", "/me", {"password": "something else entirely"}, token=person.token)
    assert refused.status_code == 422
    answer = person.call("DELETE", "/me", {"password": PASSWORD})
    assert Erasure().validate(answer) == {}
    assert answer == {"userId": str(person.id), "cancelledBookings": 2}
    assert person.client.refresh(person.session["refreshToken"]).status_code == 401
    assert person.client.login(f"{person.mark}@example.com").status_code == 401
    work(person.client)

    # Keys are the client's own invention, and keep things from being done twice until they expire.
    assert found(module_database_url, person.mark) == {"idempotency_keys.key"}
    assert found(module_database_url, person.phone) == set()
    after = person.call("GET", f"/users/{person.id}/stats", token=person.as_(person.boss))
    assert Stats().validate(after) == {}
    assert (after["bookings"], after["byStatus"]["completed"]) == (totals["bookings"], 1)
    assert after["byStatus"]["cancelled"] == 3
    profile = person.call("GET", f"/users/{person.id}", token=person.as_(person.boss))
    assert (profile["name"], profile["email"]) == ("Erased", f"erased-{person.id}@erased.invalid")
    assert profile["erasedAt"] is not None
    stars = person.world.query("SELECT rating, text FROM reviews WHERE author_id = %s", person.id)
    assert stars == [{"rating": 5, "text": None}]


@pytest.mark.slow
def test_what_was_written_with_a_token_that_lived_on_goes_too(person: Person, module_database_url: str) -> None:
    person.call("DELETE", "/me", {"password": PASSWORD})
    work(person.client)
    begun = person.world.query("SELECT id FROM bookings WHERE user_id = %s LIMIT 1", person.id)[0]["id"]
    person.world.query(
        "UPDATE bookings SET notes = %s, version = version + 1 WHERE id = %s", person.word("late"), begun
    )
    person.world.query(
        """INSERT INTO booking_history SELECT booking_id, version + 1, 'update', status, start_at, end_at, NULL,
                  actor_id, NULL, at FROM booking_history WHERE booking_id = %s ORDER BY version DESC LIMIT 1""",
        begun,
    )
    person.world.query(
        """INSERT INTO outbox (type, booking_id, topics, data, occurred_at)
           SELECT 'booking.updated', booking_id, topics, (data::jsonb || jsonb_build_object(
                      'version', (data->>'version')::integer + 1, 'notes', %s::text))::json, now()
             FROM (SELECT position AS n, booking_id, topics, data FROM events
                   UNION ALL SELECT 1000000 + seq, booking_id, topics, data FROM outbox) AS told
            WHERE booking_id = %s ORDER BY n DESC LIMIT 1""",
        person.word("late"),
        begun,
    )
    assert found(module_database_url, person.word("late"))
    due = person.world.query(
        """SELECT run_at > now() + interval '15 minutes' AS later FROM jobs
            WHERE state = 'waiting' AND payload ->> 'userId' = %s""",
        str(person.id),
    )
    assert due == [{"later": True}]
    person.world.query("UPDATE jobs SET run_at = now() WHERE state = 'waiting'")
    work(person.client)
    assert not found(module_database_url, person.word("late"))


@pytest.mark.slow
def test_a_provider_leaves(client: Client, world: World, boss: Actor, module_database_url: str) -> None:
    mark = f"zp{uuid4().hex[:10]}"
    session = client.register(name=f"{mark} name")
    id, token = session["user"]["id"], client.token(boss)
    assert client.call("PATCH", f"/users/{id}/role", {"role": "provider"}, token=token).status_code == 200
    resource = {
        "kind": "provider",
        "userId": id,
        "description": f"{mark} d",
        "location": f"{mark} l",
        "autoConfirm": True,
    }
    assert client.call("POST", "/resources", resource, token=token).status_code == 201
    world.query(
        "UPDATE resources SET photo_url = %s, amenities = ARRAY[%s] WHERE id = %s", f"{mark} p", f"{mark} a", id
    )
    provider = Actor(UUID(id), "provider")
    customer = Person(client, world, boss, provider)
    booking = customer.book()
    refused = client.call("POST", f"/users/{id}/erase", {"reason": "asked"}, token=token)
    assert (refused.status_code, refused.get_json()["code"]) == (409, "others-ahead")
    assert refused.get_json()["bookings"] == [booking["id"]]
    done = {"reason": "test", "override": True}
    customer.call("POST", f"/bookings/{booking['id']}/complete", done, token=token)
    review = customer.call(
        "POST", "/reviews", {"bookingId": booking["id"], "rating": 3, "text": customer.word("review")}
    )
    customer.call("PUT", f"/reviews/{review['id']}/reply", {"text": f"{mark} reply"}, token=client.token(provider))
    hidden = {"reason": f"names {mark}"}
    customer.call("POST", f"/reviews/{review['id']}/hide", hidden, token=token)
    mine = client.token(provider)
    times = {"startAt": "2027-08-01T00:00:00Z", "endAt": "2027-08-15T00:00:00Z"}
    customer.call("POST", "/closures", {"resourceIds": [id], "reason": f"{mark} holiday", **times}, token=mine)
    customer.call("PUT", f"/schedules/resources/{id}/days/2027-09-01", {"hours": [], "note": f"{mark} n"}, token=mine)
    for other in ({"url": f"https://example.com/{mark}.ics"}, {"ics": CALENDAR.replace("mark", mark)}):
        customer.call("POST", f"/resources/{id}/calendars", {"name": f"{mark} c", **other}, token=mine)
    told = client.call("GET", "/me/export", token=mine).text
    assert f"{mark} holiday" in told
    assert f"{mark} n" in told
    words = {f"resources.{column}" for column in HELD["resources"].words} | {"reviews.reply", "reviews.hidden_reason"}
    words |= {"closures.reason", "schedule_days.note", "calendars.name", "calendars.url", "calendars.content"}
    assert words <= found(module_database_url, mark)
    answer = client.call("POST", f"/users/{id}/erase", {"reason": "asked"}, token=token)
    assert answer.status_code == 202, answer.text
    work(client)
    assert found(module_database_url, mark) == set()
    kept = world.query("SELECT notes FROM bookings WHERE id = %s", booking["id"])
    assert kept == [{"notes": customer.word("notes")}], "a customer's words are the customer's"


def test_nobody_is_erased_twice_nor_by_strangers(client: Client, world: World, boss: Actor) -> None:
    session = client.register()
    path, token = f"/users/{session['user']['id']}", client.token(boss)
    assert client.call("POST", f"{path}/erase", {}, token=session["accessToken"]).status_code == 403
    assert client.call("POST", f"{path}/erase", {}, token=token).status_code == 202
    again = client.call("POST", f"{path}/erase", {}, token=token)
    assert (again.status_code, again.get_json()["code"]) == (409, "account-erased")
    for method, rest in (("PATCH", ""), ("POST", "/enable"), ("POST", "/invitation")):
        assert client.call(method, path + rest, {}, token=token).get_json()["code"] == "account-erased"
    late = client.call("PATCH", "/me", {"name": "Back"}, token=session["accessToken"])
    assert late.get_json()["code"] == "account-erased"
    work(client)


def test_rows_that_are_kept_let_go_of_words_only(person: Person) -> None:
    """Outside of an erasure not even of those; and inside of it of nothing else."""
    with psycopg.connect(person.world.address) as connection:
        for erasing, change in (
            (False, b"UPDATE booking_history SET reason = NULL"),
            (True, b"UPDATE booking_history SET status = 'pending'"),
            (True, b"UPDATE booking_history SET reason = NULL, at = now()"),
            (True, b"DELETE FROM booking_history"),
            (False, b"UPDATE audit_entries SET after = NULL"),
            (True, b"UPDATE audit_entries SET action = 'x'"),
        ):
            connection.execute("SELECT set_config('bookings.erasing', %s, true)", ["on" if erasing else "off"])
            with pytest.raises(psycopg.errors.RestrictViolation):
                connection.execute(change)
            connection.rollback()


def test_stats(person: Person) -> None:
    stats = person.call("GET", f"/users/{person.id}/stats")
    assert Stats().validate(stats) == {}
    assert (stats["bookings"], stats["noShows"], stats["noShowRate"], stats["spend"]) == (4, 0, 0.0, [])
    assert stats["byStatus"] == {"completed": 1, "cancelled": 1, "pending": 2}
    world = person.world
    ids = [row["id"] for row in world.query("SELECT id FROM bookings WHERE user_id = %s ORDER BY id", person.id)]
    with psycopg.connect(world.address) as connection:  # undone: history and ledger know nothing of it
        connection.execute("SET session_replication_role = replica")
        sums = ((4500, "EUR", 0, "paid"), (1000, "EUR", 500, "partially_refunded"), (700, "JPY", 0, "paid"))
        for id, values in zip(ids, sums, strict=False):
            connection.execute(
                """INSERT INTO payments (id, booking_id, user_id, gateway, status, amount, currency, captured, refunded,
                                         is_current, created_by, created_at, updated_at)
                   VALUES (gen_random_uuid(), %(booking)s, %(user)s, 'manual', %(status)s, %(amount)s, %(currency)s,
                           %(amount)s, %(refunded)s, false, %(user)s, now(), now())""",
                dict(zip(("amount", "currency", "refunded", "status"), values, strict=True))
                | {"booking": id, "user": person.id},
            )
        connection.execute("UPDATE bookings SET status = 'no_show' WHERE id = %s", [ids[1]])
        row = connection.execute(queries.load("people").stats, {"id": person.id}).fetchone()
        connection.rollback()
    counted = orjson.loads(row[0] if row else "")
    assert counted["spend"] == [{"amount": 5000, "currency": "EUR"}, {"amount": 700, "currency": "JPY"}]
    assert (counted["noShows"], counted["noShowRate"]) == (1, 0.5)
