"""A series is told once: one mail and one row in the app for all that a command did, each side of what is theirs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import icalendar
import pytest
import vobject

from bookings.auth import Actor
from bookings.notification import rules
from tests.integration.notification.post import Post, subjects
from tests.support.mail import MailServer

pytestmark = pytest.mark.usefixtures("fresh")
Json = dict[str, Any]


def call(post: Post, actor: Actor, path: str, body: Json, method: str = "POST") -> Json:
    headers = {"Authorization": f"Bearer {post.app.extensions['tokens'].issue(actor)}"}
    answer = post.app.test_client().open(path, method=method, json=body, headers=headers)
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json or {})


def series(post: Post, customer: Actor, provider: Actor, rrule: str = "FREQ=DAILY;COUNT=5") -> Json:
    start = (datetime.now(UTC) + timedelta(days=15)).replace(hour=9, minute=0, second=0, microsecond=0)
    wish = {
        "providerId": str(provider.id),
        "startAt": start.isoformat(),
        "endAt": (start + timedelta(minutes=30)).isoformat(),
        "rrule": rrule,
    }
    return call(post, customer, "/bookings/series", wish)


def entries(mail: EmailMessage) -> list[Any]:
    """What the calendar of a mail has, by one parser; another one agrees."""
    (attached,) = [part for part in mail.walk() if part.get_filename() == "bookings.ics"]
    text = attached.get_payload(decode=True)
    assert isinstance(text, bytes)
    found = list(icalendar.Calendar.from_ical(text).walk("VEVENT"))
    other = vobject.readOne(text.decode())
    assert other.method.value == "PUBLISH"
    assert [one.uid.value for one in other.vevent_list] == [str(one["uid"]) for one in found]
    return found


def rows(post: Post, person: Actor, channel: str = "in_app") -> list[str]:
    found = post.world.query(
        "SELECT cause FROM notifications WHERE recipient_id = %s AND channel = %s ORDER BY created_at",
        person.id,
        channel,
    )
    return [row["cause"] for row in found]


CHANNELS = ("in_app", "email", "log")


def test_one_mail_when_it_is_booked_moved_and_called_off(post: Post, server: MailServer) -> None:
    customer, provider = post.world.user(), post.world.provider(auto_confirm=True)
    made = series(post, customer, provider)
    ids = [one["bookingId"] for one in made["occurrences"]]
    path = f"/bookings/series/{made['series']['id']}"
    post.everything()
    second = datetime.fromisoformat(made["occurrences"][1]["startAt"])
    body = {"scope": "following", "bookingId": ids[1], "startAt": (second + timedelta(hours=2)).isoformat()}
    later = call(post, customer, path, body, "PATCH")
    post.everything()
    call(post, customer, f"/bookings/series/{later['id']}/cancel", {"scope": "all", "reason": "Away"})
    post.everything()
    to_customer, to_provider = f"{customer.id}@example.com", f"{provider.id}@example.com"
    assert sorted(subjects(server)) == sorted(
        [
            (to_customer, "Booked 5 times: Test provider"),
            (to_provider, "Booked 5 times: Test customer, Test provider"),
            (to_customer, "New times: Test provider"),
            (to_provider, "New times: Test customer, Test provider"),
            (to_customer, "Cancelled 4 times: Test provider"),
            (to_provider, "Cancelled 4 times for Test customer: Test provider"),
        ]
    )
    causes = ["series_created", "series_rescheduled", "series_cancelled"]
    assert [rows(post, who, channel) for who in (customer, provider) for channel in CHANNELS] == [causes] * 6
    for mails in ([one for one in server.mails() if one["X-Envelope-To"] == who] for who in (to_customer, to_provider)):
        booked, moved, off = (entries(mail) for mail in mails)
        assert [str(one["uid"]) for one in booked] == [f"booking-{id}@bookings" for id in ids]
        assert {(one["sequence"], str(one["status"])) for one in booked} == {(1, "CONFIRMED")}
        assert [str(one["uid"]) for one in moved] == [f"booking-{id}@bookings" for id in ids[1:]]
        assert [one.start - before.start for one, before in zip(moved, booked[1:], strict=True)] == [
            timedelta(hours=2)
        ] * 4
        assert {(one["sequence"], str(one["status"])) for one in off} == {(3, "CANCELLED")}
        text = mails[2].get_body(("plain",))
        assert text is not None
        assert "Away" in text.get_content()


def test_the_events_of_bookings_stay(post: Post) -> None:
    made = series(post, post.world.user(), post.world.provider(auto_confirm=True))
    post.publish()
    told = post.world.query(
        "SELECT type, booking_id, topics, data FROM events WHERE coalesce(data ->> 'seriesId', data ->> 'id') = %s"
        " ORDER BY position",
        made["series"]["id"],
    )
    assert [row["type"] for row in told] == ["booking.created"] * 5 + ["series.created"]
    ids = [one["bookingId"] for one in made["occurrences"]]
    assert [str(row["booking_id"]) for row in told[:5]] == ids
    assert [one["id"] for one in told[5]["data"]["bookings"]] == ids
    assert told[5]["topics"] == [f"user:{made['series']['userId']}"]


def test_one_booking_of_it_is_told_as_any_other(post: Post, server: MailServer) -> None:
    customer, provider = post.world.user(), post.world.provider(auto_confirm=True)
    made = series(post, customer, provider)
    post.everything()
    server.empty()
    one = {"scope": "this", "bookingId": made["occurrences"][2]["bookingId"]}
    call(post, customer, f"/bookings/series/{made['series']['id']}/cancel", one | {"reason": "Ill"})
    post.everything()
    assert rows(post, customer) == ["series_created", "booking_cancelled"]


def test_who_provides_a_part_hears_of_that_part(post: Post, server: MailServer) -> None:
    """Two share a service; the first is away on one day, the second on another."""
    customer, first, second = post.world.user(), post.world.provider(), post.world.provider()
    admin = post.world.admin()
    service = call(
        post,
        admin,
        "/services",
        {
            "name": "Lesson",
            "currency": "EUR",
            "durations": [{"minutes": 30, "price": 1000}],
            "resourceIds": [str(first.id), str(second.id)],
        },
    )
    start = (datetime.now(UTC) + timedelta(days=15)).replace(hour=9, minute=0, second=0, microsecond=0)
    for day, who in enumerate((first, second)):
        away = {"startAt": (start + timedelta(days=day)).isoformat(), "resourceIds": [str(who.id)]}
        call(post, admin, "/closures", away | {"endAt": (start + timedelta(days=day, hours=3)).isoformat()})
    wish = {"serviceId": service["id"], "startAt": start.isoformat(), "rrule": "FREQ=DAILY;COUNT=3"}
    made = call(post, customer, "/bookings/series", wish)
    hands = [one["resourceIds"][0] for one in made["occurrences"]]
    assert sorted(map(hands.count, set(hands))) == [1, 2]
    post.everything()
    told = {mail["X-Envelope-To"]: mail for mail in server.mails()}
    assert len(told) == len(server.mails()) == 3
    for person, count in ((str(customer.id), 3), *((id, hands.count(id)) for id in set(hands))):
        mail = told[f"{person}@example.com"]
        assert f"Booked {count} times" in str(mail["Subject"])
        assert len(entries(mail)) == count
        text = mail.get_body(("plain",))
        assert text is not None
        assert text.get_content().count("When ") == count
        assert f"€{count * 10}.00" in text.get_content()


def test_words_are_bounded_and_the_calendar_is_whole(post: Post, server: MailServer) -> None:
    customer = post.world.user()
    made = series(post, customer, post.world.provider(auto_confirm=True), "FREQ=DAILY;COUNT=70")
    post.everything()
    (mail,) = [one for one in server.mails() if one["X-Envelope-To"] == f"{customer.id}@example.com"]
    text = mail.get_body(("plain",))
    assert text is not None
    assert f"When {rules.DATES}: " in text.get_content()
    assert f"When {rules.DATES + 1}: " not in text.get_content()
    assert "Further dates: 10" in text.get_content()
    assert len(entries(mail)) == made["booked"] == 70
    headers = {"Authorization": f"Bearer {post.app.extensions['tokens'].issue(customer)}"}
    page = post.app.test_client().get("/notifications", headers=headers).json or {}
    (item,) = page["items"]
    assert (item["cause"], item["data"]["count"], len(item["data"]["dates"])) == ("series_created", 70, rules.DATES)
