"""By what a test sees that something changed, or that two answers differ."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

from werkzeug.test import TestResponse

from tests.factories import World

Json = dict[str, Any]


def fingerprint(world: World) -> list[Json]:
    """What the tables hold: any insert, update or delete changes it."""
    return world.query(
        """SELECT (SELECT md5(string_agg(b::text, '' ORDER BY id)) FROM bookings AS b) AS bookings,
                  (SELECT md5(string_agg(r::text, '' ORDER BY id)) FROM resources AS r) AS resources,
                  (SELECT md5(string_agg(u::text, '' ORDER BY id)) FROM users AS u) AS users,
                  (SELECT md5(string_agg(s::text, '' ORDER BY id)) FROM services AS s) AS services,
                  (SELECT md5(string_agg(c::text, '' ORDER BY id)) FROM categories AS c) AS categories,
                  (SELECT md5(string_agg(j::text, '' ORDER BY id)) FROM jobs AS j) AS jobs,
                  (SELECT count(*) FROM outbox) AS outbox, (SELECT count(*) FROM booking_history) AS history,
                  (SELECT count(*) FROM allocations) AS allocations, (SELECT count(*) FROM reminders) AS reminders,
                  (SELECT md5(string_agg(p::text, '' ORDER BY id)) FROM payments AS p) AS payments,
                  (SELECT md5(string_agg(s::text, '' ORDER BY layer, subject_id)) FROM schedules AS s) AS schedules,
                  (SELECT md5(string_agg(d::text, '' ORDER BY d::text)) FROM schedule_days AS d) AS days,
                  (SELECT md5(string_agg(c::text, '' ORDER BY id)) FROM closures AS c) AS closures,
                  (SELECT count(*) FROM payment_operations) AS operations, (SELECT count(*) FROM jobs) AS jobs,
                  (SELECT count(*) FROM webhook_inbox) AS notices"""
    )


def without_id(answer: TestResponse) -> tuple[int, Json]:
    """What a client can tell one answer from another by."""
    return answer.status_code, {name: value for name, value in answer.get_json().items() if name != "requestId"}


@contextlib.contextmanager
def as_upgrade(path: str) -> Iterator[dict[str, Any]]:
    """For /ws, what makes a request an upgrade; without Sec-WebSocket-Key it goes no further than the guard."""
    if path != "/ws":
        yield {}
        return
    left, right = socket.socketpair()
    with left, right:  # in place of what gunicorn hands over
        yield {
            "headers": {"Connection": "Upgrade", "Upgrade": "websocket"},
            "environ_base": {"gunicorn.socket": left},
        }
