"""Who may do what: one row for each route, one column for each role. docs/api.md shows this table.

`python -m tests.acceptance.platform.role_matrix` writes it there again after a change.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

#: The customer made the booking, the provider owns what it claims; the others have nothing to do with it.
ROLES = ("anonymous", "customer", "other customer", "provider", "other provider", "admin")
DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "api.md"
BEGIN, END = "<!-- role matrix: begin -->", "<!-- role matrix: end -->"


@dataclass(frozen=True)
class Row:
    """A route and the status that each role gets, in the order of ROLES.

    `send` names the body that test_role_matrix.py makes; `given` the state of the booking in the path.
    """

    method: str
    path: str
    statuses: tuple[int, int, int, int, int, int]
    send: str = ""
    given: str = "pending"


_ANYBODY = (200,) * 6
_SIGNED_IN = (401, 200, 200, 200, 200, 200)
_PARTIES = (401, 200, 404, 200, 404, 200)
_WAITING = (401, 200, 404, 403, 404, 200)
_STAFF = (401, 403, 404, 200, 404, 200)
_FOR_ADMIN = (401, 404, 404, 404, 404, 200)
_OWN = (401, 200, 404, 404, 404, 404)
_ADMIN = (401, 403, 403, 403, 403, 200)
_REPORTERS = (401, 403, 403, 200, 200, 200)
_ASKED = (401, 403, 403, 200, 404, 200)

ROWS = (
    Row("POST", "/auth/register", (201,) * 6, send="registration"),
    Row("POST", "/auth/login", _ANYBODY, send="credentials"),
    Row("POST", "/auth/refresh", _ANYBODY, send="refresh token"),
    Row("POST", "/auth/logout", (204,) * 6, send="refresh token"),
    Row("POST", "/auth/password", _ANYBODY, send="invitation"),
    Row("GET", "/me", _SIGNED_IN),
    Row("PATCH", "/me", _SIGNED_IN, send="locale"),
    Row("PUT", "/me/password", _SIGNED_IN, send="passwords"),
    Row("GET", "/me/export", _SIGNED_IN),
    # A wrong password: whoever gets 422 was let in, and can go on.
    Row("DELETE", "/me", (401, 422, 422, 422, 422, 422), send="wrong password"),
    Row("GET", "/users", _ADMIN),
    Row("POST", "/users", (401, 403, 403, 403, 403, 201), send="new user"),
    # In these rows the user is a stranger to all but the admin.
    Row("GET", "/users/{userId}", _FOR_ADMIN),
    Row("PUT", "/users/{userId}", _FOR_ADMIN, send="name"),
    Row("PATCH", "/users/{userId}", _FOR_ADMIN, send="locale"),
    Row("PATCH", "/users/{userId}/role", _ADMIN, send="role"),
    Row("POST", "/users/{userId}/invitation", _ADMIN, send="nothing"),
    Row("POST", "/users/{userId}/disable", _ADMIN, send="nothing"),
    Row("POST", "/users/{userId}/enable", _ADMIN, send="nothing"),
    Row("GET", "/users/{userId}/stats", _FOR_ADMIN),
    Row("POST", "/users/{userId}/erase", (401, 403, 403, 403, 403, 202), send="nothing"),
    Row("GET", "/audit", _ADMIN),
    Row("GET", "/admin/overview", _ADMIN),
    Row("GET", "/resources", _SIGNED_IN),
    Row("POST", "/resources", (401, 403, 403, 403, 403, 201), send="workspace"),
    Row("GET", "/resources/{resourceId}", _SIGNED_IN),
    Row("PATCH", "/resources/{resourceId}", (401, 403, 403, 200, 403, 200), send="description"),
    Row("GET", "/workspaces", _ANYBODY),
    Row("POST", "/workspaces", (401, 403, 403, 403, 403, 201), send="new workspace"),
    Row("GET", "/workspaces/{workspaceId}", _ANYBODY),
    Row("PATCH", "/workspaces/{workspaceId}", _ADMIN, send="description"),
    Row("DELETE", "/workspaces/{workspaceId}", _ADMIN),
    Row("GET", "/providers", _ANYBODY),
    Row("GET", "/providers/{providerId}", _ANYBODY),
    Row("PATCH", "/providers/{providerId}", (401, 403, 403, 200, 403, 200), send="description"),
    Row("GET", "/services", _ANYBODY),
    Row("POST", "/services", (401, 403, 403, 403, 403, 201), send="service"),
    Row("GET", "/services/featured", _ANYBODY),
    Row("GET", "/services/popular", _ANYBODY),
    Row("GET", "/services/{serviceId}", _ANYBODY),
    Row("GET", "/services/{serviceId}/pricing", _ANYBODY),
    Row("PATCH", "/services/{serviceId}", _ADMIN, send="description"),
    Row("DELETE", "/services/{serviceId}", _ADMIN),
    Row("GET", "/categories", _ANYBODY),
    Row("POST", "/categories", (401, 403, 403, 403, 403, 201), send="category"),
    Row("GET", "/categories/{categoryId}", _ANYBODY),
    Row("PATCH", "/categories/{categoryId}", _ADMIN, send="description"),
    Row("DELETE", "/categories/{categoryId}", (401, 403, 403, 403, 403, 204)),
    Row("GET", "/schedules/business", _SIGNED_IN),
    Row("PUT", "/schedules/business", _ADMIN, send="hours"),
    Row("GET", "/schedules/business/days", _SIGNED_IN),
    Row("PUT", "/schedules/business/days/{day}", _ADMIN, send="day"),
    Row("DELETE", "/schedules/business/days/{day}", (401, 403, 403, 403, 403, 204), given="day"),
    Row("GET", "/schedules/services/{serviceId}", _SIGNED_IN),
    Row("PUT", "/schedules/services/{serviceId}", _ADMIN, send="hours"),
    Row("GET", "/schedules/services/{serviceId}/days", _SIGNED_IN),
    Row("PUT", "/schedules/services/{serviceId}/days/{day}", _ADMIN, send="day"),
    Row("DELETE", "/schedules/services/{serviceId}/days/{day}", (401, 403, 403, 403, 403, 204), given="day"),
    Row("GET", "/schedules/resources/{resourceId}", _SIGNED_IN),
    Row("PUT", "/schedules/resources/{resourceId}", (401, 403, 403, 200, 403, 200), send="hours"),
    Row("GET", "/schedules/resources/{resourceId}/days", _SIGNED_IN),
    Row("PUT", "/schedules/resources/{resourceId}/days/{day}", (401, 403, 403, 200, 403, 200), send="day"),
    Row("DELETE", "/schedules/resources/{resourceId}/days/{day}", (401, 403, 403, 204, 403, 204), given="day"),
    Row("GET", "/schedules/resources/{resourceId}/effective", _SIGNED_IN),
    Row("POST", "/closures", (401, 403, 403, 201, 403, 201), send="closure"),
    Row("GET", "/closures", _REPORTERS),
    # The provider closed their own time.
    Row("GET", "/closures/{closureId}", (401, 403, 403, 200, 404, 200)),
    Row("DELETE", "/closures/{closureId}", (401, 404, 404, 204, 404, 204)),
    Row("GET", "/resources/{resourceId}/free-busy", _SIGNED_IN),
    Row("GET", "/slots", _ANYBODY, given="a service"),
    Row("GET", "/availability/explain", _ANYBODY, given="a service"),
    Row("POST", "/resources/{resourceId}/calendars", (401, 403, 403, 201, 403, 201), send="other calendar"),
    Row("GET", "/resources/{resourceId}/calendars", (401, 403, 403, 200, 403, 200)),
    # The calendar closes a room of the provider.
    Row("PUT", "/resources/{resourceId}/calendars/{calendarId}", (401, 403, 403, 201, 403, 201), send="calendar file"),
    Row("GET", "/calendars/{calendarId}", (401, 404, 404, 200, 404, 200)),
    Row("POST", "/calendars/{calendarId}/refresh", (401, 404, 404, 202, 404, 202), send="nothing"),
    Row("DELETE", "/calendars/{calendarId}", (401, 404, 404, 204, 404, 204)),
    Row("GET", "/bookings", _SIGNED_IN),
    Row("POST", "/bookings", (401, 201, 403, 201, 403, 201), send="booking for the customer"),
    Row("POST", "/bookings/series", (401, 201, 403, 201, 403, 201), send="series for the customer"),
    Row("POST", "/bookings/series/preview", (401, 200, 403, 200, 403, 200), send="series to look at"),
    Row("GET", "/bookings/series/{seriesId}", _PARTIES),
    Row("GET", "/bookings/series/{seriesId}/bookings", _PARTIES),
    Row("PATCH", "/bookings/series/{seriesId}", _PARTIES, send="all titles"),
    Row("POST", "/bookings/series/{seriesId}/cancel", _PARTIES, send="all"),
    Row("GET", "/bookings/{bookingId}", _PARTIES),
    Row("GET", "/bookings/{bookingId}/attendees", _PARTIES),
    Row("POST", "/bookings/{bookingId}/attendees", (401, 201, 404, 201, 404, 201), send="attendee"),
    Row("DELETE", "/bookings/{bookingId}/attendees/{attendeeId}", (401, 204, 404, 204, 404, 204)),
    # A party of one: whoever gets 422 was let in, and is told to call the whole booking off.
    Row("POST", "/bookings/{bookingId}/attendees/cancel", (401, 422, 404, 422, 404, 422), send="one drops out"),
    Row("GET", "/sessions", _SIGNED_IN),
    Row("GET", "/sessions/attendees", (401, 404, 404, 200, 404, 200)),
    Row("POST", "/sessions/cancel", (401, 404, 404, 200, 404, 200), send="session"),
    Row("GET", "/bookings/{bookingId}/history", _PARTIES),
    Row("GET", "/bookings/{bookingId}.ics", _PARTIES),
    Row("PATCH", "/bookings/{bookingId}", _PARTIES, send="title"),
    Row("DELETE", "/bookings/{bookingId}", _PARTIES),
    Row("POST", "/bookings/{bookingId}/cancel", _PARTIES, send="nothing"),
    Row("POST", "/bookings/{bookingId}/confirm", _STAFF, send="nothing"),
    Row("POST", "/bookings/{bookingId}/decline", _STAFF, send="nothing"),
    # A provider passes on only to what is theirs or nobody's.
    Row("POST", "/bookings/{bookingId}/reassign", (401, 403, 404, 403, 404, 200), send="another provider"),
    Row("PATCH", "/bookings/{bookingId}/status", _STAFF, send="status"),
    Row("POST", "/bookings/{bookingId}/check-in", _STAFF, send="nothing", given="begun"),
    Row("POST", "/bookings/{bookingId}/complete", _STAFF, send="nothing", given="begun"),
    Row("POST", "/bookings/{bookingId}/no-show", _STAFF, send="nothing", given="begun"),
    # The customer holds a time of the provider's.
    Row("GET", "/holds", _SIGNED_IN),
    Row("POST", "/holds", (401, 201, 403, 201, 403, 201), send="hold for the customer"),
    Row("GET", "/holds/{holdId}", _PARTIES),
    Row("POST", "/holds/{holdId}/extend", _PARTIES, send="a minute more"),
    Row("DELETE", "/holds/{holdId}", _PARTIES),
    # The customer waits for a service of the provider's.
    Row("GET", "/waitlist", _SIGNED_IN),
    Row("POST", "/waitlist", (401, 201, 403, 201, 403, 201), send="wait for the customer"),
    Row("GET", "/waitlist/{entryId}", _PARTIES, given="offered"),
    Row("DELETE", "/waitlist/{entryId}", _WAITING, given="offered"),
    Row("POST", "/waitlist/{entryId}/accept", (401, 201, 404, 403, 404, 201), send="nothing", given="offered"),
    Row("POST", "/waitlist/{entryId}/decline", _WAITING, send="nothing", given="offered"),
    Row("GET", "/reviews/services/{serviceId}", _ANYBODY),
    Row("GET", "/reviews/providers/{providerId}", _ANYBODY),
    Row("GET", "/reviews", _SIGNED_IN),
    Row("POST", "/reviews", (401, 201, 404, 403, 404, 403), send="review"),
    Row("GET", "/reviews/{reviewId}", _SIGNED_IN),
    Row("PATCH", "/reviews/{reviewId}", (401, 200, 403, 403, 403, 403), send="rating"),
    Row("DELETE", "/reviews/{reviewId}", (401, 204, 403, 403, 403, 204)),
    Row("PUT", "/reviews/{reviewId}/reply", (401, 403, 403, 200, 403, 200), send="reply"),
    Row("DELETE", "/reviews/{reviewId}/reply", (401, 403, 403, 200, 403, 200)),
    Row("POST", "/reviews/{reviewId}/hide", _ADMIN, send="reason"),
    Row("POST", "/reviews/{reviewId}/unhide", _ADMIN, send="reason"),
    Row("GET", "/jobs", _ADMIN),
    Row("GET", "/jobs/{jobId}", _ADMIN),
    Row("POST", "/jobs/{jobId}/retry", _ADMIN, send="nothing"),
    Row("POST", "/jobs/{jobId}/discard", _ADMIN, send="nothing"),
    Row("POST", "/jobs/cleanup", _ADMIN, send="nothing"),
    Row("GET", "/jobs/queue/stats", _ADMIN),
    Row("GET", "/jobs/health", _ADMIN),
    Row("GET", "/jobs/metrics", _ADMIN),
    Row("GET", "/reports", _REPORTERS),
    Row("POST", "/reports", (401, 403, 403, 202, 202, 202), send="report"),
    # The provider asked for the report and the schedule in the path.
    Row("GET", "/reports/{reportId}", _ASKED),
    Row("GET", "/reports/{reportId}/download", _ASKED, given="made"),
    Row("DELETE", "/reports/{reportId}", (401, 403, 403, 204, 404, 204)),
    Row("GET", "/reports/schedules", _REPORTERS),
    Row("POST", "/reports/schedules", (401, 403, 403, 201, 201, 201), send="schedule"),
    Row("GET", "/reports/schedules/{scheduleId}", _ASKED),
    Row("PATCH", "/reports/schedules/{scheduleId}", _ASKED, send="pause"),
    Row("DELETE", "/reports/schedules/{scheduleId}", (401, 403, 403, 204, 404, 204)),
    Row("GET", "/notifications", _SIGNED_IN),
    Row("GET", "/notifications/unread-count", _SIGNED_IN),
    Row("GET", "/notifications/{notificationId}", _OWN),
    Row("POST", "/notifications/{notificationId}/read", _OWN, send="nothing"),
    Row("POST", "/notifications/read-all", _SIGNED_IN, send="nothing"),
    Row("POST", "/notifications/{notificationId}/delivered", _ADMIN, send="nothing", given="dead mail"),
    Row("POST", "/notifications/{notificationId}/failed", _ADMIN, send="failure", given="dead mail"),
    Row("GET", "/admin/notifications", _ADMIN),
    Row("GET", "/admin/notifications/{notificationId}", _ADMIN),
    Row("POST", "/admin/notifications/{notificationId}/retry", _ADMIN, send="nothing", given="dead mail"),
    Row("POST", "/admin/notifications/retry", _ADMIN, send="nothing"),
    # The feed is the customer's.
    Row("GET", "/calendar-feeds", _SIGNED_IN),
    Row("POST", "/calendar-feeds", (401, 404, 404, 201, 404, 201), send="feed"),
    Row("DELETE", "/calendar-feeds/{feedId}", (401, 204, 404, 404, 404, 404)),
    Row("GET", "/calendar/{token}.ics", _ANYBODY),
    Row("GET", "/unsubscribe/{token}", _ANYBODY),
    Row("POST", "/unsubscribe/{token}", _ANYBODY, send="nothing"),
    Row("POST", "/bookings/{bookingId}/payments", (401, 201, 404, 201, 404, 201), send="nothing", given="priced"),
    Row("GET", "/payments", _SIGNED_IN),
    Row("GET", "/payments/{paymentId}", _PARTIES, given="asked"),
    Row("POST", "/payments/{paymentId}/confirm", _PARTIES, send="nothing", given="asked"),
    Row("POST", "/payments/{paymentId}/capture", _STAFF, send="nothing", given="by hand"),
    Row("POST", "/payments/{paymentId}/refund", _STAFF, send="nothing", given="paid"),
    Row("POST", "/payments/{paymentId}/cancel", _PARTIES, send="nothing", given="asked"),
    # Signed by nobody. Gateways sign what they send; who they are does not matter beyond that.
    Row("POST", "/webhooks/payments/{gateway}", (400,) * 6, send="nothing"),
    Row("POST", "/ws/tickets", (401, 201, 201, 201, 201, 201)),
    # The test stops short of the upgrade: whoever gets 400 is past the guard.
    Row("GET", "/ws", (401, 400, 400, 400, 400, 400)),
    Row("GET", "/problems/{code}", _ANYBODY),
    Row("GET", "/health", _ANYBODY),
    Row("GET", "/ready", _ANYBODY),
    # Off in the test; the proxy keeps it from the outside when it is on.
    Row("GET", "/metrics", (404,) * 6),
    Row("GET", "/openapi.json", _ANYBODY),
    Row("GET", "/docs", _ANYBODY),
    Row("GET", "/docs/{name}", _ANYBODY),
    Row("GET", "/redoc", _ANYBODY),
)


def table() -> str:
    """The matrix as Markdown."""
    lines = [f"| route | {' | '.join(ROLES)} |", "|---|" + "---|" * len(ROLES)]
    lines += [f"| `{row.method} {row.path}` | {' | '.join(map(str, row.statuses))} |" for row in ROWS]
    return "\n".join(lines)


def within(document: str) -> str:
    """The document with the present table between its marks."""
    before, _, rest = document.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    DOCUMENT.write_text(within(DOCUMENT.read_text()))
