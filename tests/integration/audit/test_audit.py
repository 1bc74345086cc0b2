"""The audit trail: what writes to it, who reads it, and that it stays as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from bookings.audit import service as audit
from bookings.audit.schemas import AuditPage
from bookings.auth import SYSTEM, Actor, Caller
from bookings.db import Tx
from tests.factories import World
from tests.support.people import PASSWORD, Client, new_email, wrong_fields

ROOT = Path(__file__).resolve().parents[3]
Json = dict[str, Any]


@pytest.fixture(scope="module")
def boss(world: World) -> Actor:
    """The admin of this module."""
    return world.admin()


def entries(client: Client, boss: Actor, **query: Any) -> list[Json]:
    """GET /audit: the entries, checked against the schema."""
    answer = client.call("GET", "/audit", query_string=query, token=client.token(boss))
    assert answer.status_code == 200, answer.text
    page: Json = answer.get_json()
    assert AuditPage().validate(page) == {}
    items: list[Json] = page["items"]
    return items


def of_booking(client: Client, boss: Actor, booking: Json) -> list[Json]:
    """What the trail tells of a booking, oldest first."""
    return entries(client, boss, subjectType="booking", subjectId=booking["id"])[::-1]


def book(client: Client, who: Actor, provider: Actor, hour: int, **more: Any) -> Json:
    """A booking of an hour with a provider."""
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=40, hours=hour)
    body = {"providerId": str(provider.id), "startAt": start.isoformat(), **more}
    body["endAt"] = (start + timedelta(hours=1)).isoformat()
    answer = client.call("POST", "/bookings", body, token=client.token(who))
    assert answer.status_code == 201, answer.text
    made: Json = answer.get_json()
    return made


def test_a_change_of_role_is_written_down_with_who_and_from_what(client: Client, world: World, boss: Actor) -> None:
    user = world.user()
    headers = {"X-Request-Id": "audit-role-1"}
    path = f"/users/{user.id}/role"
    for _ in range(2):  # the second changes nothing, and is not written down
        answer = client.call("PATCH", path, {"role": "provider"}, token=client.token(boss), headers=headers)
        assert answer.status_code == 200
    [entry] = entries(client, boss, requestId="audit-role-1")
    assert entry["action"] == "user.role"
    assert (entry["subjectType"], entry["subjectId"]) == ("user", str(user.id))
    assert (entry["actorId"], entry["actorRole"]) == (str(boss.id), "admin")
    assert (entry["before"], entry["after"]) == ({"role": "customer"}, {"role": "provider"})


def test_resources_that_an_admin_makes_and_changes(client: Client, world: World, boss: Actor) -> None:
    owner = world.provider()
    body = {"kind": "workspace", "name": "Room", "timeZone": "UTC", "ownerId": str(owner.id)}
    room = client.call("POST", "/resources", body, token=client.token(boss)).get_json()
    for who, change in ((boss, {"capacity": 3, "name": "Room"}), (owner, {"name": "Mine"})):
        assert client.call("PATCH", f"/resources/{room['id']}", change, token=client.token(who)).status_code == 200
    change, made = entries(client, boss, subjectType="resource", subjectId=room["id"])
    assert (made["action"], made["before"], made["after"]["ownerId"]) == ("resource.create", None, str(owner.id))
    assert (change["action"], change["before"], change["after"]) == (
        "resource.change",
        {"capacity": 1},
        {"capacity": 3},
    )


def test_bookings_changed_by_others_than_their_customer(client: Client, world: World, boss: Actor) -> None:
    customer, provider = world.user(), world.provider()
    booking = book(client, customer, provider, 1)
    path = f"/bookings/{booking['id']}"
    assert client.call("PATCH", path, {"title": "Mine"}, token=client.token(customer)).status_code == 200
    assert of_booking(client, boss, booking) == []
    steps: list[tuple[Actor, str, str, Json]] = [
        (provider, "POST", "/confirm", {}),
        (provider, "PATCH", "", {"notes": "Bring the papers"}),
        (boss, "POST", "/check-in", {"override": True, "reason": "came early"}),
    ]
    for who, method, action, body in steps:
        assert client.call(method, path + action, body, token=client.token(who)).status_code == 200
    confirmed, noted, came = of_booking(client, boss, booking)
    assert (confirmed["action"], confirmed["actorId"]) == ("booking.confirm", str(provider.id))
    assert (confirmed["before"], confirmed["after"]) == ({"status": "pending"}, {"status": "confirmed"})
    assert (noted["before"], noted["after"]) == ({"notes": None}, {"notes": "Bring the papers"})
    assert came["after"] == {
        "status": "checked_in",
        "statusReason": "came early",
        "override": True,
        "reason": "came early",
    }


def test_booking_for_somebody_else_and_for_oneself(client: Client, world: World, boss: Actor) -> None:
    customer, provider = world.user(), world.provider()
    [entry] = of_booking(client, boss, book(client, provider, provider, 2, userId=str(customer.id)))
    assert (entry["action"], entry["actorId"]) == ("booking.create", str(provider.id))
    assert entry["after"] == {"userId": str(customer.id), "status": "pending"}
    assert of_booking(client, boss, book(client, customer, provider, 3)) == []


@pytest.mark.slow
def test_the_first_admin_is_in_the_trail_too(client: Client, world: World, boss: Actor) -> None:
    email = new_email()
    env = {**os.environ, "DATABASE_URL": world.address, "APP_ENV": "test"}
    command = [sys.executable, "scripts/create_admin.py", "--email", email, "--password-stdin"]
    subprocess.run(command, input=PASSWORD, text=True, cwd=ROOT, env=env, check=True, timeout=60)
    known = client.register()["user"]
    promote = [sys.executable, "scripts/create_admin.py", "--email", known["email"], "--promote"]
    subprocess.run(promote, cwd=ROOT, env=env, check=True, timeout=60)
    promoted, created = entries(client, boss, requestId="shell")
    assert promoted["subjectId"] == known["id"]
    assert (promoted["action"], promoted["after"]) == ("user.role", {"role": "admin"})
    assert (created["action"], created["actorId"], created["after"]) == (
        "user.create",
        str(SYSTEM.id),
        {"role": "admin"},
    )


def test_what_is_undone_leaves_no_entry(client: Client, world: World, boss: Actor) -> None:
    database = client.app.extensions["database"]

    def work(tx: Tx) -> None:
        audit.record(tx, Caller(boss, "undone"), "user.role", subject=("user", boss.id), after={"role": "admin"})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.run(work)
    assert entries(client, boss, requestId="undone") == []


def test_entries_stay_as_they_are(client: Client, world: World, boss: Actor) -> None:
    book(client, boss, world.provider(), 4, userId=str(world.user().id))
    for statement in ("UPDATE audit_entries SET action = 'x'", "DELETE FROM audit_entries"):
        with pytest.raises(psycopg.errors.RestrictViolation):
            world.query(statement)


def test_pages_and_filters(client: Client, world: World, boss: Actor) -> None:
    database, actor = client.app.extensions["database"], world.admin()
    before = datetime.now(UTC)
    for number in range(5):
        subject = ("thing", UUID(int=number % 2))
        database.run(
            lambda tx, n=number, s=subject: audit.record(
                tx, Caller(actor, f"page-{n}"), f"thing.step-{n % 2}", subject=s, after={"n": n}
            )
        )

    def numbers(**query: Any) -> list[int]:
        return [entry["after"]["n"] for entry in entries(client, boss, **query)]

    assert numbers(actorId=actor.id) == [4, 3, 2, 1, 0]
    assert numbers(action="thing.step-1") == [3, 1]
    assert numbers(subjectType="thing", subjectId=UUID(int=0), actorId=actor.id) == [4, 2, 0]
    assert numbers(requestId="page-3", action="thing.step-1") == [3]
    assert numbers(subjectType="thing", limit=2) == [4, 3]
    middle = entries(client, boss, actorId=actor.id)[2]["at"]
    assert numbers(**{"actorId": actor.id, "from": middle}) == [4, 3, 2]
    assert numbers(**{"actorId": actor.id, "from": before.isoformat(), "to": middle}) == [1, 0]
    seen: list[int] = []
    query: Json = {"actorId": actor.id, "limit": 2}
    while True:
        page = client.call("GET", "/audit", query_string=query, token=client.token(boss)).get_json()
        seen += [entry["after"]["n"] for entry in page["items"]]
        if page["nextCursor"] is None:
            break
        query["cursor"] = page["nextCursor"]
    assert seen == [4, 3, 2, 1, 0]


def test_wrong_questions(client: Client, boss: Actor) -> None:
    token = client.token(boss)
    for query, field in (
        ({"subjectId": "x"}, "subjectType"),
        ({"actorId": "x"}, "actorId"),
        ({"cursor": 0}, "cursor"),
        ({"limit": 101}, "limit"),
    ):
        assert wrong_fields(client.call("GET", "/audit", query_string=query, token=token)) == {field}
