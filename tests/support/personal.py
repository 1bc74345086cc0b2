"""What each table holds about people. Guards compare it with the schema; the test of erasing plants a word in each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Held:
    """A table with something about people.

    `part` of GET /me/export shows it. `words` are the columns that can hold what people are called or wrote, and that
    erasing empties; every other column with text or JSON is in `plain`.
    """

    part: str
    words: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()


HELD = {
    "users": Held(
        "profile",
        ("email", "name", "phone", "addresses"),
        ("time_zone", "locale", "muted", "role", "password_hash"),
    ),
    "bookings": Held(
        "bookings",
        ("title", "description", "location", "notes", "status_reason"),
        ("status", "currency", "payment_status", "cancellation_policy", "policy"),
    ),
    "series": Held("bookings", (), ("rrule", "time_zone")),
    "attendees": Held("bookings", ("name", "email")),
    "booking_history": Held("bookings", ("reason",), ("action", "status", "request_id")),
    "events": Held("events", ("data",), ("type", "topics", "request_id")),
    "outbox": Held("events", ("data",), ("type", "topics", "request_id")),
    "reminders": Held("bookings"),
    "reviews": Held("reviews", ("text", "reply", "hidden_reason")),
    "notifications": Held(
        "notifications", ("data", "last_error"), ("cause", "channel", "audience", "subject", "status")
    ),
    "refresh_families": Held("sessions"),
    "refresh_tokens": Held("sessions", (), ("token_hash",)),
    "calendar_feeds": Held("calendarFeeds", ("name",), ("kind", "token_hash")),
    "invitations": Held("sessions", (), ("token_hash",)),
    "holds": Held("holds", (), ("terms", "state")),
    "idempotency_keys": Held("answers", ("body",), ("key", "headers", "fingerprint")),
    "resources": Held(
        "resources", ("name", "description", "location", "photo_url", "amenities"), ("kind", "time_zone")
    ),
    "schedule_days": Held("resources", ("note",), ("layer", "hours")),
    "schedules": Held("resources", (), ("layer", "weekly", "holidays", "rules")),
    "calendars": Held("resources", ("name", "url", "content"), ("etag", "last_modified", "last_error", "time_zone")),
    "closures": Held("resources", ("reason",), ("kind",)),
    "reports": Held("reports", (), ("time_zone", "kind", "group_by", "filters", "format", "status", "error", "file")),
    "report_schedules": Held("reports", ("name",), ("kind", "group_by", "filters", "format", "every")),
    "payments": Held("payments", ("error",), ("gateway", "gateway_ref", "status", "currency")),
    "payment_operations": Held("payments", ("reason", "error"), ("kind", "state", "request_id")),
    "waitlist_entries": Held("waitlist", (), ("state", "time_zone")),
    "waitlist_offers": Held("waitlist", (), ("state",)),
    "webhook_inbox": Held("payments", ("body",), ("gateway", "event_id", "type", "ref", "outcome")),
    "audit_entries": Held(
        "audit",
        ("before", "after"),
        ("actor_role", "request_id", "action", "subject_type", "subject_id"),
    ),
}

#: tables that hold nothing about a person, and why not
IMPERSONAL = {
    "allocations": "times of bookings, which are exported",
    "assignment_turns": "turns of resources",
    "booking_departures": "times of bookings, which are exported",
    "booking_transitions": "the state machine",
    "categories": "the catalogue",
    "event_consumers": "cursors; errors name events",
    "events_pruned": "a position",
    "job_workers": "processes",
    "jobs": "ids; what failures quote of an address is replaced when it is erased",
    "overview_bookings": "counts",
    "overview_money": "sums",
    "payment_transitions": "the state machine",
    "review_totals": "counts",
    "waitlist_openings": "times of resources",
    "schema_migrations": "the schema",
    "service_requirements": "the catalogue",
    "service_resources": "the catalogue",
    "services": "the catalogue",
    "test_gateway_charges": "amounts",
    "test_gateway_effects": "amounts",
}
