"""What migrations do to rows that are there already."""

from __future__ import annotations

import psycopg

from bookings.migrations import upgrade

#: what mails of before say, and whether they had been sent, with the status that they have afterwards
_MAILS = (
    ("The account is closed.", False, "skipped"),
    ("The recipient has turned such mails off.", False, "skipped"),
    ("The offer is over.", False, "skipped"),
    ("The booking has begun.", False, "skipped"),
    ("The booking has moved to another time.", False, "skipped"),
    ("The booking is no_show by now.", False, "skipped"),
    ("550 The account is closed.", False, "dead"),
    ("550 No such user", False, "dead"),
    ("The account is closed.", True, "dead"),  # somebody else's word: it came back
)


def test_mails_that_were_of_no_use_are_skipped(url: str, admin_url: str) -> None:
    upgrade(url, to=52, report=lambda line: None)
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        for number, (error, sent, _) in enumerate(_MAILS):
            admin.execute(
                """INSERT INTO notifications (id, recipient_id, audience, cause, subject, channel, data, status,
                                              attempts, last_error, sent_at)
                   VALUES (gen_random_uuid(), gen_random_uuid(), 'customer', 'reminder', %s, 'email', '{}', 'dead',
                           1, %s, CASE WHEN %s THEN now() END)""",
                (f"{number:02}", error, sent),
            )
    upgrade(url, report=lambda line: None)
    with psycopg.connect(admin_url) as admin:
        rows = admin.execute("SELECT status, last_error FROM notifications ORDER BY subject").fetchall()
    assert rows == [(status, error) for error, _, status in _MAILS]
