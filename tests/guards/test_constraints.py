"""Constraints and errors: a client meets every refusal of the database as a named problem, or can never meet it."""

from __future__ import annotations

import re

import psycopg

from bookings import create_app
from bookings.errors import DomainError
from tests.guards.app import SETTINGS

#: constraints that no request can violate, and what stands before them
UNREACHABLE = {
    "calendar_feeds_kind_known": "the schema knows the kinds",
    "calendar_feeds_name_short": "the schema bounds it",
    "calendar_feeds_resource_known": "the resource is looked up first, and none is ever deleted",
    "calendar_feeds_token_unique": "256 random bits",
    "calendar_feeds_user_known": "the user's row is locked first",
    "bookings_starts_open": "the create statement knows two statuses",
    "calendars_resource_known": "the resource is locked first",
    "closures_kind_known": "the statements know the kinds",
    "closures_resource_known": "the resource is locked first",
    "closures_take_time": "the schema wants an end after the start",
    "schedule_days_of_schedule": "the layer's row is written first",
    "schedules_business_is_one": "the business has one id in the code",
    "waitlist_entries_providers_few": "the schema bounds them",
    "schedules_off_known": "the schema knows the rules that can be off",
    "schedules_off_or_said": "the schema refuses what is said and off",
    "schedules_layer_known": "the addresses name the layers",
    "bookings_version_rises": "every update adds one to the version it compared",
    "event_consumers_failure_complete": "each statement writes all of it or none",
    "event_consumers_fails_ahead": "only an event ahead of the cursor is read",
    "events_pruned_one_row": "only its one row is updated",
    "events_position_positive": "the relay counts up from the last position",
    "idempotency_keys_length": "the key is checked before it is used",
    "holds_booked_is_booking": "one statement writes both",
    "holds_booking_once": "booking ids are new",
    "holds_extended_within_limit": "the statement takes the lesser one",
    "holds_state_known": "the statements know the states",
    "holds_take_time": "the schema wants an end after the start, and a service a duration",
    "holds_user_known": "the customer is locked first",
    "jobs_attempts_bounded": "only jobs with attempts left are claimed",
    "jobs_finished_known": "each statement that changes the state writes it, too",
    "jobs_leased_while_running": "claiming takes the lease",
    "jobs_progress_percent": "progress is bounded before it is written",
    "jobs_state_known": "the statements know no other",
    "invitations_token_unique": "256 random bits",
    "invitations_user_known": "users are never deleted",
    "payment_operations_amount_positive": "the schema bounds it, and the rules plan nothing of nothing",
    "payment_operations_finished": "the statements write both together",
    "payment_operations_kind_known": "the rules know the kinds",
    "payment_operations_payment_known": "the payment is locked first",
    "payment_operations_state_known": "the statements know the states",
    "payments_amount_positive": "a booking without a price has nothing to pay",
    "payments_booking_known": "the booking is locked first",
    "payments_captured_within_amount": "the service bounds it, and a gateway takes no more than was ordered",
    "payments_money_stays": "sums only rise, and no statement writes the others",
    "payments_ref_once": "a gateway names each payment once",
    "payments_status_known": "the transition trigger knows no other",
    "payments_version_rises": "every update adds one to the version it compared",
    "notifications_booking_known": "a reminder's booking exists",
    "notifications_audience_known": "the statement that finds the recipients knows two",
    "notifications_channel_known": "the rules know the channels",
    "notifications_failed_why": "whoever fails one says why",
    "notifications_once": "the statement lets the first one stand",
    "notifications_sent_at_known": "the statements write both together",
    "notifications_status_known": "the rules know the statuses",
    "notifications_recipient_known": "a booking's customer exists",
    "notifications_reminder_known": "written in the statement that reads the reminder",
    "refresh_families_user_known": "users are never deleted",
    "refresh_tokens_family_known": "written in the transaction that made the family",
    "reminders_once": "older rows of a booking are dropped or carried first",
    "resources_capacity_positive": "the schema bounds it",
    "resources_exclusive_key": "ids are new",
    "resources_kind_known": "the schema knows the kinds",
    "resources_name_present": "the schema bounds it",
    "resources_owner_known": "the service reads the owner first",
    "resources_provider_is_user": "the service takes the owner's id",
    "users_addresses_few": "the schema bounds them",
    "report_schedules_every_known": "the schema wants what fits together",
    "report_schedules_requester_known": "whoever asks is a user",
    "reports_finished_whole": "one statement writes it together",
    "reports_once_per_period": "nothing is written then, on purpose",
    "reports_period_not_empty": "the service refuses it first, naming the field",
    "reports_progress_bounded": "it is a share of what there is to do",
    "reports_requester_known": "whoever asks is a user",
    "reports_schedule_known": "written while the schedule is locked",
    "reports_status_known": "the statements know four",
    "reviews_author_known": "the author is the booking's customer",
    "reviews_booking_known": "the service reads the booking first",
    "reviews_deleted_says_nothing": "what deletes it empties it",
    "reviews_hidden_for_a_reason": "the schema wants a reason",
    "reviews_rating_bounded": "the schema bounds it",
    "reviews_reply_signed": "the service signs every reply",
    "service_requirements_count_positive": "the schema bounds it",
    "service_requirements_kind_known": "the schema knows the kinds",
    "service_requirements_service_known": "written in the transaction that locks the service",
    "service_resources_resource_known": "the service looks them up first, and resources are never deleted",
    "service_resources_service_known": "written in the transaction that locks the service",
    "services_party_fits": "the rules refuse it first, naming the field",
    "allocations_changed_to_line": "it refuses nothing: what it keeps was there",
    "allocations_left_to_line": "it refuses nothing: what it keeps was there",
    "waitlist_entries_booked_is_booking": "one statement writes both",
    "waitlist_entries_place_once": "PostgreSQL counts them",
    "waitlist_entries_resource_known": "the service looks it up first",
    "waitlist_entries_service_known": "the service looks it up first",
    "waitlist_entries_state_known": "the statements know the states",
    "waitlist_entries_user_known": "the customer is locked first",
    "waitlist_entries_window": "the schema wants an end after the beginning",
    "waitlist_offers_end_known": "the statements write both together",
    "waitlist_offers_entry_known": "the entry is locked first",
    "waitlist_offers_hold_known": "written in the transaction that makes the hold",
    "waitlist_offers_one_open": "the entry is locked first, and asked for an open one",
    "waitlist_offers_state_known": "the statements know the states",
    "users_email_lower_case": "the schema lowers it and bounds it",
    "users_erased_is_disabled": "one statement sets both",
    "users_name_present": "the schema bounds it",
    "users_role_known": "the schema knows the roles",
}
_NAMED = """
    SELECT conname FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'u', 'x', 'f', 't', 'p')
    UNION
    SELECT (regexp_matches(prosrc, 'CONSTRAINT = ''([a-z_]+)''', 'g'))[1] FROM pg_proc
     WHERE pronamespace = 'public'::regnamespace AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'plpgsql')
"""


def in_database(url: str) -> set[str]:
    """Every constraint that has a name of its own, triggers' included."""
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute(_NAMED)}


def registered() -> set[str]:
    """Every constraint that an error class translates."""
    create_app(SETTINGS)  # imports every domain
    return set(DomainError.by_constraint)


def test_registered_constraints_exist(module_database_url: str) -> None:
    """A misspelt or dropped constraint would turn a clear conflict into a 500."""
    assert sorted(registered() - in_database(module_database_url)) == []


def test_every_constraint_is_a_problem_or_out_of_reach(module_database_url: str) -> None:
    """A new constraint needs an error class, or a line above that says why no client can meet it."""
    primary_keys = {name for name in in_database(module_database_url) if name.endswith("_pkey")}  # ids are new
    assert sorted(in_database(module_database_url) - registered() - UNREACHABLE.keys() - primary_keys) == []


def test_reasons_are_not_left_behind(module_database_url: str) -> None:
    """No reason outlives its constraint, none contradicts an error class."""
    assert sorted(UNREACHABLE.keys() - in_database(module_database_url)) == []
    assert sorted(UNREACHABLE.keys() & registered()) == []


def test_codes_are_stable_words() -> None:
    """Codes are lower-case words joined by hyphens; each belongs to one class only, whose docstring explains it."""
    registered()
    classes: list[type[DomainError]] = []
    waiting = [DomainError]
    while waiting:
        kind = waiting.pop()
        classes.append(kind)
        waiting += kind.__subclasses__()
    own = [kind.code for kind in classes if "code" in vars(kind)]
    assert len(own) == len(set(own))
    for kind in classes:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.code)
        assert kind.__doc__, f"{kind.__name__} needs a docstring: it is the page /problems/{kind.code}"
        assert "code" in vars(kind) or kind is DomainError, f"{kind.__name__} needs a code of its own"
